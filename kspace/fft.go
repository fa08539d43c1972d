package kspace

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// FFT is the centred orthonormal discrete Fourier transform of length n:
//
//	X[k] = n^{-1/2} Σ_j x[j] exp(−2πi (k−⌊n/2⌋)(j−⌊n/2⌋)/n)
//
// that is fftshift ∘ fft(norm=ortho) ∘ ifftshift of numpy, for even and odd n. It computes in complex128 and allocates
// nothing after NewFFT.
type FFT struct {
	n    int
	plan *fourier.CmplxFFT
	buf  []complex128
}

// NewFFT plans a transform of length n ≥ 1.
func NewFFT(n int) *FFT {
	return &FFT{n: n, plan: fourier.NewCmplxFFT(n), buf: make([]complex128, n)}
}

// Forward transforms n values, stride apart, of src into the same places of dst; dst may be src.
func (f *FFT) Forward(dst, src []complex64, stride int) { f.transform(dst, src, stride, true) }

// Inverse is the adjoint and inverse of Forward.
func (f *FFT) Inverse(dst, src []complex64, stride int) { f.transform(dst, src, stride, false) }

func (f *FFT) transform(dst, src []complex64, stride int, forward bool) {
	n, half := f.n, f.n/2
	for j := range n { // ifftshift: element n/2 comes first
		i := j + half
		if i >= n {
			i -= n
		}
		f.buf[j] = complex128(src[i*stride])
	}
	if forward {
		f.plan.Coefficients(f.buf, f.buf)
	} else {
		f.plan.Sequence(f.buf, f.buf)
	}
	scale := 1 / math.Sqrt(float64(n))
	for j, v := range f.buf { // fftshift: element 0 goes to n/2
		i := j + half
		if i >= n {
			i -= n
		}
		dst[i*stride] = complex64(complex(scale*real(v), scale*imag(v)))
	}
}

// FFT2 is the centred orthonormal 2-D transform of (ny, nx) images, of any size: rows, then columns.
type FFT2 struct {
	ny, nx     int
	rows, cols *FFT
}

// NewFFT2 plans transforms of shape (ny, nx).
func NewFFT2(ny, nx int) *FFT2 {
	return &FFT2{ny, nx, NewFFT(nx), NewFFT(ny)}
}

// Forward transforms an image to k-space; dst may be src.
func (f *FFT2) Forward(dst, src []complex64) { f.transform(dst, src, true) }

// Inverse transforms k-space to an image; dst may be src.
func (f *FFT2) Inverse(dst, src []complex64) { f.transform(dst, src, false) }

func (f *FFT2) transform(dst, src []complex64, forward bool) {
	if n := f.ny * f.nx; len(dst) != n || len(src) != n {
		panic(fmt.Sprintf("kspace: FFT2 (%d, %d) of %d values into %d", f.ny, f.nx, len(src), len(dst)))
	}
	for y := range f.ny {
		row := y * f.nx
		f.rows.transform(dst[row:row+f.nx], src[row:row+f.nx], 1, forward)
	}
	for x := range f.nx {
		f.cols.transform(dst[x:], dst[x:], f.nx, forward)
	}
}
