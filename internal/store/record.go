package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/closer-mri/closer/recon"
)

// record is a job with what the queue must remember about it. Its methods are the transitions of a job's state, the same for
// every implementation; each leaves the record as it is when it returns an error.
type record struct {
	recon.Job
	Submission string `json:"submission"`         // the call of Submit that queued it
	Holder     string `json:"holder,omitempty"`   // the latest claim: the only one that may write while the job runs
	Lost       int    `json:"lost,omitempty"`     // workers lost since one got further than all before it
	Reached    int    `json:"reached,omitempty"`  // slices that were done when the one that got furthest was lost
	Message    uint64 `json:"message,omitempty"`  // stream sequence of the message that the holder has
	Delivery   uint64 `json:"delivery,omitempty"` // how often that message had been delivered at the claim
}

// submitted returns the record of a job that waits, over the one it had before, if any.
func submitted(job recon.Job, before *record, submission string, now time.Time) record {
	r := record{Submission: submission, Job: recon.Job{
		ID: job.ID, Scan: job.Scan, Input: job.Input, Recipe: job.Recipe, State: recon.Queued, Created: job.Created,
	}}
	if r.Created.IsZero() {
		r.Created = now
	}
	if before != nil { // an attempt of before may still run somewhere: its number must never come again
		r.Attempt, r.Holder, r.Message, r.Delivery = before.Attempt, before.Holder, before.Message, before.Delivery
	}
	return r
}

// resubmittable reports whether Submit queues the job again.
func (r *record) resubmittable() bool {
	return r.State == recon.Failed || r.State == recon.StateCanceled
}

// claim gives a queued job, or a running one whose worker was lost, to holder. Without attempts left the job fails instead: that is
// when maxAttempts workers were lost and none of them got further than the first. A long job outlasts any number of restarts.
func (r *record) claim(holder, worker string, maxAttempts int, now time.Time) {
	lost := r.State == recon.Running
	r.Holder = holder // also of a job that fails now: whoever held it must see that it does not any more
	if lost {
		if r.Progress.SlicesDone > r.Reached {
			r.Reached, r.Lost = r.Progress.SlicesDone, 0
		}
		r.Lost++
		if r.Lost >= maxAttempts {
			r.end(recon.Failed, now)
			r.Code, r.Error = recon.Internal, fmt.Sprintf("the worker was lost %s while it ran this job", times(r.Lost))
			return
		}
	}
	r.State, r.Attempt, r.Worker = recon.Running, r.Attempt+1, worker
	r.Started, r.Progress = now, recon.JobProgress{}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// heldBy reports whether holder is the current attempt.
func (r *record) heldBy(holder string) bool { return r.State == recon.Running && r.Holder == holder }

func (r *record) update(holder string, progress recon.JobProgress, results []recon.Artifact) error {
	if !r.heldBy(holder) {
		return recon.ErrLeaseLost
	}
	r.Progress, r.Results = progress, slices.Clone(results)
	return nil
}

func (r *record) finish(holder string, results []recon.Artifact, cause error, now time.Time) error {
	if !r.heldBy(holder) {
		return recon.ErrLeaseLost
	}
	r.Results = slices.Clone(results)
	if cause == nil {
		r.end(recon.Done, now)
		return nil
	}
	r.end(recon.Failed, now)
	r.Code, r.Error = recon.Internal, "internal error"
	var shown *recon.Error
	if errors.As(cause, &shown) {
		r.Code, r.Error = shown.Code, shown.Message
	}
	return nil
}

func (r *record) release(holder string) error {
	if !r.heldBy(holder) {
		return recon.ErrLeaseLost
	}
	r.State, r.Worker, r.Started = recon.Queued, "", time.Time{}
	return nil
}

func (r *record) cancel(now time.Time) error {
	if r.State.Terminal() {
		return recon.Errorf(recon.Conflict, "the job is %s already", r.State)
	}
	r.end(recon.StateCanceled, now)
	return nil
}

func (r *record) deliver(deliveries []recon.Delivery) error {
	if r.State != recon.Done {
		return recon.Errorf(recon.Conflict, "the job is %s, not done", r.State)
	}
	all := slices.Clone(r.Deliveries)
	for _, d := range deliveries {
		at, known := slices.BinarySearchFunc(all, d.Series, func(e recon.Delivery, series string) int { return strings.Compare(e.Series, series) })
		if known {
			all[at] = d
		} else {
			all = slices.Insert(all, at, d)
		}
	}
	r.Deliveries = all
	return nil
}

func (r *record) end(state recon.State, now time.Time) { r.State, r.Finished = state, now }

// wallClock is the time as records keep it: it survives JSON unchanged.
func wallClock() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// detached returns a copy whose slices the caller may change.
func detached(job recon.Job) recon.Job {
	job.Results = slices.Clone(job.Results)
	job.Deliveries = slices.Clone(job.Deliveries)
	job.Recipe.Methods = slices.Clone(job.Recipe.Methods)
	job.Recipe.Slices = slices.Clone(job.Recipe.Slices)
	return job
}

func notFound() error { return recon.Errorf(recon.NotFound, "there is no such job") }

func full(limit int) error {
	return recon.Errorf(recon.Busy, "the queue is full: %d jobs are waiting", limit)
}

func notTerminal(state recon.State) error {
	return recon.Errorf(recon.Conflict, "the job is %s: cancel it first", state)
}
