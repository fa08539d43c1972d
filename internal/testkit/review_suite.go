package testkit

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
)

// NewReviews makes an empty store of reviews and returns a function that opens it, each time as another process would.
type NewReviews func(t *testing.T) (open func() recon.Reviews)

// ReviewSuite checks the contract of recon.Reviews. The cases run in parallel.
func ReviewSuite(t *testing.T, newReviews NewReviews) {
	for name, run := range map[string]func(*testing.T, context.Context, func() recon.Reviews){
		"KeepsOrderAndContent":     reviewOrder,
		"AddsOnceAmongMany":        reviewOnce,
		"ListsWhatWasAcknowledged": reviewAcknowledged,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			run(t, ctx, newReviews(t))
		})
	}
}

// TestReview is a review as the suite adds it.
func TestReview(job, id string) recon.Review {
	return recon.Review{
		ID: id, Job: job, Scan: "scan-" + job, User: "reader", Time: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), Reason: "blur, \"left\"\n",
		Decision: &recon.Decision{Method: "ccdf", Verdict: recon.Rejected},
	}
}

func listed(t *testing.T, ctx context.Context, s recon.Reviews, job string) []recon.Review {
	t.Helper()
	list, err := s.List(ctx, job)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func reviewOrder(t *testing.T, ctx context.Context, open func() recon.Reviews) {
	s := open()
	if list := listed(t, ctx, s, ""); len(list) != 0 {
		t.Fatalf("a new store has %v", list)
	}
	preference := recon.Review{ID: "a", Job: "two", User: "u", Preference: &recon.Preference{
		Comparison: recon.Comparison{Left: "unet", Right: "ccdf", Trial: 3}, Preferred: "ccdf",
	}}
	all := []recon.Review{TestReview("one", "z"), preference, TestReview("one", "a"), TestReview("one", "m")} // no order of their names
	for _, r := range all {
		if err := s.Add(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	other := open()
	if list := listed(t, ctx, other, ""); !reflect.DeepEqual(list, all) {
		t.Errorf("all: %+v", list)
	}
	if list := listed(t, ctx, other, "one"); !reflect.DeepEqual(list, []recon.Review{all[0], all[2], all[3]}) {
		t.Errorf("one: %+v", list)
	}
	if list := listed(t, ctx, other, "on"); len(list) != 0 {
		t.Errorf("a job with no reviews has %+v", list)
	}
	for _, bad := range []recon.Review{TestReview("", "a"), TestReview("a.b", "c"), TestReview("a", "*")} {
		if err := s.Add(ctx, bad); recon.CodeOf(err) != recon.Invalid {
			t.Errorf("%q %q: %v", bad.Job, bad.ID, err)
		}
	}
}

// Of many who add under one name at the same time, each with content of its own, one succeeds, and its content stays.
func reviewOnce(t *testing.T, ctx context.Context, open func() recon.Reviews) {
	var wait sync.WaitGroup
	var won atomic.Int32
	for i := range 8 {
		s := open()
		wait.Go(func() {
			r := TestReview("job", "same")
			r.Reason = fmt.Sprint(i)
			switch err := s.Add(ctx, r); recon.CodeOf(err) {
			case "":
				won.Add(1)
			case recon.Conflict:
			default:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	first := listed(t, ctx, open(), "job")
	if won.Load() != 1 || len(first) != 1 {
		t.Fatalf("%d won, %d stored", won.Load(), len(first))
	}
	again := TestReview("job", "same")
	again.Reason = "later"
	if err := open().Add(ctx, again); recon.CodeOf(err) != recon.Conflict {
		t.Errorf("added over an older one: %v", err)
	}
	if list := listed(t, ctx, open(), ""); !reflect.DeepEqual(list, first) {
		t.Errorf("%+v became %+v", first, list)
	}
}

// Whatever was acknowledged to one process is in the next list that another makes.
func reviewAcknowledged(t *testing.T, ctx context.Context, open func() recon.Reviews) {
	writer, reader := open(), open()
	for i := range 30 {
		if err := writer.Add(ctx, TestReview("job", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if n := len(listed(t, ctx, reader, "job")); n != i+1 {
			t.Fatalf("%d of %d are listed", n, i+1)
		}
	}
}
