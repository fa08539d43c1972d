package kspace

import (
	"cmp"
	"math"
	"math/cmplx"
	"slices"
)

// Compression stands for many coils by few orthonormal combinations of them. Neighbouring coils see much the same, so that few combinations
// have nearly all of the signal (Buehrer et al., Magn Reson Med 57:1131, 2007; Huang et al., Magn Reson Imaging 26:133, 2008), and noise
// that is white and alike in the coils is so in the combinations.
type Compression struct {
	Kept      float64     // share of the energy that the combinations have, 0 to 1
	rows      []complex64 // (n, nc)
	n, nc     int
	strongest int
}

// Compress returns the n combinations of coils with most energy in the central columns [lo, hi) of y, as many as EstimateMaps looks at, n being
// no more than its coils: the dominant eigenvectors of their covariance.
func Compress(y Data, lo, hi, n int) *Compression {
	lo, hi = central(lo, hi, y.Nx)
	nc := y.Nc
	covariance := make([]complex128, nc*nc)
	for i := range nc {
		for j := range i + 1 {
			var sum complex128
			for row := range y.Ny {
				a, b := y.Coil(i).Pix[row*y.Nx:][lo:hi], y.Coil(j).Pix[row*y.Nx:][lo:hi]
				for x, v := range a {
					sum += complex128(v) * cmplx.Conj(complex128(b[x]))
				}
			}
			covariance[i*nc+j], covariance[j*nc+i] = sum, cmplx.Conj(sum)
		}
	}
	c := &Compression{Kept: 1, rows: make([]complex64, n*nc), n: n, nc: nc}
	energy := func(i int) float64 { return real(covariance[i*nc+i]) }
	var total, kept float64
	for i := range nc {
		if total += energy(i); energy(i) > energy(c.strongest) {
			c.strongest = i
		}
	}
	vectors := diagonalise(covariance, nc)
	order := make([]int, nc)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(energy(j), energy(i)) })
	for k, of := range order[:n] {
		kept += energy(of)
		for i := range nc {
			c.rows[k*nc+i] = complex64(cmplx.Conj(vectors[i*nc+of]))
		}
	}
	if total > 0 {
		c.Kept = min(1, kept/total)
	}
	return c
}

// Apply returns the combinations (n, ny, nx) of coils (nc, ny, nx).
func (c *Compression) Apply(y Data) Data {
	out := NewData(c.n, y.Ny, y.Nx)
	Parallel(min(c.n, Processors()), c.n, func(_, from, to int) {
		for k := from; k < to; k++ {
			dst := out.Coil(k).Pix
			for i, by := range c.rows[k*c.nc : (k+1)*c.nc] {
				for x, v := range y.Coil(i).Pix {
					dst[x] += complex(real(by)*real(v)-imag(by)*imag(v), real(by)*imag(v)+imag(by)*real(v))
				}
			}
		}
	})
	return out
}

// Align turns the maps (n, ny, nx) of combinations so that their phase is relative to the coil with most signal, as EstimateMaps has it of
// coils. A combination may vanish amid the image, and a phase that is relative to it turns around there.
func (c *Compression) Align(maps Data) {
	size := maps.Ny * maps.Nx
	for x := range size {
		var coil complex128
		for k := range c.n {
			coil += cmplx.Conj(complex128(c.rows[k*c.nc+c.strongest])) * complex128(maps.Val[k*size+x])
		}
		turn := complex64(cmplx.Conj(phase(coil)))
		for k := range c.n {
			maps.Val[k*size+x] *= turn
		}
	}
}

// diagonalise turns a Hermitian matrix (n, n) into the diagonal one of its eigenvalues, in no order, and returns the unitary matrix that has
// their eigenvectors in its columns: Jacobi's rotations, each of which clears one element (Golub and Van Loan, Matrix Computations, 8.5).
func diagonalise(a []complex128, n int) []complex128 {
	const sweeps = 30 // it takes about ten
	v := make([]complex128, n*n)
	norm := 0.0
	for i := range n {
		v[i*n+i] = 1
		for _, e := range a[i*n : (i+1)*n] {
			norm += real(e)*real(e) + imag(e)*imag(e)
		}
	}
	for range sweeps {
		off := 0.0
		for p := range n {
			for q := p + 1; q < n; q++ {
				e := a[p*n+q]
				size := cmplx.Abs(e)
				if off += size * size; size*size <= 1e-32*norm {
					continue
				}
				tau := real(a[q*n+q]-a[p*n+p]) / (2 * size)
				t := math.Copysign(1/(math.Abs(tau)+math.Hypot(1, tau)), tau)
				cos := 1 / math.Hypot(1, t)
				sin, turn := t*cos, e/complex(size, 0)
				rotate := func(x, y *complex128, turn complex128) {
					z := turn * *y
					*x, *y = complex(cos, 0)**x-complex(sin, 0)*z, complex(sin, 0)**x+complex(cos, 0)*z
				}
				for k := range n {
					rotate(&a[k*n+p], &a[k*n+q], cmplx.Conj(turn))
					rotate(&v[k*n+p], &v[k*n+q], cmplx.Conj(turn))
				}
				for k := range n {
					rotate(&a[p*n+k], &a[q*n+k], turn)
				}
			}
		}
		if off <= 1e-28*norm {
			break
		}
	}
	return v
}
