package store_test

import (
	"testing"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

func TestMemoryQueue(t *testing.T) {
	t.Parallel()
	testkit.QueueSuite(t, func(t *testing.T, l testkit.QueueLimits) func() recon.Queue {
		q := store.NewMemory(store.Options{Lease: l.Lease, MaxAttempts: l.MaxAttempts, MaxQueued: l.MaxQueued})
		return func() recon.Queue { return q }
	})
}
