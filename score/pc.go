package score

func init() { register("predictor-corrector", Kind{Sampler: PredictorCorrector, Stochastic: true}) }

// SNR is the signal-to-noise ratio r of the Langevin corrector that score-MRI uses for inference.
const SNR = 0.16

// PredictorCorrector is the sampler of score-MRI, "score-POCS" (Chung and Ye, MedIA 2022; Song et al., ICLR 2021, algorithm 2):
// the predictor is VE's step, the corrector one Langevin step at the level reached,
//
//	x ← x + η s(x, σ_{i−1}) + √(2η) z,  η = 2 (r‖z‖/‖s‖)²,
//
// each followed by data consistency. η is computed for each image on its own, so that batching cannot change the result. No
// corrector follows the last step, which returns D(x, σ_1), made consistent: 2N−1 NFE for N steps.
func PredictorCorrector(m Machine, x Array, sigmas []float64) (Array, error) {
	steps := len(sigmas) - 1
	for i := range steps {
		x = m.Consistent(predict(m, x, sigmas[i], sigmas[i+1], 2*i+1))
		if sigmas[i+1] > 0 {
			x = m.Consistent(correct(m, x, sigmas[i+1], 2*i+2))
		}
		if err := m.Step(i+1, steps, &x); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// correct takes one Langevin step at level sigma. With ρ = ‖z‖/‖s‖ its weights are η = 2r²ρ² and √(2η) = 2rρ.
func correct(m Machine, x Array, sigma float64, draw int) Array {
	s := m.Sum(Term{1 / (sigma * sigma), m.Denoise(x, sigma)}, Term{-1 / (sigma * sigma), x})
	z := m.Noise(draw)
	return m.Sum(Term{1, x}, Term{2 * SNR * SNR, m.Ratio(m.Ratio(s, z, s), z, s)}, Term{2 * SNR, m.Ratio(z, z, s)})
}
