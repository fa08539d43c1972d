package store

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nuid"

	"github.com/closer-mri/closer/recon"
)

// Memory is a queue that lives as long as the process: for tests and single runs.
type Memory struct {
	opts     Options
	feed     *feed
	identity string

	mu      sync.Mutex
	records map[string]*record
	waiting []string             // queued jobs, the next one first
	expiry  map[string]time.Time // of the leases of running jobs
	leases  map[string]*memoryLease
	changed chan struct{} // closed and replaced when a job may have become claimable
	claims  int
}

var _ recon.Queue = (*Memory)(nil)

// NewMemory returns an empty queue.
func NewMemory(opts Options) *Memory {
	opts = opts.withDefaults()
	if opts.Lease == 0 {
		opts.Lease = DefaultLease
	}
	return &Memory{
		opts: opts, feed: newFeed(), identity: nuid.Next(), records: map[string]*record{}, expiry: map[string]time.Time{},
		leases: map[string]*memoryLease{}, changed: make(chan struct{}),
	}
}

// Identity implements recon.Queue.
func (q *Memory) Identity() string { return q.identity }

// LeaseTime is how long a worker may be silent.
func (q *Memory) LeaseTime() time.Duration { return q.opts.Lease }

// Submit implements recon.Queue.
func (q *Memory) Submit(ctx context.Context, job recon.Job) (recon.Job, bool, error) {
	if err := checkID(job.ID); err != nil {
		return recon.Job{}, false, err
	}
	if err := ctx.Err(); err != nil {
		return recon.Job{}, false, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	before := q.records[job.ID]
	if before != nil && !before.resubmittable() {
		return detached(before.Job), false, nil
	}
	if q.opts.MaxQueued > 0 && len(q.waiting) >= q.opts.MaxQueued {
		return recon.Job{}, false, full(q.opts.MaxQueued)
	}
	r := submitted(detached(job), before, "", wallClock())
	q.records[job.ID] = &r
	q.waiting = append(q.waiting, job.ID)
	q.announce(&r)
	return detached(r.Job), true, nil
}

// Job implements recon.Queue.
func (q *Memory) Job(ctx context.Context, id string) (recon.Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r, ok := q.records[id]
	if !ok {
		return recon.Job{}, notFound()
	}
	return detached(r.Job), ctx.Err()
}

// Jobs implements recon.Queue.
func (q *Memory) Jobs(ctx context.Context) ([]recon.Job, error) { return q.feed.list(), ctx.Err() }

// Changes implements recon.Queue.
func (q *Memory) Changes(ctx context.Context, since uint64) ([]recon.Job, []string, uint64, error) {
	changed, gone, next := q.feed.changes(since)
	return changed, gone, next, ctx.Err()
}

// Watch implements recon.Queue. NotFound when id is not "" and there is no such job.
func (q *Memory) Watch(ctx context.Context, id string) (<-chan recon.Job, error) {
	return q.feed.watch(ctx, id)
}

// Depth implements recon.Queue.
func (q *Memory) Depth(ctx context.Context) (queued, running int, err error) {
	queued, running = q.feed.depth()
	return queued, running, ctx.Err()
}

// Ready implements recon.Queue.
func (q *Memory) Ready(ctx context.Context) error {
	if queued, _ := q.feed.depth(); q.opts.MaxQueued > 0 && queued >= q.opts.MaxQueued {
		return full(q.opts.MaxQueued)
	}
	return ctx.Err()
}

// Cancel implements recon.Queue.
func (q *Memory) Cancel(ctx context.Context, id string) (recon.Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r, ok := q.records[id]
	if !ok {
		return recon.Job{}, notFound()
	}
	if err := r.cancel(wallClock()); err != nil {
		return recon.Job{}, err
	}
	q.unqueue(id)
	q.drop(id)
	q.announce(r)
	return detached(r.Job), nil
}

// Deliver implements recon.Queue.
func (q *Memory) Deliver(ctx context.Context, id string, deliveries ...recon.Delivery) (recon.Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r, ok := q.records[id]
	if !ok {
		return recon.Job{}, notFound()
	}
	if err := r.deliver(deliveries); err != nil {
		return recon.Job{}, err
	}
	q.announce(r)
	return detached(r.Job), ctx.Err()
}

// Delete implements recon.Queue.
func (q *Memory) Delete(ctx context.Context, id string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	r, ok := q.records[id]
	if !ok {
		return notFound()
	}
	if !r.State.Terminal() {
		return notTerminal(r.State)
	}
	delete(q.records, id)
	q.feed.remove(id)
	return nil
}

// Claim implements recon.Queue.
func (q *Memory) Claim(ctx context.Context, worker string) (recon.Lease, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		lease, wait, changed := q.tryClaim(worker)
		if lease != nil {
			return lease, nil
		}
		expired := time.NewTimer(wait)
		select {
		case <-changed:
		case <-expired.C:
		case <-ctx.Done():
		}
		expired.Stop()
	}
}

// tryClaim returns a lease, or how long until the next one can expire and what is closed when a job becomes claimable sooner.
func (q *Memory) tryClaim(worker string) (*memoryLease, time.Duration, <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now, wait := time.Now(), q.opts.Lease
	for id, expiry := range q.expiry {
		if left := expiry.Sub(now); left > 0 {
			wait = min(wait, left)
		} else if lease := q.grant(id, worker); lease != nil {
			return lease, 0, nil
		}
	}
	if len(q.waiting) > 0 {
		return q.grant(q.waiting[0], worker), 0, nil
	}
	return nil, wait, q.changed
}

// grant returns nil when the job failed for having used up its attempts.
func (q *Memory) grant(id, worker string) *memoryLease {
	q.unqueue(id)
	q.drop(id)
	q.claims++
	r := q.records[id]
	r.claim(strconv.Itoa(q.claims), worker, q.opts.MaxAttempts, wallClock())
	q.announce(r)
	if r.State != recon.Running {
		return nil
	}
	lease := &memoryLease{queue: q, holder: r.Holder, job: detached(r.Job), lost: make(chan struct{})}
	q.leases[id], q.expiry[id] = lease, time.Now().Add(q.opts.Lease)
	return lease
}

func (q *Memory) unqueue(id string) {
	q.waiting = slices.DeleteFunc(q.waiting, func(w string) bool { return w == id })
}

// drop tells the holder of a job, if any, that it lost its lease.
func (q *Memory) drop(id string) {
	if lease := q.leases[id]; lease != nil {
		close(lease.lost)
		q.forget(id)
	}
}

// forget ends the lease of a job without telling its holder.
func (q *Memory) forget(id string) {
	delete(q.leases, id)
	delete(q.expiry, id)
}

// announce tells watchers and waiting workers of a changed record.
func (q *Memory) announce(r *record) {
	q.feed.set(detached(r.Job))
	close(q.changed)
	q.changed = make(chan struct{})
}
