package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
)

// lockedBlobs cannot be swept; whoever looks at them is asked to stop.
type lockedBlobs struct {
	recon.Blobs
	stop context.CancelFunc
}

func (b lockedBlobs) Piece(context.Context, string) ([]byte, error) {
	b.stop()
	return nil, recon.Errorf(recon.Unavailable, "the disk for files does not answer")
}

// Uploads are forgotten also while what jobs left cannot be swept.
func TestUploadsAreSweptWithoutAStore(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	swept := false
	retain(ctx, recon.Retention{Queue: store.NewMemory(store.Options{}), Blobs: lockedBlobs{nil, stop}},
		newRetentionClock(nil), func(time.Time) error { swept = true; return nil }, slog.New(slog.DiscardHandler))
	if !swept {
		t.Error("the uploads were left alone")
	}
}
