package kspace_test

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"runtime"
	"slices"
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

// dft is the definition of one dimension in double precision.
func dft(x []complex64) []complex128 {
	n := len(x)
	turns := make([]complex128, n)
	for j := range turns {
		turns[j] = cmplx.Exp(complex(0, -2*math.Pi*float64(j)/float64(n))) / complex(math.Sqrt(float64(n)), 0)
	}
	out := make([]complex128, n)
	for k := range out {
		for j, v := range x {
			out[k] += complex128(v) * turns[((k-n/2)*(j-n/2)%n+n)%n]
		}
	}
	return out
}

// Every length, each radix first, last and repeated, and large primes; as many vectors as go side by side, and three more.
func TestFFTIsTheDefinition(t *testing.T) {
	lengths := []int{320, 368, 372, 640, 331, 997, 23 * 29, 1 << 12, 1155}
	for n := 1; n <= 64; n++ {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		for _, shape := range [][3]int{{11, 1, n}, {11, 11, 1}} {
			count, stride, distance := shape[0], shape[1], shape[2]
			x := make([]complex64, count*n)
			randomize(rand.New(rand.NewPCG(uint64(n), 1)), x)
			got := make([]complex64, len(x))
			f := kspace.NewFFT(n)
			f.Forward(got, x, count, stride, distance)
			vector := make([]complex64, n)
			var squares, total float64
			for _, i := range []int{0, 7, 10} {
				for j := range vector {
					vector[j] = x[i*distance+j*stride]
				}
				for k, want := range dft(vector) {
					e := cmplx.Abs(complex128(got[i*distance+k*stride]) - want)
					squares, total = squares+e*e, total+real(want)*real(want)+imag(want)*imag(want)
				}
			}
			if e := math.Sqrt(squares / total); e > 1e-6 {
				t.Errorf("%d vectors of %d, stride %d: relative error %.1e", count, n, stride, e)
			}
			f.Inverse(got, got, count, stride, distance)
			if e := maxDiff(got, x); e > 1e-5 {
				t.Errorf("%d vectors of %d, stride %d: round trip differs by %.1e", count, n, stride, e)
			}
		}
	}
}

func TestFFTWritesNothingElse(t *testing.T) {
	const count, n, stride, distance = 5, 6, 3, 40
	src, dst := make([]complex64, count*distance), make([]complex64, count*distance)
	for i := range dst {
		dst[i] = 9
	}
	kspace.NewFFT(n).Forward(dst, src, count, stride, distance)
	for i, v := range dst {
		if j := i % distance; (j%stride == 0 && j < n*stride) != (v == 0) {
			t.Errorf("value %d became %v", i, v)
		}
	}
}

func TestFFTRefusesVectorsOutsideTheSlice(t *testing.T) {
	for _, shape := range [][3]int{{3, 1, 8}, {2, 2, 8}, {0, 1, 8}, {2, 0, 8}, {2, 1, -8}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v was accepted", shape)
				}
			}()
			x := make([]complex64, 2*8)
			kspace.NewFFT(8).Forward(x, x, shape[0], shape[1], shape[2])
		}()
	}
}

// A result depends neither on the number of processors nor on what else is transformed.
func TestFFT2DoesNotDependOnProcessors(t *testing.T) {
	x := kspace.NewImage(130, 138)
	randomize(rand.New(rand.NewPCG(5, 6)), x.Pix)
	f := kspace.NewFFT2(x.Ny, x.Nx)
	want := make([]complex64, len(x.Pix))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f.Forward(want, x.Pix)
	for _, processors := range []int{2, 3, 50} {
		runtime.GOMAXPROCS(processors)
		got := make([]complex64, len(x.Pix))
		f.Forward(got, x.Pix)
		if !slices.Equal(got, want) {
			t.Errorf("%d processors give another result", processors)
		}
	}
	row := slices.Clone(x.Pix[3*x.Nx:][:x.Nx])
	rows := kspace.NewFFT(x.Nx)
	rows.Forward(row, row, 1, 1, x.Nx)
	rows.Forward(x.Pix, x.Pix, x.Ny, 1, x.Nx)
	if !slices.Equal(row, x.Pix[3*x.Nx:][:x.Nx]) {
		t.Error("a row alone has another transform")
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

// One length each: powers of two, 23 as a factor, a prime.
func BenchmarkFFT(b *testing.B) {
	for _, n := range []int{320, 368, 331} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := make([]complex64, 320*n)
			f := kspace.NewFFT(n)
			for b.Loop() {
				f.Forward(x, x, 320, 1, n)
			}
		})
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

// F x is the transform, for even and odd lengths.
func TestFourierIsTheTransform(t *testing.T) {
	for _, n := range []int{1, 8, 9, 23} {
		x, want := make([]complex64, n), make([]complex64, n)
		for i := range x {
			x[i] = complex(float32(i%5)-2, float32(i*i%7)-3)
		}
		kspace.NewFFT(n).Forward(want, x, 1, 1, n)
		f := kspace.Fourier(n)
		for j := range n {
			sum := -want[j]
			for l := range n {
				sum += f[j*n+l] * x[l]
			}
			if real(sum)*real(sum)+imag(sum)*imag(sum) > 1e-9 {
				t.Fatalf("length %d, frequency %d: off by %v", n, j, sum)
			}
		}
	}
}
