package score

import (
	"context"
	"fmt"

	"github.com/closer-mri/closer/kspace"
)

// Initial is a fast reconstruction to start from: the U-Net, or the zero-filled image ("vanilla" CCDF).
type Initial interface {
	Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (x kspace.Image, nfe int, err error)
}

// CCDF is Come-Closer-Diffuse-Faster (Chung, Sim and Ye, CVPR 2022): diffuse an initial reconstruction forward to a low noise
// level in one jump, x ← x̂0 + σ_{N'} z, then sample back with data consistency. A good start needs few steps, since the reverse
// steps contract the initial error.
//
// Without Initial it starts from noise alone, σ_N z: with the whole schedule and the predictor–corrector this is score-MRI.
type CCDF struct {
	Initial  Initial
	Denoiser Denoiser
	Backend  Backend // nil steps from the host with Denoiser
	Kind     Kind
	Sigmas   []float64 // decreasing, ending in 0
	Lambda   float64   // relaxation of data consistency, (0, 1]
	Seed     uint64
	Sample   uint32 // which of several independent samples
}

// Reconstruct returns the image and the evaluations of the score network; the initialiser's own are not counted.
func (c *CCDF) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (kspace.Image, int, error) {
	_, ny, nx := m.A.Shape()
	x := kspace.NewImage(ny, nx)
	if c.Initial != nil {
		var err error
		if x, _, err = c.Initial.Reconstruct(ctx, m, nil); err != nil {
			return kspace.Image{}, 0, fmt.Errorf("initial reconstruction: %w", err)
		}
	}
	noise := Noise{Seed: c.Seed, Slice: uint32(m.Slice), Sample: c.Sample}
	if !c.Kind.Clean {
		z := kspace.NewImage(ny, nx)
		noise.Fill(z, 0)
		for i, v := range z.Pix {
			x.Pix[i] += complex(float32(c.Sigmas[0]), 0) * v
		}
	}
	backend := c.Backend
	if backend == nil {
		backend = fromHost{c.Denoiser}
	}
	nfe, err := backend.Sample(ctx, c.Kind, x, c.Sigmas, m, c.Lambda, Options{Noise: noise.Fill, Progress: progress})
	if err != nil {
		return kspace.Image{}, nfe, err
	}
	return x, nfe, nil
}

// Backend runs a sampler on x in place, consistent with m relaxed by lambda, and returns the evaluations of its network.
type Backend interface {
	Sample(ctx context.Context, k Kind, x kspace.Image, sigmas []float64, m kspace.Measurement, lambda float64, opt Options) (nfe int, err error)
}

type fromHost struct{ Denoiser }

func (h fromHost) Sample(ctx context.Context, k Kind, x kspace.Image, sigmas []float64, m kspace.Measurement, lambda float64, opt Options) (int, error) {
	counter := &Counter{Denoiser: h.Denoiser}
	opt.Consistency = kspace.Project(m, lambda)
	err := k.Sample(ctx, counter, x, sigmas, opt)
	return counter.NFE, err
}
