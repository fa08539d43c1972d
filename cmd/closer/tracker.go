package main

import (
	"time"

	"github.com/closer-mri/closer/recon"
)

// tracker turns what a pipeline says into the progress of a job.
type tracker struct {
	costs    map[string]float64 // of one slice of each method
	total    float64            // of one slice, over all methods
	methods  int
	finished int     // methods
	resumed  int     // slices that an earlier attempt had finished
	done     float64 // cost of everything that is finished
	computed float64 // that without what an earlier attempt had finished
	now      recon.Progress
	start    time.Time
}

func newTracker(methods []recon.Method) *tracker {
	t := &tracker{costs: map[string]float64{}, methods: len(methods)}
	for _, m := range methods {
		t.costs[m.Name] = cost(m)
		t.total += cost(m)
	}
	return t
}

// cost is how long a slice takes, roughly, in evaluations of a network.
func cost(m recon.Method) float64 {
	switch {
	case m.Name == "zero-filled":
		return 0.1
	case m.Name == "tv":
		return 12
	default:
		return float64(max(1, m.Steps) * max(1, m.Samples))
	}
}

func (t *tracker) update(p recon.Progress, now time.Time) {
	if t.start.IsZero() {
		t.start = now
	}
	t.now = p
	if p.Slice == p.Of {
		t.finished++
		t.resumed += p.Resumed
		t.done += t.costs[p.Method] * float64(p.Of)
		t.computed += t.costs[p.Method] * float64(p.Of-p.Resumed)
		t.now.Slice, t.now.Resumed = 0, 0 // counted
	}
}

// progress is what the job's record says. The time that is left is guessed from the rate so far.
func (t *tracker) progress(now time.Time) recon.JobProgress {
	p := recon.JobProgress{
		Method: t.now.Method, Slices: t.methods * t.now.Of, SlicesDone: t.finished*t.now.Of + t.now.Slice,
		Step: t.now.Step, Steps: t.now.Steps,
	}
	slices := t.now.Done()
	computed := t.computed + t.costs[t.now.Method]*(slices-float64(t.now.Resumed))
	left := t.total*float64(t.now.Of) - t.done - t.costs[t.now.Method]*slices
	if computed > 0 && left > 0 {
		p.ETA = now.Sub(t.start).Seconds() / computed * left
	}
	return p
}
