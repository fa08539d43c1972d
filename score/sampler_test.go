package score_test

import (
	"context"
	"errors"
	"math"
	"math/cmplx"
	"strings"
	"testing"

	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
)

// order is the rate at which a deterministic sampler's error must fall when its steps double.
var order = map[string]float64{"ddim": 1.8, "second-order": 3}

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

// Deterministic samplers of the prior converge to the closed form of the probability-flow ODE.
func TestDeterministicSamplersConverge(t *testing.T) {
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		if k.Stochastic || k.Clean {
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

// Samplers that start from the image as it is end, in any number of steps, at the mean of the posterior under a Gaussian prior: VE's
// factors (s² + σ_{i−1}²)/(s² + σ_i²) telescope.
func TestCleanSamplersEndAtThePosteriorMean(t *testing.T) {
	const s, start, x0 = 0.5, 0.3, 1.7
	eachSampler(t, func(t *testing.T, _ string, k score.Kind) {
		if !k.Clean {
			return
		}
		for _, n := range []int{1, 3, 10} {
			x := kspace.NewImage(1, 1)
			x.Pix[0] = x0
			if err := k.Sample(t.Context(), testkit.Gaussian{S: s}, x, sigmas(t, start, 0.01, n), score.Options{}); err != nil {
				t.Fatal(err)
			}
			if want := x0 * s * s / (s*s + start*start); math.Abs(float64(real(x.Pix[0]))-want) > 1e-6 {
				t.Errorf("%d steps end at %v, want %.6f", n, x.Pix[0], want)
			}
		}
	})
}

// A noise-free descent asks in another quarter turn of the phase at each step, and turns the estimate back.
func TestNoiseFreeTurnsThePhase(t *testing.T) {
	k, err := score.Lookup("noise-free")
	if err != nil {
		t.Fatal(err)
	}
	var states []kspace.Image
	x := kspace.NewImage(1, 1)
	x.Pix[0] = 3 + 1i
	flat := traced{testkit.Gaussian{S: 1e6}, &states} // D(x, σ) = x
	if err := k.Sample(t.Context(), flat, x, sigmas(t, 0.3, 0.01, 6), score.Options{}); err != nil {
		t.Fatal(err)
	}
	for step, want := range []complex64{3 + 1i, -1 + 3i, -3 - 1i, 1 - 3i, 3 + 1i, -1 + 3i} {
		if got := states[step].Pix[0]; cmplx.Abs(complex128(got-want)) > 1e-5 {
			t.Errorf("step %d asks at %v, want %v", step+1, got, want)
		}
	}
	if cmplx.Abs(complex128(x.Pix[0]-(3+1i))) > 1e-5 {
		t.Errorf("the end is %v", x.Pix[0])
	}
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

// columns is the mask of the tests with a measurement.
var columns = kspace.Mask{true, false, true, true, true, false, false, true}

// unmeasured is the root mean square of a part of x's k-space on what columns leaves out.
func unmeasured(x kspace.Image) float64 {
	rest, y := make(kspace.Mask, x.Nx), kspace.NewData(1, x.Ny, x.Nx)
	for i := range rest {
		rest[i] = !columns[i]
	}
	kspace.NewCartesian(x.Ny, rest).Forward(y, x)
	return kspace.Norm(y.Val) / math.Sqrt(float64(2*x.Ny*rest.Lines()))
}

// With data consistency every sampler ends on the measurement. The columns that are not measured start as noise of σ_N = 5 and end with
// the prior's energy, or with that of the posterior mean.
func TestSamplersEndConsistent(t *testing.T) {
	const ny = 256
	a := kspace.NewCartesian(ny, columns)
	truth, y := kspace.NewImage(ny, 8), kspace.NewData(1, ny, 8)
	score.Noise{Seed: 9}.Fill(truth, 0)
	a.Forward(y, truth)
	m := kspace.Measurement{Y: y, A: a}
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		noise, x := score.Noise{Seed: 1}, kspace.NewImage(ny, 8)
		noise.Fill(x, 0)
		kspace.Scale(x.Pix, 5)
		opt := score.Options{Consistency: kspace.Project(m, 1), Noise: noise.Fill}
		if err := k.Sample(t.Context(), testkit.Gaussian{S: 1}, x, sigmas(t, 5, 0.01, 40), opt); err != nil {
			t.Fatal(err)
		}
		if rms, _ := m.Relative(x); rms > 1e-6 {
			t.Errorf("residual %g", rms)
		}
		want := 1.0
		if k.Clean { // the posterior mean
			want = 5.0 / (1 + 5*5)
		}
		// 1,536 values: standard error 2 % of the deviation; 40 levels: bias up to 8 %.
		if rms := unmeasured(x); math.Abs(rms/want-1) > 0.15 {
			t.Errorf("unmeasured columns with a deviation of %.3f, want %.3f", rms, want)
		}
	})
}

// Coils whose maps are a wave each see the neighbours of every column that is acquired: together they tell the whole image, and estimates
// are settled towards it. One coil is projected, and says nothing of the other columns.
func TestEstimatesOfSeveralCoilsSettle(t *testing.T) {
	const ny, nx, coils = 16, 24, 4
	mask, truth := make(kspace.Mask, nx), kspace.NewImage(ny, nx)
	for i := range mask {
		mask[i] = i%3 != 1
	}
	score.Noise{Seed: 9}.Fill(truth, 0)
	k, err := score.Lookup("noise-free")
	if err != nil {
		t.Fatal(err)
	}
	for n, a := range map[int]kspace.Operator{1: kspace.NewCartesian(ny, mask), coils: kspace.NewSense(score.Waves(coils, ny, nx), mask)} {
		y := kspace.NewData(n, ny, nx)
		a.Forward(y, truth)
		left := func(coils int) float64 {
			x, opt := kspace.NewImage(ny, nx), score.Options{Consistency: kspace.Project(kspace.Measurement{Y: y, A: a}, 1), Coils: coils}
			if err := k.Sample(t.Context(), testkit.Gaussian{S: 1e6}, x, sigmas(t, 0.3, 0.01, 3), opt); err != nil { // which leaves all as it is
				t.Fatal(err)
			}
			kspace.Add(x.Pix, -1, truth.Pix)
			return kspace.Norm(x.Pix) / kspace.Norm(truth.Pix)
		}
		once, settled := left(0), left(n)
		t.Logf("%d coils: %.4f of the image is missing, %.4f without settling", n, settled, once)
		if n == 1 && settled != once || n > 1 && settled > once/4 {
			t.Errorf("%d coils: %.4f of the image is missing, %.4f without settling", n, settled, once)
		}
	}
}

// traced is a denoiser that keeps the states it was called at.
type traced struct {
	testkit.Gaussian
	states *[]kspace.Image
}

func (d traced) Denoise(ctx context.Context, dst, x kspace.Image, sigma float64) error {
	*d.states = append(*d.states, x.Clone())
	return d.Gaussian.Denoise(ctx, dst, x, sigma)
}

// apart runs a sampler from two images with equal noise and measurement, and returns how far apart their unmeasured columns are at
// each call of the denoiser and at the end, over how far at the start.
func apart(t *testing.T, k score.Kind, s float64, levels []float64) []float64 {
	t.Helper()
	m := kspace.Measurement{Y: kspace.NewData(1, 8, 8), A: kspace.NewCartesian(8, columns)}
	var states [2][]kspace.Image
	for i := range states {
		x := kspace.NewImage(8, 8)
		score.Noise{Seed: uint64(1 + i)}.Fill(x, 0)
		states[i] = append(states[i], x.Clone())
		opt := score.Options{Consistency: kspace.Project(m, 1), Noise: score.Noise{Seed: 5}.Fill}
		if err := k.Sample(t.Context(), traced{testkit.Gaussian{S: s}, &states[i]}, x, levels, opt); err != nil {
			t.Fatal(err)
		}
		if calls := len(states[i]) - 1; calls < len(levels)-1 {
			t.Fatalf("the denoiser was called %d times in %d steps", calls, len(levels)-1)
		}
		states[i] = append(states[i], x)
	}
	var distances []float64
	for i, u := range states[0] {
		d := u.Clone()
		kspace.Add(d.Pix, -1, states[1][i].Pix)
		distances = append(distances, unmeasured(d))
	}
	start := distances[0]
	for i := range distances {
		distances[i] /= start
	}
	return distances[1:]
}

// Reverse steps contract where nothing is measured. The theorem's rate (score.Contraction) is that of a denoiser whose estimate does not
// depend on x, as for a prior that is one image, S = 0: no sampler is slower, and VE, with noise or without, and DDIM have that rate.
func TestSamplersContract(t *testing.T) {
	levels := sigmas(t, 1, 0.01, 10)
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		distances := apart(t, k, 0, levels)
		got, bound := distances[len(distances)-2], math.Pow(score.Contraction(levels, k.Contracts), 9) // at σ_1, where the last step starts
		if got > bound*(1+1e-4) || (name == "ve" || name == "ddim" || name == "noise-free") && got < bound*(1-1e-4) {
			t.Errorf("distance %.6g of 1 after nine steps; the theorem's is %.6g", got, bound)
		}
	})
}

