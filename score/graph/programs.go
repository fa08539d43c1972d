package graph

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Program is a compiled graph. Run overwrites out with the outputs for the inputs in of n images, row-major, as the graph declares
// them; the first axis of each is the images.
type Program interface {
	Run(ctx context.Context, n int, out, in [][]float32) error
	Close() error
}

// maxPrograms bounds the compiled graphs that are kept: each has the network's weights on the device and the memory of a batch.
// A reconstruction needs two or three.
const maxPrograms = 6

// Programs are the compiled graphs of one network on its device, for any number of Samplers. One runs at a time, and what waits for
// it meanwhile joins: runs of equal structure, by whatever Sampler, for whatever mask and at whatever step, become one run of at
// most Batch images. A sampler whose run has ended is waited for while its host prepares the next one, so that samplers that
// began at different times run together from then on. Close frees the graphs.
type Programs struct {
	Network *Network
	Compile func(model []byte) (Program, error)
	Batch   int // images of a run that several samplers share

	mutex    sync.Mutex
	samplers int     // between their first run and their last
	waiting  []*call // oldest first
	running  []*call
	stop     context.CancelFunc // of the run
	open     []compiled         // the one that was used last at the end; the run's own
}

type compiled struct {
	structure structure
	Program
}

// call is one run that a sampler asks for.
type call struct {
	structure structure
	n         int // images
	out, in   [][]float32
	left      bool          // nobody waits for it any more
	done      chan struct{} // closed when what follows is set
	spent     time.Duration // its part of the time of its run
	err       error
}

// join tells that a sampler will run graphs, until leave.
func (p *Programs) join() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.samplers++
}

func (p *Programs) leave() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.samplers--
	p.next()
}

// run runs the graph of that structure for a sampler that joined, and returns the sampler's part of the time that it took. A
// sampler whose ctx ends returns at once, and disturbs nobody who shares its run.
func (p *Programs) run(ctx context.Context, structure structure, n int, out, in [][]float32) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	c := &call{structure: structure, n: n, out: out, in: in, done: make(chan struct{})}
	p.mutex.Lock()
	p.waiting = append(p.waiting, c)
	p.next()
	p.mutex.Unlock()
	select {
	case <-c.done:
		return c.spent, c.err
	case <-ctx.Done():
		if p.abandon(c) {
			<-c.done
		}
		return 0, ctx.Err()
	}
}

// abandon forgets a call. It says whether that stopped the run, which ends soon.
func (p *Programs) abandon(c *call) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	c.left = true
	p.waiting = slices.DeleteFunc(p.waiting, func(o *call) bool { return o == c })
	if !slices.Contains(p.running, c) || slices.ContainsFunc(p.running, func(o *call) bool { return !o.left }) {
		return false
	}
	p.stop()
	return true
}

// next starts the oldest call and what can join it, unless a run is under way or there is room for a sampler that will call soon.
func (p *Programs) next() {
	if len(p.running) > 0 || len(p.waiting) == 0 {
		return
	}
	var calls, rest []*call
	images, full := 0, false
	for _, c := range p.waiting {
		switch fits := images == 0 || images+c.n <= p.Batch; {
		case c.structure != p.waiting[0].structure:
			rest = append(rest, c)
		case !fits:
			rest, full = append(rest, c), true
		default:
			calls = append(calls, c)
			images += c.n
		}
	}
	if full = full || images >= p.Batch; !full && len(p.waiting) < p.samplers {
		return
	}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	p.running, p.waiting = calls, rest
	go p.execute(ctx, calls)
}

// execute runs calls of one structure together. Where that fails each is run alone, so that none fails for another's sake.
func (p *Programs) execute(ctx context.Context, calls []*call) {
	spent, err := p.together(ctx, calls)
	for _, c := range calls {
		if c.spent, c.err = spent*time.Duration(c.n)/time.Duration(images(calls)), err; err != nil && len(calls) > 1 && !p.left(c) {
			c.spent, c.err = p.together(ctx, []*call{c})
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.stop()
	p.running = nil
	for _, c := range calls {
		close(c.done)
	}
	p.next()
}

func (p *Programs) left(c *call) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return c.left
}

func images(calls []*call) (n int) {
	for _, c := range calls {
		n += c.n
	}
	return n
}

// together runs calls of one structure as one: their inputs follow each other, and so do their outputs.
func (p *Programs) together(ctx context.Context, calls []*call) (time.Duration, error) {
	program, err := p.program(calls[0].structure)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	out, in := calls[0].out, calls[0].in
	if len(calls) > 1 {
		out, in = make([][]float32, len(out)), make([][]float32, len(in))
		for _, c := range calls {
			for i, data := range c.in {
				in[i] = append(in[i], data...)
			}
			for i, data := range c.out {
				out[i] = append(out[i], data...)
			}
		}
	}
	if err := program.Run(ctx, images(calls), out, in); err != nil {
		return time.Since(start), err
	}
	if len(calls) > 1 {
		for _, c := range calls {
			for i, data := range c.out {
				copy(data, out[i])
				out[i] = out[i][len(data):]
			}
		}
	}
	return time.Since(start), nil
}

// program returns the graph of a structure, which it compiles when it is not there. When there are too many it closes the one that
// was not used for longest.
func (p *Programs) program(structure structure) (Program, error) {
	i := slices.IndexFunc(p.open, func(c compiled) bool { return c.structure == structure })
	if i < 0 {
		if len(p.open) == maxPrograms {
			if err := p.open[0].Close(); err != nil {
				return nil, err
			}
			p.open = p.open[1:]
		}
		program, err := p.Compile(p.Network.model(structure))
		if err != nil {
			return nil, err
		}
		i = len(p.open)
		p.open = append(p.open, compiled{structure, program})
	}
	c := p.open[i]
	p.open = append(slices.Delete(p.open, i, i+1), c)
	return c, nil
}

// Close frees the compiled graphs. No sampler may be running.
func (p *Programs) Close() error {
	var errs []error
	for _, c := range p.open {
		errs = append(errs, c.Close())
	}
	p.open = nil
	return errors.Join(errs...)
}
