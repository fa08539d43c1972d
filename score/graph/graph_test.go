package graph_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
	"github.com/closer-mri/closer/score/graph"
)

// open returns a sampler of the shipped network that runs steps at a time, and the same network for the host.
func open(t testing.TB, steps int) (*graph.Sampler, *score.Network) {
	t.Helper()
	s := sampler(t, score.Weights, steps)
	session, err := ort.Open(score.Weights, ort.Options{Device: ort.CPU, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return s, &score.Network{Runner: session}
}

// sampler returns one of any network, on the CPU.
func sampler(t testing.TB, model []byte, steps int) *graph.Sampler {
	t.Helper()
	return samplerOn(t, model, steps, ort.Options{Device: ort.CPU, Threads: 1})
}

func samplerOn(t testing.TB, model []byte, steps int, opt ort.Options) *graph.Sampler {
	t.Helper()
	if _, err := ort.Library(); err != nil {
		t.Skip("run make test: ", err)
	}
	network, err := graph.Parse(model)
	if err != nil {
		t.Fatal(err)
	}
	compiled := 0
	programs := &graph.Programs{Network: network, Batch: 16, Compile: func(model []byte) (graph.Program, error) {
		opt := opt
		if compiled++; opt.Profile != "" {
			opt.Profile = fmt.Sprintf("%s-%d", opt.Profile, compiled)
		}
		g, err := ort.OpenGraph(model, opt)
		if err == nil {
			err = g.Fallback() // a benchmark is of the device that it names
		}
		return g, err
	}}
	t.Cleanup(func() { programs.Close() })
	return &graph.Sampler{Programs: programs, Steps: steps}
}

// columns samples about half of the columns.
func columns(nx int) kspace.Mask {
	mask := make(kspace.Mask, nx)
	for i := range mask {
		mask[i] = i%3 == 0 || i > nx*2/5 && i < nx*3/5
	}
	return mask
}

// scan is a smooth object measured on about half of the columns, by nc coils.
func scan(slice, nc, ny, nx int) kspace.Measurement {
	mask := columns(nx)
	x, maps := kspace.NewImage(ny, nx), kspace.NewData(nc, ny, nx)
	for i := range x.Pix {
		v, u := float64(i/nx)/float64(ny)-0.5, float64(i%nx)/float64(nx)-0.5
		x.Pix[i] = complex64(complex(math.Exp(-20*(u*u+v*v)), 0.3*u+0.01*float64(slice)))
		for c := range nc {
			sin, cos := math.Sincos(2*math.Pi*float64(c)/float64(nc) + u - v)
			maps.Val[c*ny*nx+i] = complex64(complex(cos, sin) * complex((0.5+u*cos+v*sin)/math.Sqrt(float64(2*nc)), 0))
		}
	}
	var a kspace.Operator = kspace.NewCartesian(ny, mask)
	if nc > 1 {
		a = kspace.NewSense(maps, mask)
	}
	return measured(slice, x, a)
}

func measured(slice int, x kspace.Image, a kspace.Operator) kspace.Measurement {
	y := kspace.NewData(a.Shape())
	a.Forward(y, x)
	return kspace.Measurement{Slice: slice, Y: y, A: a}
}

// scattered is a scan of several coils that acquired about half of the points one by one.
func scattered(slice, nc, ny, nx int) kspace.Measurement {
	every := scan(slice, nc, ny, nx)
	points := make(kspace.Points, ny*nx)
	for i := range points {
		points[i] = i*i%7 < 3
	}
	x := kspace.NewImage(ny, nx)
	every.A.Adjoint(x, every.Y)
	return measured(slice, x, kspace.NewScattered(every.A.(*kspace.Sense).Maps(), points))
}

// start is the zero-filled image with the noise of the first level, as CCDF starts.
func start(m kspace.Measurement, k score.Kind, sigma float64) (kspace.Image, func(kspace.Image, int)) {
	_, ny, nx := m.A.Shape()
	x, z := kspace.NewImage(ny, nx), kspace.NewImage(ny, nx)
	m.A.Adjoint(x, m.Y)
	noise := score.Noise{Seed: 5, Slice: uint32(m.Slice)}.Fill
	if !k.Clean {
		noise(z, 0)
		for i, v := range z.Pix {
			x.Pix[i] += complex(float32(sigma), 0) * v
		}
	}
	return x, noise
}

// variance is that of the noise of a scan, for samplers that denoise: of the order of what it corrects, more of it from left to right, and
// more than the last levels.
func variance(x kspace.Image) []float32 {
	v := make([]float32, len(x.Pix))
	for i := range v {
		v[i] = 4e-5 * float32(i%x.Nx)
	}
	return v
}

func difference(a, b kspace.Image) float64 {
	d := slices.Clone(a.Pix)
	for i, v := range b.Pix {
		d[i] -= v
	}
	return kspace.Norm(d) / kspace.Norm(b.Pix)
}

// Recorded and run several steps at once, every sampler gives what the host gives step by step.
func TestGraphIsTheHost(t *testing.T) {
	for _, name := range score.Names() {
		compare(t, name, score.Weights, scan(3, 1, 32, 48), 1, 3, 0.9)
		compare(t, name, score.Weights, scan(3, 1, 37, 44), 3, 7, 1)
		compare(t, name, score.Weights, scan(3, 4, 32, 40), 20, 4, 0.9)
		compare(t, name, score.Weights, scattered(3, 3, 37, 44), 3, 7, 0.9)
	}
}

// The same at the sizes of fastMRI: for every combination with a small network, so that the physics is what takes time, and for
// each sampler with the real one, or for every combination with $CLOSER_FULL.
func TestGraphIsTheHostAtFullSize(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("long; make test runs it without the race detector")
	}
	steps := map[int]int{1: 3, 5: 7, 20: 20}
	for _, name := range score.Names() {
		for _, s := range []struct{ nc, ny, nx int }{{1, 320, 320}, {1, 320, 368}, {8, 320, 320}, {8, 320, 368}} {
			for k, n := range steps {
				network := graph.Small()
				if os.Getenv("CLOSER_FULL") != "" || k == 5 && s.nc == 1 && s.nx == 368 {
					network = score.Weights
				}
				compare(t, name, network, scan(3, s.nc, s.ny, s.nx), k, n, 1)
			}
		}
		compare(t, name, graph.Small(), scattered(3, 8, 320, 368), 5, 7, 1)
	}
}

func compare(t *testing.T, name string, network []byte, m kspace.Measurement, k, steps int, lambda float64) {
	nc, ny, nx := m.A.Shape()
	t.Run(fmt.Sprintf("%s/%T/%dx%dx%d/K=%d", name, m.A, nc, ny, nx, k), func(t *testing.T) {
		t.Parallel()
		recorded := sampler(t, network, k)
		session, err := ort.Open(network, ort.Options{Device: ort.CPU, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		kind, err := score.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		sigmas, err := score.Geometric(0.2, 0.01, steps)
		if err != nil {
			t.Fatal(err)
		}
		want, noise := start(m, kind, sigmas[0])
		got := want.Clone()
		counter := &score.Counter{Denoiser: &score.Network{Runner: session}}
		opt := score.Options{Consistency: kspace.Project(m, lambda), Coils: m.Y.Nc, Variance: variance(want), Noise: noise}
		if err := kind.Sample(t.Context(), counter, want, sigmas, opt); err != nil {
			t.Fatal(err)
		}
		var told []int
		nfe, err := recorded.SampleBatch(t.Context(), kind, []score.Item{{X: got, Measurement: &m, Variance: variance(got), Noise: noise}}, sigmas, lambda,
			func(step, of int) { told = append(told, step) })
		if err != nil {
			t.Fatal(err)
		}
		d := difference(got, want)
		t.Logf("relative difference %.1e", d)
		if !(d < 1e-4) {
			t.Errorf("graph and host differ by %.1e", d)
		}
		if nfe != counter.NFE || len(told) != (steps+k-1)/k || told[len(told)-1] != steps {
			t.Errorf("%d evaluations, %d on the host; progress at %v", nfe, counter.NFE, told)
		}
	})
}

// A batch is its items, wherever they are in it.
func TestBatch(t *testing.T) {
	t.Run("columns", func(t *testing.T) { batchIsItsItems(t, scan) })
	t.Run("points", func(t *testing.T) { batchIsItsItems(t, scattered) })
}

func batchIsItsItems(t *testing.T, scan func(slice, nc, ny, nx int) kspace.Measurement) {
	sampler, _ := open(t, 2)
	for _, name := range score.Names() {
		kind, _ := score.Lookup(name)
		sigmas := []float64{0.2, 0.1, 0.05, 0}
		var batch []score.Item
		var alone []kspace.Image
		for slice := range 3 {
			m := scan(slice, 2, 32, 20)
			x, noise := start(m, kind, sigmas[0])
			one := score.Item{X: x.Clone(), Measurement: &m, Variance: variance(x), Noise: noise}
			if _, err := sampler.SampleBatch(t.Context(), kind, []score.Item{one}, sigmas, 1, nil); err != nil {
				t.Fatal(err)
			}
			alone = append(alone, one.X)
			batch = append(batch, score.Item{X: x, Measurement: &m, Variance: one.Variance, Noise: noise})
		}
		slices.Reverse(batch)
		slices.Reverse(alone)
		if _, err := sampler.SampleBatch(t.Context(), kind, batch, sigmas, 1, nil); err != nil {
			t.Fatal(err)
		}
		for i, item := range batch {
			if d := difference(item.X, alone[i]); !(d < 1e-6) {
				t.Errorf("%s: item %d of a batch differs from itself alone by %.1e", name, i, d)
			}
		}
	}
}

func TestCancelled(t *testing.T) {
	sampler, _ := open(t, 2)
	kind, _ := score.Lookup("ve")
	m := scan(0, 1, 32, 32)
	x, noise := start(m, kind, 1)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := sampler.SampleBatch(ctx, kind, []score.Item{{X: x, Measurement: &m, Noise: noise}}, []float64{1, 0.5, 0.2, 0.1, 0}, 1, func(int, int) { cancel() })
	if err != context.Canceled {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeInlinedIsAnError(t *testing.T) {
	for name, model := range map[string][]byte{"empty": nil, "garbage": []byte("not a network"), "cut": score.Weights[:1000]} {
		if _, err := graph.Parse(model); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(score.Weights[:2000])
	f.Add(score.Weights)
	f.Fuzz(func(t *testing.T, model []byte) {
		for _, parse := range []func([]byte) (*graph.Network, error){graph.Parse, graph.ParseInitial} {
			if n, err := parse(model); (n == nil) == (err == nil) {
				t.Error("neither a network nor an error")
			}
		}
	})
}
