package score_test

import (
	"context"
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
)

// halve is a network whose answer is known: half of its input, plus the noise level in every pixel.
type halve struct{ t *testing.T }

func (h halve) Run(_ context.Context, dst, x, sigma []float32, n, ny, nx int) error {
	if n != 1 || len(sigma) != 1 || ny%score.Multiple != 0 || nx%score.Multiple != 0 || len(x) != 2*ny*nx {
		h.t.Errorf("batch of %d, (%d, %d), %d values, noise levels %v", n, ny, nx, len(x), sigma)
	}
	for i, v := range x {
		dst[i] = v/2 + sigma[0]
	}
	return nil
}

func TestNetworkPadsRunsAndCrops(t *testing.T) {
	d := &score.Network{Runner: halve{t}}
	for _, n := range [][2]int{{16, 32}, {5, 17}, {33, 16}, {16, 32}} { // another size, and back
		x := kspace.NewImage(n[0], n[1])
		score.Noise{Seed: 1}.Fill(x, 0)
		want := x.Clone()
		if err := d.Denoise(t.Context(), x, x, 0.25); err != nil { // in place
			t.Fatal(err)
		}
		for i, v := range x.Pix {
			if v != want.Pix[i]/2+(0.25+0.25i) {
				t.Fatalf("%v: pixel %d is %v", n, i, v)
			}
		}
	}
}
