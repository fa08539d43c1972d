package score

import "math"

func init() { register("ve", Kind{Sampler: VE, Stochastic: true, Contracts: 2}) }

// VE is the reverse diffusion of SMLD with data consistency after each step, as CCDF uses it (Chung et al., CVPR 2022,
// equations 10 and 20; Song et al., ICLR 2021, appendix F):
//
//	x ← x + (σ_i² − σ_{i−1}²) s(x, σ_i) + √(σ_i² − σ_{i−1}²) z;  x ← DC(x)
//
// The last step adds no noise: with σ_0 = 0 it returns D(x, σ_1), then made consistent. Noise there costs tenths of a dB.
// One NFE a step.
func VE(m Machine, x Array, sigmas []float64) (Array, error) {
	steps := len(sigmas) - 1
	for i := range steps {
		x = m.Consistent(predict(m, x, sigmas[i], sigmas[i+1], i+1))
		if err := m.Step(i+1, steps, &x); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// predict takes VE's step from level sigma to next, with the noise of the given draw unless next is 0.
func predict(m Machine, x Array, sigma, next float64, draw int) Array {
	g2 := sigma*sigma - next*next
	w := g2 / (sigma * sigma)
	terms := []Term{{1 - w, x}, {w, m.Denoise(x, sigma)}}
	if next > 0 {
		terms = append(terms, Term{math.Sqrt(g2), m.Noise(draw)})
	}
	return m.Sum(terms...)
}
