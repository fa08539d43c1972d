package store

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

// These tests stop between two steps of the code, where the suites get only by chance.

func TestStateThatChangesWhileItIsSent(t *testing.T) {
	w := &watcher{pending: map[string]change{}, wake: make(chan struct{}, 1)}
	w.offer(recon.Job{ID: "one", Attempt: 1})
	w.offer(recon.Job{ID: "two"})
	first, _ := w.next()
	w.offer(recon.Job{ID: "one", Attempt: 2})
	w.sent(first)
	second, _ := w.next()
	w.sent(second)
	third, ok := w.next()
	if first.job.Attempt != 1 || second.job.ID != "two" || !ok || third.job.Attempt != 2 {
		t.Errorf("sent %+v, %+v, %+v", first.job, second.job, third.job)
	}
}

// A clock that is set back by hours keeps no job waiting so long for another worker: its trouble goes by the time that passes.
func TestTroubleGoesByNoClock(t *testing.T) {
	var none, some trouble
	if none.pardon(time.Minute) > 0 {
		t.Error("servers that always answered pardon a silent worker")
	}
	some.note()
	last := *some.last.Load()
	if pardon := some.pardon(time.Minute); pardon <= time.Minute || pardon > time.Minute+tryTime || last == last.Round(0) { // which is without the monotonic reading
		t.Errorf("pardoned for %v since %v", pardon, last)
	}
}

// entryOf is what a watch shows.
type entryOf struct {
	jetstream.KeyValueEntry
	key             string
	revision, delta uint64
}

func (e entryOf) Key() string                     { return e.key }
func (e entryOf) Value() []byte                   { return []byte(`{"id":"` + e.key + `","state":"queued"}`) }
func (e entryOf) Revision() uint64                { return e.revision }
func (e entryOf) Delta() uint64                   { return e.delta }
func (e entryOf) Operation() jetstream.KeyValueOp { return jetstream.KeyValuePut }

// A record of revision 1 that changed to revision 3 before the watch came to it: after revision 2 the mirror still lacks it.
func TestMirrorIsCompleteAtTheEndOfAWatch(t *testing.T) {
	m := newMirror(nil)
	m.entry(entryOf{key: "b", revision: 2, delta: 1})
	if m.applied != 2 || m.complete != 0 {
		t.Errorf("in the middle: applied %d, complete %d", m.applied, m.complete)
	}
	m.entry(entryOf{key: "a", revision: 3})
	m.entry(entryOf{key: "b", revision: 2}) // a new watch, of a replica that lags
	if m.complete != 3 || len(m.feed.list()) != 2 || m.revisions["b"] != 2 {
		t.Errorf("at the end: complete %d, %v", m.complete, m.feed.list())
	}
}

// A process that is so slow to claim that its message was delivered again must not take the job from the one that has it.
func TestSlowClaimTakesNothing(t *testing.T) {
	t.Parallel()
	server, err := StartServer(t.TempDir(), ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	slow, err := Connect(ctx, server.URL(), Options{Lease: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slow.Close)
	quick, err := Connect(ctx, server.URL(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(quick.Close)
	if _, _, err := slow.Submit(ctx, testkit.TestJob("one")); err != nil {
		t.Fatal(err)
	}
	msg, err := slow.receive(ctx)
	if err != nil || msg == nil {
		t.Fatalf("%v, %v", msg, err)
	}
	held, err := quick.Claim(ctx, "quick") // after the message's second delivery
	if err != nil {
		t.Fatal(err)
	}
	if stolen, err := slow.take(ctx, msg, "slow"); err != nil || stolen != nil {
		t.Errorf("took %v, %v", stolen, err)
	}
	if err := held.Finish(ctx, nil, nil); err != nil || held.Job().Attempt != 1 {
		t.Errorf("the holder of attempt %d: %v", held.Job().Attempt, err)
	}
}
