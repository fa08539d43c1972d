// Package testkit holds what tests of several packages share: exact references and suites. Only tests import it.
package testkit

import (
	"context"

	"github.com/closer-mri/closer/kspace"
)

// Gaussian is the exact denoiser of the prior N(0, S²) in each part of each pixel: D(x, σ) = S²/(S² + σ²)·x. Its
// probability-flow ODE has the closed form x(0) = x(σ)·S/√(S² + σ²), so samplers are tested without any network.
type Gaussian struct{ S float64 }

// Denoise implements score.Denoiser.
func (g Gaussian) Denoise(_ context.Context, dst, x kspace.Image, sigma float64) error {
	c := complex(float32(g.S*g.S/(g.S*g.S+sigma*sigma)), 0)
	for i, v := range x.Pix {
		dst.Pix[i] = c * v
	}
	return nil
}
