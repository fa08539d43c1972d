package main

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/score"
	"github.com/closer-mri/closer/score/graph"
)

// network is one that is loaded on its device, and the graphs that it was inlined in.
type network struct {
	*ort.Session
	name      string
	sha256    string // of its file
	precision string
	model     []byte // ONNX, in that precision
	engine    engine
	sampler   *graph.Sampler // nil until it is needed
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

// backend returns what runs samplers with a score network, nil for the host, step by step. A network that cannot be inlined runs
// from the host, unless graphs were asked for.
func (n *network) backend() (score.Backend, error) {
	steps, _ := n.engine.on(n.Device())
	if steps == 0 {
		return nil, nil
	}
	if n.sampler == nil {
		parsed, err := graph.Parse(n.model)
		if err != nil && n.engine.stepsPerRun < 0 {
			return nil, nil
		}
		if err != nil {
			return nil, recon.Errorf(recon.Invalid, "--steps-per-run: %w", err)
		}
		n.sampler = &graph.Sampler{Programs: &graph.Programs{Network: parsed, Compile: n.compile, Batch: n.batch()}, Steps: steps}
	}
	return n.sampler, nil
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
	_, batch := n.engine.on(n.Device())
	return batch
}

// Spent returns the time in the network and in its graphs so far.
func (n *network) Spent() time.Duration {
	spent := n.Session.Spent()
	if n.sampler != nil {
		spent += n.sampler.Spent()
	}
	return spent
}

// close frees the network and its graphs.
func (n *network) close() {
	if n.sampler != nil {
		n.sampler.Programs.Close()
	}
	n.Session.Close()
}
