package kspace_test

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

func randomize(r *rand.Rand, v []complex64) {
	for i := range v {
		v[i] = complex(float32(r.NormFloat64()), float32(r.NormFloat64()))
	}
}

func dot(a, b []complex64) (s complex128) {
	for i := range a {
		s += cmplx.Conj(complex128(a[i])) * complex128(b[i])
	}
	return s
}

func maxDiff(a, b []complex64) (worst float64) {
	for i := range a {
		worst = max(worst, cmplx.Abs(complex128(a[i]-b[i])))
	}
	return worst
}

// dft2 is the definition, O(n⁴): the reference for the fast transform.
func dft2(x kspace.Image) []complex64 {
	out := make([]complex64, len(x.Pix))
	cy, cx := x.Ny/2, x.Nx/2
	for ky := range x.Ny {
		for kx := range x.Nx {
			var sum complex128
			for y := range x.Ny {
				for j := range x.Nx {
					turn := float64((ky-cy)*(y-cy))/float64(x.Ny) + float64((kx-cx)*(j-cx))/float64(x.Nx)
					sum += complex128(x.Pix[y*x.Nx+j]) * cmplx.Exp(complex(0, -2*math.Pi*turn))
				}
			}
			out[ky*x.Nx+kx] = complex64(sum / complex(math.Sqrt(float64(x.Ny*x.Nx)), 0))
		}
	}
	return out
}

func TestFFT2IsTheDefinition(t *testing.T) {
	for _, n := range [][2]int{{1, 1}, {1, 7}, {2, 3}, {8, 8}, {7, 9}, {12, 5}, {16, 23}} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			x := kspace.NewImage(n[0], n[1])
			randomize(rand.New(rand.NewPCG(1, 2)), x.Pix)
			got := make([]complex64, len(x.Pix))
			f := kspace.NewFFT2(n[0], n[1])
			f.Forward(got, x.Pix)
			if d := maxDiff(got, dft2(x)); d > 2e-6 {
				t.Errorf("differs from the definition by %g", d)
			}
			f.Inverse(got, got) // in place
			if d := maxDiff(got, x.Pix); d > 2e-6 {
				t.Errorf("round trip differs by %g", d)
			}
		})
	}
}

func TestFFT2Parseval(t *testing.T) {
	for ny := range 12 {
		x := kspace.NewImage(ny+1, 2*ny+3)
		randomize(rand.New(rand.NewPCG(3, uint64(ny))), x.Pix)
		k := make([]complex64, len(x.Pix))
		kspace.NewFFT2(x.Ny, x.Nx).Forward(k, x.Pix)
		if a, b := kspace.Norm(k), kspace.Norm(x.Pix); math.Abs(a/b-1) > 1e-6 {
			t.Errorf("(%d, %d): ‖Fx‖/‖x‖ = %v", x.Ny, x.Nx, a/b)
		}
	}
}

// Golden values: numpy 1.24, fftshift(fft2(ifftshift(x), norm="ortho")) of x[y, j] = (y+1) + 1j*(j*j), shape (3, 4);
// testdata/gen.py prints them.
func TestFFT2Golden(t *testing.T) {
	x := kspace.NewImage(3, 4)
	for y := range 3 {
		for j := range 4 {
			x.Pix[y*4+j] = complex(float32(y+1), float32(j*j))
		}
	}
	kspace.NewFFT2(3, 4).Forward(x.Pix, x.Pix)
	if d := maxDiff(x.Pix, fft2Golden); d > 1e-5 {
		t.Errorf("differs from numpy by %g: %v", d, x.Pix)
	}
}

func TestFFT2AllocatesNothing(t *testing.T) {
	x := kspace.NewImage(20, 23)
	f := kspace.NewFFT2(20, 23)
	if n := testing.AllocsPerRun(10, func() { f.Forward(x.Pix, x.Pix) }); n != 0 {
		t.Errorf("%v allocations a transform", n)
	}
}

func BenchmarkFFT2(b *testing.B) {
	for _, n := range [][2]int{{320, 320}, {320, 368}, {640, 368}} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := kspace.NewImage(n[0], n[1])
			f := kspace.NewFFT2(n[0], n[1])
			b.ReportAllocs()
			for b.Loop() {
				f.Forward(x.Pix, x.Pix)
			}
		})
	}
}
