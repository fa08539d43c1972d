package score_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
)

// order is the rate at which a deterministic sampler's error must fall when its steps double.
var order = map[string]float64{"ddim": 1.8, "noise-free": 1.8, "second-order": 3}

func eachSampler(t *testing.T, test func(t *testing.T, name string, k score.Kind)) {
	for _, name := range score.Names() {
		k, err := score.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { test(t, name, k) })
	}
}

func sigmas(t *testing.T, start, end float64, steps int) []float64 {
	t.Helper()
	s, err := score.Geometric(start, end, steps)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Deterministic samplers converge to the closed form of the probability-flow ODE.
func TestDeterministicSamplersConverge(t *testing.T) {
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		if k.Stochastic {
			return
		}
		want, known := order[name]
		if !known {
			t.Fatalf("state the order of %s in this test", name)
		}
		var previous float64
		for _, n := range []int{50, 100, 200} {
			// The final jump from σ_1 to 0 is part of the error: end low enough for it not to show.
			levels := sigmas(t, 50, 1e-4, n)
			x := kspace.NewImage(1, 1)
			x.Pix[0] = 30
			if err := k.Sample(t.Context(), testkit.Gaussian{S: 0.5}, x, levels, score.Options{}); err != nil {
				t.Fatal(err)
			}
			exact := 30 * 0.5 / math.Hypot(0.5, levels[0])
			e := math.Abs(float64(real(x.Pix[0]))-exact) / exact
			if previous != 0 && previous/e < want {
				t.Errorf("error %.2e → %.2e when the steps double", previous, e)
			}
			previous = e
		}
	})
}

// Stochastic samplers started from noise draw from the prior: variance S² in each part, mean 0.
func TestStochasticSamplersDrawFromThePrior(t *testing.T) {
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		if !k.Stochastic {
			return
		}
		const s = 0.5
		noise := score.Noise{Seed: 3}
		levels := sigmas(t, 20, 0.005, 400)
		x := kspace.NewImage(64, 64)
		noise.Fill(x, 0)
		kspace.Scale(x.Pix, float32(levels[0]))
		if err := k.Sample(t.Context(), testkit.Gaussian{S: s}, x, levels, score.Options{Noise: noise.Fill}); err != nil {
			t.Fatal(err)
		}
		var mean complex128
		for _, v := range x.Pix {
			mean += complex128(v) / complex(float64(len(x.Pix)), 0)
		}
		std := kspace.Norm(x.Pix) / math.Sqrt(2*float64(len(x.Pix)))
		// 8,192 values: standard error 0.8 % of the deviation; 400 levels: bias about 1 %.
		if math.Abs(std/s-1) > 0.04 || math.Hypot(real(mean), imag(mean)) > 0.03 {
			t.Errorf("std %.4f, mean %.4f; want %.1f, 0", std, mean, s)
		}
	})
}

// With data consistency every sampler ends on the measurement, and unmeasured columns keep the prior's energy or less.
func TestSamplersEndConsistent(t *testing.T) {
	mask := kspace.Mask{true, false, true, true, true, false, false, true}
	a := kspace.NewCartesian(8, mask)
	truth, y := kspace.NewImage(8, 8), kspace.NewData(1, 8, 8)
	score.Noise{Seed: 9}.Fill(truth, 0)
	a.Forward(y, truth)
	m := kspace.Measurement{Y: y, A: a}
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		x := kspace.NewImage(8, 8)
		opt := score.Options{Consistency: kspace.Project(m, 1), Noise: score.Noise{Seed: 1}.Fill}
		if err := k.Sample(t.Context(), testkit.Gaussian{S: 1}, x, sigmas(t, 5, 0.01, 20), opt); err != nil {
			t.Fatal(err)
		}
		if rms, _ := m.Relative(x); rms > 1e-6 {
			t.Errorf("residual %g", rms)
		}
	})
}

// Reverse steps with data consistency contract: two runs with equal noise end closer than they started.
func TestSamplersContract(t *testing.T) {
	a := kspace.NewCartesian(8, kspace.Mask{true, false, true, true, true, false, false, true})
	m := kspace.Measurement{Y: kspace.NewData(1, 8, 8), A: a}
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		u, v := kspace.NewImage(8, 8), kspace.NewImage(8, 8)
		score.Noise{Seed: 1}.Fill(u, 0)
		score.Noise{Seed: 2}.Fill(v, 0)
		before := distance(u, v)
		for _, x := range []kspace.Image{u, v} {
			opt := score.Options{Consistency: kspace.Project(m, 1), Noise: score.Noise{Seed: 5}.Fill}
			if err := k.Sample(t.Context(), testkit.Gaussian{S: 1}, x, sigmas(t, 1, 0.01, 10), opt); err != nil {
				t.Fatal(err)
			}
		}
		if after := distance(u, v); after >= before {
			t.Errorf("distance %g became %g", before, after)
		}
	})
}

func TestNFEAndProgress(t *testing.T) {
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		const n = 7
		want := n
		if name == "predictor-corrector" {
			want = 2*n - 1
		}
		d := &score.Counter{Denoiser: testkit.Gaussian{S: 1}}
		var steps []int
		opt := score.Options{Noise: score.Noise{}.Fill, Progress: func(i, of int) {
			if of != n {
				t.Errorf("progress of %d steps", of)
			}
			steps = append(steps, i)
		}}
		if err := k.Sample(t.Context(), d, kspace.NewImage(4, 4), sigmas(t, 1, 0.1, n), opt); err != nil {
			t.Fatal(err)
		}
		if d.NFE != want {
			t.Errorf("%d NFE, want %d", d.NFE, want)
		}
		if len(steps) != n || steps[n-1] != n {
			t.Errorf("progress %v", steps)
		}
	})
}

func TestSamplersStopWhenAsked(t *testing.T) {
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		ctx, cancel := context.WithCancel(t.Context())
		d := &score.Counter{Denoiser: testkit.Gaussian{S: 1}}
		opt := score.Options{Noise: score.Noise{}.Fill, Progress: func(i, _ int) {
			if i == 2 {
				cancel()
			}
		}}
		err := k.Sample(ctx, d, kspace.NewImage(4, 4), sigmas(t, 1, 0.1, 50), opt)
		if !errors.Is(err, context.Canceled) || d.NFE > 5 {
			t.Errorf("%v after %d NFE", err, d.NFE)
		}
	})
}

func TestLookupNamesTheSamplers(t *testing.T) {
	if _, err := score.Lookup("none"); err == nil || err.Error() == "" {
		t.Error("an unknown sampler was found")
	}
}

func distance(a, b kspace.Image) float64 {
	d := a.Clone()
	for i := range d.Pix {
		d.Pix[i] -= b.Pix[i]
	}
	return kspace.Norm(d.Pix)
}
