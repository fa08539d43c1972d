package recon

import (
	"context"

	"github.com/closer-mri/closer/kspace"
)

// ZeroFilled is the adjoint reconstruction Aᴴy: what the scanner would show without any method. Several coils are combined with
// their sensitivity maps (Roemer et al., MRM 1990).
type ZeroFilled struct{}

// Reconstruct implements Reconstructor.
func (ZeroFilled) Reconstruct(_ context.Context, m kspace.Measurement, progress func(step, steps int)) (kspace.Image, int, error) {
	x := kspace.NewImage(m.Y.Ny, m.Y.Nx)
	m.A.Adjoint(x, m.Y)
	if progress != nil {
		progress(1, 1)
	}
	return x, 0, nil
}
