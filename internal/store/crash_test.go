package store_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

const (
	submitterDir = "CLOSER_TEST_SUBMITTER_DIR"
	submitterTag = "CLOSER_TEST_SUBMITTER_TAG"
)

// submitUntilKilled holds the queue in dir and prints each job whose submit or review was acknowledged. A worker beside it runs some.
func submitUntilKilled(dir string) int {
	ctx := context.Background()
	server, err := store.StartServer(dir, store.ServerOptions{})
	if err == nil {
		var q *store.Queue
		if q, err = store.Connect(ctx, server.URL(), store.Options{Reconcile: time.Hour}); err == nil {
			go func() {
				for {
					lease, err := q.Claim(ctx, "a worker")
					if err == nil && rand.IntN(3) > 0 && lease.Finish(ctx, nil, nil) == nil {
						fmt.Println("done", lease.Job().ID)
					}
				}
			}()
			var reviews recon.Reviews
			reviews, err = q.Reviews(ctx)
			for i := 0; err == nil; i++ {
				var job recon.Job
				if job, _, err = q.Submit(ctx, testkit.TestJob(fmt.Sprintf("%s-%d", os.Getenv(submitterTag), i))); err == nil {
					fmt.Println("submitted", job.ID)
					if err = reviews.Add(ctx, testkit.TestReview(job.ID, "only")); err == nil {
						fmt.Println("reviewed", job.ID)
					}
				}
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// TestKilledServerKeepsWhatItAcknowledged kills the process that holds the server at random points and opens its directory again.
func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	const rounds = 20
	dir := t.TempDir()
	submitted, done, reviewed := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), submitterDir+"="+dir, fmt.Sprintf("%s=r%d", submitterTag, round))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var kill *time.Timer
		before := len(submitted)
		for lines := bufio.NewReader(out); ; {
			var what, id string
			if _, err := fmt.Fscanln(lines, &what, &id); err != nil {
				if err != io.EOF && err != io.ErrUnexpectedEOF {
					t.Logf("the last line: %v", err) // cut short by the kill
				}
				break
			}
			if kill == nil { // after the first sign of life
				kill = time.AfterFunc(rand.N(150*time.Millisecond), func() { cmd.Process.Kill() })
			}
			map[string]map[string]bool{"done": done, "submitted": submitted, "reviewed": reviewed}[what][id] = true
		}
		_ = cmd.Wait()
		if len(submitted) == before {
			t.Fatalf("round %d acknowledged nothing", round)
		}
	}
	server, err := store.StartServer(dir, store.ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	q := connect(t, server.URL(), store.Options{Lease: time.Second, MaxAttempts: 1000, Reconcile: time.Hour})
	jobs, err := q.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]recon.State{}
	for _, job := range jobs {
		stored[job.ID] = job.State
	}
	for id := range submitted {
		if _, ok := stored[id]; !ok {
			t.Errorf("acknowledged job %s is gone", id)
		}
	}
	reviews, err := q.Reviews(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := reviews.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		delete(reviewed, r.Job)
	}
	if len(list) == 0 || len(reviewed) > 0 {
		t.Errorf("%d reviews are stored, and %d acknowledged ones are gone", len(list), len(reviewed))
	}
	for id := range done {
		if stored[id] != recon.Done {
			t.Errorf("job %s was acknowledged as done and is %q", id, stored[id])
		}
	}
	// and every one of them, whether or not its message was published before the kill, still runs to its end
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for left := len(jobs) - countTerminal(jobs); left > 0; left-- {
		lease, err := q.Claim(ctx, "a worker")
		if err != nil {
			t.Fatalf("%d jobs do not come: %v", left, err)
		}
		if err := lease.Finish(ctx, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills, %d submits acknowledged, %d jobs stored, %d done before", rounds, len(submitted), len(stored), len(done))
}

func countTerminal(jobs []recon.Job) (n int) {
	for _, job := range jobs {
		if job.State.Terminal() {
			n++
		}
	}
	return n
}

func TestDirectoryHasOneServer(t *testing.T) {
	dir := t.TempDir()
	server, err := store.StartServer(dir, store.ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if second, err := store.StartServer(dir, store.ServerOptions{}); err == nil {
		second.Close()
		t.Error("a second server took the directory")
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	server, err = store.StartServer(dir, store.ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if lock, err := store.LockDir(dir); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		lock.Close()
		t.Errorf("a held directory: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "lock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the lock: %v, %v", info, err)
	}
}
