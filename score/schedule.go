package score

import (
	"fmt"
	"math"
)

// Schedule is the geometric VE schedule of SMLD: σ_i = σ_min (σ_max/σ_min)^{(i−1)/(N−1)} for i = 1…N, and σ_0 = 0. score-MRI
// trains with σ_min = 0.01, σ_max = 378.
type Schedule struct {
	SigmaMin, SigmaMax float64
	N                  int
}

// DefaultSchedule is that of score-MRI and of the CCDF paper's MRI experiments (N = 1000).
var DefaultSchedule = Schedule{SigmaMin: 0.01, SigmaMax: 378, N: 1000}

// Sigmas returns σ_{N'} … σ_1, 0 with N' = ⌊t0·N⌋: the levels that CCDF visits when it starts at time t0 in (0, 1].
func (s Schedule) Sigmas(t0 float64) ([]float64, error) {
	n := int(t0*float64(s.N) + 1e-9) // 0.02·1000 must not fall to 19
	if n < 1 || n > s.N || s.N < 2 || !(s.SigmaMin > 0 && s.SigmaMax > s.SigmaMin) {
		return nil, fmt.Errorf("starting time t0 = %g of a schedule of %d levels between %g and %g leaves no step", t0, s.N, s.SigmaMin, s.SigmaMax)
	}
	sigmas := make([]float64, 0, n+1)
	for i := n; i >= 1; i-- {
		sigmas = append(sigmas, s.SigmaMin*math.Pow(s.SigmaMax/s.SigmaMin, float64(i-1)/float64(s.N-1)))
	}
	return append(sigmas, 0), nil
}

// Geometric returns steps levels from start down to end in equal ratios, then 0. One step is start alone.
func Geometric(start, end float64, steps int) ([]float64, error) {
	if steps < 1 || !(end > 0 && start >= end) {
		return nil, fmt.Errorf("no %d steps lead from noise level %g to %g", steps, start, end)
	}
	sigmas := make([]float64, 0, steps+1)
	for i := range steps {
		t := float64(i) / float64(max(steps-1, 1))
		sigmas = append(sigmas, start*math.Pow(end/start, t))
	}
	return append(sigmas, 0), nil
}

// Contraction is the rate λ < 1 by which one reverse step shrinks the distance between two runs (Chung et al., CVPR 2022,
// theorem 1 and table 1): max (σ_{i−1}/σ_i)^power, power being Kind.Contracts, with σ_0 = 0 and over the steps before the last,
// which returns the estimate itself. It is 0 for a single step.
func Contraction(sigmas []float64, power float64) float64 {
	var rate float64
	for i := 1; i < len(sigmas); i++ {
		rate = max(rate, sigmas[i]/sigmas[i-1])
	}
	return math.Pow(rate, power)
}
