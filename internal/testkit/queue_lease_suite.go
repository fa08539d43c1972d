package testkit

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
)

func oneHolder(t *testing.T, c queueCase) {
	const jobs, workers = 40, 4
	var mu sync.Mutex
	held, runs := map[string]bool{}, map[string]int{}
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	var wg sync.WaitGroup
	for _, q := range []recon.Queue{c.q, c.open()} {
		for w := range workers {
			wg.Go(func() {
				for {
					lease, err := q.Claim(ctx, fmt.Sprint("worker ", w))
					if ctx.Err() != nil {
						return
					}
					if err != nil {
						t.Errorf("claim: %v", err)
						return
					}
					id := lease.Job().ID
					mu.Lock()
					if held[id] {
						t.Errorf("two workers hold %s", id)
					}
					held[id] = true
					runs[id]++
					giveBack := runs[id] == 1 && len(runs)%5 == 0
					mu.Unlock()
					err = lease.Update(c.ctx, recon.JobProgress{SlicesDone: 1, Slices: 1}, nil)
					mu.Lock()
					held[id] = false
					mu.Unlock()
					if giveBack {
						err = errors.Join(err, lease.Release(c.ctx))
					} else {
						err = errors.Join(err, lease.Finish(c.ctx, artifacts("a"), nil))
					}
					if err != nil {
						t.Errorf("run %s: %v", id, err)
					}
				}
			})
		}
	}
	for i := range jobs {
		c.submit(fmt.Sprintf("job%d", i))
	}
	for {
		queued, running, err := c.q.Depth(c.ctx)
		c.must(err)
		if queued+running == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	wg.Wait()
	if len(runs) != jobs {
		t.Errorf("%d jobs ran, want %d", len(runs), jobs)
	}
	for id, n := range runs {
		if job := c.job(id, recon.Done); job.Attempt != n || n > 2 {
			t.Errorf("%s ran %d times and says attempt %d", id, n, job.Attempt)
		}
	}
}

func expiredLease(t *testing.T, c queueCase) {
	c.submit("one")
	stale := c.claim()
	c.must(stale.Update(c.ctx, recon.JobProgress{Slices: 5}, artifacts("early")))
	other := c
	other.q = c.open()
	lease := other.claim()
	if a, b := stale.Job(), lease.Job(); a.Attempt != 1 || b.Attempt != 2 || len(b.Results) != 1 {
		t.Errorf("attempts %d and %d, results %v", a.Attempt, b.Attempt, b.Results)
	}
	c.closed("the stale holder", stale.Lost())
	c.lost(stale)
	c.must(lease.Extend(c.ctx))
	c.must(lease.Finish(c.ctx, artifacts("good"), nil))
	c.lost(stale)
	if job := c.job("one", recon.Done); job.Results[0].Name != "good" || job.Finished.IsZero() {
		t.Errorf("the record is %+v", job)
	}
}

func staleAfterDelete(t *testing.T, c queueCase) {
	c.submit("one")
	stale := c.claim()
	_, err := c.q.Cancel(c.ctx, "one")
	c.must(err)
	c.must(c.q.Delete(c.ctx, "one"))
	c.lost(stale)
	c.submit("one")
	lease := c.claim()
	c.lost(stale)
	c.must(lease.Finish(c.ctx, nil, nil))
	c.job("one", recon.Done)
}

func extendKeeps(t *testing.T, c queueCase) {
	c.submit("one")
	lease := c.claim()
	claimed := make(chan error, 1)
	ctx, cancel := context.WithTimeout(c.ctx, 5*time.Second)
	defer cancel()
	go func() {
		_, err := c.open().Claim(ctx, "a waiting worker")
		claimed <- err
	}()
	for ctx.Err() == nil {
		c.must(lease.Extend(c.ctx))
		time.Sleep(200 * time.Millisecond)
	}
	if err := <-claimed; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the waiting worker got %v", err)
	}
	select {
	case <-lease.Lost():
		t.Error("the holder was told that its lease is lost")
	default:
	}
	c.must(lease.Finish(c.ctx, nil, nil))
	if job := c.job("one", recon.Done); job.Attempt != 1 {
		t.Errorf("attempt %d", job.Attempt)
	}
}

