package score

func init() { register("second-order", Kind{Sampler: SecondOrder}) }

// SecondOrder is the accelerated probability-flow ODE that reuses the previous score (two-step Adams–Bashforth with unequal
// steps), data consistency after each step:
//
//	x ← x + h [ε_i + (h/2h')(ε_i − ε_{i+1})],  h = σ_{i−1} − σ_i,  h' = σ_i − σ_{i+1};  x ← DC(x)
//
// The first step is DDIM's, having no history; the last is too, so that D(x, σ_1) is returned, made consistent. One NFE a step.
func SecondOrder(m Machine, x Array, sigmas []float64) (Array, error) {
	steps := len(sigmas) - 1
	var last Array
	for i := range steps {
		sigma, h := sigmas[i], sigmas[i+1]-sigmas[i]
		eps := m.Sum(Term{1 / sigma, x}, Term{-1 / sigma, m.Denoise(x, sigma)})
		if i == 0 || sigmas[i+1] == 0 {
			x = m.Sum(Term{1, x}, Term{h, eps})
		} else {
			b := h * h / (2 * (sigma - sigmas[i-1]))
			x = m.Sum(Term{1, x}, Term{h + b, eps}, Term{-b, last})
		}
		x, last = m.Consistent(x), eps
		if err := m.Step(i+1, steps, &x, &last); err != nil {
			return nil, err
		}
	}
	return x, nil
}
