package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

func startServer(t *testing.T, dir string, opts store.ServerOptions) *store.Server {
	t.Helper()
	server, err := store.StartServer(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

func portOf(t *testing.T, server *store.Server) int {
	t.Helper()
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestQueueOutlastsItsServer stops the server under a running job, a watch and calls in progress, and starts it again.
func TestQueueOutlastsItsServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := startServer(t, dir, store.ServerOptions{Token: "secret"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	q := connect(t, server.URL(), store.Options{Lease: 20 * time.Second})
	submit := func(id string) {
		t.Helper()
		if _, created, err := q.Submit(ctx, testkit.TestJob(id)); err != nil || !created {
			t.Fatalf("submit %s: %t, %v", id, created, err)
		}
	}
	submit("one")
	submit("two")
	lease, err := q.Claim(ctx, "a worker")
	if err != nil {
		t.Fatal(err)
	}
	watch, err := q.Watch(ctx, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}

	if err := q.Ready(ctx); recon.CodeOf(err) != recon.Unavailable {
		t.Errorf("ready without a server: %v", err)
	}
	short, cancelShort := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancelShort()
	start := time.Now()
	if _, err := q.Job(short, "one"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("a call whose context ended: %v after %v", err, time.Since(start))
	}
	updated := make(chan error, 1)
	go func() { updated <- lease.Update(ctx, recon.JobProgress{Slices: 3}, nil) }()
	time.Sleep(time.Second)
	server = startServer(t, dir, store.ServerOptions{Port: portOf(t, server), Token: "secret"})

	if err := <-updated; err != nil {
		t.Errorf("a call in progress: %v", err)
	}
	if err := lease.Extend(ctx); err != nil {
		t.Errorf("extend: %v", err)
	}
	select {
	case <-lease.Lost():
		t.Error("the restart lost the lease")
	default:
	}
	submit("three")
	if err := lease.Finish(ctx, nil, nil); err != nil {
		t.Errorf("finish: %v", err)
	}
	var last recon.Job
	start = time.Now()
	for job := range watch {
		last = job
	}
	if wait := time.Since(start); last.State != recon.Done || wait > 6*time.Second { // missed heartbeats would take longer
		t.Errorf("the watch ended with %s after %v", last.State, wait)
	}
	second, err := q.Claim(ctx, "a worker")
	if err != nil || second.Job().ID != "two" {
		t.Fatalf("claim after the restart: %v, %v", second, err)
	}
	if _, err := q.Cancel(ctx, "two"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-second.Lost():
	case <-ctx.Done():
		t.Error("the holder was not told of the cancel")
	}
	again := connect(t, server.URL(), store.Options{}).Identity()
	other := connect(t, startServer(t, t.TempDir(), store.ServerOptions{}).URL(), store.Options{}).Identity()
	if q.Identity() != again || other == again {
		t.Errorf("the queue is %q, after a restart %q, and a new one %q", q.Identity(), again, other)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	impatient := store.Options{Patience: 200 * time.Millisecond}
	if _, err := store.Connect(ctx, server.URL(), impatient); recon.CodeOf(err) != recon.Unavailable || strings.Contains(err.Error(), "secret") {
		t.Errorf("connect without a server: %v", err)
	}
}

// TestClaimOutlastsItsServer restarts the server, which says so to a worker whose request for a job is with it, before there is one.
func TestClaimOutlastsItsServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := startServer(t, dir, store.ServerOptions{Token: "secret"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	q := connect(t, server.URL(), store.Options{})
	workers, err := testkit.JetStream(t, server.URL()).Consumer(ctx, "closer-run", "workers")
	if err != nil {
		t.Fatal(err)
	}
	type claim struct {
		recon.Lease
		err error
	}
	claimed := make(chan claim, 1)
	go func() {
		lease, err := q.Claim(ctx, "a worker")
		claimed <- claim{lease, err}
	}()
	for waiting := 0; waiting == 0; {
		info, err := workers.Info(ctx)
		if err != nil {
			t.Fatal(err)
		}
		waiting = info.NumWaiting
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	startServer(t, dir, store.ServerOptions{Port: portOf(t, server), Token: "secret"})
	if _, _, err := connect(t, server.URL(), store.Options{}).Submit(ctx, testkit.TestJob("one")); err != nil {
		t.Fatal(err)
	}
	if c := <-claimed; c.err != nil || c.Job().ID != "one" {
		t.Errorf("the worker that waited through the restart got %v, %v", c.Lease, c.err)
	}
}

// TestReconcile loses the message of a queued and of a running job and doubles that of others.
func TestReconcile(t *testing.T) {
	t.Parallel()
	server := startServer(t, t.TempDir(), store.ServerOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	q := connect(t, server.URL(), store.Options{Lease: time.Second})
	for _, id := range []string{"orphan", "unpublished", "doubled"} {
		if _, _, err := q.Submit(ctx, testkit.TestJob(id)); err != nil {
			t.Fatal(err)
		}
	}
	if lease, err := q.Claim(ctx, "a worker that is gone"); err != nil || lease.Job().ID != "orphan" {
		t.Fatalf("%v, %v", lease, err)
	}
	js := testkit.JetStream(t, server.URL())
	stream, err := js.Stream(ctx, "closer-run")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"orphan", "unpublished"} {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject("closer.run."+id)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if _, err := js.Publish(ctx, "closer.run.doubled", nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.Publish(ctx, "closer.run.absent", nil); err != nil {
		t.Fatal(err)
	}
	q = connect(t, server.URL(), store.Options{Reconcile: 200 * time.Millisecond})
	runs := map[string]int{}
	for len(runs) < 3 {
		lease, err := q.Claim(ctx, "a worker")
		if err != nil {
			t.Fatalf("%v after %v", err, runs)
		}
		runs[lease.Job().ID]++
		if err := lease.Finish(ctx, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	quiet, cancelQuiet := context.WithTimeout(ctx, 2*time.Second)
	defer cancelQuiet()
	if lease, err := q.Claim(quiet, "a worker"); err == nil {
		t.Errorf("%s ran again", lease.Job().ID)
	}
	if info, err := stream.Info(ctx); err != nil || info.State.Msgs != 0 {
		t.Errorf("messages are left: %+v, %v", info.State, err)
	}
	for id, n := range runs {
		if n != 1 {
			t.Errorf("%s ran %d times", id, n)
		}
	}
}

// TestSuperfluousMessages: messages about a job that runs take it from nobody, and none is left when it ends.
func TestSuperfluousMessages(t *testing.T) {
	t.Parallel()
	server := startServer(t, t.TempDir(), store.ServerOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	q := connect(t, server.URL(), store.Options{})
	if _, _, err := q.Submit(ctx, testkit.TestJob("one")); err != nil {
		t.Fatal(err)
	}
	js := testkit.JetStream(t, server.URL())
	for range 3 {
		if _, err := js.Publish(ctx, "closer.run.one", nil); err != nil {
			t.Fatal(err)
		}
	}
	lease, err := q.Claim(ctx, "a worker")
	if err != nil {
		t.Fatal(err)
	}
	quiet, cancelQuiet := context.WithTimeout(ctx, time.Second)
	defer cancelQuiet()
	if other, err := q.Claim(quiet, "another worker"); err == nil {
		t.Errorf("attempt %d began while attempt 1 ran", other.Job().Attempt)
	}
	if err := lease.Finish(ctx, nil, nil); err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(ctx, "closer-run")
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 0 {
		t.Errorf("%d messages are left", n)
	}
}

// TestResubmitRepairs: whoever submits again what a crashed submitter left without a message makes it run, without reconciling.
func TestResubmitRepairs(t *testing.T) {
	t.Parallel()
	server := startServer(t, t.TempDir(), store.ServerOptions{})
	q := connect(t, server.URL(), store.Options{})
	bucket, err := testkit.JetStream(t, server.URL()).KeyValue(t.Context(), "closer-jobs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Create(t.Context(), "one", []byte(`{"id":"one","state":"queued","submission":"x"}`)); err != nil {
		t.Fatal(err)
	}
	if _, created, err := q.Submit(t.Context(), testkit.TestJob("one")); err != nil || created {
		t.Fatalf("%t, %v", created, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := q.Claim(ctx, "a worker"); err != nil {
		t.Error(err)
	}
}

// TestManyRecords keeps listing, counting and submitting fast with 10,000 jobs.
func TestManyRecords(t *testing.T) {
	t.Parallel()
	const n = 10_000
	server := startServer(t, t.TempDir(), store.ServerOptions{})
	connect(t, server.URL(), store.Options{}) // makes the bucket
	js := testkit.JetStream(t, server.URL())
	start := time.Now()
	var last jetstream.PubAckFuture
	for i := range n {
		value := fmt.Appendf(nil, `{"id":"job%d","state":"done","created":"2026-01-01T00:00:00.%03dZ"}`, i, i%1000)
		var err error
		if last, err = js.PublishAsync(fmt.Sprintf("$KV.closer-jobs.job%d", i), value); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-last.Ok():
	case err := <-last.Err():
		t.Fatal(err)
	}
	<-js.PublishAsyncComplete()
	stored := time.Since(start)
	q := connect(t, server.URL(), store.Options{MaxQueued: 5})
	timed := func(call func() error) time.Duration {
		t.Helper()
		start := time.Now()
		if err := call(); err != nil {
			t.Fatal(err)
		}
		return time.Since(start)
	}
	list := func() error {
		jobs, err := q.Jobs(t.Context())
		if len(jobs) != n {
			t.Errorf("%d jobs are listed", len(jobs))
		}
		return err
	}
	first, again := timed(list), timed(list)
	submit := timed(func() error { _, _, err := q.Submit(t.Context(), testkit.TestJob("new")); return err })
	t.Logf("%d records stored in %v, first list %v, list %v, submit %v", n, stored, first, again, submit)
	if first > 20*time.Second || again > 5*time.Second || submit > 5*time.Second { // an order of magnitude over a busy machine
		t.Error("too slow")
	}
}

func TestConnectRefusals(t *testing.T) {
	t.Parallel()
	server := startServer(t, t.TempDir(), store.ServerOptions{Token: "right"})
	wrong := strings.Replace(server.URL(), "right", "wrong", 1)
	for address, want := range map[string]recon.Code{
		wrong: recon.Unavailable, "": recon.Invalid, "localhost": recon.Invalid, "nats://a b:1": recon.Invalid,
	} {
		start := time.Now()
		_, err := store.Connect(t.Context(), address, store.Options{})
		if recon.CodeOf(err) != want || strings.Contains(fmt.Sprint(err), "wrong") || time.Since(start) > 15*time.Second {
			t.Errorf("connect to %q: %v after %v", address, err, time.Since(start))
		}
	}
	if _, err := store.Connect(t.Context(), server.URL(), store.Options{Name: "a.b"}); recon.CodeOf(err) != recon.Invalid {
		t.Errorf("a name that is none: %v", err)
	}
	first := connect(t, server.URL(), store.Options{Lease: 7 * time.Second})
	if second := connect(t, server.URL(), store.Options{}); first.LeaseTime() != 7*time.Second || second.LeaseTime() != 7*time.Second {
		t.Errorf("lease times %v and %v", first.LeaseTime(), second.LeaseTime())
	}
}