// Where the estimate does depend on x, as for the prior N(0, 1), a step keeps 1 − w + w/(1+σ_i²) of a distance, w being the weight that
// it gives the estimate: for VE and noise-free 1 − (σ_{i−1}/σ_i)², ½ over all levels from 1 to 0; for DDIM 1 − σ_{i−1}/σ_i, and √½ when steps are many.
func TestSamplersContractAsFarAsThePriorLetsThem(t *testing.T) {
	levels := sigmas(t, 1, 0.01, 10)
	ddim := 1.0
	for i, sigma := range levels[:10] {
		w := 1 - levels[i+1]/sigma
		ddim *= 1 - w + w/(1+sigma*sigma)
	}
	want := map[string]struct{ from, to float64 }{
		"ve":                  {0.4999, 0.5001},
		"ddim":                {ddim - 1e-4, ddim + 1e-4},
		"noise-free":          {0.4999, 0.5001},
		"denoised":            {0.4999, 0.5001},
		"second-order":        {0.95 * math.Sqrt(0.5), math.Sqrt(0.5)}, // DDIM is at 0.94
		"predictor-corrector": {0.05, 0.25},                            // correctors contract too: half of VE's ½ and less
	}
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		limits, known := want[name]
		if !known {
			t.Fatalf("state the contraction of %s in this test", name)
		}
		distances := apart(t, k, 1, levels)
		if got := distances[len(distances)-1]; got < limits.from || got > limits.to {
			t.Errorf("distance %.5f of 1 at the end, want %.5f to %.5f", got, limits.from, limits.to)
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
	_, err := score.Lookup("none")
	if err == nil {
		t.Fatal("an unknown sampler was found")
	}
	for _, name := range score.Names() {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %s", err, name)
		}
	}
}
