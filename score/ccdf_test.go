package score_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
)

// zeroFilled starts from Aᴴy: "vanilla" CCDF.
type zeroFilled struct{}

func (zeroFilled) Initial(_ context.Context, dst, x kspace.Image) error {
	copy(dst.Pix, x.Pix)
	return nil
}

func problem(slice int) kspace.Measurement {
	a := kspace.NewCartesian(8, kspace.Mask{true, false, true, true, true, false, false, true})
	truth, y := kspace.NewImage(8, 8), kspace.NewData(1, 8, 8)
	score.Noise{Seed: 9}.Fill(truth, 0)
	a.Forward(y, truth)
	return kspace.Measurement{Slice: slice, Y: y, A: a}
}

func reconstruct(t *testing.T, sampler string, seed uint64, sample uint32, slice int) []complex64 {
	t.Helper()
	k, err := score.Lookup(sampler)
	if err != nil {
		t.Fatal(err)
	}
	levels, err := score.DefaultSchedule.Sigmas(0.02)
	if err != nil {
		t.Fatal(err)
	}
	c := score.CCDF{Initial: zeroFilled{}, Denoiser: testkit.Gaussian{S: 1}, Kind: k, Sigmas: levels, Lambda: 1, Seed: seed, Sample: sample}
	m := problem(slice)
	x, nfe, err := c.Reconstruct(t.Context(), m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if sampler != "predictor-corrector" && nfe != 20 {
		t.Errorf("%s took %d NFE, want 20", sampler, nfe)
	}
	if rms, _ := m.Relative(x); rms > 1e-6 {
		t.Errorf("%s leaves a residual of %g", sampler, rms)
	}
	return x.Pix
}

// The result is a function of seed, sample and slice for every sampler that starts from noise, and of none of them otherwise.
func TestCCDFIsReproducible(t *testing.T) {
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		base := reconstruct(t, name, 1, 0, 0)
		if !slices.Equal(base, reconstruct(t, name, 1, 0, 0)) {
			t.Error("the same seed gave two images")
		}
		for what, other := range map[string][]complex64{
			"seed":   reconstruct(t, name, 2, 0, 0),
			"sample": reconstruct(t, name, 1, 1, 0),
			"slice":  reconstruct(t, name, 1, 0, 1),
		} {
			if slices.Equal(base, other) != k.Clean {
				t.Errorf("another %s: equal = %v, want %v", what, !k.Clean, k.Clean)
			}
		}
	})
}

// doubled is twice the zero-filled image.
type doubled struct{}

func (doubled) Initial(_ context.Context, dst, x kspace.Image) error {
	clear(dst.Pix)
	kspace.Add(dst.Pix, 2, x.Pix)
	return nil
}

// A sampler starts from G(x) + σ z, without the noise where it starts clean; x is Aᴴy of one coil, of several what 20 steps make of it.
func TestWhatSamplersStartFrom(t *testing.T) {
	one := problem(3)
	startsFrom(t, one, zeroFilledOf(one))
	maps := kspace.NewData(2, 8, 8)
	for i := range maps.Val {
		maps.Val[i] = complex(0.8-0.2*float32(i/64), 0.6*float32(i/64)-0.6*float32(1-i/64)*float32(i%8)/8)
	}
	mask := kspace.Mask{false, true, false, true, true, true, false, true}
	several := kspace.Measurement{Slice: 3, Y: kspace.NewData(2, 8, 8), A: kspace.NewSense(maps, mask)}
	several.A.Forward(several.Y, zeroFilledOf(one))
	startsFrom(t, several, several.Start(20))
	if d := distance(several.Start(20), zeroFilledOf(several)); d < 0.05 {
		t.Errorf("20 steps move the zero-filled image by %.3f alone", d)
	}
}

func zeroFilledOf(m kspace.Measurement) kspace.Image {
	x := kspace.NewImage(m.Y.Ny, m.Y.Nx)
	m.A.Adjoint(x, m.Y)
	return x
}

// distance is ‖a − b‖/‖b‖.
func distance(a, b kspace.Image) float64 {
	d := a.Clone()
	kspace.Add(d.Pix, -1, b.Pix)
	return kspace.Norm(d.Pix) / kspace.Norm(b.Pix)
}

