package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/closer-mri/closer/recon"
)

// mirror is this process's copy of all records, kept up to date by one watch of the bucket, so that lists and watchers cost the
// servers nothing. It exists only in processes that ask for it: workers do not.
type mirror struct {
	feed   *feed
	stream jetstream.Stream // of the bucket
	start  sync.Once

	revisions map[string]uint64 // of each record in feed; only the watch uses it

	mu         sync.Mutex
	applied    uint64          // the latest revision in feed
	complete   uint64          // every record that was stored up to here is in feed, in this or in a later revision
	moved      *signal         // fires when one of them changes
	unreadable map[string]bool // the records that feed lacks, or has an earlier revision of
}

func newMirror(stream jetstream.Stream) *mirror {
	return &mirror{feed: newFeed(), stream: stream, revisions: map[string]uint64{}, moved: newSignal(), unreadable: map[string]bool{}}
}

// settleTime is how long synced waits for a watch that is behind all the time, because records change faster than it shows them.
const settleTime = 2 * time.Second

// synced returns the feed with everything in it that was stored before the call.
func (q *Queue) synced(ctx context.Context) (*feed, error) {
	m := q.mirror
	m.start.Do(func() { go q.follow(q.life, jetstream.AllKeys, m.entry) })
	var latest uint64
	if err := q.try(ctx, func(ctx context.Context) error {
		info, err := m.stream.Info(ctx)
		if err == nil {
			latest = info.State.LastSeq
		}
		return err
	}); err != nil {
		return nil, err
	}
	patience := time.NewTimer(q.opts.Patience)
	defer patience.Stop()
	var settled <-chan time.Time
	for {
		moved := m.moved.wait()
		m.mu.Lock()
		applied, complete := m.applied >= latest, m.complete >= latest
		m.mu.Unlock()
		if complete {
			return m.feed, nil
		}
		if applied && settled == nil {
			settled = time.After(settleTime)
		}
		select {
		case <-moved:
		case <-settled:
			return m.feed, nil
		case <-patience.C:
			return nil, unanswered(nil)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// entry takes records in the order of their revisions. A watch that began anew shows what is known already, or even older
// records when it reads from a replica that lags.
func (m *mirror) entry(e jetstream.KeyValueEntry) {
	if e.Revision() > m.revisions[e.Key()] {
		m.revisions[e.Key()] = e.Revision()
		m.take(e)
	}
	m.mu.Lock()
	m.applied = max(m.applied, e.Revision())
	// A record that changes again before the watch comes to it is shown with its later revision only. So the feed lacks nothing
	// only when the watch has nothing more to show.
	if e.Delta() == 0 {
		m.complete = max(m.complete, e.Revision())
	}
	m.mu.Unlock()
	m.moved.fire()
}

// take puts a record into feed.
func (m *mirror) take(e jetstream.KeyValueEntry) {
	var r record
	readable := true
	if e.Operation() != jetstream.KeyValuePut { // its mark stays in the bucket, so that a new watch shows it too
		m.feed.remove(e.Key())
	} else if readable = json.Unmarshal(e.Value(), &r) == nil; readable {
		m.feed.set(r.Job)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if delete(m.unreadable, e.Key()); !readable {
		m.unreadable[e.Key()] = true
	}
}

// damage is ErrUnreadable when there are records that cannot be read, and names the first.
func (m *mirror) damage() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.unreadable) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", recon.ErrUnreadable, slices.Min(slices.Collect(maps.Keys(m.unreadable))))
}

// Jobs implements recon.Queue.
func (q *Queue) Jobs(ctx context.Context) ([]recon.Job, error) {
	feed, err := q.synced(ctx)
	if err != nil {
		return nil, err
	}
	return feed.list(), q.mirror.damage()
}

// Changes implements recon.Queue.
func (q *Queue) Changes(ctx context.Context, since uint64) ([]recon.Job, []string, uint64, error) {
	feed, err := q.synced(ctx)
	if err != nil {
		return nil, nil, since, err
	}
	changed, gone, next := feed.changes(since)
	return changed, gone, next, nil
}

// Watch implements recon.Queue. NotFound when id is not "" and there is no such job.
func (q *Queue) Watch(ctx context.Context, id string) (<-chan recon.Job, error) {
	feed, err := q.synced(ctx)
	if err != nil {
		return nil, err
	}
	return feed.watch(ctx, id)
}

// Depth implements recon.Queue.
func (q *Queue) Depth(ctx context.Context) (queued, running int, err error) {
	feed, err := q.synced(ctx)
	if err != nil {
		return 0, 0, err
	}
	queued, running = feed.depth()
	return queued, running, nil
}
