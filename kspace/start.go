package kspace

import "math"

// Settling is how many gradient steps bring an image of several coils towards the measurement. More bring it nearer, and the noise of what
// the coils hardly tell apart with it (doc/decisions/011-several-coils.md).
const Settling = 6

// Start is the image that a network is given of a measurement. Of one coil it is Aᴴy. What several coils tell of the samples that were not
// acquired, gradient steps on ½‖y − Ax‖² from there with Nesterov's momentum add (doc/decisions/017-calibration-and-start.md): as many as
// it says, or m.Settling where those are more.
func (m Measurement) Start(steps int) Image {
	x := NewImage(m.Y.Ny, m.Y.Nx)
	m.A.Adjoint(x, m.Y)
	if m.Y.Nc < 2 {
		return x
	}
	step := Project(m, 1) // ‖A‖ ≤ 1, so the step 1 is safe
	before, now, t := x.Clone(), NewImage(x.Ny, x.Nx), 1.0
	for range max(steps, m.Settling) {
		copy(now.Pix, x.Pix)
		step(now)
		next, momentum := Momentum(t)
		for i, v := range now.Pix {
			d, w := v-before.Pix[i], float32(momentum)
			x.Pix[i] = v + complex(w*real(d), w*imag(d))
		}
		before, now, t = now, before, next
	}
	return before
}

// Momentum is Nesterov's, of accelerated gradient descent at step t, the first of which is 1: the next t, and the weight by which an iterate
// moves on in the direction of its last change (Beck and Teboulle, SIAM J. Imaging Sciences 2009, equations 4.2 and 4.3).
func Momentum(t float64) (next, weight float64) {
	next = (1 + math.Sqrt(1+4*t*t)) / 2
	return next, (t - 1) / next
}
