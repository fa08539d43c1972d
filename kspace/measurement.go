package kspace

// Operator is the measurement operator A = M F S of one slice and its adjoint Aᴴ = Sᴴ Fᴴ M. ‖A‖ ≤ 1.
// Both methods overwrite dst, which must not alias the input, and panic on shape mismatch.
type Operator interface {
	// Shape returns the shapes of k-space (nc, ny, nx); images are (ny, nx).
	Shape() (nc, ny, nx int)
	Forward(dst Data, x Image)
	Adjoint(dst Image, y Data)
}

// Measurement is the inverse problem y = A x + n of one slice.
type Measurement struct {
	Slice int // index in the volume; keys the noise of samplers
	Y     Data
	A     Operator

	Settling int // the least number of gradient steps of Start
}
