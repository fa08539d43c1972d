package testkit

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
)

func submitTwice(t *testing.T, c queueCase) {
	first := c.submit("one")
	if first.Created.IsZero() || first.Attempt != 0 {
		t.Errorf("created %v, attempt %d", first.Created, first.Attempt)
	}
	want := TestJob("one")
	want.State, want.Created = recon.Queued, first.Created
	if !reflect.DeepEqual(first, want) {
		t.Errorf("stored %+v, want %+v", first, want)
	}
	other := c.open()
	again, created, err := other.Submit(c.ctx, TestJob("one"))
	if err != nil || created || !reflect.DeepEqual(again, first) {
		t.Errorf("again: %+v, created %t, %v", again, created, err)
	}
	lease := c.claim()
	if running, created, err := other.Submit(c.ctx, TestJob("one")); err != nil || created || running.State != recon.Running {
		t.Errorf("while it runs: %s, created %t, %v", running.State, created, err)
	}
	c.must(lease.Finish(c.ctx, nil, nil))
	if done, created, err := other.Submit(c.ctx, TestJob("one")); err != nil || created || done.State != recon.Done {
		t.Errorf("after it is done: %s, created %t, %v", done.State, created, err)
	}
	c.noClaim(300 * time.Millisecond)
	_, err = c.q.Job(c.ctx, "absent")
	c.code(recon.NotFound, err)
	_, _, err = c.q.Submit(c.ctx, TestJob("a.b c"))
	c.code(recon.Invalid, err)
}

func submitFromMany(t *testing.T, c queueCase) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := 0
	for _, q := range []recon.Queue{c.q, c.open()} {
		for range 4 {
			wg.Go(func() {
				_, created, err := q.Submit(c.ctx, TestJob("one"))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				} else if created {
					count++
				}
			})
		}
	}
	wg.Wait()
	if count != 1 {
		t.Errorf("%d submits created the job", count)
	}
	c.must(c.claim().Finish(c.ctx, nil, nil))
	c.noClaim(300 * time.Millisecond)
}

func resubmit(t *testing.T, c queueCase) {
	c.submit("one")
	lease := c.claim()
	c.must(lease.Update(c.ctx, recon.JobProgress{Slices: 5, SlicesDone: 2}, artifacts("early")))
	c.must(lease.Finish(c.ctx, artifacts("early"), recon.Errorf(recon.Invalid, "it is broken")))
	again := c.submit("one")
	want := TestJob("one")
	want.State, want.Created, want.Attempt = recon.Queued, again.Created, again.Attempt
	if !reflect.DeepEqual(again, want) {
		t.Errorf("queued again as %+v, want %+v", again, want)
	}
	c.lost(lease)
	second := c.claim()
	if second.Job().Attempt <= lease.Job().Attempt {
		t.Errorf("attempt %d follows %d", second.Job().Attempt, lease.Job().Attempt)
	}
	c.lost(lease)
	_, err := c.q.Cancel(c.ctx, "one")
	c.must(err)
	c.submit("one")
	c.must(c.claim().Finish(c.ctx, nil, nil))
	c.lost(second)
	c.job("one", recon.Done)
}

func changesSince(t *testing.T, c queueCase) {
	expect := func(since uint64, changed map[string]recon.State, gone ...string) uint64 {
		t.Helper()
		jobs, ids, next, err := c.q.Changes(c.ctx, since)
		c.must(err)
		got := map[string]recon.State{}
		for _, job := range jobs {
			got[job.ID] = job.State
		}
		if !maps.Equal(got, changed) || !slices.Equal(ids, gone) {
			t.Fatalf("since %d: %v changed and %q are gone, not %v and %q", since, got, ids, changed, gone)
		}
		return next
	}
	none := expect(0, map[string]recon.State{})
	c.submit("one")
	c.submit("two")
	both := expect(none, map[string]recon.State{"one": recon.Queued, "two": recon.Queued})
	if same := expect(both, map[string]recon.State{}); same != both {
		t.Errorf("the cursor moved from %d to %d while nothing changed", both, same)
	}
	_, err := c.open().Cancel(c.ctx, "one")
	c.must(err)
	canceled := expect(both, map[string]recon.State{"one": recon.StateCanceled})
	c.must(c.open().Delete(c.ctx, "one"))
	expect(canceled, map[string]recon.State{}, "one")
	expect(0, map[string]recon.State{"two": recon.Queued})
	c.submit("one")
	expect(canceled, map[string]recon.State{"one": recon.Queued})
}

func deleteRules(t *testing.T, c queueCase) {
	c.code(recon.NotFound, c.q.Delete(c.ctx, "one"))
	c.submit("one")
	c.code(recon.Conflict, c.q.Delete(c.ctx, "one"))
	lease := c.claim()
	c.code(recon.Conflict, c.q.Delete(c.ctx, "one"))
	c.must(lease.Finish(c.ctx, nil, nil))
	c.must(c.q.Delete(c.ctx, "one"))
	c.code(recon.NotFound, c.q.Delete(c.ctx, "one"))
	_, err := c.q.Job(c.ctx, "one")
	c.code(recon.NotFound, err)
	if jobs, err := c.q.Jobs(c.ctx); err != nil || len(jobs) != 0 {
		t.Errorf("still listed: %v, %v", jobs, err)
	}
	c.submit("one")
	c.must(c.claim().Finish(c.ctx, nil, nil))
}

