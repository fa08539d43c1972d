package phantom

import (
	"fmt"
	"math"
	"slices"

	"github.com/closer-mri/closer/kspace"
)

// Source is a volume to be scanned: slices of equal field of view, 1.0 the brightest tissue. Head and Volume are sources.
type Source interface {
	Len() int
	Slice(i int) (kspace.Image, error)
}

// Volume is a source of given magnitude images.
type Volume struct {
	ny, nx int
	pix    [][]float32
	scale  float32
}

// NewVolume makes a source of slices of shape (ny, nx) with square pixels, in any unit. The volume's 99.5th percentile becomes
// 1.0. Values that are not finite or all zero are an error.
func NewVolume(ny, nx int, pix [][]float32) (*Volume, error) {
	if ny < 1 || nx < 1 || len(pix) == 0 {
		return nil, fmt.Errorf("no images of %d × %d pixels to simulate from", ny, nx)
	}
	all := make([]float32, 0, ny*nx*len(pix))
	for i, p := range pix {
		if len(p) != ny*nx {
			return nil, fmt.Errorf("image %d has %d pixels, not %d × %d", i, len(p), ny, nx)
		}
		for _, v := range p {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return nil, fmt.Errorf("image %d has a pixel that is not a number", i)
			}
		}
		all = append(all, p...)
	}
	slices.Sort(all)
	bright := all[int(math.Round(0.995*float64(len(all)-1)))]
	if bright <= 0 {
		bright = all[len(all)-1] // a few bright pixels on black
	}
	if bright <= 0 {
		return nil, fmt.Errorf("the images hold no signal")
	}
	return &Volume{ny, nx, pix, 1 / bright}, nil
}

// Bright returns the value of the images that becomes 1.0.
func (v *Volume) Bright() float64 { return 1 / float64(v.scale) }

// Len returns the number of slices.
func (v *Volume) Len() int { return len(v.pix) }

// Slice returns slice i with zero phase.
func (v *Volume) Slice(i int) (kspace.Image, error) {
	if i < 0 || i >= len(v.pix) {
		return kspace.Image{}, fmt.Errorf("slice %d of %d", i, len(v.pix))
	}
	x := kspace.NewImage(v.ny, v.nx)
	for k, p := range v.pix[i] {
		x.Pix[k] = complex(p*v.scale, 0)
	}
	return x, nil
}
