package score_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
)

// free is a network that costs nothing: it leaves dst as it is.
type free struct{}

func (free) Run(context.Context, []float32, []float32, []float32, int, int, int) error { return nil }

// BenchmarkPhysics is a step of ccdf without its network, whole and in parts; grids are (ny, nx, coils).
func BenchmarkPhysics(b *testing.B) {
	for _, grid := range [][3]int{{320, 320, 1}, {320, 368, 1}, {640, 368, 1}, {320, 368, 8}} {
		b.Run(fmt.Sprint(grid), func(b *testing.B) { physics(b, grid[0], grid[1], grid[2]) })
	}
}

func physics(b *testing.B, ny, nx, coils int) {
	mask, err := (&kspace.Undersampling{Kind: kspace.Gaussian1D, Mode: kspace.Exact, Accel: 4, ACS: 0.08}).Mask(nx)
	if err != nil {
		b.Fatal(err)
	}
	m := kspace.Measurement{A: kspace.NewCartesian(ny, mask), Y: kspace.NewData(coils, ny, nx)}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range m.Y.Val {
		m.Y.Val[i] = complex(r.Float32(), r.Float32())
	}
	if coils > 1 {
		lo, hi := mask.ACS()
		m.A = kspace.NewSense(kspace.EstimateMaps(m.Y, lo, hi, kspace.MapsRows), mask)
	}
	x, noise, consistent := kspace.NewImage(ny, nx), score.Noise{Seed: 1}, kspace.Project(m, 1)
	b.Run("step", func(b *testing.B) {
		kind, err := score.Lookup("ve")
		if err != nil {
			b.Fatal(err)
		}
		levels, err := score.Geometric(0.02, 0.001, max(b.N, 2))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.ResetTimer()
		opt := score.Options{Consistency: consistent, Noise: noise.Fill}
		if err := kind.Sample(b.Context(), &score.Network{Runner: free{}}, x, levels, opt); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("noise", func(b *testing.B) {
		for b.Loop() {
			noise.Fill(x, 1)
		}
	})
	b.Run("consistency", func(b *testing.B) {
		for b.Loop() {
			consistent(x)
		}
	})
}
