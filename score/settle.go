package score

import "github.com/closer-mri/closer/kspace"

// settlingStart is how many gradient steps the image takes that CCDF's initial network is given of several coils: the noise that comes with
// them is removed later, and where columns are regularly spaced ten times as much aliasing is gone (doc/decisions/017-calibration-and-start.md).
const settlingStart = 20

// settle brings an estimate to the measurement. One coil's acquired samples replace the estimate's at once. What several coils tell of
// the samples that were not acquired comes by gradient steps on ½‖y − Ax‖² with Nesterov's momentum, from x (Beck and Teboulle, SIAM J.
// Imaging Sciences 2009, without a prior), as kspace.Measurement.Start has it: a few of them, because in the long run they end at SENSE and its
// noise. Six multiply what is off along each eigenvector of AᴴA by −0.03 to 1, so that settling is non-expansive, as one step is.
func settle(m Machine, x Array) Array {
	if m.Coils() < 2 {
		return m.Consistent(x)
	}
	before, t := x, 1.0
	for range kspace.Settling {
		now := m.Consistent(x)
		next, momentum := kspace.Momentum(t)
		x = m.Sum(Term{1 + momentum, now}, Term{-momentum, before})
		before, t = now, next
	}
	return before
}
