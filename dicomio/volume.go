package dicomio

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"

	"github.com/closer-mri/closer/recon"
)

// Volume is the magnitude images of one series, in order.
type Volume struct {
	Rows, Cols int
	Slices     [][]float32 // (Rows, Cols), rescaled; may hold negative values where the file does
	Spacing    [2]float64  // mm between rows, between columns; 0 when unknown
	Thickness  float64     // mm; 0 when unknown
	SHA256     string      // of the file, or of the sorted SHA-256 of all files when there are several; lower-case hex

	BodyPart      string // BodyPartExamined, "" when unknown
	Vendor, Model string // of the scanner, "" when unknown
	Field         float64
	Sequence      recon.Sequence

	Origin *Origin // for Options of the series made from this volume
}

// source is one parsed file.
type source struct {
	Instance
	sha256 [sha256.Size]byte
}

// assemble makes one volume of files that must be of one series and one plane. Slices are sorted by their position along the
// normal, images at one position, as of several echoes or times, by InstanceNumber; without positions all by InstanceNumber. A
// file that is there twice counts once.
func assemble(files []source) (Volume, error) {
	seen := map[string]bool{}
	files = slices.DeleteFunc(slices.Clone(files), func(f source) bool {
		twice := f.UID != "" && seen[f.UID]
		seen[f.UID] = true
		return twice
	})
	if len(files) == 0 {
		return Volume{}, refuse("there is no DICOM file")
	}
	first := files[0]
	type slice struct {
		Frame
		number   int
		location float64
		image    sourceImage
	}
	var all []slice
	placed := true
	for _, f := range files {
		switch {
		case f.SeriesUID != first.SeriesUID:
			return Volume{}, refuse("the DICOM files belong to more than one series; give those of one")
		case f.Rows != first.Rows || f.Cols != first.Cols:
			return Volume{}, refuse("the DICOM files have images of different size")
		}
		for i, frame := range f.Frames {
			all = append(all, slice{Frame: frame, number: f.Number, image: newSourceImage(f, i)})
			placed = placed && frame.Placed
		}
	}
	if placed {
		row, col := all[0].Row, all[0].Col
		normal := cross(row, col)
		for i := range all {
			s := &all[i]
			// The cosines of files are rounded, to four digits at worst.
			if dot(s.Row, row) < 1-1e-3 || dot(s.Col, col) < 1-1e-3 {
				return Volume{}, refuse("the DICOM images lie in different planes, as those of a localizer do; one plane is needed")
			}
			s.location = dot(normal, s.Position)
		}
	}
	slices.SortStableFunc(all, func(a, b slice) int {
		if math.Abs(a.location-b.location) > 1e-6 {
			return cmp.Compare(a.location, b.location)
		}
		return cmp.Compare(a.number, b.number)
	})
	v := Volume{
		Rows: first.Rows, Cols: first.Cols, Spacing: all[0].Spacing, Thickness: all[0].Thickness, SHA256: identity(files),
		BodyPart: first.BodyPart, Vendor: first.Vendor, Model: first.Model, Field: first.Field, Sequence: first.Sequence,
	}
	images := make([]sourceImage, len(all))
	for i, s := range all {
		v.Slices = append(v.Slices, s.Pixels)
		images[i] = s.image
	}
	v.Origin = newOrigin(first, images, placed)
	return v, nil
}

// identity is the digest of one file, or of the sorted digests of several: their names and order do not matter.
func identity(files []source) string {
	if len(files) == 1 {
		return hex.EncodeToString(files[0].sha256[:])
	}
	digests := make([]string, len(files))
	for i, f := range files {
		digests[i] = string(f.sha256[:])
	}
	slices.Sort(digests)
	h := sha256.New()
	for _, d := range digests {
		h.Write([]byte(d))
	}
	return hex.EncodeToString(h.Sum(nil))
}
