package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/score"
	"github.com/closer-mri/closer/score/graph"
	"github.com/closer-mri/closer/unet"
)

// network is one that is loaded on its device, and the graphs that it was inlined in. Any number of methods may use it at once.
type network struct {
	*ort.Session
	name      string
	sha256    string // of its file
	precision string
	model     []byte // ONNX, in that precision
	engine    engine
	inlining  sync.Mutex
	programs  *graph.Programs // nil until they are needed
	initial   *graph.Network  // itself to be inlined, likewise
}

// openNetwork loads a network of a file's bytes. Half precision is left to devices that compute in it.
func openNetwork(name string, file []byte, e engine) (*network, error) {
	sum := sha256.Sum256(file)
	n := &network{name: name, sha256: hex.EncodeToString(sum[:]), precision: single, model: file, engine: e}
	var refused error
	if e.precision == half {
		model, err := graph.Half(file)
		if err != nil {
			return nil, err
		}
		accelerator := e.Options
		accelerator.Strict = true
		if n.Session, refused = ort.Open(model, accelerator); refused == nil {
			n.precision, n.model = half, model
			return n, nil
		}
	}
	var err error
	if n.Session, err = ort.Open(file, e.Options); err != nil {
		return nil, err
	}
	if refused != nil && n.Device() != ort.CPU { // the device works: it does not take this network in half precision
		n.Session.Close()
		return nil, refused
	}
	return n, nil
}

// checkKind refuses a network in the place of one of the other kind, before slices are spent on it.
func (n *network) checkKind() error {
	switch isScore := n.name == "score"; {
	case isScore && !n.TakesNoiseLevel():
		return errors.New("the model takes no noise level, as a U-Net; a score network is (x, sigma) → denoised")
	case !isScore && n.TakesNoiseLevel():
		return errors.New("the model takes a noise level, as a score network; a U-Net is x → image")
	}
	return nil
}

// graphs returns those that a score network was inlined in, nil where samplers run from the host, step by step. A network that cannot
// be inlined runs from the host, unless graphs were asked for.
func (n *network) graphs() (*graph.Programs, error) {
	if steps, _ := n.engine.on(n.Device()); steps == 0 {
		return nil, nil
	}
	n.inlining.Lock()
	defer n.inlining.Unlock()
	if n.programs == nil {
		parsed, err := graph.Parse(n.model)
		if err != nil && n.engine.stepsPerRun < 0 {
			return nil, nil
		}
		if err != nil {
			return nil, recon.Errorf(recon.Invalid, "--steps-per-run: %w", err)
		}
		n.programs = &graph.Programs{Network: parsed, Compile: n.compile, Batch: n.batch()}
	}
	return n.programs, nil
}

// beside returns an initial network to be inlined in the graphs of another, nil where that cannot be.
func (n *network) beside(denoiser *graph.Network) *graph.Network {
	n.inlining.Lock()
	defer n.inlining.Unlock()
	if n.initial == nil {
		n.initial, _ = graph.ParseInitial(n.model) // or nil: its own session runs it
	}
	if n.initial == nil || !n.initial.Beside(denoiser) {
		return nil
	}
	return n.initial
}

func (n *network) compile(model []byte) (graph.Program, error) {
	p, err := ort.OpenGraph(model, n.engine.Options)
	if err != nil {
		return nil, recon.Errorf(recon.Unavailable, "sampler's graph: %w", err)
	}
	return p, nil
}

// batch is how many slices or samples it takes at once.
func (n *network) batch() int {
	if n.One() {
		return 1
	}
	_, batch := n.engine.on(n.Device())
	return batch
}

// close frees the network and its graphs.
func (n *network) close() {
	if n.programs != nil {
		n.programs.Close()
	}
	n.Session.Close()
}

// networks are those that are open, by name. The jobs of a worker share them.
type networks struct {
	mutex sync.Mutex
	open  map[string]*network
}

// get returns a network, which it opens from the file's bytes when it is not open; Unavailable.
func (s *networks) get(name string, file []byte, e engine) (*network, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if n := s.open[name]; n != nil {
		return n, nil
	}
	n, err := openNetwork(name, file, e)
	if err == nil {
		if err = n.checkKind(); err != nil {
			n.close()
		}
	}
	if err != nil {
		return nil, recon.Errorf(recon.Unavailable, "network %s: %w", name, err)
	}
	if s.open == nil {
		s.open = map[string]*network{}
	}
	s.open[name] = n
	return n, nil
}

// device is the accelerator that any of them runs on, or else the CPU.
func (s *networks) device() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, n := range s.open {
		if n.Device() != ort.CPU {
			return n.Device()
		}
	}
	return ort.CPU
}

// close frees them. No method may be running.
func (s *networks) close() {
	for _, n := range s.open {
		n.close()
	}
}

// clocked is a network as one method uses it, with the time that this method spent in it, whoever else uses the network.
type clocked struct {
	*network
	spent   time.Duration
	sampler *graph.Sampler // nil for the host
}

// Run implements score.Runner and unet.Runner.
func (c *clocked) Run(ctx context.Context, dst, x, sigma []float32, n, ny, nx int) error {
	defer spend(&c.spent)()
	return c.Session.Run(ctx, dst, x, sigma, n, ny, nx)
}

// backend returns what runs samplers with a score network, nil for the host, step by step. initial, unless it is nil, is the U-Net
// that they start from.
func (c *clocked) backend(initial *clocked) (score.Backend, error) {
	programs, err := c.graphs()
	if programs == nil {
		return nil, err
	}
	steps, _ := c.engine.on(c.Device())
	c.sampler = &graph.Sampler{Programs: programs, Steps: steps}
	if initial != nil {
		c.sampler.Initial, c.sampler.Host = initial.beside(programs.Network), &unet.UNet{Runner: initial}
	}
	return c.sampler, nil
}

// Spent returns the time in the network so far, and the method's part of that in its graphs.
func (c *clocked) Spent() time.Duration {
	if c.sampler == nil {
		return c.spent
	}
	return c.spent + c.sampler.Spent()
}
