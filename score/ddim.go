package score

func init() { register("ddim", Kind{Sampler: DDIM, Contracts: 1}) }

// DDIM takes deterministic first-order steps of the probability-flow ODE dx/dσ = ε(x, σ) (Song et al., ICLR 2021, with
// x = x_vp/√ᾱ), data consistency after each:
//
//	x ← x + (σ_{i−1} − σ_i) ε(x, σ_i);  x ← DC(x)
//
// The last step returns D(x, σ_1), made consistent. One NFE a step.
func DDIM(m Machine, x Array, sigmas []float64) (Array, error) {
	steps := len(sigmas) - 1
	for i := range steps {
		x = m.Consistent(towards(m, x, m.Denoise(x, sigmas[i]), sigmas[i+1]/sigmas[i]))
		if err := m.Step(i+1, steps, &x); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// towards returns estimate + keep·(x − estimate).
func towards(m Machine, x, estimate Array, keep float64) Array {
	return m.Sum(Term{1 - keep, estimate}, Term{keep, x})
}
