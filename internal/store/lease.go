package store

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/closer-mri/closer/recon"
)

// lease is one attempt at a job in JetStream: it holds the job's message.
type lease struct {
	queue  *Queue
	msg    jetstream.Msg
	holder string
	job    recon.Job
	tried  atomic.Bool // Finish or Release was called and may have had its effect
	over   atomic.Bool // and had it

	lost     chan struct{}
	loseOnce sync.Once
	unwatch  context.CancelFunc
}

var _ recon.Lease = (*lease)(nil)

func (q *Queue) newLease(r record, msg jetstream.Msg) *lease {
	l := &lease{queue: q, msg: msg, holder: r.Holder, job: r.Job, lost: make(chan struct{})}
	var ctx context.Context
	ctx, l.unwatch = context.WithCancel(q.life)
	go q.follow(ctx, r.ID, func(e jetstream.KeyValueEntry) { l.look(ctx, e) })
	return l
}

func (l *lease) Job() recon.Job        { return detached(l.job) }
func (l *lease) Lost() <-chan struct{} { return l.lost }

func (l *lease) Extend(ctx context.Context) error {
	r, _, err := l.queue.load(ctx, l.job.ID)
	if err == nil && !r.heldBy(l.holder) {
		err = recon.ErrLeaseLost
	}
	if err != nil {
		return l.check(err)
	}
	return l.queue.try(ctx, func(ctx context.Context) error {
		if err := l.msg.InProgress(); err != nil {
			return err
		}
		return l.queue.conn.FlushWithContext(ctx)
	})
}

func (l *lease) Update(ctx context.Context, progress recon.JobProgress, results []recon.Artifact) error {
	_, err := l.queue.change(ctx, l.job.ID, func(r *record) error { return r.update(l.holder, progress, results) })
	return l.check(err)
}

func (l *lease) Finish(ctx context.Context, results []recon.Artifact, cause error) error {
	err := l.end(ctx, func(r *record) error {
		if l.tried.Swap(true) && r.Holder == l.holder && (r.State == recon.Done || r.State == recon.Failed) {
			return errUnchanged
		}
		return r.finish(l.holder, results, cause, wallClock())
	})
	if err == nil { // the record is what counts: should this fail, the next worker acknowledges the message of an ended job
		_ = once(ctx, l.msg.DoubleAck)
	}
	return err
}

func (l *lease) Release(ctx context.Context) error {
	err := l.end(ctx, func(r *record) error {
		if l.tried.Swap(true) && r.Holder == l.holder && r.State == recon.Queued {
			return errUnchanged
		}
		return r.release(l.holder)
	})
	if err == nil { // flushed, because a worker that gives its job back is about to exit
		_ = l.msg.Nak()
		_ = once(ctx, l.queue.conn.FlushWithContext)
	}
	return err
}

// end stores the edit that ends the attempt. It may be called again after an error that left its effect unknown.
func (l *lease) end(ctx context.Context, edit func(*record) error) error {
	if l.over.Load() {
		return recon.ErrLeaseLost
	}
	_, err := l.queue.change(ctx, l.job.ID, edit)
	if err == nil {
		l.over.Store(true)
		l.unwatch()
	}
	return l.check(err)
}

// check closes Lost when err says so. The job of a lease can only be absent if it was canceled and deleted.
func (l *lease) check(err error) error {
	if recon.CodeOf(err) == recon.NotFound {
		err = recon.ErrLeaseLost
	}
	if errors.Is(err, recon.ErrLeaseLost) && !l.over.Load() {
		l.lose()
	}
	return err
}

func (l *lease) lose() {
	l.loseOnce.Do(func() { close(l.lost) })
	l.unwatch()
}

// look closes Lost when a change of the record says so. The change may be older than the lease, because a watch can read from a
// replica that lags: what looks like a loss is looked up.
func (l *lease) look(ctx context.Context, e jetstream.KeyValueEntry) {
	var r record
	if e.Operation() == jetstream.KeyValuePut && json.Unmarshal(e.Value(), &r) == nil && l.mine(r) {
		return
	}
	r, _, err := l.queue.load(ctx, l.job.ID)
	if err == nil && !l.mine(r) {
		err = recon.ErrLeaseLost
	}
	_ = l.check(err)
}

// mine reports whether the record is held by this lease or was ended by it.
func (l *lease) mine(r record) bool { return r.Holder == l.holder && r.State != recon.StateCanceled }
