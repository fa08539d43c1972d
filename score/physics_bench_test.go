package score_test

import (
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
)

// BenchmarkPhysics is what a step of ccdf does beside its network, on the grid of a brain scan.
func BenchmarkPhysics(b *testing.B) {
	const ny, nx = 640, 368
	mask, err := (&kspace.Undersampling{Kind: kspace.Gaussian1D, Mode: kspace.Exact, Accel: 4, ACS: 0.08}).Mask(nx)
	if err != nil {
		b.Fatal(err)
	}
	x, noise := kspace.NewImage(ny, nx), score.Noise{Seed: 1}
	b.Run("noise", func(b *testing.B) {
		for b.Loop() {
			noise.Fill(x, 1)
		}
	})
	consistent := kspace.Project(kspace.Measurement{A: kspace.NewCartesian(ny, mask), Y: kspace.NewData(1, ny, nx)}, 1)
	b.Run("consistency", func(b *testing.B) {
		for b.Loop() {
			consistent(x)
		}
	})
}
