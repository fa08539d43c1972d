// Package unet is the initialiser of CCDF: a U-Net G that maps the zero-filled image Aᴴy to a dealiased image, complex in and
// complex out. It expects measurements normalised so that bright tissue is near 1, as recon normalises every measurement.
package unet

import (
	"context"
	_ "embed"

	"github.com/closer-mri/closer/kspace"
)

// Weights is the U-Net that closer ships, as ONNX: x (n, 2, ny, nx) → image (n, 2, ny, nx). CARD.md says what it was trained on.
//
//go:embed unet.onnx
var Weights []byte

// Multiple is what the height and width given to a network must be divisible by.
const Multiple = 16

// Runner runs an exported network: dst and x are (n, 2, ny, nx), row-major. A U-Net takes no noise level: sigma is nil.
type Runner interface {
	Run(ctx context.Context, dst, x, sigma []float32, n, ny, nx int) error
}

// UNet is the reconstruction G(Aᴴy), followed by hard data consistency when Consistent is set. It serves one goroutine at a time.
type UNet struct {
	Runner
	Consistent bool
}

// Reconstruct returns the image and 1, the one network evaluation.
func (u *UNet) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (kspace.Image, int, error) {
	x := kspace.NewImage(m.Y.Ny, m.Y.Nx)
	m.A.Adjoint(x, m.Y)
	ny, nx := kspace.RoundUp(x.Ny, Multiple), kspace.RoundUp(x.Nx, Multiple)
	in, out := make([]float32, 2*ny*nx), make([]float32, 2*ny*nx)
	x.Planes(in, ny, nx)
	if err := u.Run(ctx, out, in, nil, 1, ny, nx); err != nil {
		return kspace.Image{}, 0, err
	}
	x.SetPlanes(out, ny, nx)
	if u.Consistent {
		kspace.Project(m, 1)(x)
	}
	if progress != nil {
		progress(1, 1)
	}
	return x, 1, nil
}
