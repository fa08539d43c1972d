// Package graph runs samplers as ONNX graphs: the operations of several steps are recorded, with the score network inlined and
// its weights shared, and run at once, so that on an accelerator nothing returns to the host in between.
//
// What changes from run to run (noise levels, weights, noise, k-space, mask, coil maps) is an input of the graph. Graphs of equal
// structure are compiled once; a whole reconstruction needs two or three: the first steps, those between, and the last.
package graph

import (
	"context"
	"errors"
	"sync"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
)

// Program is a compiled graph. Run overwrites out with the outputs for the inputs in, row-major, as the graph declares them.
type Program interface {
	Run(ctx context.Context, out, in [][]float32) error
}

// Sampler runs the samplers of package score, Steps at a time. Steps bounds how often progress is told and how long cancelling
// takes. It may be used from several goroutines.
type Sampler struct {
	Network *Network
	Compile func(model []byte) (Program, error)
	Steps   int // ≥ 1

	mutex    sync.Mutex
	programs map[string]Program
}

// Item is one image of a batch: its noise, and its measurement or none to sample the prior.
type Item struct {
	X           kspace.Image // where the sampler starts; overwritten with where it ends
	Measurement *kspace.Measurement
	Noise       func(dst kspace.Image, draw int)
}

// SampleBatch runs a sampler on a batch of images of one shape and one mask, all or none of them measured. lambda relaxes data
// consistency as kspace.Project has it. It returns the evaluations of the network over the batch.
func (s *Sampler) SampleBatch(ctx context.Context, k score.Kind, batch []Item, sigmas []float64, lambda float64, progress func(step, steps int)) (nfe int, err error) {
	m := &machine{Sampler: s, ctx: ctx, n: len(batch), ny: batch[0].X.Ny, nx: batch[0].X.Nx, progress: progress}
	size := 2 * m.ny * m.nx
	x := make([]float32, m.n*size)
	var measured []kspace.Measurement
	for i, item := range batch {
		if item.X.Ny != m.ny || item.X.Nx != m.nx {
			return 0, errors.New("the images of a batch differ in shape")
		}
		item.X.Planes(x[i*size:][:size], m.ny, m.nx)
		if item.Measurement != nil {
			measured = append(measured, *item.Measurement)
		}
	}
	if len(measured) > 0 {
		if len(measured) < m.n {
			return 0, errors.New("some images of a batch are measured and some are not")
		}
		if m.physics, err = newPhysics(measured, lambda); err != nil {
			return 0, err
		}
	}
	z := kspace.NewImage(m.ny, m.nx)
	m.noise = func(draw int) []float32 {
		data := make([]float32, len(x))
		for i, item := range batch {
			item.Noise(z, draw)
			z.Planes(data[i*size:][:size], m.ny, m.nx)
		}
		return data
	}
	m.begin()
	end, err := k.Sampler(m, &value{data: x}, sigmas)
	if err != nil {
		return m.nfe, err
	}
	for i, item := range batch {
		item.X.SetPlanes(end.(*value).data[i*size:][:size], m.ny, m.nx)
	}
	return m.nfe, nil
}

// Sample implements score.Backend: a batch of one.
func (s *Sampler) Sample(ctx context.Context, k score.Kind, x kspace.Image, sigmas []float64, m kspace.Measurement, lambda float64, opt score.Options) (int, error) {
	return s.SampleBatch(ctx, k, []Item{{X: x, Measurement: &m, Noise: opt.Noise}}, sigmas, lambda, opt.Progress)
}

// program returns the compiled graph of that structure.
func (s *Sampler) program(structure []byte) (Program, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if p, ok := s.programs[string(structure)]; ok {
		return p, nil
	}
	p, err := s.Compile(s.Network.model(structure))
	if err != nil {
		return nil, err
	}
	if s.programs == nil {
		s.programs = map[string]Program{}
	}
	s.programs[string(structure)] = p
	return p, nil
}
