package score

import (
	"context"

	"github.com/closer-mri/closer/kspace"
)

// Denoiser estimates the clean image: dst = D(x, sigma) ≈ E[x0 | x0 + sigma·n = x], n standard normal in each part. dst and x
// have one shape and may be the same memory. One call is one NFE.
type Denoiser interface {
	Denoise(ctx context.Context, dst, x kspace.Image, sigma float64) error
}

// Counter counts the evaluations of a denoiser.
type Counter struct {
	Denoiser
	NFE int
}

// Denoise implements Denoiser.
func (c *Counter) Denoise(ctx context.Context, dst, x kspace.Image, sigma float64) error {
	c.NFE++
	return c.Denoiser.Denoise(ctx, dst, x, sigma)
}
