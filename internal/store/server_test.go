package store

import (
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/testkit"
)

// TestQueueComesBackAfterAFullDisk: a server whose JetStream has shut itself down, as it does where a write finds no room, is not
// ready, and takes jobs again without a restart, the ones of before among them.
func TestQueueComesBackAfterAFullDisk(t *testing.T) {
	t.Parallel()
	s, err := StartServer(t.TempDir(), ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	q, err := Connect(t.Context(), s.URL(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	before, _, err := q.Submit(t.Context(), testkit.TestJob("before"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.nats.ShutdownJetStream(); err != nil { // NATS calls this on ENOSPC
		t.Fatal(err)
	}
	if q.Ready(t.Context()) == nil {
		t.Error("ready without a queue")
	}
	for end := time.Now().Add(30 * time.Second); q.Ready(t.Context()) != nil; {
		if time.Now().After(end) {
			t.Fatal("the queue stays away")
		}
	}
	after, _, err := q.Submit(t.Context(), testkit.TestJob("after"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{before.ID, after.ID} {
		if _, err := q.Job(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if _, err := q.Claim(t.Context(), "a worker"); err != nil {
			t.Error(err)
		}
	}
}
