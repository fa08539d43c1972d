package testkit

import (
	"context"
	"errors"
	"reflect"
	"strings"
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
		{"JobThatGetsFurtherOutlastsItsWorkers", QueueLimits{Lease: time.Second, MaxAttempts: 2}, lostButFurther},
		{"CancelQueued", QueueLimits{}, cancelQueued},
		{"CancelRunning", QueueLimits{}, cancelRunning},
		{"CancelIsNotOverwritten", QueueLimits{}, cancelAgainstUpdates},
		{"CanceledJobRunsAgainAtOnce", QueueLimits{}, cancelAndResubmit},
		{"FinishSaysWhy", QueueLimits{}, finishSaysWhy},
		{"WatchOne", QueueLimits{}, watchOne},
		{"WatchAll", QueueLimits{}, watchAll},
		{"DeliveriesBelongToJobsThatAreDone", QueueLimits{}, deliveries},
		{"DeleteNeedsAnEndedJob", QueueLimits{}, deleteRules},
		{"ChangesSinceTheLastCall", QueueLimits{}, changesSince},
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
