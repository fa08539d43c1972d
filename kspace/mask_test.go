package kspace_test

import (
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// x P is Aᴴ A x, for even and odd widths.
func TestProjectorIsTheNormalOperator(t *testing.T) {
	for _, nx := range []int{1, 8, 9} {
		mask := make(kspace.Mask, nx)
		for i := range mask {
			mask[i] = i%3 == 0
		}
		a := kspace.NewCartesian(4, mask)
		x, want, y := kspace.NewImage(4, nx), kspace.NewImage(4, nx), kspace.NewData(1, 4, nx)
		for i := range x.Pix {
			x.Pix[i] = complex(float32(i%5)-2, float32(i*i%7)-3)
		}
		a.Forward(y, x)
		a.Adjoint(want, y)
		p := mask.Projector()
		for i := range x.Pix {
			row, col := i/nx, i%nx
			sum := -want.Pix[i]
			for j := range nx {
				sum += x.Pix[row*nx+j] * p[j*nx+col]
			}
			if real(sum)*real(sum)+imag(sum)*imag(sum) > 1e-9 {
				t.Fatalf("width %d, pixel %d: off by %v", nx, i, sum)
			}
		}
	}
}
