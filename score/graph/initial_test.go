package graph_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
	"github.com/closer-mri/closer/score/graph"
	"github.com/closer-mri/closer/unet"
)

// initial returns the shipped U-Net, to be inlined and for the host.
func initial(t *testing.T) (*graph.Network, *unet.UNet) {
	t.Helper()
	if _, err := ort.Library(); err != nil {
		t.Skip("run make test: ", err)
	}
	network, err := graph.ParseInitial(unet.Weights)
	if err != nil {
		t.Fatal(err)
	}
	session, err := ort.Open(unet.Weights, ort.Options{Device: ort.CPU, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return network, &unet.UNet{Runner: session}
}

// onlyFirst checks that of the graphs that a sampler compiles from now on the first has the U-Net and no other.
func onlyFirst(t *testing.T, s *graph.Sampler) {
	t.Helper()
	var with []bool
	compile := s.Programs.Compile
	s.Programs.Compile = func(model []byte) (graph.Program, error) {
		with = append(with, bytes.Contains(model, []byte("initial/")))
		return compile(model)
	}
	t.Cleanup(func() {
		for i, has := range with {
			if has != (i == 0) {
				t.Errorf("graph %d of %d has the U-Net: %v", i, len(with), has)
			}
		}
		if len(with) == 0 {
			t.Error("no graph was compiled")
		}
	})
}

// The whole of CCDF, U-Net, noise and sampler, is the same in graphs as from the host, for each slice of a batch; the U-Net is in
// the first graph alone.
func TestWholeCCDFIsTheHost(t *testing.T) {
	inlined, host := initial(t)
	for _, name := range score.Names() {
		for k, scan := range map[int]func(slice, nc, ny, nx int) kspace.Measurement{1: scan, 3: scattered} {
			t.Run(fmt.Sprintf("%s/K=%d", name, k), func(t *testing.T) {
				kind, sigmas := lookup(t, name, 0.2, 0.01, 7)
				recorded, network := open(t, k)
				recorded.Initial = inlined
				onlyFirst(t, recorded)
				batch := []kspace.Measurement{scan(3, 3, 37, 44), scan(4, 3, 37, 44)}
				c := score.CCDF{Initial: host, Denoiser: network, Kind: kind, Sigmas: sigmas, Lambda: 1, Seed: 2}
				want, wantNFE, err := c.ReconstructBatch(t.Context(), batch, nil)
				if err != nil {
					t.Fatal(err)
				}
				c.Backend = recorded
				got, nfe, err := c.ReconstructBatch(t.Context(), batch, nil)
				if err != nil {
					t.Fatal(err)
				}
				for i := range want {
					if d := difference(got[i], want[i]); !(d < 1e-4) {
						t.Errorf("slice %d: graph and host differ by %.1e", i, d)
					}
				}
				if nfe != wantNFE {
					t.Errorf("%d evaluations of the score network, want %d", nfe, wantNFE)
				}
			})
		}
	}
}

// failing is a U-Net that cannot run.
type failing struct{}

func (failing) Initial(context.Context, kspace.Image, kspace.Image) error {
	return errors.New("no U-Net")
}

// A U-Net that cannot be inlined runs from the host, with the same result, and its error is the run's.
func TestInitialFromTheHost(t *testing.T) {
	_, host := initial(t)
	kind, sigmas := lookup(t, "noise-free", 0.2, 0.01, 3)
	recorded, network := open(t, 2)
	batch := []kspace.Measurement{scan(3, 1, 37, 44), scan(4, 1, 37, 44)}
	c := score.CCDF{Initial: host, Denoiser: network, Kind: kind, Sigmas: sigmas, Lambda: 1}
	want, _, err := c.ReconstructBatch(t.Context(), batch, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Backend, recorded.Host = recorded, host
	got, _, err := c.ReconstructBatch(t.Context(), batch, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if d := difference(got[i], want[i]); !(d < 1e-4) {
			t.Errorf("slice %d differs by %.1e", i, d)
		}
	}
	recorded.Host = failing{}
	if _, _, err := c.ReconstructBatch(t.Context(), batch, nil); err == nil || !strings.Contains(err.Error(), "initial reconstruction: no U-Net") {
		t.Errorf("the error is %v", err)
	}
}

// The samples of a slice share one initial reconstruction, in a graph of its own.
func TestPosteriorIsTheHost(t *testing.T) {
	inlined, host := initial(t)
	kind, sigmas := lookup(t, "ve", 0.02, 0.01, 3)
	recorded, network := open(t, 2)
	recorded.Initial = inlined
	onlyFirst(t, recorded)
	m := scan(3, 1, 37, 44)
	p := score.Posterior{Samples: 5, Batch: 2, CCDF: score.CCDF{Initial: host, Denoiser: network, Kind: kind, Sigmas: sigmas, Lambda: 1}}
	want, wantSpread, wantNFE, err := p.ReconstructSamples(t.Context(), m, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.CCDF.Backend = recorded
	got, spread, nfe, err := p.ReconstructSamples(t.Context(), m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := difference(got, want); !(d < 1e-4) || nfe != wantNFE {
		t.Errorf("graph and host differ by %.1e; %d evaluations, want %d", d, nfe, wantNFE)
	}
	for i, v := range wantSpread {
		if d := spread[i] - v; d*d > 1e-8 {
			t.Fatalf("spread %g at %d, want %g", spread[i], i, v)
		}
	}
}

func TestWhatCannotBeAnInitialIsAnError(t *testing.T) {
	for name, model := range map[string][]byte{"empty": nil, "garbage": []byte("not a network"), "cut": unet.Weights[:1000], "denoiser": score.Weights} {
		if _, err := graph.ParseInitial(model); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := graph.Parse(unet.Weights); err == nil {
		t.Error("a U-Net was taken for a denoiser")
	}
}

// One graph has one version of ONNX and of its operators.
func TestNetworksOfOtherOperatorsAreNotInlinedTogether(t *testing.T) {
	denoiser, err := graph.Parse(score.Weights)
	if err != nil {
		t.Fatal(err)
	}
	operators := []byte{0x42, 4, 0x0a, 0, 0x10, 17} // opset_import {domain: "", version: 17}
	at := bytes.LastIndex(unet.Weights, operators)
	if at < 0 {
		t.Fatal("the U-Net is not of operator set 17")
	}
	other := bytes.Clone(unet.Weights)
	other[at+5] = 18
	for want, model := range map[bool][]byte{true: unet.Weights, false: other} {
		n, err := graph.ParseInitial(model)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.Beside(denoiser); got != want {
			t.Errorf("beside each other: %v, want %v", got, want)
		}
	}
}
