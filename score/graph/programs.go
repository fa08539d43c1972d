package graph

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Program is a compiled graph. Run overwrites out with the outputs for the inputs in, row-major, as the graph declares them.
type Program interface {
	Run(ctx context.Context, out, in [][]float32) error
	Close() error
}

// maxPrograms bounds the compiled graphs that are kept: each has the network's weights on the device and the memory of a batch.
// A reconstruction needs two or three.
const maxPrograms = 6

// programs are the compiled graphs by their structure, the one that was used last at the end.
type programs struct {
	mutex sync.Mutex
	open  []*compiled
	spent time.Duration
}

type compiled struct {
	structure string
	program   Program
	users     int
}

// run runs the graph of that structure; compile makes it, unless it is there.
func (p *programs) run(ctx context.Context, structure []byte, compile func() (Program, error), out, in [][]float32) error {
	c, err := p.take(string(structure), compile)
	if err != nil {
		return err
	}
	start := time.Now()
	err = c.program.Run(ctx, out, in)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.spent += time.Since(start)
	c.users--
	return err
}

// take returns a graph that is kept until its users is counted down.
func (p *programs) take(structure string, compile func() (Program, error)) (*compiled, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	i := slices.IndexFunc(p.open, func(c *compiled) bool { return c.structure == structure })
	if i < 0 {
		if err := p.makeRoom(); err != nil {
			return nil, err
		}
		program, err := compile()
		if err != nil {
			return nil, err
		}
		i = len(p.open)
		p.open = append(p.open, &compiled{structure: structure, program: program})
	}
	c := p.open[i]
	p.open = append(slices.Delete(p.open, i, i+1), c)
	c.users++
	return c, nil
}

// makeRoom closes the graph that was not used for longest, when there are too many and it is not in use.
func (p *programs) makeRoom() error {
	i := slices.IndexFunc(p.open, func(c *compiled) bool { return c.users == 0 })
	if len(p.open) < maxPrograms || i < 0 {
		return nil
	}
	err := p.open[i].program.Close()
	p.open = slices.Delete(p.open, i, i+1)
	return err
}

// Spent returns the time in graphs so far: networks and data consistency, which share a run.
func (s *Sampler) Spent() time.Duration {
	s.programs.mutex.Lock()
	defer s.programs.mutex.Unlock()
	return s.programs.spent
}

// Close frees the compiled graphs. No sampler may be running.
func (s *Sampler) Close() error {
	s.programs.mutex.Lock()
	defer s.programs.mutex.Unlock()
	var errs []error
	for _, c := range s.programs.open {
		errs = append(errs, c.program.Close())
	}
	s.programs.open = nil
	return errors.Join(errs...)
}