func startsFrom(t *testing.T, m kspace.Measurement, start kspace.Image) {
	t.Helper()
	z := kspace.NewImage(8, 8)
	score.Noise{Seed: 5, Slice: 3, Sample: 2}.Fill(z, 0)
	for _, clean := range []bool{true, false} {
		stay := score.Kind{Clean: clean, Sampler: func(m score.Machine, x score.Array, _ []float64) (score.Array, error) {
			err := m.Step(1, 1, &x)
			return x, err
		}}
		c := score.CCDF{Initial: doubled{}, Kind: stay, Sigmas: []float64{0.5, 0}, Lambda: 1, Seed: 5, Sample: 2}
		got, _, err := c.Reconstruct(t.Context(), m, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !clean {
			kspace.Add(got.Pix, -0.5, z.Pix)
		}
		kspace.Scale(got.Pix, 0.5)
		if d := distance(got, start); d > 1e-6 {
			t.Errorf("%d coils, clean %v: off by %.1e", m.Y.Nc, clean, d)
		}
	}
}

// tripled is a reconstruction that is three times the zero-filled image.
type tripled struct{ err error }

func (r tripled) Reconstruct(_ context.Context, m kspace.Measurement, _ func(int, int)) (kspace.Image, int, error) {
	x, zeroFilled := kspace.NewImage(8, 8), kspace.NewImage(8, 8)
	m.A.Adjoint(zeroFilled, m.Y)
	kspace.Add(x.Pix, 3, zeroFilled.Pix)
	return x, 0, r.err
}

// What Start makes takes the place of G(Aᴴy), of one image and of every sample of several, and its errors are the method's.
func TestStartTakesThePlaceOfInitial(t *testing.T) {
	m := problem(3)
	zeroFilled := kspace.NewImage(8, 8)
	m.A.Adjoint(zeroFilled, m.Y)
	stay := score.Kind{Clean: true, Sampler: func(m score.Machine, x score.Array, _ []float64) (score.Array, error) {
		err := m.Step(1, 1, &x)
		return x, err
	}}
	c := score.CCDF{Initial: doubled{}, Start: tripled{}, Kind: stay, Sigmas: []float64{0.5, 0}, Lambda: 1}
	failing, lost := c, errors.New("lost")
	failing.Start = tripled{lost}
	for name, pair := range map[string][2]score.Starter{
		"one": {&c, &failing}, "samples": {&score.Posterior{CCDF: c, Samples: 2}, &score.Posterior{CCDF: failing, Samples: 2}},
	} {
		got, _, err := pair[0].Reconstruct(t.Context(), m, nil)
		if err != nil {
			t.Fatal(err)
		}
		kspace.Add(got.Pix, -3, zeroFilled.Pix)
		if d := kspace.Norm(got.Pix) / kspace.Norm(zeroFilled.Pix); d > 1e-6 {
			t.Errorf("%s: off by %.1e", name, d)
		}
		if _, _, err := pair[1].Reconstruct(t.Context(), m, nil); !errors.Is(err, lost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCCDFFromNoiseAlone(t *testing.T) {
	k, _ := score.Lookup("predictor-corrector")
	c := score.CCDF{Denoiser: testkit.Gaussian{S: 1}, Kind: k, Sigmas: sigmas(t, 50, 0.01, 30), Lambda: 1}
	m := problem(0)
	x, nfe, err := c.Reconstruct(t.Context(), m, nil)
	if err != nil || nfe != 59 {
		t.Fatalf("%d NFE, %v", nfe, err)
	}
	if rms, _ := m.Relative(x); rms > 1e-6 {
		t.Errorf("residual %g", rms)
	}
}

// broken fails like a network that cannot run.
type broken struct{}

func (broken) Denoise(context.Context, kspace.Image, kspace.Image, float64) error {
	return errors.New("no network")
}

func TestCCDFPassesErrorsOn(t *testing.T) {
	eachSampler(t, func(t *testing.T, name string, k score.Kind) {
		c := score.CCDF{Initial: zeroFilled{}, Denoiser: broken{}, Kind: k, Sigmas: []float64{0.1, 0.05, 0}, Lambda: 1}
		if _, _, err := c.Reconstruct(t.Context(), problem(0), nil); err == nil {
			t.Error("no error")
		}
	})
}
