package score

import (
	"context"
	"fmt"

	"github.com/closer-mri/closer/kspace"
)

// Initial is a fast reconstruction to start from, such as the U-Net's: dst = G(x) for the zero-filled image x = Aᴴy. dst and x have
// one shape and may be the same memory.
type Initial interface {
	Initial(ctx context.Context, dst, x kspace.Image) error
}

// Starter makes the image to start from when that takes more than a network: the measurement itself, as total variation does.
type Starter interface {
	Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (x kspace.Image, nfe int, err error)
}

// CCDF is Come-Closer-Diffuse-Faster (Chung, Sim and Ye, CVPR 2022): diffuse an initial reconstruction forward to a low noise
// level in one jump, x ← x̂0 + σ_{N'} z, then sample back with data consistency. A good start needs few steps, since the reverse
// steps contract the initial error.
//
// Without Initial and Start it starts from noise alone, σ_N z: with the whole schedule and the predictor–corrector this is score-MRI.
type CCDF struct {
	Initial  Initial
	Start    Starter // makes the image to start from in Initial's place; nil is Initial
	Denoiser Denoiser
	Backend  Backend // nil steps from the host with Initial and Denoiser
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
	var items []Item
	for _, m := range batch {
		x, err := c.start(ctx, m)
		if err != nil {
			return nil, 0, err
		}
		images, items = append(images, x), append(items, c.item(m, x, c.Sample))
	}
	nfe, err = c.backend().SampleBatch(ctx, c.from(c.startsFromInitial()), items, c.Sigmas, c.Lambda, progress)
	if err != nil {
		return nil, nfe, err
	}
	return images, nfe, nil
}

// startsFromInitial is whether a sampler is to call Initial first.
func (c *CCDF) startsFromInitial() bool { return c.Start == nil && c.Initial != nil }

// start is what Start makes, or the image that Initial is given, and 0 without either.
func (c *CCDF) start(ctx context.Context, m kspace.Measurement) (kspace.Image, error) {
	if c.Start != nil {
		x, _, err := c.Start.Reconstruct(ctx, m, nil)
		if err != nil {
			return kspace.Image{}, fmt.Errorf("initial reconstruction: %w", err)
		}
		return x, nil
	}
	if c.Initial != nil {
		return m.Start(settlingStart), nil
	}
	_, ny, nx := m.A.Shape()
	return kspace.NewImage(ny, nx), nil
}

// from is Kind with what comes before it: Initial, where that was not done, and the noise of the first level.
func (c *CCDF) from(initial bool) Kind {
	k := c.Kind
	k.Sampler = func(m Machine, x Array, sigmas []float64) (Array, error) {
		if initial {
			x = m.Initial(x)
		}
		if !k.Clean {
			x = m.Sum(Term{1, x}, Term{sigmas[0], m.Noise(0)})
		}
		return c.Kind.Sampler(m, x, sigmas)
	}
	return k
}

// item is one sample of a slice.
func (c *CCDF) item(m kspace.Measurement, x kspace.Image, sample uint32) Item {
	item := Item{X: x, Measurement: &m, Noise: Noise{Seed: c.Seed, Slice: uint32(m.Slice), Sample: sample}.Fill}
	if c.Kind.Denoises {
		item.Variance = variance(m, c.Lambda)
	}
	return item
}

func (c *CCDF) backend() Backend {
	if c.Backend != nil {
		return c.Backend
	}
	return fromHost{c.Initial, c.Denoiser}
}

// Item is one image of a batch.
type Item struct {
	X           kspace.Image                     // where the sampler starts; overwritten with where it ends
	Measurement *kspace.Measurement              // nil samples the prior
	Variance    []float32                        // as in Options
	Noise       func(dst kspace.Image, draw int) // as in Options
}

// Backend runs a sampler on a batch of images of one shape, all or none of them measured, each as it would be alone.
// lambda relaxes data consistency as kspace.Project has it. It returns the evaluations of the network over the batch.
type Backend interface {
	SampleBatch(ctx context.Context, k Kind, batch []Item, sigmas []float64, lambda float64, progress func(step, steps int)) (nfe int, err error)
}

type fromHost struct {
	Initial
	Denoiser
}

func (h fromHost) SampleBatch(ctx context.Context, k Kind, batch []Item, sigmas []float64, lambda float64, progress func(step, steps int)) (int, error) {
	counter := &Counter{Denoiser: h.Denoiser}
	for i, item := range batch {
		opt := Options{Initial: h.Initial, Variance: item.Variance, Noise: item.Noise}
		if item.Measurement != nil {
			opt.Consistency, opt.Coils = kspace.Project(*item.Measurement, lambda), item.Measurement.Y.Nc
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
