package main

import (
	"sync"
	"time"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/score"
	"github.com/closer-mri/closer/score/graph"
)

// stepsPerRun is how many steps of a sampler one graph takes on a device whose memory is not the host's: enough to hide the way
// there and back, few enough to be cancelled soon.
const stepsPerRun = 5

// graphs are the compiled graphs of one builder.
type graphs struct {
	options ort.Options
	mutex   sync.Mutex
	open    []*ort.Graph
}

// compile implements graph.Sampler's Compile.
func (g *graphs) compile(model []byte) (graph.Program, error) {
	p, err := ort.OpenGraph(model, g.options)
	if err != nil {
		return nil, recon.Errorf(recon.Unavailable, "sampler's graph: %w", err)
	}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.open = append(g.open, p)
	return p, nil
}

// spent returns the time in all graphs: networks and data consistency, which share a run.
func (g *graphs) spent() (sum time.Duration) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for _, p := range g.open {
		sum += p.Spent()
	}
	return sum
}

func (g *graphs) close() {
	for _, p := range g.open {
		p.Close()
	}
}

// backend returns what runs samplers: the host for --steps-per-run 0 and, unless told otherwise, on a CPU (decision 4), else graphs.
// A network that cannot be inlined runs from the host, unless graphs were asked for.
func (b *builder) backend(s *ort.Session) (score.Backend, error) {
	steps := b.stepsPerRun
	if steps < 0 && s.Device() != ort.CPU {
		steps = stepsPerRun
	}
	if steps <= 0 {
		return nil, nil
	}
	network, err := graph.Parse(b.scoreFile)
	if err != nil && b.stepsPerRun < 0 {
		return nil, nil
	}
	if err != nil {
		return nil, recon.Errorf(recon.Invalid, "--steps-per-run: %w", err)
	}
	return &graph.Sampler{Network: network, Compile: b.graphs.compile, Steps: steps}, nil
}
