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

// QueueLimits are what a case of QueueSuite needs a queue to be made with; zero is the default.
type QueueLimits struct {
	Lease                  time.Duration
	MaxAttempts, MaxQueued int
}

// NewQueue makes an empty queue and returns a function that opens it, each time as another process would.
type NewQueue func(t *testing.T, limits QueueLimits) (open func() recon.Queue)

// QueueSuite checks the contract of recon.Queue and recon.Lease. The cases run in parallel.
func QueueSuite(t *testing.T, newQueue NewQueue) {
	for _, c := range []struct {
		name   string
		limits QueueLimits
		run    func(*testing.T, queueCase)
	}{
		{"SubmitTwiceIsOneJob", QueueLimits{}, submitTwice},
		{"SubmitFromManyCreatesOne", QueueLimits{}, submitFromMany},
		{"EndedJobsCanBeSubmittedAgain", QueueLimits{}, resubmit},
		{"OneHolderPerJob", QueueLimits{}, oneHolder},
		{"ExpiredLeaseGoesToAnother", QueueLimits{Lease: time.Second}, expiredLease},
		{"LeaseOfADeletedJobIsNotThatOfItsSuccessor", QueueLimits{}, staleAfterDelete},
		{"ExtendKeepsTheLease", QueueLimits{Lease: 2 * time.Second}, extendKeeps},
		{"ReleaseDoesNotCount", QueueLimits{MaxAttempts: 1}, releaseDoesNotCount},
		{"PoisonedJobFails", QueueLimits{Lease: time.Second, MaxAttempts: 2}, poisonedJob},
		{"CancelQueued", QueueLimits{}, cancelQueued},
		{"CancelRunning", QueueLimits{}, cancelRunning},
		{"CanceledJobRunsAgainAtOnce", QueueLimits{}, cancelAndResubmit},
		{"FinishSaysWhy", QueueLimits{}, finishSaysWhy},
		{"WatchOne", QueueLimits{}, watchOne},
		{"WatchAll", QueueLimits{}, watchAll},
		{"DeleteNeedsAnEndedJob", QueueLimits{}, deleteRules},
		{"DepthAndOrder", QueueLimits{}, depthAndOrder},
		{"FullQueueRefuses", QueueLimits{MaxQueued: 2}, fullQueue},
		{"AbandonedClaimKeepsNothing", QueueLimits{}, abandonedClaim},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			open := newQueue(t, c.limits)
			c.run(t, queueCase{T: t, ctx: ctx, q: open(), open: open})
		})
	}
}

// queueCase is a queue and the shorthands of a test of it; each fails the test on an error.
type queueCase struct {
	*testing.T
	ctx  context.Context
	q    recon.Queue
	open func() recon.Queue
}

// TestJob is a job as the suites submit it.
func TestJob(id string) recon.Job {
	return recon.Job{
		ID: id, Scan: "scan-" + id, Input: recon.Blob{SHA256: strings.Repeat("ab", 32), Size: 7}, Recipe: recon.DefaultRecipe(),
	}
}

func (c queueCase) submit(id string) recon.Job {
	c.Helper()
	job, created, err := c.q.Submit(c.ctx, TestJob(id))
	if err != nil || !created || job.State != recon.Queued {
		c.Fatalf("submit %s: created %t, state %s, %v", id, created, job.State, err)
	}
	return job
}

func (c queueCase) claim() recon.Lease {
	c.Helper()
	lease, err := c.q.Claim(c.ctx, "a worker")
	if err != nil {
		c.Fatalf("claim: %v", err)
	}
	return lease
}

func (c queueCase) noClaim(for_ time.Duration) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, for_)
	defer cancel()
	if lease, err := c.q.Claim(ctx, "another worker"); !errors.Is(err, context.DeadlineExceeded) {
		c.Fatalf("claim gave %v, %v, want nothing", lease, err)
	}
}

func (c queueCase) job(id string, want recon.State) recon.Job {
	c.Helper()
	job, err := c.q.Job(c.ctx, id)
	if err != nil || job.State != want {
		c.Fatalf("job %s is %q, %v; want %s", id, job.State, err, want)
	}
	return job
}

