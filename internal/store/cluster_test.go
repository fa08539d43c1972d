package store_test

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
)

func TestClusterQueue(t *testing.T) {
	t.Parallel()
	addresses, _ := testkit.StartNATS(t)
	testkit.QueueSuite(t, queuesAt(addresses, 3))
	testkit.ReviewSuite(t, reviewsAt(addresses, 3))
}

// TestClusterLosesAServer kills one server after the other, each coming back before the next goes, while jobs are submitted and run.
func TestClusterLosesAServer(t *testing.T) {
	t.Parallel()
	addresses, nodes := testkit.StartNATS(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	opts := store.Options{Replicas: 3, Lease: 5 * time.Second, MaxAttempts: 100, Reconcile: 2 * time.Second, Patience: time.Minute}
	q, worker := connect(t, addresses, opts), connect(t, addresses, store.Options{Patience: time.Minute})

	var wg sync.WaitGroup
	running, stop := context.WithCancel(ctx)
	wg.Go(func() {
		for running.Err() == nil {
			lease, err := worker.Claim(running, "a worker")
			if err != nil {
				continue
			}
			if err := lease.Finish(ctx, nil, nil); err != nil {
				t.Logf("finish: %v", err) // another attempt follows
			}
		}
	})
	submitted := 0
	for _, n := range nodes {
		n.Kill()
		for range 20 { // the first ones wait until a leader that was killed is replaced
			if _, _, err := q.Submit(ctx, testkit.TestJob(fmt.Sprint("job", submitted))); err != nil {
				t.Fatalf("submit with two servers of three: %v", err)
			}
			submitted++
		}
		n.Start(t)
		time.Sleep(2 * time.Second)
	}
	for {
		jobs, err := q.Jobs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) != submitted {
			t.Fatalf("%d jobs are stored, %d were acknowledged", len(jobs), submitted)
		}
		if done := countTerminal(jobs); done == submitted {
			break
		} else if ctx.Err() != nil {
			t.Fatalf("%d of %d jobs ended", done, submitted)
		}
		time.Sleep(100 * time.Millisecond)
	}
	stop()
	wg.Wait()
	t.Logf("%d jobs submitted and done", submitted)
}

// TestFrozenServersTakeNoJobFromItsWorker: servers that stand still for longer than a worker may be silent do not hold it against the
// worker, although another waits for work.
func TestFrozenServersTakeNoJobFromItsWorker(t *testing.T) {
	t.Parallel()
	addresses, nodes := testkit.StartNATS(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const lease = 2 * time.Second
	holder, other := connect(t, addresses, store.Options{Replicas: 3, Lease: lease}), connect(t, addresses, store.Options{})
	if _, _, err := holder.Submit(ctx, testkit.TestJob("one")); err != nil {
		t.Fatal(err)
	}
	held, err := holder.Claim(ctx, "a worker")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	waiting, stop := context.WithCancel(ctx)
	wg.Go(func() {
		for waiting.Err() == nil {
			if lease, err := other.Claim(waiting, "another worker"); err == nil {
				t.Errorf("the job was taken for attempt %d", lease.Job().Attempt)
				return
			}
		}
	})
	for round := range 12 { // of lease/4 each, as workers do
		if round == 2 {
			for _, n := range nodes {
				n.Signal(t, syscall.SIGSTOP)
			}
			time.Sleep(2 * lease)
			for _, n := range nodes {
				n.Signal(t, syscall.SIGCONT)
			}
		}
		if err := held.Extend(ctx); err != nil {
			t.Errorf("extend: %v", err)
		}
		time.Sleep(lease / 4)
	}
	stop()
	wg.Wait()
	if err := held.Finish(ctx, nil, nil); err != nil {
		t.Errorf("finish: %v", err)
	}
}
