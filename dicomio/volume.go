package dicomio

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/recon"
)

// Volume is the magnitude images of one series, in order.
type Volume struct {
	Rows, Cols int
	Slices     [][]float32 // (Rows, Cols), rescaled, not negative
	Spacing    [2]float64  // mm between rows, between columns; 0 when unknown
	Thickness  float64     // mm; 0 when unknown
	SHA256     string      // of the file, or of the sorted SHA-256 of all files when there are several; lower-case hex

	BodyPart      string // BodyPartExamined, "" when unknown
	Vendor, Model string // of the scanner, "" when unknown
	Field         float64
	Sequence      recon.Sequence // what all images have in common

	Origin *Origin // for Options of the series made from this volume
}

// Ours reports whether this program made the images.
func (v *Volume) Ours() bool { return v.Vendor == manufacturer && v.Model == modelName }

// source is one parsed file.
type source struct {
	Instance
	sha256 [sha256.Size]byte
}

// slice is one image of a volume that is being assembled.
type slice struct {
	Frame
	file     *source
	location float64 // along the normal, mm
	place    int     // of the image among the positions, from 0 on
	image    sourceImage
}

// samePlace is how far images at one position may lie apart, in mm: positions in files are rounded.
const samePlace = 1e-2

// assemble makes one volume of files that must be of one series and one plane. Slices are sorted by their position along the
// normal, images at one position, as of several echoes or times, by echo time and InstanceNumber; without positions by the latter alone.
// The names and the order of files do not matter. A file that is there twice counts once.
func assemble(files []source) (Volume, error) {
	files, err := unique(files)
	if err != nil {
		return Volume{}, err
	}
	var all []slice
	placed := true
	for i := range files {
		f := &files[i]
		for k, frame := range f.Frames {
			all = append(all, slice{Frame: frame, file: f, image: newSourceImage(*f, k)})
			placed = placed && frame.Placed
		}
	}
	if len(all) == 0 {
		return Volume{}, refuse("there is no DICOM file")
	}
	for _, s := range all {
		switch f, first := s.file, all[0].file; {
		case f.SeriesUID != first.SeriesUID:
			return Volume{}, refuse("the DICOM files belong to more than one series; give those of one")
		case f.Rows != first.Rows || f.Cols != first.Cols:
			return Volume{}, refuse("the DICOM files have images of different size")
		case differ(s.Spacing[0], all[0].Spacing[0]) || differ(s.Spacing[1], all[0].Spacing[1]):
			return Volume{}, refuse("the DICOM images have different PixelSpacing")
		}
	}
	if err := order(all, placed); err != nil {
		return Volume{}, err
	}
	first := all[0].file
	v := Volume{
		Rows: first.Rows, Cols: first.Cols, Spacing: all[0].Spacing, Thickness: all[0].Thickness, SHA256: identity(files),
		BodyPart: first.BodyPart, Vendor: first.Vendor, Model: first.Model, Field: first.Field,
	}
	images := make([]sourceImage, len(all))
	for i, s := range all {
		v.Slices = append(v.Slices, s.Pixels)
		images[i] = s.image
		images[i].place = s.place
	}
	v.Sequence = common(images)
	v.Origin = newOrigin(*first, images, placed)
	v.Origin.clipped, err = clip(v.Slices)
	return v, err
}

// unique leaves out files that are there twice.
func unique(files []source) ([]source, error) {
	seen := map[string][sha256.Size]byte{}
	var out []source
	for _, f := range files {
		digest, twice := seen[f.UID]
		switch {
		case f.UID == "" || !twice:
			out = append(out, f)
		case digest != f.sha256:
			return nil, refuse("two DICOM files differ and have one SOP Instance UID, so that one of them is damaged or in the wrong place")
		}
		seen[f.UID] = f.sha256
	}
	return out, nil
}

// differ compares lengths that were rounded when they were written.
func differ(a, b float64) bool { return math.Abs(a-b) > 1e-3*max(a, b) }

// order sorts the images of a volume and numbers their positions; without positions each has its own.
func order(all []slice, placed bool) error {
	if placed {
		row, col := all[0].Row, all[0].Col
		normal := vector.Cross(row, col)
		for i := range all {
			s := &all[i]
			// The cosines of files are rounded, to four digits at worst.
			if vector.Dot(s.Row, row) < 1-1e-3 || vector.Dot(s.Col, col) < 1-1e-3 {
				return refuse("the DICOM images lie in different planes, as those of a localizer do; one plane is needed")
			}
			s.location = vector.Dot(normal, s.Position)
		}
		slices.SortStableFunc(all, func(a, b slice) int { return cmp.Compare(a.location, b.location) })
		for i := 1; i < len(all); i++ {
			all[i].place = all[i-1].place
			if all[i].location-all[i-1].location > samePlace {
				all[i].place++
			}
		}
	}
	slices.SortStableFunc(all, func(a, b slice) int {
		echo := 0
		if placed {
			echo = cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.Sequence.TE, b.Sequence.TE))
		}
		return cmp.Or(echo, cmp.Compare(a.file.Number, b.file.Number), bytes.Compare(a.file.sha256[:], b.file.sha256[:]),
			cmp.Compare(a.image.frame, b.image.frame))
	})
	if !placed {
		for i := range all {
			all[i].place = i
		}
	}
	return nil
}

// maxBelowZero is the share of the signal that may lie below zero, as interpolation and the subtraction of noise leave it.
const maxBelowZero = 0.01

// clip sets pixels below zero to 0 and returns how many there were. Real images, as of phase-sensitive inversion recovery, have more of
// them and are refused: their magnitude would show another contrast.
func clip(images [][]float32) (n int, err error) {
	var below, all float64
	for _, image := range images {
		for _, v := range image {
			all += math.Abs(float64(v))
			if v < 0 {
				below -= float64(v)
				n++
			}
		}
	}
	if below > maxBelowZero*all {
		return 0, refuse("%.0f %% of the signal of the DICOM images is below zero, as in real or phase-sensitive images; magnitude images are needed", 100*below/all)
	}
	for _, image := range images {
		for i, v := range image {
			image[i] = max(v, 0)
		}
	}
	return n, nil
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
