package kspace

// #cgo CFLAGS: -O3 -std=c11 -Wno-psabi
// #cgo LDFLAGS: -lm
// #cgo noescape fft_many
// #cgo nocallback fft_many
// #include "fft.h"
import "C"

import (
	"fmt"
	"math"
)

// FFT is the centred orthonormal discrete Fourier transform of length n:
//
//	X[k] = n^{-1/2} Σ_j x[j] exp(−2πi (k−⌊n/2⌋)(j−⌊n/2⌋)/n)
//
// that is fftshift ∘ fft(norm=ortho) ∘ ifftshift of numpy, for even and odd n. It computes in complex64, allocates nothing after
// NewFFT, and serves any number of goroutines.
type FFT struct {
	n       int
	radices []C.int // ended by 0
	turns   []C.float
}

// NewFFT plans a transform of length n ≥ 1. Its cost grows with n and the sum of its prime factors.
func NewFFT(n int) *FFT {
	f := &FFT{n: n, turns: make([]C.float, 2*n)}
	for j := range n {
		sin, cos := math.Sincos(2 * math.Pi * float64(j) / float64(n))
		f.turns[2*j], f.turns[2*j+1] = C.float(cos), C.float(sin)
	}
	rest := n
	for _, r := range []int{4, 2} {
		for ; rest%r == 0; rest /= r {
			f.radices = append(f.radices, C.int(r))
		}
	}
	for r := 3; rest > 1; r += 2 {
		if r*r > rest {
			r = rest
		}
		for ; rest%r == 0; rest /= r {
			f.radices = append(f.radices, C.int(r))
		}
	}
	f.radices = append(f.radices, 0)
	return f
}

// Forward transforms count vectors of src into the same places of dst; dst may be src. Element j of vector i is at i·distance + j·stride.
func (f *FFT) Forward(dst, src []complex64, count, stride, distance int) {
	f.transform(dst, src, count, stride, distance, 0)
}

// Inverse is the adjoint and inverse of Forward.
func (f *FFT) Inverse(dst, src []complex64, count, stride, distance int) {
	f.transform(dst, src, count, stride, distance, 1)
}

// lanes is how many vectors are transformed side by side, whether there are as many or not.
const lanes = C.LANES

// transform shares the vectors out to the processors, unless that takes longer than to transform them.
func (f *FFT) transform(dst, src []complex64, count, stride, distance int, inverse C.int) {
	if last := (count-1)*distance + (f.n-1)*stride; count < 1 || min(stride, distance) < 1 || last >= min(len(dst), len(src)) {
		panic(fmt.Sprintf("kspace: FFT of %d vectors of %d, stride %d, distance %d, of %d values into %d", count, f.n, stride, distance, len(src), len(dst)))
	}
	if count*f.n < 1<<14 {
		f.some(dst, src, count, stride, distance, inverse)
		return
	}
	Parallel(Processors(), (count+lanes-1)/lanes, func(_, from, to int) {
		if from, to := from*lanes, min(to*lanes, count); from < to {
			f.some(dst[from*distance:], src[from*distance:], to-from, stride, distance, inverse)
		}
	})
}

func (f *FFT) some(dst, src []complex64, count, stride, distance int, inverse C.int) {
	C.fft_many((*C.complexfloat)(&dst[0]), (*C.complexfloat)(&src[0]), C.ptrdiff_t(count), C.ptrdiff_t(stride), C.ptrdiff_t(distance),
		C.int(f.n), inverse, &f.radices[0], &f.turns[0])
}

// FFT2 is the centred orthonormal 2-D transform of (ny, nx) images, of any size: rows, then columns. It serves any number of
// goroutines.
type FFT2 struct {
	ny, nx     int
	rows, cols *FFT
}

// NewFFT2 plans transforms of shape (ny, nx).
func NewFFT2(ny, nx int) *FFT2 {
	return &FFT2{ny, nx, NewFFT(nx), NewFFT(ny)}
}

// Forward transforms an image to k-space; dst may be src.
func (f *FFT2) Forward(dst, src []complex64) { f.transform(dst, src, 0) }

// Inverse transforms k-space to an image; dst may be src.
func (f *FFT2) Inverse(dst, src []complex64) { f.transform(dst, src, 1) }

func (f *FFT2) transform(dst, src []complex64, inverse C.int) {
	if n := f.ny * f.nx; len(dst) != n || len(src) != n {
		panic(fmt.Sprintf("kspace: FFT2 (%d, %d) of %d values into %d", f.ny, f.nx, len(src), len(dst)))
	}
	f.rows.transform(dst, src, f.ny, 1, f.nx, inverse)
	f.cols.transform(dst, dst, f.nx, f.nx, 1, inverse)
}

// Fourier returns the matrix F (n, n) of the centred orthonormal transform, row-major: F x is that of FFT. F is symmetric, and its
// inverse is its conjugate.
func Fourier(n int) []complex64 {
	f := make([]complex64, n*n)
	for j := range n {
		for l := range n {
			// Whole turns are taken off while the product is still an exact integer.
			sin, cos := math.Sincos(-2 * math.Pi * float64((j-n/2)*(l-n/2)%n) / float64(n))
			f[j*n+l] = complex64(complex(cos, sin) / complex(math.Sqrt(float64(n)), 0))
		}
	}
	return f
}
