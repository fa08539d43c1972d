package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
)

// A job that may stay for 30 days does so also when the clock is set forward by a year while the server runs; a clock that stays there
// for a day is right.
func TestClockThatIsSetForward(t *testing.T) {
	queue := store.NewMemory(store.Options{})
	blobs, err := store.OpenBlobs(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	scan, err := blobs.Put(t.Context(), strings.NewReader("scan"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := queue.Submit(t.Context(), recon.Job{ID: "job", Input: scan}); err != nil {
		t.Fatal(err)
	}
	if _, err := queue.Cancel(t.Context(), "job"); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	var passed, set time.Duration
	clock := newRetentionClock(log)
	clock.wall = func() time.Time { return clock.base.Add(set).Add(passed) }
	clock.passed = func() time.Duration { return passed }
	sweep := func() (jobs int) {
		t.Helper()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		retain(ctx, recon.Retention{Queue: queue, Blobs: blobs, Keep: 30 * 24 * time.Hour}, clock, func(time.Time) error { stop(); return nil }, log)
		left, err := queue.Jobs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(left)
	}
	const year = 365 * 24 * time.Hour
	for range 30 {
		set = year
		if sweep() != 1 {
			t.Fatal("the job is gone")
		}
		passed += time.Hour
		set = 0 // right again, and late by less than matters
		if now := clock.now(); sweep() != 1 || now != clock.base.Add(passed) {
			t.Fatalf("the clock is right, and it is taken for %v", now)
		}
	}
	if _, err := blobs.Open(t.Context(), scan.SHA256); err != nil {
		t.Error(err)
	}
	set = -year
	if now := clock.now(); now != clock.wall() {
		t.Errorf("set back it is taken for %v", now)
	}
	for set = year; sweep() == 1; passed += time.Hour {
		if passed > 60*time.Hour {
			t.Fatal("the clock is never believed")
		}
	}
	if passed < 54*time.Hour {
		t.Errorf("the clock was believed after %v", passed-30*time.Hour)
	}
}
