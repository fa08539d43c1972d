package phantom

import (
	"fmt"

	"github.com/closer-mri/closer/kspace"
)

// Head is an axial brain scan of a person who does not exist. The zero value of a field takes the default in brackets. Equal
// fields give equal pixels; another Seed is another person.
type Head struct {
	Slices   int      // number of slices, spread over the cerebrum from the basal ganglia to the convexity [4]
	Matrix   int      // pixels of the reconstructed field of view per axis, at least 64 [320]
	Contrast Contrast // [t2]
	Seed     uint64
}

// Supersampling is the number of drawn pixels per pixel of the matrix, along each axis.
const Supersampling = 3

// Heights in mm of the first and the last slice; 0 is the level of the foramen of Monro.
const bottom, top = -4.0, 44.0

// Defaults returns h with its zero fields filled in, or what is wrong with h.
func (h Head) Defaults() (Head, error) {
	if h.Slices == 0 {
		h.Slices = 4
	}
	if h.Matrix == 0 {
		h.Matrix = 320
	}
	if h.Contrast == "" {
		h.Contrast = T2
	}
	if h.Slices < 1 || h.Slices > 512 {
		return h, fmt.Errorf("a phantom has 1 to 512 slices, not %d", h.Slices)
	}
	if h.Matrix < 64 || h.Matrix > 1024 {
		return h, fmt.Errorf("a phantom's matrix is 64 to 1024 pixels, not %d", h.Matrix)
	}
	if _, ok := intensities[h.Contrast]; !ok {
		return h, fmt.Errorf("a phantom's contrast is t1, t2 or flair, not %q", h.Contrast)
	}
	return h, nil
}

// Len returns the number of slices.
func (h Head) Len() int {
	if h.Slices == 0 {
		return 4
	}
	return h.Slices
}

// Slice draws slice i over the field of view: (n, n) real pixels, n = Supersampling · Matrix, 1.0 the brightest tissue, bias
// field included. It satisfies Source.
func (h Head) Slice(i int) (kspace.Image, error) {
	h, err := h.Defaults()
	if err != nil {
		return kspace.Image{}, err
	}
	if i < 0 || i >= h.Slices {
		return kspace.Image{}, fmt.Errorf("phantom slice %d of %d", i, h.Slices)
	}
	c, _ := h.paint(i)
	c.grain(h.Seed ^ uint64(i)<<32)
	bias := newBias(h.Seed)
	x := kspace.NewImage(c.n, c.n)
	for row := range c.n {
		line := bias.row(c.coordinate(row))
		for col := range c.n {
			if v := c.value[row*c.n+col]; v != 0 {
				x.Pix[row*c.n+col] = complex(v*line(c.coordinate(col)), 0)
			}
		}
	}
	return x, nil
}

// height returns the position of slice i in mm.
func (h Head) height(i int) float64 {
	if h.Slices == 1 {
		return 4
	}
	return bottom + (top-bottom)*float64(i)/float64(h.Slices-1)
}

// paint draws slice i without texture and bias, and lists its lesions.
func (h Head) paint(i int) (*canvas, []Lesion) {
	z := h.height(i)
	c := newCanvas(Supersampling*h.Matrix, intensities[h.Contrast])
	shell := newOutline(h.Seed, z)
	depth := shell.draw(c)
	shell.drawVessels(c, h.Seed, z)
	g := growCortex(h.Seed, z, shell)
	g.draw(c, depth)
	drawFalx(c, g)
	drawDeep(c, h.Seed, z)
	lesions := h.drawLesions(c, i)
	h.drawInserts(c)
	return c, lesions
}
