package store

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/closer-mri/closer/recon"
)

// publish adds a message that lets a worker run the job. There may be two when an answer is lost; the stream is not asked to refuse
// the second, because it would do so for minutes even if the first was lost.
func (q *Queue) publish(ctx context.Context, r record) error {
	return q.try(ctx, func(ctx context.Context) error {
		_, err := q.js.Publish(ctx, q.subject(r.ID), nil)
		return err
	})
}

// lastMessage returns the stream sequence of the job's latest message, 0 when there is none.
func (q *Queue) lastMessage(ctx context.Context, id string) (sequence uint64, err error) {
	err = q.try(ctx, func(ctx context.Context) error {
		message, err := q.runs.GetLastMsgForSubject(ctx, q.subject(id))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err == nil {
			sequence = message.Sequence
		}
		return err
	})
	return sequence, err
}

// hasMessage reports whether the message of that sequence is still in the stream.
func (q *Queue) hasMessage(ctx context.Context, sequence uint64) (found bool, err error) {
	err = q.try(ctx, func(ctx context.Context) error {
		_, err := q.runs.GetMsg(ctx, sequence)
		found = err == nil
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		return err
	})
	return found, err
}

// ensureMessage publishes the message of a job that must run and has none: its submitter crashed before publishing it.
func (q *Queue) ensureMessage(ctx context.Context, r record) error {
	if r.State.Terminal() {
		return nil
	}
	sequence, err := q.lastMessage(ctx, r.ID)
	if err != nil || sequence > 0 {
		return err
	}
	return q.publish(ctx, r)
}

// reconcile makes sure that every job that must run has a message. A job that changes meanwhile may get a superfluous one, which
// the worker that receives it drops.
func (q *Queue) reconcile(ctx context.Context) error {
	feed, err := q.synced(ctx)
	if err != nil {
		return err
	}
	var info *jetstream.StreamInfo
	if err := q.try(ctx, func(ctx context.Context) (err error) {
		info, err = q.runs.Info(ctx, jetstream.WithSubjectFilter(q.subject("*")))
		return err
	}); err != nil {
		return err
	}
	for _, job := range feed.list() {
		if job.State.Terminal() || info.State.Subjects[q.subject(job.ID)] > 0 {
			continue
		}
		r, _, err := q.load(ctx, job.ID)
		if recon.CodeOf(err) == recon.NotFound {
			continue
		}
		if err == nil {
			err = q.ensureMessage(ctx, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keepReconciled runs until ctx ends. What it could not do now it does next time; Ready tells whether the servers answer.
func (q *Queue) keepReconciled(ctx context.Context) {
	for ctx.Err() == nil {
		sleep(ctx, max(q.opts.Reconcile, time.Millisecond))
		_ = q.reconcile(ctx)
	}
}
