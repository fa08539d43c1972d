package score

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/closer-mri/closer/kspace"
)

// Sampler integrates x from noise level sigmas[0] down the decreasing list to its last entry, 0, and returns the image there.
type Sampler func(m Machine, x Array, sigmas []float64) (Array, error)

// Options are what samplers share.
type Options struct {
	Initial     Initial                          // for samplers that call it
	Consistency kspace.Consistency               // with the measurement; nil samples the prior
	Coils       int                              // of the measurement
	Variance    []float32                        // for samplers that denoise: of the measurement's noise in a settled correction, at each pixel
	Noise       func(dst kspace.Image, draw int) // fills dst with unit normal noise; equal draws give equal noise
	Progress    func(step, steps int)            // called after each step; nil is allowed
}

// Kind is how a registered sampler runs.
type Kind struct {
	Sampler Sampler
	// Stochastic samplers add noise at each step and are started from a noised image; so are deterministic ones, unless Clean.
	Stochastic bool
	// Clean samplers are started from the initial image itself: its own error plays the part of the noise.
	Clean bool
	// Denoises samplers filter the noise of the measurement out of what they deliver, and are told its variance.
	Denoises bool
	// Contracts is the power of σ_{i−1}/σ_i to which a step shrinks the distance between two runs (theorem 1 of the CCDF paper): 2 for
	// VE's steps, 1 for DDIM's; 0 where the theorem does not cover them.
	Contracts float64
}

var samplers = map[string]Kind{}

func register(name string, k Kind) {
	if _, twice := samplers[name]; twice {
		panic("score: sampler " + name + " registered twice")
	}
	samplers[name] = k
}

// Lookup returns the sampler of that name.
func Lookup(name string) (Kind, error) {
	k, ok := samplers[name]
	if !ok {
		return Kind{}, fmt.Errorf("unknown sampler %q (have %v)", name, Names())
	}
	return k, nil
}

// Names returns the names of all samplers in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(samplers)) }

// Sample runs the sampler on the host, on x in place. It checks ctx once a step and returns its error.
func (k Kind) Sample(ctx context.Context, d Denoiser, x kspace.Image, sigmas []float64, opt Options) error {
	end, err := k.Sampler(&host{ctx: ctx, d: d, ny: x.Ny, nx: x.Nx, opt: opt, floor: Floor(opt.Variance)}, x, sigmas)
	if err != nil {
		return err
	}
	copy(x.Pix, end.(kspace.Image).Pix)
	return nil
}
