package store

import (
	"context"
	"time"

	"github.com/closer-mri/closer/recon"
)

type memoryLease struct {
	queue  *Memory
	holder string
	job    recon.Job
	lost   chan struct{}
}

func (l *memoryLease) Job() recon.Job        { return detached(l.job) }
func (l *memoryLease) Lost() <-chan struct{} { return l.lost }

func (l *memoryLease) Extend(ctx context.Context) error {
	return l.change(ctx, func(r *record) error {
		if !r.heldBy(l.holder) {
			return recon.ErrLeaseLost
		}
		l.queue.expiry[r.ID] = time.Now().Add(l.queue.opts.Lease)
		return nil
	})
}

func (l *memoryLease) Update(ctx context.Context, progress recon.JobProgress, results []recon.Artifact) error {
	return l.change(ctx, func(r *record) error {
		if err := r.update(l.holder, progress, results); err != nil {
			return err
		}
		l.queue.announce(r)
		return nil
	})
}

func (l *memoryLease) Finish(ctx context.Context, results []recon.Artifact, cause error) error {
	return l.change(ctx, func(r *record) error {
		if err := r.finish(l.holder, results, cause, wallClock()); err != nil {
			return err
		}
		l.queue.forget(r.ID)
		l.queue.announce(r)
		return nil
	})
}

func (l *memoryLease) Release(ctx context.Context) error {
	return l.change(ctx, func(r *record) error {
		if err := r.release(l.holder); err != nil {
			return err
		}
		l.queue.forget(r.ID)
		l.queue.waiting = append([]string{r.ID}, l.queue.waiting...)
		l.queue.announce(r)
		return nil
	})
}

func (l *memoryLease) change(ctx context.Context, edit func(*record) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	r := l.queue.records[l.job.ID]
	if r == nil {
		return recon.ErrLeaseLost
	}
	return edit(r)
}
