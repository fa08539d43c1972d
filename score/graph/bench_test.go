package graph_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/closer-mri/closer/internal/ort"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
	"github.com/closer-mri/closer/score/graph"
)

var (
	device  = flag.String("device", ort.CPU, "of BenchmarkBatch")
	side    = flag.Int("side", 320, "of its images")
	steps   = flag.Int("steps", 20, "of its sampler")
	batches = flag.String("batches", "", "sizes for BenchmarkBatch and BenchmarkMemory, such as 1,4,16; they take long and need to be told")
	profile = flag.String("profile", "", "beginning of the name of the runtime's profiles of BenchmarkBatch")
)

// processor returns the processor time of this process, which a busy machine disturbs less than the clock.
func processor(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure times run and reports its processor time.
func measure(b *testing.B, run func() error) {
	if err := run(); err != nil { // compiles and allocates
		b.Fatal(err)
	}
	before := processor(b)
	for b.Loop() {
		if err := run(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((processor(b)-before).Seconds()/float64(b.N), "cpu-s/op")
}

func lookup(tb testing.TB, name string, from, to float64, steps int) (score.Kind, []float64) {
	tb.Helper()
	kind, err := score.Lookup(name)
	if err != nil {
		tb.Fatal(err)
	}
	sigmas, err := score.Geometric(from, to, steps)
	if err != nil {
		tb.Fatal(err)
	}
	return kind, sigmas
}

// Five steps of CCDF's sampler on one 320×320 slice of one coil and one thread, five evaluations of its network alone, and a matrix
// product by the same library, which says what the machine can do. train/bench_sampler.py is the same loop in PyTorch.
func BenchmarkSampler(b *testing.B) {
	kind, sigmas := lookup(b, "ve", 0.2, 0.01, 5)
	m := scan(0, 1, 320, 320)
	x, noise := start(m, kind, sigmas[0])
	b.Run("host", func(b *testing.B) {
		_, network := open(b, 1)
		opt := score.Options{Consistency: kspace.Project(m, 1), Coils: m.Y.Nc, Noise: noise}
		measure(b, func() error { return kind.Sample(b.Context(), network, x, sigmas, opt) })
	})
	for _, k := range []int{1, 5} {
		b.Run(fmt.Sprintf("graph/K=%d", k), func(b *testing.B) {
			sampler, _ := open(b, k)
			batch := []score.Item{{X: x, Measurement: &m, Noise: noise}}
			measure(b, func() error {
				_, err := sampler.SampleBatch(b.Context(), kind, batch, sigmas, 1, nil)
				return err
			})
		})
	}
	b.Run("network", func(b *testing.B) {
		_, network := open(b, 1)
		in, out := make([]float32, 2*320*320), make([]float32, 2*320*320)
		x.Planes(in, 320, 320)
		measure(b, func() error {
			for _, sigma := range sigmas[:5] {
				if err := network.Run(b.Context(), out, in, []float32{float32(sigma)}, 1, 320, 320); err != nil {
					return err
				}
			}
			return nil
		})
		b.ReportMetric(5*graph.Work(score.Weights, 320, 320)/1e9, "GFLOP/op")
	})
	b.Run("product", func(b *testing.B) {
		const n, times = 1536, 15
		g, err := ort.OpenGraph(graph.Product(n), ort.Options{Device: ort.CPU, Threads: 1})
		if err != nil {
			b.Fatal(err)
		}
		defer g.Close()
		in, out := make([]float32, n*n), make([]float32, n*n)
		for i := range in {
			in[i] = float32(i%13) / 13
		}
		measure(b, func() error {
			for range times {
				if err := g.Run(b.Context(), n, [][]float32{out}, [][]float32{in}); err != nil {
					return err
				}
			}
			return nil
		})
		b.ReportMetric(times*2*n*n*n/1e9, "GFLOP/op")
	})
}

// CCDF's sampler on batches of a phantom's slice on -device, in single and half precision. PSNR is compared with single precision.
func BenchmarkBatch(b *testing.B) {
	sizes := sizes(b)
	kind, sigmas := lookup(b, "ve", 0.02, 0.005, *steps)
	truth := head(b, *side)
	a := kspace.NewCartesian(truth.Ny, columns(truth.Nx))
	m := kspace.Measurement{Y: kspace.NewData(1, truth.Ny, truth.Nx), A: a}
	a.Forward(m.Y, truth)
	half, err := graph.Half(score.Weights)
	if err != nil {
		b.Fatal(err)
	}
	single := math.NaN() // error of the first image
	for _, precision := range []string{"fp32", "fp16"} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/batch=%d", precision, n), func(b *testing.B) {
				model := score.Weights
				if precision == "fp16" {
					model = half
				}
				opt := ort.Options{Device: *device}
				if *profile != "" {
					opt.Profile = fmt.Sprintf("%s-%s-%d", *profile, precision, n)
				}
				s := samplerOn(b, model, 5, opt)
				batch := make([]score.Item, n)
				measure(b, func() error {
					for i := range batch {
						x, noise := start(m, kind, sigmas[0])
						batch[i] = score.Item{X: x, Measurement: &m, Noise: noise}
					}
					_, err := s.SampleBatch(b.Context(), kind, batch, sigmas, 1, nil)
					return err
				})
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "slices/s")
				d := difference(batch[0].X, truth)
				if math.IsNaN(single) {
					single = d
				}
				b.ReportMetric(20*math.Log10(single/d), "dB")
			})
		}
	}
	b.Run("work", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(float64(*steps)*graph.Work(score.Weights, *side, *side)/1e9, "GFLOP/op")
	})
}

