package main

import (
	"math"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// What ccdf does where the recipe leaves it open, and what each choice of the recipe changes of that.
func TestDefaultDescentOfCCDF(t *testing.T) {
	for name, c := range map[string]struct {
		recipe  recon.Recipe
		sampler string
		start   float64
		end     float64
		steps   int
	}{
		"nothing said":    {recon.Recipe{}, "noise-free", 0.3, 0.01, 10},
		"one sample":      {recon.Recipe{Samples: 1}, "noise-free", 0.3, 0.01, 10},
		"several samples": {recon.Recipe{Samples: 4}, "ve", 0.02, 0.005, 20},
		"the paper's t0":  {recon.Recipe{T0: 0.02, NumScales: 1000}, "ve", 0.0123, 0.01, 20},
		"a sampler":       {recon.Recipe{Sampler: "ddim"}, "ddim", 0.02, 0.005, 20},
		"steps":           {recon.Recipe{Steps: 3}, "noise-free", 0.3, 0.01, 3},
		"a start":         {recon.Recipe{SigmaStart: 0.08}, "noise-free", 0.08, 0.01, 10},
		"a low start":     {recon.Recipe{SigmaStart: 0.004}, "noise-free", 0.004, 0.004, 10},
	} {
		kind, levels, err := ccdfSettings(c.recipe)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := sampler(c.recipe); got != c.sampler || kind.Clean != (c.sampler == "noise-free") {
			t.Errorf("%s: sampler %s (clean %v), want %s", name, got, kind.Clean, c.sampler)
		}
		if steps := len(levels) - 1; steps != c.steps || levels[0] < 0.99*c.start || levels[0] > 1.01*c.start {
			t.Errorf("%s: %d steps from %g, want %d from %g", name, steps, levels[0], c.steps, c.start)
		}
		if end := levels[len(levels)-2]; math.Abs(end-c.end) > 1e-9 {
			t.Errorf("%s: ends at %g, want %g", name, end, c.end)
		}
	}
}

// What no sampler can do is refused before anything is made for it, whatever methods are asked for.
func TestCheckRecipe(t *testing.T) {
	for name, change := range map[string]func(*recon.Recipe){
		"steps":                   func(r *recon.Recipe) { r.Steps = 1e12 },
		"negative steps":          func(r *recon.Recipe) { r.Steps = -3 },
		"scales":                  func(r *recon.Recipe) { r.T0, r.NumScales = 1, 1e12 },
		"scales of score-pocs":    func(r *recon.Recipe) { r.Methods, r.NumScales = []string{"score-pocs"}, 2e9 },
		"no scales of score-pocs": func(r *recon.Recipe) { r.Methods, r.NumScales = []string{"score-pocs"}, -5 },
		"one scale of score-pocs": func(r *recon.Recipe) { r.Methods, r.NumScales = []string{"score-pocs"}, 1 },
		"t0":                      func(r *recon.Recipe) { r.T0 = 1.5 },
		"start":                   func(r *recon.Recipe) { r.SigmaStart = 1e300 },
		"start that is no number": func(r *recon.Recipe) { r.SigmaStart = math.NaN() },
		"acceleration":            func(r *recon.Recipe) { r.Mask, r.Accel = recon.NoMask, -7 },
		"initial":                 func(r *recon.Recipe) { r.Initial = "zero-filled" },
		"sampler":                 func(r *recon.Recipe) { r.Sampler = "nonsense" },
		"sampler of no method":    func(r *recon.Recipe) { r.Methods, r.Sampler = []string{"zero-filled"}, "nonsense" },
		"method":                  func(r *recon.Recipe) { r.Methods = []string{"magic"} },
	} {
		r := recon.DefaultRecipe()
		change(&r)
		if err := checkRecipe(r); recon.CodeOf(err) != recon.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*recon.Recipe){
		"default":    func(*recon.Recipe) {},
		"the most":   func(r *recon.Recipe) { r.Steps, r.SigmaStart = 10_000, 1000 },
		"score-pocs": func(r *recon.Recipe) { r.Methods = []string{"score-pocs"} },
		"the paper":  func(r *recon.Recipe) { r.T0, r.NumScales = 0.02, 1000 },
	} {
		r := recon.DefaultRecipe()
		change(&r)
		if err := checkRecipe(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Theorem 1 is claimed of the samplers that it covers alone.
func TestTheory(t *testing.T) {
	for sampler, claimed := range map[string]bool{"ve": true, "ddim": true, "noise-free": true, "denoised": false, "second-order": false, "predictor-corrector": false} {
		kind, levels, err := ccdfSettings(recon.Recipe{Sampler: sampler})
		if err != nil {
			t.Fatal(err)
		}
		if got := theory(levels, kind); (got != nil) != claimed {
			t.Errorf("%s: %+v", sampler, got)
		}
	}
}
