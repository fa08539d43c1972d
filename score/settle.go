package score

import "math"

// settling is how many gradient steps bring an estimate of several coils towards the measurement. More bring it nearer, and the noise
// of what the coils hardly tell apart with it (doc/decisions/011-several-coils.md).
const settling = 6

// settle brings an estimate to the measurement. One coil's acquired samples replace the estimate's at once. What several coils tell of
// the samples that were not acquired comes by gradient steps on ½‖y − Ax‖² with Nesterov's momentum, from x (Beck and Teboulle, SIAM J.
// Imaging Sciences 2009, without a prior): a few of them, because in the long run they end at SENSE and its noise. Six multiply what is off
// along each eigenvector of AᴴA by −0.03 to 1, so that settling is non-expansive, as one step is.
func settle(m Machine, x Array) Array {
	if m.Coils() < 2 {
		return m.Consistent(x)
	}
	before, t := x, 1.0
	for range settling {
		now := m.Consistent(x)
		next := (1 + math.Sqrt(1+4*t*t)) / 2
		momentum := (t - 1) / next
		x = m.Sum(Term{1 + momentum, now}, Term{-momentum, before})
		before, t = now, next
	}
	return before
}