// How long a graph of five steps takes to load, and to stop at any moment of a run of twenty steps.
func BenchmarkWaits(b *testing.B) {
	kind, sigmas := lookup(b, "ve", 0.2, 0.01, 20)
	m := scan(0, 1, 320, 320)
	x, noise := start(m, kind, sigmas[0])
	batch := []score.Item{{X: x, Measurement: &m, Noise: noise}}
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			s := samplerOn(b, score.Weights, 5, ort.Options{Device: *device, Threads: 1})
			ctx, cancel := context.WithCancel(b.Context())
			compile := s.Programs.Compile
			s.Programs.Compile = func(model []byte) (graph.Program, error) {
				defer cancel() // the first graph is compiled, and does not run
				return compile(model)
			}
			if _, err := s.SampleBatch(ctx, kind, batch, sigmas, 1, nil); err != context.Canceled {
				b.Fatal(err)
			}
			s.Programs.Close()
		}
	})
	b.Run("cancel", func(b *testing.B) {
		s := samplerOn(b, score.Weights, 5, ort.Options{Device: *device, Threads: 1})
		run := func(ctx context.Context) error {
			_, err := s.SampleBatch(ctx, kind, batch, sigmas, 1, nil)
			return err
		}
		begin := time.Now()
		if err := run(b.Context()); err != nil {
			b.Fatal(err)
		}
		whole := time.Since(begin)
		var sum, worst time.Duration
		n := 0
		for b.Loop() {
			n++
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error)
			go func() { ended <- run(ctx) }()
			time.Sleep(time.Duration(n%9+1) * whole / 20)
			asked := time.Now()
			cancel()
			if err := <-ended; err != context.Canceled {
				b.Fatal(err)
			}
			wait := time.Since(asked)
			sum, worst = sum+wait, max(worst, wait)
		}
		b.ReportMetric(sum.Seconds()/float64(n), "wait-s")
		b.ReportMetric(worst.Seconds(), "longest-s")
	})
}

// The memory of this process with graphs for one size of batch, its peak so far: take one size a run.
func BenchmarkMemory(b *testing.B) {
	kind, sigmas := lookup(b, "ve", 0.2, 0.01, 10)
	m := scan(0, 1, *side, *side)
	for _, n := range sizes(b) {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			s := samplerOn(b, score.Weights, 5, ort.Options{Device: *device, Threads: 1})
			for b.Loop() {
				batch := make([]score.Item, n)
				for i := range batch {
					x, noise := start(m, kind, sigmas[0])
					batch[i] = score.Item{X: x, Measurement: &m, Noise: noise}
				}
				if _, err := s.SampleBatch(b.Context(), kind, batch, sigmas, 1, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(peak(b), "MB")
		})
	}
}

// peak returns the largest resident size of this process in MB.
func peak(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kB, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kB / 1000
}

// sizes are those of -batches.
func sizes(b *testing.B) (out []int) {
	if *batches == "" {
		b.Skip("give -batches")
	}
	for _, s := range strings.Split(*batches, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}
