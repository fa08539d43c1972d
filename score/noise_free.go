package score

func init() { register("noise-free", Kind{Sampler: NoiseFree, Clean: true, Contracts: 2}) }

// NoiseFree is VE without its noise: started from the initial image as it is, whose own error plays the part of the noise, at a level
// σ_start that matches it (the severity-adaptive mixing weight c = 0), it takes the mean of each of VE's steps, with data consistency
// on the estimate. The phase of an MR image is arbitrary, so the denoiser is asked in another quarter turn at each step, and its own
// preferences cancel (Terris et al., CVPR 2024, equivariant plug-and-play):
//
//	x̂ = DC(i^{−k} D(i^k x, σ_i)), k = 0, 1, …;  x ← x̂ + (σ_{i−1}/σ_i)² (x − x̂)
//
// Of several coils the estimates of all but the last step are settled, which takes more than DC's one gradient step. One NFE a step. It is
// a point estimate, not a posterior sample: without a measurement and under a Gaussian prior it ends, in any number of steps, at the
// posterior mean D(x, σ_start), where DDIM's smaller steps end at a sample of the prior.
func NoiseFree(m Machine, x Array, sigmas []float64) (Array, error) {
	return noiseFree(m, x, sigmas, m.Consistent) // what is delivered has no more noise of the coils than after one step
}

// noiseFree is NoiseFree with another way to deliver the last estimate.
func noiseFree(m Machine, x Array, sigmas []float64, deliver func(estimate Array) Array) (Array, error) {
	steps := len(sigmas) - 1
	x = settle(m, x) // and of one coil it stays consistent, being a mixture of consistent images
	for k := range steps {
		estimate := m.Turn(m.Denoise(m.Turn(x, k), sigmas[k]), -k)
		if k+1 < steps {
			estimate = settle(m, estimate)
		} else {
			estimate = deliver(estimate)
		}
		keep := sigmas[k+1] / sigmas[k]
		x = towards(m, x, estimate, keep*keep)
		if err := m.Step(k+1, steps, &x); err != nil {
			return nil, err
		}
	}
	return x, nil
}
