package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/closer-mri/closer/recon"
)

const (
	pullTime   = 2 * time.Second        // of one request for a message
	pullSlack  = 250 * time.Millisecond // a later answer, or none, means that the servers stood still
	brokenTime = 5 * time.Second        // until a message is looked at again whose record could not be read or changed
)

// Claim implements recon.Queue. It outlasts servers that do not answer, until ctx ends.
func (q *Queue) Claim(ctx context.Context, worker string) (recon.Lease, error) {
	late := false // the request before
	for pause := 10 * time.Millisecond; ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		start, before := time.Now(), late
		msg, err := q.receive(ctx)
		if late = time.Since(start) > pullTime+pullSlack; late || before {
			q.trouble.note()
		}
		switch {
		case err != nil && ctx.Err() == nil && transient(err):
			q.trouble.note()
			sleep(ctx, pause)
			pause = min(2*pause, time.Second)
			continue
		case err != nil && ctx.Err() == nil:
			return nil, unanswered(err)
		case msg == nil:
			continue
		}
		pause = 10 * time.Millisecond
		lease, err := q.take(ctx, msg, worker)
		if err != nil {
			_ = msg.NakWithDelay(brokenTime)
			if recon.CodeOf(err) == recon.Unavailable {
				continue
			}
			return nil, err
		}
		if lease != nil {
			return lease, nil
		}
	}
}

// receive waits a while for a message. One that arrives after ctx ended goes back at once; left alone it would wait for the lease
// time before anybody gets it.
func (q *Queue) receive(ctx context.Context) (jetstream.Msg, error) {
	batch, err := q.workers.Fetch(1, jetstream.FetchMaxWait(pullTime))
	if err != nil {
		return nil, err
	}
	select {
	case msg, ok := <-batch.Messages():
		if !ok {
			return nil, batch.Error()
		}
		return msg, nil
	case <-ctx.Done():
		go func() {
			for msg := range batch.Messages() {
				_ = msg.Nak()
			}
		}()
		return nil, ctx.Err()
	}
}

var (
	errSuperfluous = errors.New("the message wakes nobody any more")
	errStale       = errors.New("the message was delivered again since")
	errTooEarly    = errors.New("the servers were away, so that the silence of the job's worker says nothing")
)

// take claims the job that a message is about. Without a lease and an error there is nothing to run for this message.
func (q *Queue) take(ctx context.Context, msg jetstream.Msg, worker string) (*lease, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	id, holder := strings.TrimPrefix(msg.Subject(), q.subject("")), nuid.Next()
	r, err := q.change(ctx, id, func(r *record) error {
		own := r.Message == meta.Sequence.Stream
		switch {
		case r.Holder == holder: // an earlier round did it, although its answer was lost
			return errUnchanged
		case r.State.Terminal():
			return errSuperfluous
		case own && meta.NumDelivered <= r.Delivery: // this process was slow, and another got the message after it
			return errStale
		case !own && r.State == recon.Running:
			if held, err := q.hasMessage(ctx, r.Message); err != nil {
				return err
			} else if held {
				return errSuperfluous
			}
		}
		if r.State == recon.Running && q.trouble.pardon(q.lease) > 0 {
			return errTooEarly
		}
		r.claim(holder, worker, q.opts.MaxAttempts, wallClock())
		r.Message, r.Delivery = meta.Sequence.Stream, meta.NumDelivered
		return nil
	})
	switch {
	case errors.Is(err, errStale):
		return nil, nil // neither given back nor acknowledged: it belongs to the other
	case errors.Is(err, errTooEarly):
		_ = msg.NakWithDelay(q.trouble.pardon(q.lease)) // unless its worker says before that it lives
		return nil, nil
	case errors.Is(err, errSuperfluous), recon.CodeOf(err) == recon.NotFound, err == nil && r.State != recon.Running:
		_ = msg.DoubleAck(ctx) // or else it comes again and is dropped then
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("claim a job: %w", err)
	}
	return q.newLease(r, msg), nil
}
