package dicomio

import (
	"math"
	"testing"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/recon"
)

// TestVolumeIsCentred maps pixel indices to patient coordinates with the formula of PS3.3 C.7.6.2.1.1: the mean of all
// pixel centres must be the origin, and one step along an index must be its own spacing, not the other's.
func TestVolumeIsCentred(t *testing.T) {
	for _, acquisition := range []string{"AXT2", "CORPD_FBK", "SAGT1", ""} {
		const n, ny, nx = 5, 7, 4
		g := newGeometry(recon.Header{Acquisition: acquisition, PixelSpacing: [2]float64{2, 0.5}, Thickness: 3})
		at := func(slice, row, col int) [3]float64 {
			p := g.position(slice, n, ny, nx)
			for k := range p {
				p[k] += g.Row[k]*g.Spacing[1]*float64(col) + g.Col[k]*g.Spacing[0]*float64(row)
			}
			return p
		}
		var mean [3]float64
		for slice := range n {
			for row := range ny {
				for col := range nx {
					for k, v := range at(slice, row, col) {
						mean[k] += v / (n * ny * nx)
					}
				}
			}
		}
		first := at(0, 0, 0)
		if vector.Dot(mean, mean) > 1e-20 {
			t.Errorf("%q: centre %v", acquisition, mean)
		}
		for _, step := range []struct {
			name string
			to   [3]float64
			want float64
		}{{"slice", at(1, 0, 0), 3}, {"row", at(0, 1, 0), 2}, {"column", at(0, 0, 1), 0.5}} {
			d := [3]float64{step.to[0] - first[0], step.to[1] - first[1], step.to[2] - first[2]}
			if math.Abs(math.Sqrt(vector.Dot(d, d))-step.want) > 1e-12 {
				t.Errorf("%q: neighbouring %s lies at %v from the first, want %g mm", acquisition, step.name, d, step.want)
			}
		}
		if !vector.Orthonormal(g.Row, g.Col) || vector.Dot(g.Row, g.Col) != 0 {
			t.Errorf("%q: orientation %v %v", acquisition, g.Row, g.Col)
		}
	}
}

// TestPlacedRawData has known numbers, too: the pixel of the centre is 16 rows and 10 columns from the first one, also where an odd number
// of columns is cropped, and at another where cropping moves it.
func TestPlacedRawData(t *testing.T) {
	h := recon.Header{Ny: 64, Nx: 20, PixelSpacing: [2]float64{2, 0.5}, Placement: &recon.Placement{
		Row: vector.V{0, 1, 0}, Col: vector.V{0.8, 0, -0.6}, Centers: []vector.V{{40, -20, 60}, {37, -20, 56}, {34, -20, 52}}}}
	for _, c := range []struct {
		nx, cropped int
		row         float64
	}{{20, 20, -25}, {21, 20, -25}, {20, 15, -24}, {21, 15, -23.5}} {
		h.Nx = c.nx
		g := newGeometry(h)
		if got, want := g.position(1, 3, 32, c.cropped), (vector.V{37 - 32*0.8, c.row, 56 + 32*0.6}); !close(got[:], want[:]) {
			t.Errorf("%d columns of %d begin at %v, want %v", c.cropped, c.nx, got, want)
		}
		if location := g.location(1, 3); math.Abs(location-0.6*37-0.8*56) > 1e-9 {
			t.Errorf("location %g", location)
		}
		if gap := g.gap(); math.Abs(gap-5) > 1e-12 {
			t.Errorf("gap %g", gap)
		}
	}
}

// TestAxialCorner states the corner of a known case as numbers: 320 by 320 pixels of 0.6875 mm reach 109.65625 mm to the
// right of and in front of the middle.
func TestAxialCorner(t *testing.T) {
	g := newGeometry(recon.Header{Acquisition: "AXFLAIR", PixelSpacing: [2]float64{0.6875, 0.6875}, Thickness: 5})
	if p := g.position(0, 16, 320, 320); p != [3]float64{-109.65625, -109.65625, -37.5} {
		t.Errorf("corner %v", p)
	}
}

func TestDefaultGeometryIsStated(t *testing.T) {
	g := newGeometry(recon.Header{PixelSpacing: [2]float64{0, 1}})
	if g.Spacing != [2]float64{DefaultSpacing, DefaultSpacing} || g.Thickness != DefaultThickness || len(g.Assumed) != 2 {
		t.Errorf("%+v", g)
	}
}
