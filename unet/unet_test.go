package unet_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/unet"
)

// double is a network whose answer is known: twice its input. It also checks the shapes it is given.
type double struct{ t *testing.T }

func (d double) Run(_ context.Context, dst, x, sigma []float32, n, ny, nx int) error {
	if sigma != nil || ny%unet.Multiple != 0 || nx%unet.Multiple != 0 || len(x) != n*2*ny*nx || len(dst) != len(x) {
		d.t.Errorf("batch of %d, (%d, %d), %d values, noise level %v", n, ny, nx, len(x), sigma)
	}
	for i, v := range x {
		dst[i] = 2 * v
	}
	return nil
}

func TestUNetPadsRunsAndCrops(t *testing.T) {
	mask := make(kspace.Mask, 23)
	for i := range mask {
		mask[i] = i%3 != 0
	}
	a := kspace.NewCartesian(18, mask)
	m := kspace.Measurement{Y: kspace.NewData(1, 18, 23), A: a}
	truth := kspace.NewImage(18, 23)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range truth.Pix {
		truth.Pix[i] = complex(float32(r.NormFloat64()), float32(r.NormFloat64()))
	}
	a.Forward(m.Y, truth)
	want := kspace.NewImage(18, 23)
	a.Adjoint(want, m.Y)
	x, nfe, err := (&unet.UNet{Runner: double{t}}).Reconstruct(t.Context(), m, nil)
	if err != nil || nfe != 1 {
		t.Fatal(nfe, err)
	}
	for i, v := range x.Pix {
		if v != 2*want.Pix[i] {
			t.Fatalf("pixel %d is %v, want %v", i, v, 2*want.Pix[i])
		}
	}
	x, _, err = (&unet.UNet{Runner: double{t}, Consistent: true}).Reconstruct(t.Context(), m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rms, _ := m.Relative(x); rms > 1e-6 {
		t.Errorf("residual %g after data consistency", rms)
	}
}

// Of several coils the network is given what a few gradient steps make of the zero-filled image.
func TestUNetOfSeveralCoils(t *testing.T) {
	maps := kspace.NewData(2, 16, 32)
	mask := make(kspace.Mask, 32)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range maps.Val {
		maps.Val[i] = complex(0.5*r.Float32(), 0.5*r.Float32())
	}
	for i := range mask {
		mask[i] = i%2 == 0
	}
	m := kspace.Measurement{Y: kspace.NewData(2, 16, 32), A: kspace.NewSense(maps, mask)}
	for i := range m.Y.Val {
		m.Y.Val[i] = complex(r.Float32(), r.Float32())
	}
	mask.Apply(m.Y)
	x, _, err := (&unet.UNet{Runner: double{t}}).Reconstruct(t.Context(), m, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range m.Start(6).Pix {
		if x.Pix[i] != 2*v {
			t.Fatalf("pixel %d is %v, want %v", i, x.Pix[i], 2*v)
		}
	}
}

// Slices are the same to 1e-6 in a batch, which the network sees once, as alone.
func TestBatchIsItsSlices(t *testing.T) {
	if _, err := ort.Library(); err != nil {
		t.Skip("run make test: ", err)
	}
	session, err := ort.Open(unet.Weights, ort.Options{Device: ort.CPU, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	const n, ny, nx = 3, 37, 44
	mask := make(kspace.Mask, nx)
	for i := range mask {
		mask[i] = i%3 != 0
	}
	a, r := kspace.NewCartesian(ny, mask), rand.New(rand.NewPCG(1, 1))
	var batch []kspace.Measurement
	for range n {
		m := kspace.Measurement{Y: kspace.NewData(1, ny, nx), A: a}
		for i := range m.Y.Val {
			m.Y.Val[i] = complex(float32(r.NormFloat64()), float32(r.NormFloat64()))
		}
		mask.Apply(m.Y)
		batch = append(batch, m)
	}
	for _, consistent := range []bool{false, true} {
		runs := &counted{Runner: session}
		u := &unet.UNet{Runner: runs, Consistent: consistent}
		images, nfe, err := u.ReconstructBatch(t.Context(), batch, nil)
		if err != nil || nfe != n || runs.n != 1 {
			t.Fatalf("%d evaluations in %d runs, %v", nfe, runs.n, err)
		}
		for i, x := range images {
			alone, _, err := u.Reconstruct(t.Context(), batch[i], nil)
			if err != nil {
				t.Fatal(err)
			}
			d := slices.Clone(x.Pix)
			kspace.Add(d, -1, alone.Pix)
			if e := kspace.Norm(d) / kspace.Norm(alone.Pix); !(e <= 1e-6) {
				t.Errorf("consistent %v: slice %d differs by %.1e", consistent, i, e)
			}
		}
	}
	batch[1] = kspace.Measurement{Y: kspace.NewData(1, ny, nx-1), A: kspace.NewCartesian(ny, mask[1:])}
	if _, _, err := (&unet.UNet{Runner: session}).ReconstructBatch(t.Context(), batch, nil); err == nil {
		t.Error("two shapes in a batch")
	}
}

// counted counts the runs of a network.
type counted struct {
	unet.Runner
	n int
}

func (c *counted) Run(ctx context.Context, dst, x, sigma []float32, n, ny, nx int) error {
	c.n++
	return c.Runner.Run(ctx, dst, x, sigma, n, ny, nx)
}

type broken struct{}

func (broken) Run(context.Context, []float32, []float32, []float32, int, int, int) error {
	return errors.New("no device")
}

func TestUNetPassesErrorsOn(t *testing.T) {
	a := kspace.NewCartesian(4, make(kspace.Mask, 4))
	m := kspace.Measurement{Y: kspace.NewData(1, 4, 4), A: a}
	if _, _, err := (&unet.UNet{Runner: broken{}}).Reconstruct(t.Context(), m, nil); err == nil {
		t.Error("no error")
	}
}
