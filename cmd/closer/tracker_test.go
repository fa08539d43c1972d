package main

import (
	"math"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
)

// When work takes as long as its cost says, the time that is left is known exactly, also after an attempt that was broken off.
func TestTrackerKnowsTheTimeLeft(t *testing.T) {
	tracker := newTracker([]recon.Method{{Name: "unet"}, {Name: "ccdf", Steps: 9}}) // 1 and 9 s a slice, 4 slices: 40 s
	begin := time.Unix(0, 0)
	for _, c := range []struct {
		now           recon.Progress
		seconds, left float64
		done          int
	}{
		{recon.Progress{Method: "unet", Slice: 0, Of: 4, Steps: 1}, 0, 0, 0}, // nothing to tell from
		{recon.Progress{Method: "unet", Slice: 3, Of: 4, Steps: 1}, 3, 37, 3},
		{recon.Progress{Method: "unet", Slice: 4, Of: 4}, 4, 36, 4},
		{recon.Progress{Method: "ccdf", Slice: 2, Of: 4, Steps: 9, Resumed: 2}, 4, 18, 6}, // two slices were there
		{recon.Progress{Method: "ccdf", Slice: 2, Of: 4, Step: 3, Steps: 9, Resumed: 2}, 7, 15, 6},
		{recon.Progress{Method: "ccdf", Slice: 4, Of: 4, Resumed: 2}, 22, 0, 8},
	} {
		now := begin.Add(time.Duration(c.seconds * float64(time.Second)))
		tracker.update(c.now, now)
		got := tracker.progress(now)
		if math.Abs(got.ETA-c.left) > 1e-9 || got.SlicesDone != c.done || got.Slices != 8 {
			t.Errorf("%+v: %+v, want %d slices done and %g s left", c.now, got, c.done, c.left)
		}
	}
	if tracker.resumed != 2 {
		t.Errorf("%d slices resumed", tracker.resumed)
	}
}