func releaseDoesNotCount(t *testing.T, c queueCase) {
	c.submit("one")
	var last recon.Lease
	for range 4 {
		start := time.Now()
		last = c.claim()
		if wait := time.Since(start); wait > 10*time.Second {
			t.Errorf("a released job was to be had after %v", wait)
		}
		c.must(last.Release(c.ctx))
		if job := c.job("one", recon.Queued); job.Worker != "" {
			t.Errorf("the released job still names worker %q", job.Worker)
		}
		c.lost(last)
	}
	lease := c.claim()
	c.lost(last)
	c.must(lease.Finish(c.ctx, nil, nil))
	c.job("one", recon.Done)
}

func poisonedJob(t *testing.T, c queueCase) {
	c.submit("poison")
	for i := range 3 {
		c.submit(fmt.Sprintf("good%d", i))
	}
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	go func() {
		for ctx.Err() == nil {
			lease, err := c.q.Claim(ctx, "a worker")
			if err == nil && lease.Job().ID != "poison" { // the worker that got the poison is gone
				_ = lease.Finish(ctx, nil, nil)
			}
		}
	}()
	watch, err := c.q.Watch(c.ctx, "poison")
	c.must(err)
	for range watch {
	}
	job := c.job("poison", recon.Failed)
	if job.Attempt != 2 || job.Code != recon.Internal || !strings.Contains(job.Error, "lost 2 times") {
		t.Errorf("attempt %d, code %s, error %q", job.Attempt, job.Code, job.Error)
	}
	for i := range 3 {
		c.job(fmt.Sprintf("good%d", i), recon.Done)
	}
}

// lostButFurther loses a worker after each slice, then two at the same slice.
func lostButFurther(t *testing.T, c queueCase) {
	c.submit("long")
	reached := []int{1, 2, 3, 3}
	for i, slices := range reached {
		lease, err := c.q.Claim(c.ctx, "a worker that gets lost")
		c.must(err)
		if lease.Job().Attempt != i+1 {
			t.Fatalf("attempt %d follows %d", lease.Job().Attempt, i)
		}
		c.must(lease.Update(c.ctx, recon.JobProgress{SlicesDone: slices, Slices: 4}, nil))
	}
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	go c.q.Claim(ctx, "a worker that finds out")
	watch, err := c.q.Watch(c.ctx, "long")
	c.must(err)
	for range watch {
	}
	if job := c.job("long", recon.Failed); job.Attempt != len(reached) || !strings.Contains(job.Error, "lost 2 times") {
		t.Errorf("attempt %d, error %q", job.Attempt, job.Error)
	}
}

func finishSaysWhy(t *testing.T, c queueCase) {
	known := recon.Errorf(recon.Invalid, "the file has no slices")
	for i, f := range []struct {
		cause error
		state recon.State
		code  recon.Code
		text  string
	}{
		{nil, recon.Done, "", ""},
		{known, recon.Failed, recon.Invalid, "the file has no slices"},
		{fmt.Errorf("secret: %w", known), recon.Failed, recon.Invalid, "the file has no slices"},
		{errors.New("secret"), recon.Failed, recon.Internal, "internal error"},
	} {
		id := fmt.Sprint("job", i)
		c.submit(id)
		lease := c.claim()
		if job := c.job(id, recon.Running); job.Worker != "a worker" || job.Started.IsZero() || job.Attempt != 1 {
			t.Errorf("running as %+v", job)
		}
		c.must(lease.Finish(c.ctx, artifacts("x", "y"), f.cause))
		job := c.job(id, f.state)
		if job.Code != f.code || job.Error != f.text || !reflect.DeepEqual(job.Results, artifacts("x", "y")) || job.Finished.IsZero() {
			t.Errorf("ended as %+v, want %q, %q", job, f.code, f.text)
		}
		c.lost(lease)
		select {
		case <-lease.Lost():
			t.Error("a holder that finished was told that it lost its lease")
		default:
		}
	}
}

func abandonedClaim(t *testing.T, c queueCase) {
	for range 3 {
		c.noClaim(200 * time.Millisecond)
	}
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	if _, err := c.q.Claim(ctx, "a worker"); !errors.Is(err, context.Canceled) {
		t.Errorf("claim after the end: %v", err)
	}
	c.submit("one")
	start := time.Now()
	c.claim()
	if wait := time.Since(start); wait > 10*time.Second {
		t.Errorf("the job was to be had after %v", wait)
	}
}
