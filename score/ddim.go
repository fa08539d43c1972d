package score

import (
	"context"

	"github.com/closer-mri/closer/kspace"
)

func init() {
	register("ddim", Kind{Sample: DDIM})
	register("noise-free", Kind{Sample: NoiseFree, Clean: true})
}

// DDIM takes deterministic first-order steps of the probability-flow ODE dx/dσ = ε(x, σ) (Song et al., ICLR 2021, with
// x = x_vp/√ᾱ), data consistency after each:
//
//	x ← x + (σ_{i−1} − σ_i) ε(x, σ_i);  x ← DC(x)
//
// The last step returns D(x, σ_1), made consistent. One NFE a step.
func DDIM(ctx context.Context, d Denoiser, x kspace.Image, sigmas []float64, opt Options) error {
	x0 := kspace.NewImage(x.Ny, x.Nx)
	for i, sigma := range sigmas[:len(sigmas)-1] {
		if err := step(ctx, d, x0, x, sigma); err != nil {
			return err
		}
		keep := complex(float32(sigmas[i+1]/sigma), 0)
		for j, estimate := range x0.Pix {
			x.Pix[j] = estimate + keep*(x.Pix[j]-estimate)
		}
		finish(x, i, sigmas, opt)
	}
	return nil
}

// NoiseFree is DDIM with data consistency on the estimate, started from the initial image without noise: the initial image's
// own error plays the part of the noise, at a level σ_start that matches it (the severity-adaptive mixing weight c = 0):
//
//	x̂ = DC(D(x, σ_i));  x ← x̂ + (σ_{i−1}/σ_i)(x − x̂)
//
// One NFE a step. It is a point estimate, not a posterior sample.
func NoiseFree(ctx context.Context, d Denoiser, x kspace.Image, sigmas []float64, opt Options) error {
	if opt.Consistency != nil {
		opt.Consistency(x)
	}
	d = Consistent(d, opt.Consistency)
	opt.Consistency = nil // the state stays consistent, being a mixture of consistent images
	return DDIM(ctx, d, x, sigmas, opt)
}
