package store_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

// fillerDir tells this program to be the server of the queue in a directory when no file may grow any more.
const fillerDir = "CLOSER_TEST_FILLER_DIR"

// A queue whose writes failed says so, and takes jobs again once there is room, without losing one.
func TestServerOutlastsAFullDisk(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0]) // the limit that stands for the size of the disk is one of a process
	cmd.Env = append(os.Environ(), fillerDir+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func fillDisk(dir string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := submitUntilFull(ctx, dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func submitUntilFull(ctx context.Context, dir string) error {
	server, err := store.StartServer(dir, store.ServerOptions{})
	if err != nil {
		return err
	}
	defer server.Close()
	q, err := store.Connect(ctx, server.URL(), store.Options{Server: server})
	if err != nil {
		return err
	}
	defer q.Close()
	var room syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20_000, Max: room.Max}); err != nil {
		return err
	}
	said := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if err := q.Ready(ctx); err != nil {
				syscall.Setrlimit(syscall.RLIMIT_FSIZE, &room)
				said <- err
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		said <- ctx.Err()
	}()
	submitted := 0
	submit := func() error {
		_, _, err := q.Submit(ctx, testkit.TestJob(fmt.Sprint("job-", submitted)))
		submitted++
		return err
	}
	for full := false; !full; { // the submission that found the disk full goes on when there is room
		if err := submit(); err != nil {
			return fmt.Errorf("submit job %d: %w", submitted, err)
		}
		select {
		case err := <-said:
			if recon.CodeOf(err) != recon.Unavailable || !strings.Contains(err.Error(), "cannot write") {
				return fmt.Errorf("ready on a full disk: %w", err)
			}
			full = true
		default:
		}
	}
	if err := submit(); err != nil {
		return fmt.Errorf("submit with room again: %w", err)
	}
	if err := q.Ready(ctx); err != nil {
		return fmt.Errorf("ready with room again: %w", err)
	}
	if jobs, err := q.Jobs(ctx); err != nil || len(jobs) != submitted {
		return fmt.Errorf("%d of %d jobs are left, %w", len(jobs), submitted, err)
	}
	for range submitted {
		lease, err := q.Claim(ctx, "a worker")
		if err == nil {
			err = lease.Finish(ctx, nil, nil)
		}
		if err != nil {
			return fmt.Errorf("run the jobs: %w", err)
		}
	}
	return nil
}
