package main

import (
	"testing"

	"github.com/closer-mri/closer/recon"
)

// What ccdf does where the recipe leaves it open, and what each choice of the recipe changes of that.
func TestDefaultDescentOfCCDF(t *testing.T) {
	for name, c := range map[string]struct {
		recipe  recon.Recipe
		sampler string
		start   float64
		steps   int
	}{
		"nothing said":    {recon.Recipe{}, "noise-free", 0.16, 10},
		"one sample":      {recon.Recipe{Samples: 1}, "noise-free", 0.16, 10},
		"several samples": {recon.Recipe{Samples: 4}, "ve", 0.02, 20},
		"the paper's t0":  {recon.Recipe{T0: 0.02, NumScales: 1000}, "ve", 0.0123, 20},
		"a sampler":       {recon.Recipe{Sampler: "ddim"}, "ddim", 0.02, 20},
		"steps":           {recon.Recipe{Steps: 3}, "noise-free", 0.16, 3},
		"a start":         {recon.Recipe{SigmaStart: 0.08}, "noise-free", 0.08, 10},
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
	}
}
