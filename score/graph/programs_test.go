package graph_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
	"github.com/closer-mri/closer/score/graph"
)

// watched tells of the runs of a small network's graphs before they begin. What before returns fails them.
type watched struct {
	*graph.Programs
	before func(ctx context.Context, images int, in [][]float32) error
	sizes  []int // of the runs, of which there is one at a time
}

type watchedProgram struct {
	graph.Program
	*watched
}

func (w watchedProgram) Run(ctx context.Context, n int, out, in [][]float32) error {
	w.sizes = append(w.sizes, n)
	if err := w.before(ctx, n, in); err != nil {
		return err
	}
	return w.Program.Run(ctx, n, out, in)
}

func (w watchedProgram) Close() error { return w.Program.Close() }

func watch(t *testing.T, before func(ctx context.Context, images int, in [][]float32) error) *watched {
	w := &watched{Programs: sampler(t, graph.Small(), 1).Programs, before: before}
	compile := w.Compile
	w.Compile = func(model []byte) (graph.Program, error) {
		p, err := compile(model)
		return watchedProgram{p, w}, err
	}
	return w
}

// gate holds the first run until it is opened, or nobody wants it any more.
func gate() (before func(context.Context, int, [][]float32) error, held, open chan struct{}) {
	held, open = make(chan struct{}), make(chan struct{})
	var once sync.Once
	return func(ctx context.Context, _ int, _ [][]float32) (err error) {
		once.Do(func() {
			close(held)
			select {
			case <-open:
			case <-ctx.Done():
				err = ctx.Err()
			}
		})
		return err
	}, held, open
}

func (w *watched) awaitWaiting(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); w.Waiting() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d samplers wait, want %d", w.Waiting(), n)
		}
	}
}

// user samples some slices, each measured by a mask of its own.
type user struct {
	first, slices, coils int
	steps, perRun        int
	lambda               float64
}

func (u user) sample(ctx context.Context, t *testing.T, p *graph.Programs) ([]kspace.Image, time.Duration, error) {
	kind, sigmas := lookup(t, "ve", 0.2, 0.01, u.steps)
	var batch []score.Item
	var images []kspace.Image
	for i := range u.slices {
		m := scan(u.first+i, u.coils, 24, 20)
		mask := columns(20)
		mask[(u.first+i)%20] = true
		if u.coils == 1 {
			m.A = kspace.NewCartesian(24, mask)
		}
		x, noise := start(m, kind, sigmas[0])
		images = append(images, x)
		batch = append(batch, score.Item{X: x, Measurement: &m, Noise: noise})
	}
	s := &graph.Sampler{Programs: p, Steps: u.perRun}
	_, err := s.SampleBatch(ctx, kind, batch, sigmas, u.lambda, nil)
	return images, s.Spent(), err
}

// check samples as u does alone and compares.
func (u user) check(t *testing.T, got []kspace.Image) {
	want, _, err := u.sample(t.Context(), t, sampler(t, graph.Small(), 1).Programs)
	if err != nil {
		t.Error(err)
	}
	for i := range want {
		if d := difference(got[i], want[i]); !(d < 1e-6) {
			t.Errorf("%+v: slice %d of a shared run differs from itself alone by %.1e", u, i, d)
		}
	}
}

// Samplers of several callers run together, though they begin at different times, have other masks, weights of data consistency and
// numbers of steps; each gets what it gets alone.
func TestSamplersShareRuns(t *testing.T) {
	before, held, open := gate()
	w := watch(t, before)
	w.Batch = 7
	users := []user{{0, 1, 1, 5, 1, 1}, {10, 3, 1, 4, 1, 0.9}, {20, 2, 1, 7, 1, 1}, {30, 4, 1, 3, 1, 1}, {40, 2, 2, 3, 1, 1}, {50, 1, 1, 6, 3, 1}}
	var all sync.WaitGroup
	var spent time.Duration
	var mutex sync.Mutex
	begin := time.Now()
	for i, u := range users {
		all.Go(func() {
			images, own, err := u.sample(t.Context(), t, w.Programs)
			if err != nil {
				t.Error(err)
			}
			u.check(t, images)
			mutex.Lock()
			defer mutex.Unlock()
			spent += own
		})
		if i == 0 {
			<-held
		} else {
			w.awaitWaiting(t, i)
		}
	}
	close(open)
	all.Wait()
	images, alone := 0, 0
	for _, n := range w.sizes {
		images += n
	}
	for _, u := range users {
		alone += u.slices * ((u.steps + u.perRun - 1) / u.perRun)
	}
	if images != alone || slices.Max(w.sizes) > 7 {
		t.Errorf("runs of %v images, %d in all, want %d", w.sizes, images, alone)
	}
	if got, want := fmt.Sprint(w.sizes[:2]), "[1 5]"; got != want { // 3 and 2, whom 4 do not fit beside
		t.Errorf("runs of %v images begin with %s, want %s", w.sizes, got, want)
	}
	if wall := time.Since(begin); spent <= 0 || spent > wall {
		t.Errorf("%v in graphs, of %v", spent, wall)
	}
}

