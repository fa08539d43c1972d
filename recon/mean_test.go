package recon_test

import (
	"context"
	"errors"
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// constant is an image of one value, which took one evaluation.
type constant struct {
	value complex64
	err   error
}

func (c constant) Reconstruct(_ context.Context, m kspace.Measurement, _ func(int, int)) (kspace.Image, int, error) {
	x := kspace.NewImage(m.Y.Ny, m.Y.Nx)
	for i := range x.Pix {
		x.Pix[i] = c.value
	}
	return x, 1, c.err
}

func TestMean(t *testing.T) {
	m := kspace.Measurement{Y: kspace.NewData(1, 2, 3)}
	var steps []int
	x, nfe, err := recon.Mean{constant{value: 1}, constant{value: 2i}, constant{value: 3}}.Reconstruct(t.Context(), m, func(step, of int) { steps = append(steps, step, of) })
	if err != nil || nfe != 3 || len(steps) != 6 || steps[4] != 3 {
		t.Errorf("%d evaluations, steps %v, %v", nfe, steps, err)
	}
	for _, v := range x.Pix {
		if d := v - complex(4./3, 2./3); real(d)*real(d)+imag(d)*imag(d) > 1e-12 {
			t.Fatalf("a mean of %v", v)
		}
	}
	lost := errors.New("lost")
	if _, _, err := (recon.Mean{constant{value: 1}, constant{err: lost}}).Reconstruct(t.Context(), m, nil); !errors.Is(err, lost) {
		t.Errorf("one of them fails: %v", err)
	}
}
