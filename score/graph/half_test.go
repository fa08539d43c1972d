package graph_test

import (
	"math"
	"testing"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/internal/phantom"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
	"github.com/closer-mri/closer/score/graph"
	"github.com/closer-mri/closer/unet"
)

// Half precision costs less than 0.02 dB of a phantom's reconstruction, by stochastic and deterministic samplers.
func TestHalfPrecisionKeepsTheImage(t *testing.T) {
	exact, _ := open(t, 3)
	rounded, err := graph.Rounded(score.Weights)
	if err != nil {
		t.Fatal(err)
	}
	half := sampler(t, rounded, 3)
	truth := head(t, 96)
	a := kspace.NewCartesian(truth.Ny, columns(truth.Nx))
	m := kspace.Measurement{Y: kspace.NewData(1, truth.Ny, truth.Nx), A: a}
	a.Forward(m.Y, truth)
	for _, name := range []string{"ve", "ddim", "noise-free"} {
		kind, err := score.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		sigmas, err := score.Geometric(0.03, 0.005, 6)
		if err != nil {
			t.Fatal(err)
		}
		var images []kspace.Image
		for _, s := range []*graph.Sampler{exact, half} {
			x, noise := start(m, kind, sigmas[0])
			if _, err := s.SampleBatch(t.Context(), kind, []score.Item{{X: x, Measurement: &m, Noise: noise}}, sigmas, 1, nil); err != nil {
				t.Fatal(err)
			}
			images = append(images, x)
		}
		want, got := difference(images[0], truth), difference(images[1], truth)
		d := difference(images[1], images[0])
		t.Logf("%s: error %.4f in single, %.4f in half, %+.4f dB; they differ by %.1e", name, want, got, 20*math.Log10(want/got), d)
		if loss := 20 * math.Log10(got/want); !(math.Abs(loss) < 0.02) || d < 1e-6 {
			t.Errorf("%s: half precision costs %g dB; the images differ by %g", name, loss, d)
		}
	}
}

// What Half writes is a valid network with the same inputs and outputs; the CPU computes it in single precision.
func TestHalfRuns(t *testing.T) {
	open(t, 1)
	for name, weights := range map[string][]byte{"score": score.Weights, "unet": unet.Weights} {
		model, err := graph.Half(weights)
		if err != nil {
			t.Fatal(err)
		}
		var out [2][]float32
		for i, m := range [][]byte{weights, model} {
			s, err := ort.Open(m, ort.Options{Device: ort.CPU, Threads: 1})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			defer s.Close()
			x := make([]float32, 2*32*48)
			for i := range x {
				x[i] = float32(math.Sin(float64(i)))
			}
			sigma := []float32{0.1}
			if name == "unet" {
				sigma = nil
			}
			out[i] = make([]float32, len(x))
			if err := s.Run(t.Context(), out[i], x, sigma, 1, 32, 48); err != nil {
				t.Fatal(err)
			}
		}
		for i, v := range out[1] {
			if d := math.Abs(float64(v - out[0][i])); !(d < 1e-3) {
				t.Fatalf("%s: value %d is %g, %g in single precision", name, i, v, out[0][i])
			}
		}
	}
}

func FuzzHalf(f *testing.F) {
	f.Add(score.Weights[:2000])
	f.Add(unet.Weights)
	f.Fuzz(func(t *testing.T, model []byte) {
		if out, err := graph.Half(model); err == nil && len(model) > 0 && out == nil {
			t.Error("neither a network nor an error")
		}
	})
}

// head is the middle slice of a phantom, bright tissue near 1.
func head(t testing.TB, n int) kspace.Image {
	t.Helper()
	fine, err := phantom.Head{Slices: 1, Matrix: n}.Slice(0)
	if err != nil {
		t.Fatal(err)
	}
	x := kspace.NewImage(n, n)
	const f = phantom.Supersampling
	for i, v := range fine.Pix {
		x.Pix[i/fine.Nx/f*n+i%fine.Nx/f] += v / (f * f)
	}
	return x
}
