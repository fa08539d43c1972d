package score

import (
	"context"
	"fmt"

	"github.com/closer-mri/closer/kspace"
)

// Initial is a fast reconstruction of slices of one shape to start from: the U-Net, or the zero-filled images ("vanilla" CCDF).
type Initial interface {
	ReconstructBatch(ctx context.Context, batch []kspace.Measurement, progress func(step, steps int)) (x []kspace.Image, nfe int, err error)
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
	x, nfe, err := c.ReconstructBatch(ctx, []kspace.Measurement{m}, progress)
	if err != nil {
		return kspace.Image{}, nfe, err
	}
	return x[0], nfe, nil
}

// ReconstructBatch reconstructs several slices of one shape, each as Reconstruct does, and returns the evaluations over
// all of them.
func (c *CCDF) ReconstructBatch(ctx context.Context, batch []kspace.Measurement, progress func(step, steps int)) (images []kspace.Image, nfe int, err error) {
	if images, err = c.initial(ctx, batch); err != nil {
		return nil, 0, err
	}
	var items []Item
	for i, m := range batch {
		items = append(items, c.item(m, images[i], c.Sample))
	}
	nfe, err = c.sample(ctx, items, progress)
	return images, nfe, err
}

// initial is what the noise is added to.
func (c *CCDF) initial(ctx context.Context, batch []kspace.Measurement) (images []kspace.Image, err error) {
	if c.Initial == nil {
		for _, m := range batch {
			_, ny, nx := m.A.Shape()
			images = append(images, kspace.NewImage(ny, nx))
		}
		return images, nil
	}
	if images, _, err = c.Initial.ReconstructBatch(ctx, batch, nil); err != nil {
		return nil, fmt.Errorf("initial reconstruction: %w", err)
	}
	return images, nil
}

// item is one sample of a slice; its noise of the first level is added to x.
func (c *CCDF) item(m kspace.Measurement, x kspace.Image, sample uint32) Item {
	noise := Noise{Seed: c.Seed, Slice: uint32(m.Slice), Sample: sample}
	if !c.Kind.Clean {
		z := kspace.NewImage(x.Ny, x.Nx)
		noise.Fill(z, 0)
		kspace.Add(x.Pix, float32(c.Sigmas[0]), z.Pix)
	}
	return Item{X: x, Measurement: &m, Noise: noise.Fill}
}

func (c *CCDF) sample(ctx context.Context, batch []Item, progress func(step, steps int)) (nfe int, err error) {
	backend := c.Backend
	if backend == nil {
		backend = fromHost{c.Denoiser}
	}
	return backend.SampleBatch(ctx, c.Kind, batch, c.Sigmas, c.Lambda, progress)
}

// Item is one image of a batch.
type Item struct {
	X           kspace.Image                     // where the sampler starts; overwritten with where it ends
	Measurement *kspace.Measurement              // nil samples the prior
	Noise       func(dst kspace.Image, draw int) // as in Options
}

// Backend runs a sampler on a batch of images of one shape, all or none of them measured, each as it would be alone.
// lambda relaxes data consistency as kspace.Project has it. It returns the evaluations of the network over the batch.
type Backend interface {
	SampleBatch(ctx context.Context, k Kind, batch []Item, sigmas []float64, lambda float64, progress func(step, steps int)) (nfe int, err error)
}

type fromHost struct{ Denoiser }

func (h fromHost) SampleBatch(ctx context.Context, k Kind, batch []Item, sigmas []float64, lambda float64, progress func(step, steps int)) (int, error) {
	counter := &Counter{Denoiser: h.Denoiser}
	for i, item := range batch {
		opt := Options{Noise: item.Noise}
		if item.Measurement != nil {
			opt.Consistency = kspace.Project(*item.Measurement, lambda)
		}
		if progress != nil {
			opt.Progress = func(step, steps int) { progress(i*steps+step, len(batch)*steps) }
		}
		if err := k.Sample(ctx, counter, item.X, sigmas, opt); err != nil {
			return counter.NFE, err
		}
	}
	return counter.NFE, nil
}
