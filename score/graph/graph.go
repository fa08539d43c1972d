// Package graph runs samplers as ONNX graphs: the operations of several steps are recorded, with the score network inlined and
// its weights shared, and run at once, so that on an accelerator nothing returns to the host in between. The first graph of CCDF has
// its initial network too.
//
// What changes from run to run (noise levels, weights, noise, k-space, mask, coil maps) is an input of the graph, of each image
// its own. Graphs of equal structure are compiled once, for any number of images; a whole reconstruction needs two or three: the
// first steps, those between, and the last.
package graph

import (
	"context"
	"errors"
	"time"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
)

// Sampler runs the samplers of package score, Steps at a time, for one caller. Steps bounds how often progress is told and how long
// cancelling takes.
type Sampler struct {
	Programs *Programs
	Initial  *Network      // inlined for CCDF's start; Beside the programs' network
	Host     score.Initial // instead, where that is nil
	Steps    int           // ≥ 1

	spent time.Duration
}

// Spent returns the time in graphs so far, networks and data consistency, of which a run that others share counts by its images.
func (s *Sampler) Spent() time.Duration { return s.spent }

// SampleBatch implements score.Backend. progress is told of every Steps steps.
func (s *Sampler) SampleBatch(ctx context.Context, k score.Kind, batch []score.Item, sigmas []float64, lambda float64, progress func(step, steps int)) (nfe int, err error) {
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
		if item.Variance != nil {
			if m.variance == nil {
				m.variance, m.floors = make([]float32, m.n*m.ny*m.nx), make([]float32, m.n) // 0 of the images whose noise is not known
			}
			copy(m.variance[i*m.ny*m.nx:], item.Variance)
			m.floors[i] = float32(score.Floor(item.Variance))
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
	s.Programs.join()
	defer s.Programs.leave()
	end, err := k.Sampler(m, &value{data: x}, sigmas)
	if err != nil {
		return m.nfe, err
	}
	for i, item := range batch {
		item.X.SetPlanes(end.(*value).data[i*size:][:size], m.ny, m.nx)
	}
	return m.nfe, nil
}
