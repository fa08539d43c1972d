package kspace

import (
	"math"
	"math/cmplx"
)

// eigen finds the dominant eigenvector of a Hermitian matrix (n, n), of which the lower triangle is given row by row.
type eigen struct {
	lower, matrix, vector, next []complex128
}

func newEigen(n int) eigen {
	return eigen{make([]complex128, n*(n+1)/2), make([]complex128, n*n), make([]complex128, n), make([]complex128, n)}
}

const (
	powerSteps = 12    // at most: where there is noise alone no direction is the dominant one
	powerDone  = 1e-12 // squared change of a step after which there are no more
)

// dominant makes vector the unit eigenvector of the largest eigenvalue, by power iteration from what it is. Where several are as large it is
// their combination that is nearest to that.
func (e eigen) dominant() {
	n, i := len(e.vector), 0
	for r := range n {
		for c := range r + 1 {
			e.matrix[r*n+c], e.matrix[c*n+r] = e.lower[i], cmplx.Conj(e.lower[i])
			i++
		}
	}
	for range powerSteps {
		var norm float64
		for r := range n {
			var sum complex128
			for c, a := range e.matrix[r*n : (r+1)*n] {
				sum += a * e.vector[c]
			}
			e.next[r] = sum
			norm += real(sum)*real(sum) + imag(sum)*imag(sum)
		}
		if norm == 0 { // no signal at all: the vector remains what it was
			return
		}
		var change float64
		scale := 1 / math.Sqrt(norm)
		for r, v := range e.next {
			v = complex(scale*real(v), scale*imag(v))
			d := v - e.vector[r]
			change += real(d)*real(d) + imag(d)*imag(d)
			e.vector[r] = v
		}
		if change < powerDone {
			return
		}
	}
}