func (c queueCase) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c queueCase) code(want recon.Code, err error) {
	c.Helper()
	if recon.CodeOf(err) != want {
		c.Fatalf("error %v has code %q, want %q", err, recon.CodeOf(err), want)
	}
}

// lost checks that nothing can be done with a lease that is over.
func (c queueCase) lost(lease recon.Lease) {
	c.Helper()
	id := lease.Job().ID
	before, beforeErr := c.q.Job(c.ctx, id)
	for name, err := range map[string]error{
		"extend":  lease.Extend(c.ctx),
		"update":  lease.Update(c.ctx, recon.JobProgress{SlicesDone: 99}, artifacts("stale")),
		"finish":  lease.Finish(c.ctx, artifacts("stale"), nil),
		"fail":    lease.Finish(c.ctx, nil, recon.Errorf(recon.Invalid, "stale")),
		"release": lease.Release(c.ctx),
	} {
		if !errors.Is(err, recon.ErrLeaseLost) {
			c.Errorf("%s by a stale holder: %v", name, err)
		}
	}
	after, afterErr := c.q.Job(c.ctx, id)
	if !reflect.DeepEqual(before, after) || recon.CodeOf(beforeErr) != recon.CodeOf(afterErr) {
		c.Errorf("a stale holder changed the record from %+v to %+v", before, after)
	}
}

func (c queueCase) closed(what string, ch <-chan struct{}) {
	c.Helper()
	select {
	case <-ch:
	case <-time.After(20 * time.Second):
		c.Fatalf("%s was not told", what)
	}
}

func artifacts(names ...string) (out []recon.Artifact) {
	for _, name := range names {
		blob := recon.Blob{SHA256: strings.Repeat("cd", 32), Size: 3}
		out = append(out, recon.Artifact{Name: name, Blob: blob, ContentType: "application/dicom"})
	}
	return out
}

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

func cancelQueued(t *testing.T, c queueCase) {
	c.submit("one")
	job, err := c.q.Cancel(c.ctx, "one")
	if err != nil || job.State != recon.StateCanceled || job.Finished.IsZero() {
		t.Fatalf("canceled as %+v, %v", job, err)
	}
	_, err = c.q.Cancel(c.ctx, "one")
	c.code(recon.Conflict, err)
	_, err = c.q.Cancel(c.ctx, "absent")
	c.code(recon.NotFound, err)
	c.submit("two")
	if id := c.claim().Job().ID; id != "two" {
		t.Errorf("claimed %s", id)
	}
	c.noClaim(300 * time.Millisecond)
}

func cancelRunning(t *testing.T, c queueCase) {
	c.submit("one")
	lease := c.claim()
	_, err := c.open().Cancel(c.ctx, "one")
	c.must(err)
	c.closed("the holder", lease.Lost())
	c.lost(lease)
	c.job("one", recon.StateCanceled)
}

func cancelAndResubmit(t *testing.T, c queueCase) {
	c.submit("one")
	stale := c.claim()
	_, err := c.q.Cancel(c.ctx, "one")
	c.must(err)
	c.submit("one")
	start := time.Now()
	lease := c.claim()
	if wait := time.Since(start); wait > 10*time.Second {
		t.Errorf("the job ran again after %v", wait)
	}
	c.lost(stale)
	c.must(lease.Finish(c.ctx, nil, nil))
	c.noClaim(300 * time.Millisecond)
	c.job("one", recon.Done)
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
	c.code(recon.Unavailable, err)
	c.code(recon.Unavailable, c.q.Ready(c.ctx))
	_, err = c.q.Job(c.ctx, "three")
	c.code(recon.NotFound, err)
	if _, created, err := c.q.Submit(c.ctx, TestJob("two")); err != nil || created {
		t.Errorf("a job that waits already: created %t, %v", created, err)
	}
	c.claim()
	c.must(c.q.Ready(c.ctx))
	c.submit("three")
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
