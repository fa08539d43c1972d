package graph_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
)

// processor returns the processor time of this process, which a busy machine disturbs less than the clock.
func processor(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Five steps of CCDF's sampler on one 320×320 slice of one coil and one thread; train/bench_sampler.py is the same loop in PyTorch.
func BenchmarkSampler(b *testing.B) {
	kind, err := score.Lookup("ve")
	if err != nil {
		b.Fatal(err)
	}
	sigmas, err := score.Geometric(0.2, 0.01, 5)
	if err != nil {
		b.Fatal(err)
	}
	m := scan(0, 1, 320, 320)
	x, noise := start(m, kind, sigmas[0])
	measure := func(b *testing.B, run func() error) {
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
	b.Run("host", func(b *testing.B) {
		_, network := open(b, 1)
		opt := score.Options{Consistency: kspace.Project(m, 1), Noise: noise}
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
}
