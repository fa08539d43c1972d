package recon

import (
	"html/template"
	"image"
	"image/color"
	"slices"

	"github.com/closer-mri/closer/kspace"
)

// ReportMask is a Sampling with what was measured on its mask. What was held out counts in HeldOut alone.
type ReportMask struct {
	Kind          string `json:"kind"`
	Mode          string `json:"mode"`
	AccelNominal  Number `json:"accel_nominal"`
	AccelMeasured Number `json:"accel_measured"` // width / lines, of all slices where they differ; where there are Points, all samples over those that methods were given
	ACSFraction   Number `json:"acs_fraction"`
	Lines         int    `json:"lines"` // columns that methods were given, or that hold any of their Points
	Width         int    `json:"width"` // all columns
	Seed          uint64 `json:"seed"`
	Columns       []byte `json:"columns"`            // bit map of lines, first column in the highest bit; base64 in JSON
	HeldOut       []byte `json:"held_out,omitempty"` // columns that methods had to predict, or that hold points they had to; absent for none
	Points        []byte `json:"points,omitempty"`   // bit map of the single samples that methods were given, (rows, columns), where both axes are phase encode
	Each          []byte `json:"each,omitempty"`     // bit maps as Columns, of each slice of the scan, where these differ and Columns is that of the first in the report
}

func reportMask(s *Sampling) *ReportMask {
	if s == nil {
		return nil
	}
	r := &ReportMask{
		Kind: s.Kind, Mode: s.Mode, AccelNominal: Number(s.AccelNominal), AccelMeasured: Number(s.Acceleration()),
		ACSFraction: Number(s.ACSFraction), Lines: s.Columns.Lines(), Width: len(s.Columns), Seed: s.Seed, Columns: packMask(s.Columns),
	}
	if s.HeldOut != nil {
		r.HeldOut = packMask(s.HeldOut)
	}
	if s.Points != nil {
		r.Points = packMask(kspace.Mask(s.Points))
	}
	for _, m := range s.Each {
		r.Each = append(r.Each, packMask(m)...)
	}
	return r
}

// packMask packs m into bits as numpy.packbits does: column i is bit 7 − i%8 of byte i/8, the rest of the last byte 0.
func packMask(m kspace.Mask) []byte {
	bits := make([]byte, (len(m)+7)/8)
	for i, on := range m {
		if on {
			bits[i/8] |= 1 << (7 - i%8)
		}
	}
	return bits
}

// unpackMask is the inverse of packMask, for a mask of n; bits that are missing are 0.
func unpackMask(bits []byte, n int) kspace.Mask {
	m := make(kspace.Mask, n)
	for i := range m {
		m[i] = i/8 < len(bits) && bits[i/8]>>(7-i%8)&1 == 1
	}
	return m
}

// Sampled says how many of how many columns the methods were given, or of single samples where both axes are phase encode. r has a
// mask.
func (r *Report) Sampled() (count, of int, unit string) {
	acquired, _, unit := r.acquired()
	return acquired.Lines(), len(acquired), unit
}

// acquired is the mask of r that methods were given, row by row, and its width: one row of columns, one for each slice, or every sample.
func (r *Report) acquired() (mask kspace.Mask, width int, unit string) {
	m := r.Mask
	switch {
	case m.Points != nil:
		return unpackMask(m.Points, r.Input.Matrix[0]*m.Width), m.Width, "samples (both axes phase encode)"
	case m.Each != nil:
		for row := range slices.Chunk(m.Each, max(1, (m.Width+7)/8)) {
			mask = append(mask, unpackMask(row, m.Width)...)
		}
		return mask, m.Width, "phase-encode columns of all slices"
	}
	return unpackMask(m.Columns, m.Width), m.Width, "phase-encode columns"
}

// sampled is the picture of a mask, white where methods were given samples.
type sampled struct {
	Src           template.URL
	Width, Height int
	Count, Of     int
	Unit          string
}

// sampled draws the mask of r, which has one.
func (r *Report) sampled() (*sampled, error) {
	mask, width, unit := r.acquired()
	s := &sampled{Width: width, Height: len(mask) / max(1, width), Count: mask.Lines(), Of: len(mask), Unit: unit}
	picture := image.NewPaletted(image.Rect(0, 0, s.Width, s.Height), color.Palette{color.Black, color.White})
	for i, on := range mask {
		if on {
			picture.Pix[i] = 1
		}
	}
	var err error
	s.Src, err = dataURI(picture)
	return s, err
}
