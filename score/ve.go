package score

import (
	"context"
	"math"

	"github.com/closer-mri/closer/kspace"
)

func init() { register("ve", Kind{Sample: VE, Stochastic: true}) }

// VE is the reverse diffusion of SMLD with data consistency after each step, as CCDF uses it (Chung et al., CVPR 2022,
// equations 10 and 20; Song et al., ICLR 2021, appendix F):
//
//	x ← x + (σ_i² − σ_{i−1}²) s(x, σ_i) + √(σ_i² − σ_{i−1}²) z;  x ← DC(x)
//
// The last step adds no noise: with σ_0 = 0 it returns D(x, σ_1), then made consistent. Noise there costs tenths of a dB.
// One NFE a step.
func VE(ctx context.Context, d Denoiser, x kspace.Image, sigmas []float64, opt Options) error {
	scratch := kspace.NewImage(x.Ny, x.Nx)
	for i := range sigmas[:len(sigmas)-1] {
		if err := predict(ctx, d, x, scratch, sigmas[i], sigmas[i+1], i+1, opt); err != nil {
			return err
		}
		finish(x, i, sigmas, opt)
	}
	return nil
}

// predict takes VE's step from level sigma to next, with the noise of the given draw unless next is 0.
func predict(ctx context.Context, d Denoiser, x, scratch kspace.Image, sigma, next float64, draw int, opt Options) error {
	if err := step(ctx, d, scratch, x, sigma); err != nil {
		return err
	}
	g2 := sigma*sigma - next*next
	w := complex(float32(g2/(sigma*sigma)), 0)
	for j, estimate := range scratch.Pix {
		x.Pix[j] += w * (estimate - x.Pix[j])
	}
	if next > 0 {
		opt.Noise(scratch, draw)
		a := complex(float32(math.Sqrt(g2)), 0)
		for j, z := range scratch.Pix {
			x.Pix[j] += a * z
		}
	}
	return nil
}

// step evaluates the denoiser unless ctx has ended.
func step(ctx context.Context, d Denoiser, dst, x kspace.Image, sigma float64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.Denoise(ctx, dst, x, sigma)
}
