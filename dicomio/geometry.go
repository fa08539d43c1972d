package dicomio

import (
	"strings"

	"github.com/closer-mri/closer/recon"
)

// What is assumed where the header does not know, in mm.
const (
	DefaultSpacing   = 1.0
	DefaultThickness = 5.0
)

// geometry is where the pixels of a scan lie, nominally, in patient coordinates: x to the left, y to the back, z to the head.
type geometry struct {
	Spacing   [2]float64 // mm between rows, between columns
	Thickness float64    // mm; also the distance of neighbouring slices
	Row, Col  [3]float64 // direction of growing column index (along a row), of growing row index (along a column)
	Assumed   []string   // what the header did not know, in words
}

// newGeometry returns the nominal geometry of a scan.
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
	return g
}

// normal is the direction of growing slice index: Row × Col, so that slice, row and column form a right-handed frame.
func (g geometry) normal() [3]float64 {
	return cross(g.Row, g.Col)
}

// location is the distance of slice i of n along the normal, 0 in the middle of the scan, in mm.
func (g geometry) location(i, n int) float64 {
	return (float64(i) - float64(n-1)/2) * g.Thickness
}

// position is the centre of the first pixel transmitted of slice i of n, an image of (ny, nx) pixels (PS3.3 C.7.6.2.1.1): half
// the image less half a pixel up and to the left of the slice's centre.
func (g geometry) position(i, n, ny, nx int) [3]float64 {
	alongRow, alongCol := float64(nx-1)/2*g.Spacing[1], float64(ny-1)/2*g.Spacing[0]
	z, normal := g.location(i, n), g.normal()
	var p [3]float64
	for k := range p {
		p[k] = z*normal[k] - alongRow*g.Row[k] - alongCol*g.Col[k]
	}
	return p
}
