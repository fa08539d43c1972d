package recon

import (
	"context"

	"github.com/closer-mri/closer/kspace"
)

// Mean is the mean of what several reconstructors make of a measurement. Where their errors differ, a part of them cancels. It counts
// the network evaluations of all.
type Mean []Reconstructor

// Reconstruct implements Reconstructor.
func (mean Mean) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (x kspace.Image, nfe int, err error) {
	x = kspace.NewImage(m.Y.Ny, m.Y.Nx)
	for i, r := range mean {
		one, n, err := r.Reconstruct(ctx, m, nil)
		nfe += n
		if err != nil {
			return kspace.Image{}, nfe, err
		}
		kspace.Add(x.Pix, 1/float32(len(mean)), one.Pix)
		if progress != nil {
			progress(i+1, len(mean))
		}
	}
	return x, nfe, nil
}