func deliveries(t *testing.T, c queueCase) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	delivery := func(series string, state recon.DeliveryState, attempts int) recon.Delivery {
		return recon.Delivery{Series: series, State: state, Attempts: attempts, Time: at, Next: at, Reason: "a reason"}
	}
	_, err := c.q.Deliver(c.ctx, "absent", delivery("a", recon.DeliveryQueued, 0))
	c.code(recon.NotFound, err)
	c.submit("one")
	_, err = c.q.Deliver(c.ctx, "one", delivery("a", recon.DeliveryQueued, 0))
	c.code(recon.Conflict, err)
	c.must(c.claim().Finish(c.ctx, artifacts("dicom/a/0001.dcm"), nil))
	watch, err := c.open().Watch(c.ctx, "")
	c.must(err)
	if first := <-watch; first.State != recon.Done || first.Deliveries != nil {
		t.Errorf("before any delivery: %+v", first)
	}
	_, err = c.q.Deliver(c.ctx, "one", delivery("b", recon.DeliveryQueued, 0), delivery("a", recon.DeliveryQueued, 0))
	c.must(err)
	var wg sync.WaitGroup // changes of different series at once: none is lost
	for _, series := range []string{"a", "b"} {
		q := c.open()
		wg.Go(func() {
			for i := range 10 {
				_, err := q.Deliver(c.ctx, "one", delivery(series, recon.DeliverySending, i+1))
				c.must(err)
			}
		})
	}
	wg.Wait()
	want := []recon.Delivery{delivery("a", recon.DeliverySending, 10), delivery("b", recon.DeliverySending, 10)}
	if job := c.job("one", recon.Done); !reflect.DeepEqual(job.Deliveries, want) || len(job.Results) != 1 {
		t.Errorf("deliveries are %+v", job.Deliveries)
	}
	for job := range watch { // the last one comes, although the job had ended before
		if reflect.DeepEqual(job.Deliveries, want) {
			return
		}
	}
	t.Error("the watch did not show the deliveries")
}

func depthAndOrder(t *testing.T, c queueCase) {
	depth := func(wantQueued, wantRunning int) {
		t.Helper()
		for _, q := range []recon.Queue{c.q, c.open()} {
			if queued, running, err := q.Depth(c.ctx); err != nil || queued != wantQueued || running != wantRunning {
				t.Errorf("depth %d, %d, %v; want %d, %d", queued, running, err, wantQueued, wantRunning)
			}
		}
	}
	depth(0, 0)
	start := time.Now()
	for i, id := range []string{"b", "a", "d", "c"} {
		job := TestJob(id)
		job.Created = start.Add(time.Duration(i) * time.Second).UTC().Truncate(time.Millisecond)
		stored, _, err := c.q.Submit(c.ctx, job)
		c.must(err)
		if !stored.Created.Equal(job.Created) {
			t.Errorf("created %v, want %v", stored.Created, job.Created)
		}
	}
	depth(4, 0)
	first := c.claim()
	if first.Job().ID != "b" {
		t.Errorf("claimed %s before the oldest", first.Job().ID)
	}
	depth(3, 1)
	c.must(first.Finish(c.ctx, nil, nil))
	depth(3, 0)
	jobs, err := c.q.Jobs(c.ctx)
	c.must(err)
	var order string
	for _, job := range jobs {
		order += job.ID
	}
	if order != "cdab" {
		t.Errorf("jobs in the order %s, want the newest first", order)
	}
}

func fullQueue(t *testing.T, c queueCase) {
	c.submit("one")
	c.must(c.q.Ready(c.ctx))
	c.submit("two")
	_, _, err := c.q.Submit(c.ctx, TestJob("three"))
	c.code(recon.Busy, err)
	c.code(recon.Busy, c.q.Ready(c.ctx))
	_, err = c.q.Job(c.ctx, "three")
	c.code(recon.NotFound, err)
	if _, created, err := c.q.Submit(c.ctx, TestJob("two")); err != nil || created {
		t.Errorf("a job that waits already: created %t, %v", created, err)
	}
	c.claim()
	c.must(c.q.Ready(c.ctx))
	c.submit("three")
}

func watchOne(t *testing.T, c queueCase) {
	_, err := c.q.Watch(c.ctx, "absent")
	c.code(recon.NotFound, err)
	c.submit("one")
	watch, err := c.open().Watch(c.ctx, "one")
	c.must(err)
	if job := <-watch; job.State != recon.Queued {
		t.Errorf("the first state is %s", job.State)
	}
	lease := c.claim()
	for i := range 30 { // nobody receives: only the last matters
		c.must(lease.Update(c.ctx, recon.JobProgress{SlicesDone: i, Slices: 30}, nil))
	}
	done := make(chan recon.Job)
	go func() {
		var last recon.Job
		for job := range watch {
			last = job
		}
		done <- last
	}()
	c.must(lease.Finish(c.ctx, artifacts("a"), nil))
	select {
	case last := <-done:
		if last.State != recon.Done || len(last.Results) != 1 {
			t.Errorf("the last state seen is %+v", last)
		}
	case <-c.ctx.Done():
		t.Error("the watch did not end with the job")
	}
}

func watchAll(t *testing.T, c queueCase) {
	c.submit("one")
	ctx, cancel := context.WithCancel(c.ctx)
	watch, err := c.open().Watch(ctx, "")
	c.must(err)
	c.submit("two")
	c.must(c.claim().Finish(c.ctx, nil, nil))
	c.must(c.claim().Finish(c.ctx, nil, nil))
	states := map[string]recon.State{}
	for states["one"] != recon.Done || states["two"] != recon.Done {
		select {
		case job := <-watch:
			states[job.ID] = job.State
		case <-c.ctx.Done():
			t.Fatalf("saw only %v", states)
		}
	}
	cancel()
	for range watch { // ends
	}
}
