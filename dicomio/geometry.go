package dicomio

import (
	"strings"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/recon"
)

// What is assumed where the header does not know, in mm.
const (
	DefaultSpacing   = 1.0
	DefaultThickness = 5.0
)

// geometry is where the pixels of a scan lie in patient coordinates, x to the left, y to the back, z to the head: where its raw data say,
// or nominally.
type geometry struct {
	Spacing   [2]float64 // mm between rows, between columns
	Thickness float64    // mm; nominally also the distance of neighbouring slices
	Row, Col  vector.V   // direction of growing column index (along a row), of growing row index (along a column)
	Assumed   []string   // what the header did not know, in words

	placement *recon.Placement // nil where nominal
	spacing   [2]float64       // of images as they were acquired, whose axes are placement's
	ny, nx    int              // of k-space, which placement has the centres of
	turning   turning          // of images, to what Spacing, Row and Col are of
}

// newGeometry returns the geometry of a scan.
func newGeometry(h recon.Header) geometry {
	g := geometry{Spacing: h.PixelSpacing, Thickness: h.Thickness, Row: [3]float64{1, 0, 0}, Col: [3]float64{0, 1, 0}}
	acquisition := strings.ToUpper(h.Acquisition)
	switch {
	case strings.HasPrefix(acquisition, "COR"):
		g.Col = [3]float64{0, 0, -1}
	case strings.HasPrefix(acquisition, "SAG"):
		g.Row, g.Col = [3]float64{0, 1, 0}, [3]float64{0, 0, -1}
	}
	if known(g.Spacing[0]) == "" || known(g.Spacing[1]) == "" {
		g.Spacing = [2]float64{DefaultSpacing, DefaultSpacing}
		g.Assumed = append(g.Assumed, "pixel spacing "+decimal(DefaultSpacing)+" mm")
	}
	if known(g.Thickness) == "" {
		g.Thickness = DefaultThickness
		g.Assumed = append(g.Assumed, "slice thickness "+decimal(DefaultThickness)+" mm")
	}
	if p := h.Placement; p != nil {
		g.placement, g.spacing, g.ny, g.nx, g.turning = p, g.Spacing, h.Ny, h.Nx, turningOf(&h)
		g.Row, g.Col, g.Spacing = g.turning.axes(p.Row, p.Col, g.Spacing)
	}
	return g
}

// normal is the direction of growing slice index: Row × Col, so that slice, row and column form a right-handed frame.
func (g geometry) normal() vector.V {
	return vector.Cross(g.Row, g.Col)
}

// gap is the distance of neighbouring slices in mm, 0 where it is not the same everywhere.
func (g geometry) gap() float64 {
	if g.placement == nil {
		return g.Thickness
	}
	return vector.Step(g.placement.Locations())
}

// location is the distance of slice i of n along the normal, nominally from the middle of the scan, in mm.
func (g geometry) location(i, n int) float64 {
	if g.placement != nil {
		return vector.Dot(g.normal(), g.placement.Centers[i])
	}
	return (float64(i) - float64(n-1)/2) * g.Thickness
}

// position is the centre of the first pixel transmitted of slice i of n, which was an image of (ny, nx) pixels before it was turned (PS3.3
// C.7.6.2.1.1): nominally half the image less half a pixel up and to the left of the slice's centre. Of raw data it is the centre's pixel from
// there.
func (g geometry) position(i, n, ny, nx int) vector.V {
	if p := g.placement; p != nil {
		row, col := g.turning.from(0, 0, ny, nx)
		right, down := float64(col-centerOf(g.nx, nx))*g.spacing[1], float64(row-centerOf(g.ny, ny))*g.spacing[0]
		return vector.Add(p.Centers[i], vector.Add(vector.Scale(p.Row, right), vector.Scale(p.Col, down)))
	}
	right, down := float64(nx-1)/2*g.Spacing[1], float64(ny-1)/2*g.Spacing[0]
	centre := vector.Scale(g.normal(), g.location(i, n))
	return vector.Add(centre, vector.Add(vector.Scale(g.Row, -right), vector.Scale(g.Col, -down)))
}

// centerOf is where pixel n/2 is found after n pixels were cropped as images are (doc/conventions.md).
func centerOf(n, cropped int) int { return n/2 - (n-cropped)/2 }
