package kspace

import (
	"math"
	"math/cmplx"
)

// minShare is how much of the mean noise power a coil must have of its own, apart from what it shares with those before it: with less, a
// coil is broken, or the covariance has too few samples, and whitening would blow up rounding errors.
const minShare = 1e-6

// Whitening returns the matrix W (n, n), row-major and lower triangular, that makes coils of noise covariance Ψ (n, n), whose lower
// triangle is read, alike: W Ψ Wᴴ is the identity times the mean noise power tr Ψ / n, so that k-space keeps its units. Then no two coils
// share noise and all have as much, as sums of squares over coils assume (Pruessmann et al., Magn Reson Med 46:638, 2001, who take the
// Cholesky factor of Ψ). It is nil where Ψ is not positive definite, as of a coil without noise.
func Whitening(psi []complex128, n int) []complex64 {
	mean := 0.0
	for i := range n {
		mean += real(psi[i*n+i]) / float64(n)
	}
	l := make([]complex128, n*n) // Ψ = L Lᴴ
	for i := range n {
		for j := range i + 1 {
			sum := psi[i*n+j]
			for k := range j {
				sum -= l[i*n+k] * cmplx.Conj(l[j*n+k])
			}
			if i > j {
				l[i*n+j] = sum / l[j*n+j]
				continue
			}
			if !(real(sum) > minShare*mean) || math.IsInf(real(sum), 0) {
				return nil
			}
			l[i*n+i] = complex(math.Sqrt(real(sum)), 0)
		}
	}
	w := make([]complex64, n*n) // √mean · L⁻¹, column by column
	for j := range n {
		column := make([]complex128, n)
		for i := j; i < n; i++ {
			sum := complex128(0)
			if i == j {
				sum = complex(math.Sqrt(mean), 0)
			}
			for k := j; k < i; k++ {
				sum -= l[i*n+k] * column[k]
			}
			column[i] = sum / l[i*n+i]
			w[i*n+j] = complex64(column[i])
		}
	}
	return w
}

// Whiten applies the W of Whitening to coils (n, samples), in place.
func Whiten(w, coils []complex64, n int) {
	size := len(coils) / n
	for i := n - 1; i >= 0; i-- { // of the coils up to i, which are as they were
		to := coils[i*size : (i+1)*size]
		for k := range to {
			to[k] *= w[i*n+i]
		}
		for j := range i {
			from, by := coils[j*size:(j+1)*size], w[i*n+j]
			for k, v := range from {
				to[k] += by * v
			}
		}
	}
}
