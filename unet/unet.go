// Package unet is the initialiser of CCDF: a U-Net G that maps the image that the measurement alone gives (kspace.Measurement.Start, of
// one coil the zero-filled image Aᴴy) to a dealiased one, complex in and complex out. It expects measurements normalised so that bright tissue is near 1, as recon normalises every measurement.
package unet

import (
	"context"
	_ "embed"
	"errors"

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

// UNet is the reconstruction G(Start), followed by hard data consistency when Consistent is set. It serves one goroutine at a time.
type UNet struct {
	Runner
	Consistent bool
}

// Reconstruct returns the image and 1, the one network evaluation.
func (u *UNet) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (kspace.Image, int, error) {
	images, nfe, err := u.ReconstructBatch(ctx, []kspace.Measurement{m}, progress)
	if err != nil {
		return kspace.Image{}, nfe, err
	}
	return images[0], nfe, nil
}

// Initial implements score.Initial: dst = G(x), without data consistency. dst and x have one shape and may be the same memory.
func (u *UNet) Initial(ctx context.Context, dst, x kspace.Image) error {
	copy(dst.Pix, x.Pix)
	return u.run(ctx, []kspace.Image{dst})
}

// ReconstructBatch runs the network once on several slices of one shape, and returns an evaluation for each.
func (u *UNet) ReconstructBatch(ctx context.Context, batch []kspace.Measurement, progress func(step, steps int)) (images []kspace.Image, nfe int, err error) {
	for _, m := range batch {
		if m.Y.Ny != batch[0].Y.Ny || m.Y.Nx != batch[0].Y.Nx {
			return nil, 0, errors.New("the slices of a batch differ in shape")
		}
		images = append(images, m.Start(kspace.Settling))
	}
	if err := u.run(ctx, images); err != nil {
		return nil, 0, err
	}
	if u.Consistent {
		for i, x := range images {
			kspace.Project(batch[i], 1)(x)
		}
	}
	if progress != nil {
		progress(1, 1)
	}
	return images, len(batch), nil
}

// run replaces images of one shape by the network's, in one run.
func (u *UNet) run(ctx context.Context, images []kspace.Image) error {
	ny, nx := kspace.RoundUp(images[0].Ny, Multiple), kspace.RoundUp(images[0].Nx, Multiple)
	size := 2 * ny * nx
	in, out := make([]float32, len(images)*size), make([]float32, len(images)*size)
	for i, x := range images {
		x.Planes(in[i*size:][:size], ny, nx)
	}
	if err := u.Run(ctx, out, in, nil, len(images), ny, nx); err != nil {
		return err
	}
	for i, x := range images {
		x.SetPlanes(out[i*size:][:size], ny, nx)
	}
	return nil
}
