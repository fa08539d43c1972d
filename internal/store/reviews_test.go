package store_test

import (
	"testing"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

func TestMemoryReviews(t *testing.T) {
	t.Parallel()
	testkit.ReviewSuite(t, func(*testing.T) func() recon.Reviews {
		m := &store.MemoryReviews{}
		return func() recon.Reviews { return m }
	})
}

func TestEmbeddedReviews(t *testing.T) {
	t.Parallel()
	server, err := store.StartServer(t.TempDir(), store.ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	testkit.ReviewSuite(t, reviewsAt(server.URL(), 0))
}

// reviewsAt makes stores with names of their own on the same servers.
func reviewsAt(url string, replicas int) testkit.NewReviews {
	queues := queuesAt(url, replicas)
	return func(t *testing.T) func() recon.Reviews {
		open := queues(t, testkit.QueueLimits{})
		return func() recon.Reviews {
			r, err := open().(*store.Queue).Reviews(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
	}
}
