package kspace_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// Of one coil networks are given the zero-filled image, as it is.
func TestStartOfOneCoil(t *testing.T) {
	m := measured(nil)
	want := kspace.NewImage(m.Y.Ny, m.Y.Nx)
	m.A.Adjoint(want, m.Y)
	for _, settling := range []int{0, 20} {
		m.Settling = settling
		if d := maxDiff(m.Start(6).Pix, want.Pix); d != 0 {
			t.Errorf("Settling %d: off the zero-filled image by %g", settling, d)
		}
	}
}

// Several coils tell what lies between the columns that were acquired: the more steps, the nearer is the start to the image; and the least
// number of the measurement counts.
func TestStartOfSeveralCoils(t *testing.T) {
	m := measured(waves(4, 32, 30))
	zero := kspace.NewImage(32, 30)
	m.A.Adjoint(zero, m.Y)
	before := residual(m, zero)
	for _, steps := range []int{1, 6, 20} {
		x := m.Start(steps)
		r := residual(m, x)
		if !(r < 0.9*before) {
			t.Errorf("%d steps leave a residual of %.4f, fewer %.4f", steps, r, before)
		}
		before = r
		m.Settling = steps
		if d := maxDiff(m.Start(1).Pix, x.Pix); d != 0 {
			t.Errorf("at least %d steps: off by %g", steps, d)
		}
		m.Settling = 0
	}
	if before > 0.0013 { // without momentum 0.0017
		t.Errorf("20 steps leave a residual of %.4f", before)
	}
}

// Momentum begins without any and tends to 1: t grows by a half a step.
func TestMomentum(t *testing.T) {
	at, weight := 1.0, 0.0
	for k := range 1000 {
		var now float64
		if at, now = kspace.Momentum(at); k == 0 && now != 0 || now < weight {
			t.Fatalf("weight %g of step %d, %g before", now, k+1, weight)
		}
		weight = now
	}
	if math.Abs(at/500-1) > 0.02 || weight < 0.99 {
		t.Errorf("t = %g after 1000 steps, weight %g", at, weight)
	}
}

// waves are maps of coils that are waves: each sees, of every column, one beside it.
func waves(nc, ny, nx int) *kspace.Data {
	maps := kspace.NewData(nc, ny, nx)
	for i := range maps.Val {
		c, x := i/(ny*nx), i%nx
		s, co := math.Sincos(2 * math.Pi * float64(c*x) / float64(nx))
		maps.Val[i] = complex64(complex(co, s) / complex(math.Sqrt(float64(nc)), 0))
	}
	return &maps
}

// measured is every third column of a random image, of the coils with maps or of one.
func measured(maps *kspace.Data) kspace.Measurement {
	const ny, nx = 32, 30
	mask := make(kspace.Mask, nx)
	for x := 0; x < nx; x += 3 {
		mask[x] = true
	}
	m := kspace.Measurement{A: kspace.NewCartesian(ny, mask), Y: kspace.NewData(1, ny, nx)}
	if maps != nil {
		m.A, m.Y = kspace.NewSense(*maps, mask), kspace.NewData(maps.Nc, ny, nx)
	}
	x := kspace.NewImage(ny, nx)
	randomize(rand.New(rand.NewPCG(3, 1)), x.Pix)
	m.A.Forward(m.Y, x)
	return m
}

// residual is ‖y − Ax‖/‖y‖.
func residual(m kspace.Measurement, x kspace.Image) float64 {
	y := kspace.NewData(m.Y.Nc, m.Y.Ny, m.Y.Nx)
	m.A.Forward(y, x)
	for i, v := range m.Y.Val {
		y.Val[i] -= v
	}
	return kspace.Norm(y.Val) / kspace.Norm(m.Y.Val)
}
