package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/closer-mri/closer/recon"
)

// Queue is a queue in NATS JetStream. All its processes may come and go; so may the servers, within Options.Patience.
type Queue struct {
	opts     Options
	conn     *nats.Conn
	js       jetstream.JetStream
	records  jetstream.KeyValue
	runs     jetstream.Stream   // one message for each job that somebody must run
	workers  jetstream.Consumer // hands the messages out
	lease    time.Duration
	identity string
	mirror   *mirror
	restored *signal         // fires when the connection is back
	trouble  trouble         // when the servers last did not answer
	life     context.Context // of the background work, which outlives the calls that start it; ends with Close
	end      context.CancelFunc
}

var _ recon.Queue = (*Queue)(nil)

// LeaseTime is how long a worker may be silent.
func (q *Queue) LeaseTime() time.Duration { return q.lease }

// Identity implements recon.Queue.
func (q *Queue) Identity() string { return q.identity }

// Close ends the connection. Leases that are held are lost when their time is over.
func (q *Queue) Close() {
	q.end()
	q.conn.Close()
}

// Submit implements recon.Queue.
func (q *Queue) Submit(ctx context.Context, job recon.Job) (recon.Job, bool, error) {
	if err := checkID(job.ID); err != nil {
		return recon.Job{}, false, err
	}
	submission := nuid.Next()
	for {
		var before *record
		switch r, revision, err := q.load(ctx, job.ID); {
		case err == nil && r.Submission == submission: // an earlier round did it, although its answer was lost
			return r.Job, true, q.publish(ctx, r)
		case err == nil && !r.resubmittable():
			return r.Job, false, q.ensureMessage(ctx, r)
		case err == nil:
			before = &r
			fallthrough
		case recon.CodeOf(err) == recon.NotFound, errors.Is(err, recon.ErrUnreadable): // which nobody misses
			if err := q.room(ctx); err != nil {
				return recon.Job{}, false, err
			}
			r := submitted(job, before, submission, wallClock())
			if _, err := q.save(ctx, r, revision); errors.Is(err, errChanged) {
				continue
			} else if err != nil {
				return recon.Job{}, false, err
			}
			return r.Job, true, q.publish(ctx, r)
		default:
			return recon.Job{}, false, err
		}
	}
}

// room returns nil when another job may wait.
func (q *Queue) room(ctx context.Context) error {
	if q.opts.MaxQueued == 0 {
		return nil
	}
	queued, _, err := q.Depth(ctx)
	if err == nil && queued >= q.opts.MaxQueued {
		return full(q.opts.MaxQueued)
	}
	return err
}

// Job implements recon.Queue.
func (q *Queue) Job(ctx context.Context, id string) (recon.Job, error) {
	if checkID(id) != nil {
		return recon.Job{}, notFound()
	}
	r, _, err := q.load(ctx, id)
	return r.Job, err
}

// Cancel implements recon.Queue.
func (q *Queue) Cancel(ctx context.Context, id string) (recon.Job, error) {
	if checkID(id) != nil {
		return recon.Job{}, notFound()
	}
	// A message that exists now belongs to what is being canceled; one that comes later belongs to a new submission.
	last, err := q.lastMessage(ctx, id)
	if err != nil {
		return recon.Job{}, err
	}
	tried := false
	r, err := q.change(ctx, id, func(r *record) error {
		if tried && r.State == recon.StateCanceled {
			return errUnchanged
		}
		tried = true
		return r.cancel(wallClock())
	})
	if err == nil && last > 0 {
		// Should this not succeed, the worker that receives the message drops it.
		_ = q.runs.Purge(ctx, jetstream.WithPurgeSubject(q.subject(id)), jetstream.WithPurgeSequence(last+1))
	}
	return r.Job, err
}

// Deliver implements recon.Queue.
func (q *Queue) Deliver(ctx context.Context, id string, deliveries ...recon.Delivery) (recon.Job, error) {
	if checkID(id) != nil {
		return recon.Job{}, notFound()
	}
	r, err := q.change(ctx, id, func(r *record) error { return r.deliver(deliveries) })
	return r.Job, err
}

// Delete implements recon.Queue.
func (q *Queue) Delete(ctx context.Context, id string) error {
	if checkID(id) != nil {
		return notFound()
	}
	for unheard := false; ; {
		r, revision, err := q.load(ctx, id)
		switch {
		case unheard && recon.CodeOf(err) == recon.NotFound: // by a request of ours whose answer was lost
			return nil
		case err != nil:
			return err
		case !r.State.Terminal():
			return notTerminal(r.State)
		}
		requests := 0
		err = q.try(ctx, func(ctx context.Context) error {
			requests++
			return q.records.Delete(ctx, id, jetstream.LastRevision(revision))
		})
		if !isConflict(err) {
			return err
		}
		unheard = unheard || requests > 1
	}
}

// Ready implements recon.Queue.
func (q *Queue) Ready(ctx context.Context) error {
	if !q.conn.IsConnected() {
		return unanswered(nats.ErrDisconnected)
	}
	if q.opts.Server != nil {
		if err := q.opts.Server.Ready(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	_, err := q.records.Status(ctx)
	if err == nil {
		err = q.room(ctx)
	}
	if recon.CodeOf(err) == recon.Internal {
		err = unanswered(err)
	}
	return err
}

// Errors of a compare-and-set.
var (
	errChanged   = errors.New("the record changed meanwhile")
	errUnchanged = errors.New("nothing to store") // from edit: the record is as wanted already
)

// load returns a record and its revision; NotFound, with the revision 0; ErrUnreadable. It asks the leader: a replica may lag.
func (q *Queue) load(ctx context.Context, id string) (r record, revision uint64, err error) {
	err = q.try(ctx, func(ctx context.Context) error {
		entry, err := q.records.Get(ctx, id)
		if err != nil {
			return err
		}
		r, revision = record{}, entry.Revision()
		if err := json.Unmarshal(entry.Value(), &r); err != nil {
			return fmt.Errorf("%w: %s: %w", recon.ErrUnreadable, id, err)
		}
		return nil
	})
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return r, 0, notFound()
	}
	return r, revision, err
}

// save stores a record over the given revision, 0 for a new one; errChanged when that is not the latest. After a lost answer it
// may say errChanged although this call was what changed the record: callers recognise their own change.
func (q *Queue) save(ctx context.Context, r record, revision uint64) (saved uint64, err error) {
	value, err := json.Marshal(r)
	if err != nil {
		return 0, err
	}
	err = q.try(ctx, func(ctx context.Context) error {
		if revision == 0 {
			saved, err = q.records.Create(ctx, r.ID, value)
		} else {
			saved, err = q.records.Update(ctx, r.ID, value, revision)
		}
		return err
	})
	if isConflict(err) {
		return 0, errChanged
	}
	return saved, err
}

func isConflict(err error) bool {
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch)
}

// change applies edit to the newest record until it is stored. An error of edit ends it.
func (q *Queue) change(ctx context.Context, id string, edit func(*record) error) (record, error) {
	for {
		r, revision, err := q.load(ctx, id)
		if err != nil {
			return r, err
		}
		if err := edit(&r); err == errUnchanged {
			return r, nil
		} else if err != nil {
			return record{}, err
		}
		if _, err = q.save(ctx, r, revision); !errors.Is(err, errChanged) {
			return r, err
		}
	}
}
