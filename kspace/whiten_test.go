package kspace

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
)

// Whitened noise has the covariance of one power for all and none between coils, and on the whole as much as before.
func TestWhitenedCoilsShareNoNoise(t *testing.T) {
	const n, samples = 5, 200
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]complex64, n*samples)
	for i := range noise {
		noise[i] = complex64(complex(random.NormFloat64(), random.NormFloat64()))
	}
	for c := 1; c < n; c++ { // each has some of the one before, and another gain
		for k := range samples {
			noise[c*samples+k] = complex(0.5*float32(c), 0.3)*noise[c*samples+k] + 0.4i*noise[(c-1)*samples+k]
		}
	}
	before := covariance(noise, n)
	w := Whitening(before, n)
	if w == nil {
		t.Fatal("there is no whitening")
	}
	for i := range n {
		for j := i + 1; j < n; j++ {
			if w[i*n+j] != 0 {
				t.Errorf("row %d has coil %d", i, j)
			}
		}
	}
	Whiten(w, noise, n)
	power := 0.0
	for i := range n {
		power += real(before[i*n+i]) / n
	}
	after := covariance(noise, n)
	for i := range n {
		for j := range n {
			want := complex128(0)
			if i == j {
				want = complex(power, 0)
			}
			if cmplx.Abs(after[i*n+j]-want) > 1e-5*power {
				t.Errorf("covariance of coils %d and %d: %g, want %g", i, j, after[i*n+j], want)
			}
		}
	}
}

func covariance(coils []complex64, n int) []complex128 {
	size := len(coils) / n
	psi := make([]complex128, n*n)
	for i := range n {
		for j := range n {
			for k := range size {
				psi[i*n+j] += complex128(coils[i*size+k]) * cmplx.Conj(complex128(coils[j*size+k])) / complex(float64(size), 0)
			}
		}
	}
	return psi
}

// The factor of a covariance that is known: Ψ = [[4, 2i], [−2i, 5]] has L = [[2, 0], [−i, 2]] and mean power 4.5.
func TestWhiteningOfTwoCoils(t *testing.T) {
	w := Whitening([]complex128{4, 2i, -2i, 5}, 2)
	s := math.Sqrt(4.5)
	for i, want := range []complex128{complex(s/2, 0), 0, complex(0, s/4), complex(s/2, 0)} {
		if cmplx.Abs(complex128(w[i])-want) > 1e-6 {
			t.Errorf("W[%d] = %g, want %g", i, w[i], want)
		}
	}
}

func TestNoWhiteningOfWhatIsNoCovariance(t *testing.T) {
	for name, psi := range map[string][]complex128{
		"zeros": {0, 0, 0, 0}, "a coil without noise": {1, 0, 0, 1e-9}, "one coil twice": {1, 1, 1, 1}, "indefinite": {1, 2, 2, 1},
		"not a number": {complex(math.NaN(), 0), 0, 0, 1}, "infinite": {complex(math.Inf(1), 0), 0, 0, 1},
	} {
		if w := Whitening(psi, 2); w != nil {
			t.Errorf("%s: %v", name, w)
		}
	}
}
