package score

import (
	"context"
	"math"

	"github.com/closer-mri/closer/kspace"
)

func init() { register("predictor-corrector", Kind{Sample: PredictorCorrector, Stochastic: true}) }

// SNR is the signal-to-noise ratio r of the Langevin corrector that score-MRI uses for inference.
const SNR = 0.16

// PredictorCorrector is the sampler of score-MRI, "score-POCS" (Chung and Ye, MedIA 2022; Song et al., ICLR 2021, algorithm 2):
// the predictor is VE's step, the corrector one Langevin step at the level reached,
//
//	x ← x + η s(x, σ_{i−1}) + √(2η) z,  η = 2 (r‖z‖/‖s‖)²,
//
// each followed by data consistency. η is computed for each image on its own, so that batching cannot change the result. No
// corrector follows the last step, which returns D(x, σ_1), made consistent: 2N−1 NFE for N steps.
func PredictorCorrector(ctx context.Context, d Denoiser, x kspace.Image, sigmas []float64, opt Options) error {
	s, z := kspace.NewImage(x.Ny, x.Nx), kspace.NewImage(x.Ny, x.Nx)
	for i, sigma := range sigmas[:len(sigmas)-1] {
		next := sigmas[i+1]
		if err := predict(ctx, d, x, s, sigma, next, 2*i+1, opt); err != nil {
			return err
		}
		if next > 0 {
			if opt.Consistency != nil {
				opt.Consistency(x)
			}
			if err := correct(ctx, d, x, s, z, next, 2*i+2, opt); err != nil {
				return err
			}
		}
		finish(x, i, sigmas, opt)
	}
	return nil
}

// correct takes one Langevin step at level sigma; s and z are overwritten with score and noise.
func correct(ctx context.Context, d Denoiser, x, s, z kspace.Image, sigma float64, draw int, opt Options) error {
	if err := step(ctx, d, s, x, sigma); err != nil {
		return err
	}
	for j := range x.Pix {
		s.Pix[j] = (s.Pix[j] - x.Pix[j]) / complex(float32(sigma*sigma), 0)
	}
	norm := kspace.Norm(s.Pix)
	if norm == 0 {
		return nil
	}
	opt.Noise(z, draw)
	ratio := SNR * kspace.Norm(z.Pix) / norm
	eta := 2 * ratio * ratio
	a, b := complex(float32(eta), 0), complex(float32(math.Sqrt(2*eta)), 0)
	for j := range x.Pix {
		x.Pix[j] += a*s.Pix[j] + b*z.Pix[j]
	}
	return nil
}
