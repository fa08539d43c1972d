package unet_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/unet"
)

// double is a network whose answer is known: twice its input. It also checks the shapes it is given.
type double struct{ t *testing.T }

func (d double) Run(_ context.Context, dst, x, sigma []float32, n, ny, nx int) error {
	if sigma != nil || n != 1 || ny%unet.Multiple != 0 || nx%unet.Multiple != 0 || len(x) != 2*ny*nx || len(dst) != len(x) {
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
