package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

func TestEmbeddedQueue(t *testing.T) {
	t.Parallel()
	server, err := store.StartServer(t.TempDir(), store.ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	testkit.QueueSuite(t, queuesAt(server.URL(), 0))
}

// queuesAt makes queues with names of their own on the same servers.
func queuesAt(url string, replicas int) testkit.NewQueue {
	return func(t *testing.T, l testkit.QueueLimits) func() recon.Queue {
		opts := store.Options{
			Name:  strings.NewReplacer("/", "-", "#", "-").Replace(t.Name()),
			Lease: l.Lease, MaxAttempts: l.MaxAttempts, MaxQueued: l.MaxQueued, Replicas: replicas, Patience: 30 * time.Second,
		}
		return func() recon.Queue { return connect(t, url, opts) }
	}
}

func connect(t *testing.T, url string, opts store.Options) *store.Queue {
	t.Helper()
	q, err := store.Connect(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}
