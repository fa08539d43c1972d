package score

import (
	"context"
	_ "embed"

	"github.com/closer-mri/closer/kspace"
)

// Weights is the score network that closer ships, as ONNX: x (n, 2, ny, nx), sigma (n) → denoised (n, 2, ny, nx).
// CARD.md says what it was trained on.
//
//go:embed score.onnx
var Weights []byte

// Multiple is what the height and width given to a network must be divisible by.
const Multiple = 16

// Runner runs an exported network: dst and x are (n, 2, ny, nx), sigma is (n), all row-major.
type Runner interface {
	Run(ctx context.Context, dst, x, sigma []float32, n, ny, nx int) error
}

// Network is a Denoiser made of an exported network. It serves one goroutine at a time.
type Network struct {
	Runner
	x, d []float32
}

// Denoise implements Denoiser. Images whose sides are not divisible by Multiple are padded with zeros for the network.
func (n *Network) Denoise(ctx context.Context, dst, x kspace.Image, sigma float64) error {
	ny, nx := kspace.RoundUp(x.Ny, Multiple), kspace.RoundUp(x.Nx, Multiple)
	if len(n.x) != 2*ny*nx {
		n.x, n.d = make([]float32, 2*ny*nx), make([]float32, 2*ny*nx)
	}
	x.Planes(n.x, ny, nx)
	if err := n.Run(ctx, n.d, n.x, []float32{float32(sigma)}, 1, ny, nx); err != nil {
		return err
	}
	dst.SetPlanes(n.d, ny, nx)
	return nil
}
