package ort_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/score"
	"github.com/closer-mri/closer/unet"
)

// open loads a shipped network on the CPU; the test is skipped where ONNX Runtime is not there, which make test never is.
func open(t testing.TB, model []byte) *ort.Session {
	t.Helper()
	if _, err := ort.Library(); err != nil {
		t.Skip("run make test: ", err)
	}
	s, err := ort.Open(model, ort.Options{Device: ort.CPU, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// blob is a smooth complex image of shape (2, n, n), brightness 1.
func blob(n int) []float32 {
	x := make([]float32, 2*n*n)
	for y := range n {
		for j := range n {
			dy, dx := float64(y-n/2)/float64(n), float64(j-n/2)/float64(n)
			v := math.Exp(-20 * (dy*dy + dx*dx))
			x[y*n+j], x[n*n+y*n+j] = float32(v*math.Cos(dx)), float32(v*math.Sin(dx))
		}
	}
	return x
}

func distance(a, b []float32) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]-b[i]) * float64(a[i]-b[i])
	}
	return math.Sqrt(sum / float64(len(a)))
}

// The shipped score network does what it is for: it takes most of the noise out, at every level that CCDF visits, of images of any size.
func TestScoreNetworkDenoises(t *testing.T) {
	s := open(t, score.Weights)
	for _, n := range []int{64, 128, 320} {
		clean, r := blob(n), rand.New(rand.NewPCG(1, 1))
		for _, sigma := range []float32{0.01, 0.03, 0.1, 0.3} {
			noisy, got := make([]float32, len(clean)), make([]float32, len(clean))
			for i, v := range clean {
				noisy[i] = v + sigma*float32(r.NormFloat64())
			}
			if err := s.Run(t.Context(), got, noisy, []float32{sigma}, 1, n, n); err != nil {
				t.Fatal(err)
			}
			left := distance(got, clean) / float64(sigma)
			t.Logf("%d×%d, σ = %g: %.0f %% of the noise is left", n, n, sigma, 100*left)
			if left > 0.6 {
				t.Error("that is no denoiser")
			}
		}
	}
}

// A batch is its items, and concurrent calls do not disturb each other.
func TestBatchAndConcurrency(t *testing.T) {
	const n = 32
	s := open(t, score.Weights)
	sigmas := []float32{0.02, 0.2, 2}
	var batch []float32
	for range sigmas {
		batch = append(batch, blob(n)...)
	}
	want := make([]float32, len(batch))
	if err := s.Run(t.Context(), want, batch, sigmas, len(sigmas), n, n); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i, sigma := range sigmas {
		group.Go(func() {
			got := make([]float32, 2*n*n)
			if err := s.Run(t.Context(), got, blob(n), []float32{sigma}, 1, n, n); err != nil {
				t.Error(err)
			}
			if d := distance(got, want[i*2*n*n:][:2*n*n]); d > 1e-6 {
				t.Errorf("σ = %g alone differs from the batch by %g", sigma, d)
			}
		})
	}
	group.Wait()
}

func TestWrongUseIsAnError(t *testing.T) {
	u, s := open(t, unet.Weights), open(t, score.Weights)
	x := make([]float32, 2*32*32)
	for name, err := range map[string]error{
		"sigma for a U-Net":          u.Run(t.Context(), make([]float32, len(x)), x, []float32{1}, 1, 32, 32),
		"no sigma for the denoiser":  s.Run(t.Context(), make([]float32, len(x)), x, nil, 1, 32, 32),
		"sides not divisible by 16":  u.Run(t.Context(), make([]float32, 2*30*30), make([]float32, 2*30*30), nil, 1, 30, 30),
		"fewer values than declared": u.Run(t.Context(), make([]float32, len(x)), x, nil, 1, 64, 64),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, model := range map[string][]byte{"empty": nil, "garbage": []byte("not a network"), "cut": score.Weights[:1000]} {
		if _, err := ort.Open(model, ort.Options{Device: ort.CPU}); err == nil || !strings.Contains(err.Error(), "model") {
			t.Errorf("%s model: %v", name, err)
		}
	}
	if _, err := ort.Open(score.Weights, ort.Options{Device: "tpu"}); err == nil {
		t.Error("an unknown device was accepted")
	}
}

func TestRunStopsWhenAsked(t *testing.T) {
	s := open(t, score.Weights)
	const n = 512
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := s.Run(ctx, make([]float32, 2*n*n), make([]float32, 2*n*n), []float32{1}, 1, n, n)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func BenchmarkScoreNetwork320(b *testing.B) {
	s := open(b, score.Weights)
	x, dst := make([]float32, 2*320*320), make([]float32, 2*320*320)
	for b.Loop() {
		if err := s.Run(context.Background(), dst, x, []float32{0.1}, 1, 320, 320); err != nil {
			b.Fatal(err)
		}
	}
}
