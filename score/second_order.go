package score

import (
	"context"

	"github.com/closer-mri/closer/kspace"
)

func init() { register("second-order", Kind{Sample: SecondOrder}) }

// SecondOrder is the accelerated probability-flow ODE that reuses the previous score (two-step Adams–Bashforth with unequal
// steps), data consistency after each step:
//
//	x ← x + h [ε_i + (h/2h')(ε_i − ε_{i+1})],  h = σ_{i−1} − σ_i,  h' = σ_i − σ_{i+1};  x ← DC(x)
//
// The first step is DDIM's, having no history; the last is too, so that D(x, σ_1) is returned, made consistent. One NFE a step.
func SecondOrder(ctx context.Context, d Denoiser, x kspace.Image, sigmas []float64, opt Options) error {
	x0, eps, last := kspace.NewImage(x.Ny, x.Nx), make([]complex64, len(x.Pix)), make([]complex64, len(x.Pix))
	for i, sigma := range sigmas[:len(sigmas)-1] {
		if err := step(ctx, d, x0, x, sigma); err != nil {
			return err
		}
		for j := range x.Pix {
			eps[j] = (x.Pix[j] - x0.Pix[j]) / complex(float32(sigma), 0)
		}
		h := sigmas[i+1] - sigma
		a, b := complex(float32(h), 0), complex64(0)
		if i > 0 && sigmas[i+1] > 0 {
			b = complex(float32(h*h/(2*(sigma-sigmas[i-1]))), 0)
		}
		for j := range x.Pix {
			x.Pix[j] += a*eps[j] + b*(eps[j]-last[j])
		}
		eps, last = last, eps
		finish(x, i, sigmas, opt)
	}
	return nil
}