// A sampler that comes in the middle of another joins it at the other's next run.
func TestLaterSamplerJoins(t *testing.T) {
	before, held, open := gate()
	w := watch(t, before)
	early, late := user{0, 1, 1, 6, 1, 1}, user{10, 2, 1, 6, 1, 1}
	var both sync.WaitGroup
	for _, u := range []user{early, late} {
		both.Go(func() {
			images, _, err := u.sample(t.Context(), t, w.Programs)
			if err != nil {
				t.Error(err)
			}
			u.check(t, images)
		})
		<-held
	}
	w.awaitWaiting(t, 1)
	close(open)
	both.Wait()
	// Five steps are alike; the last, which adds no noise, is another graph.
	if got, want := fmt.Sprint(w.sizes[:5]), "[1 3 3 3 3]"; got != want {
		t.Errorf("runs of %v images, want %s first", w.sizes, want)
	}
}

// A sampler that is cancelled returns while its run goes on for the other; without another the run is stopped.
func TestCancelledSamplerDisturbsNobody(t *testing.T) {
	for _, shared := range []bool{true, false} {
		first, begun, begin := gate()
		second, held, open := gate()
		stopped := make(chan error, 1)
		w := watch(t, func(ctx context.Context, n int, in [][]float32) error {
			if n == 1 {
				return first(ctx, n, in)
			}
			err := second(ctx, n, in)
			if err != nil {
				stopped <- err
			}
			return err
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		var others sync.WaitGroup
		other := func(u user) {
			others.Go(func() {
				images, _, err := u.sample(t.Context(), t, w.Programs)
				if err != nil {
					t.Error(err)
				}
				u.check(t, images)
			})
		}
		other(user{0, 1, 2, 1, 1, 1}) // of two coils, which nobody joins
		<-begun
		go func() {
			_, _, err := user{10, 2, 1, 4, 1, 1}.sample(ctx, t, w.Programs)
			ended <- err
		}()
		w.awaitWaiting(t, 1)
		if shared {
			other(user{20, 3, 1, 4, 1, 1})
			w.awaitWaiting(t, 2)
		}
		close(begin)
		<-held
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if shared {
			close(open)
		} else if err := <-stopped; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		others.Wait()
	}
}

// What fails together is tried alone, and fails for the sampler that it fails for.
func TestFailureIsItsSamplersAlone(t *testing.T) {
	first, held, open := gate()
	broken := errors.New("broken")
	const bad = 0.5 // λ, the fifth input
	w := watch(t, func(ctx context.Context, n int, in [][]float32) error {
		if slices.Contains(in[4], bad) {
			return broken
		}
		return first(ctx, n, in)
	})
	var all sync.WaitGroup
	for i, lambda := range []float64{1, 1, bad, 0.75} {
		u := user{10 * i, 2, 1, 3, 1, lambda}
		all.Go(func() {
			images, _, err := u.sample(t.Context(), t, w.Programs)
			if lambda == bad {
				if !errors.Is(err, broken) {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Error(err)
			}
			u.check(t, images)
		})
		if i == 0 {
			<-held
		} else {
			w.awaitWaiting(t, i)
		}
	}
	close(open)
	all.Wait()
	if got, want := fmt.Sprint(w.sizes[:6]), "[2 8 2 2 2 2]"; got != want {
		t.Errorf("runs of %s images, want %s", got, want)
	}
}
