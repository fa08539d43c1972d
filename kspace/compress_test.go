package kspace_test

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// mixed makes nc coils of as many independent ones as independent has, and noise of a deviation.
func mixed(r *rand.Rand, independent kspace.Data, nc int, noise float64) kspace.Data {
	y := kspace.NewData(nc, independent.Ny, independent.Nx)
	for c := range nc {
		dst := y.Coil(c).Pix
		for i := range independent.Nc {
			w := complex(float32(r.NormFloat64()), float32(r.NormFloat64())) / complex(float32(1+i), 0)
			for x, v := range independent.Coil(i).Pix {
				dst[x] += w * v
			}
		}
		for x := range dst {
			dst[x] += complex(float32(noise*r.NormFloat64()), float32(noise*r.NormFloat64()))
		}
	}
	return y
}

func energy(y kspace.Data, lo, hi int) (sum float64) {
	for i, v := range y.Val {
		if x := i % y.Nx; x >= lo && x < hi {
			sum += real(complex128(v) * cmplx.Conj(complex128(v)))
		}
	}
	return sum
}

// What three combinations of ten coils have that are made of three is all there is, and of noise beside it they have no more than their part.
func TestCompressionKeepsWhatCoilsHaveInCommon(t *testing.T) {
	const n, nc, ny, nx, lo, hi = 3, 10, 12, 16, 5, 11
	r := rand.New(rand.NewPCG(3, 1))
	independent := kspace.NewData(n, ny, nx)
	randomize(r, independent.Val)
	y := mixed(r, independent, nc, 0)
	c := kspace.Compress(y, lo, hi, n)
	few := c.Apply(y)
	if few.Nc != n || few.Ny != ny || few.Nx != nx {
		t.Fatalf("combinations are %d × %d × %d", few.Nc, few.Ny, few.Nx)
	}
	if got, want := energy(few, 0, nx), energy(y, 0, nx); math.Abs(got-want) > 1e-5*want || math.Abs(c.Kept-1) > 1e-9 {
		t.Errorf("combinations have %g of %g, and say %g", got, want, c.Kept)
	}
	noise := kspace.NewData(nc, ny, nx)
	for i := range noise.Val {
		noise.Val[i] = complex(float32(r.NormFloat64()), float32(r.NormFloat64()))
	}
	if share := energy(c.Apply(noise), 0, nx) / energy(noise, 0, nx); math.Abs(share-float64(n)/nc) > 0.05 {
		t.Errorf("combinations have %.3f of white noise, not %.3f", share, float64(n)/nc)
	}
}

// No orthonormal combinations have more energy in the columns that Compress is told of, and Kept is what they have.
func TestCompressionIsTheBestOfItsSize(t *testing.T) {
	const n, nc, ny, nx, lo, hi = 3, 8, 12, 16, 4, 12
	r := rand.New(rand.NewPCG(7, 2))
	independent := kspace.NewData(6, ny, nx)
	randomize(r, independent.Val)
	y := mixed(r, independent, nc, 0.1)
	c := kspace.Compress(y, lo, hi, n)
	total := energy(y, lo, hi)
	share := energy(c.Apply(y), lo, hi) / total
	if math.Abs(share-c.Kept) > 1e-5 || !(share > 0.5 && share < 0.999) {
		t.Errorf("combinations have %g of the energy, and say %g", share, c.Kept)
	}
	random := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		other := kspace.NewData(nc, 2, 4)
		randomize(random, other.Val)
		if s := energy(kspace.Compress(other, 0, 4, n).Apply(y), lo, hi) / total; s > share {
			t.Fatalf("other combinations have %g, more than %g", s, share)
		}
	}
	for k, dim := range []int{nc, nc - 1} {
		if all := kspace.Compress(y, lo, hi, dim); k == 0 && math.Abs(all.Kept-1) > 1e-9 || k == 1 && all.Kept <= share {
			t.Errorf("%d combinations keep %g", dim, all.Kept)
		}
	}
}

// Coils without a signal have combinations without one.
func TestCompressionOfNothing(t *testing.T) {
	y := kspace.NewData(5, 4, 6)
	c := kspace.Compress(y, 1, 5, 2)
	if few := c.Apply(y); few.Nc != 2 || energy(few, 0, 6) != 0 || c.Kept != 1 {
		t.Errorf("%d combinations have %g, and say %g", few.Nc, energy(few, 0, 6), c.Kept)
	}
	independent := kspace.NewData(5, 4, 6)
	randomize(rand.New(rand.NewPCG(1, 1)), independent.Val)
	if share := energy(c.Apply(independent), 0, 6) / energy(independent, 0, 6); !(share > 0 && share < 1) {
		t.Errorf("combinations of nothing have %g of something", share)
	}
}

// The maps of combinations, seen from the coils, are those of the coils, phase and all.
func TestMapsOfCombinationsAreThoseOfTheCoils(t *testing.T) {
	const n, nc, ny, nx, lo, hi = 8, 20, 48, 64, 20, 44
	x, y := textured(ny, nx, 8, 10), kspace.NewData(nc, ny, nx)
	kspace.NewSense(smoothCoils(nc, ny, nx), kspace.Every(nx)).Forward(y, x)
	want := kspace.EstimateMaps(y, lo, hi, kspace.MapsRows)
	c := kspace.Compress(y, lo, hi, n)
	got := kspace.EstimateMaps(c.Apply(y), lo, hi, kspace.MapsRows)
	c.Align(got)
	direct := c.Apply(want)
	worst := 0.0
	for i, v := range x.Pix {
		for k := range n {
			if at := k*ny*nx + i; v != 0 {
				worst = max(worst, cmplx.Abs(complex128(got.Val[at]-direct.Val[at])))
			}
		}
	}
	if worst > 0.01 {
		t.Errorf("maps differ by %.4f, where %.5f of the energy is kept", worst, c.Kept)
	}
}
