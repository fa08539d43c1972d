package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/closer-mri/closer/recon"
)

// scarce is a blob store whose content first comes to a disk that is full, and then is refused.
type scarce struct {
	recon.Blobs
	opened int
}

func (s *scarce) Open(context.Context, string) (io.ReadCloser, error) {
	if s.opened++; s.opened == 1 {
		return io.NopCloser(iotest.ErrReader(&os.PathError{Op: "write", Path: "input", Err: syscall.ENOSPC})), nil
	}
	return nil, recon.Errorf(recon.Invalid, "refused")
}

// A job whose worker has no room waits for some, and keeps none meanwhile.
func TestJobWaitsForRoom(t *testing.T) {
	blobs, log := &scarce{}, slog.New(slog.NewTextHandler(t.Output(), nil))
	w := &worker{blobs: blobs, dir: t.TempDir(), log: log, networks: &networks{}}
	shown := recon.Artifact{Name: "report.json"}
	a := &attempt{worker: w, log: log, begin: time.Now(), files: map[string]stored{}, job: recon.Job{
		Recipe: recon.Recipe{Methods: []string{"zero-filled"}}, Results: []recon.Artifact{shown}}}
	if err := a.execute(t.Context()); recon.CodeOf(err) != recon.Invalid || blobs.opened != 2 {
		t.Errorf("after %d openings: %v", blobs.opened, err)
	}
	if left, err := os.ReadDir(w.dir); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	if _, results, _ := a.state(); len(results) != 1 || results[0] != shown {
		t.Errorf("what was shown before is now %v", results)
	}
}

// crowded is a blob store on a machine that has no descriptors to start a reader with for so many openings; then content is refused.
type crowded struct {
	recon.Blobs
	openings, opened int
	relieve          func()
}

func (c *crowded) Open(context.Context, string) (io.ReadCloser, error) {
	if c.opened++; c.opened <= c.openings {
		return io.NopCloser(strings.NewReader("\x89HDF\r\n\x1a\n")), nil
	}
	c.relieve()
	return nil, recon.Errorf(recon.Invalid, "refused")
}

// occupy takes all descriptors of this process but some, until it is told otherwise.
func occupy(t *testing.T, left int) (relieve func()) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = 256
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	var taken []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		taken = append(taken, f)
	}
	for range left {
		taken[0].Close()
		taken = taken[1:]
	}
	relieve = sync.OnceFunc(func() {
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
		for _, f := range taken {
			f.Close()
		}
	})
	t.Cleanup(relieve)
	return relieve
}

// A scan whose reader cannot be started is not refused for it, but read again, some times.
func TestJobTriesToReadAgain(t *testing.T) {
	for openings, want := range map[int]recon.Code{1: recon.Invalid, triesToRead: recon.Unavailable} {
		relieve := occupy(t, 3) // the input and one pipe
		blobs, log := &crowded{openings: openings, relieve: relieve}, slog.New(slog.NewTextHandler(t.Output(), nil))
		a := &attempt{worker: &worker{blobs: blobs, dir: t.TempDir(), log: log, networks: &networks{}}, log: log, begin: time.Now(),
			files: map[string]stored{}, job: recon.Job{Recipe: recon.Recipe{Methods: []string{"zero-filled"}}}}
		err := a.execute(t.Context())
		relieve()
		if recon.CodeOf(err) != want || blobs.opened != min(openings+1, triesToRead) {
			t.Errorf("in want of descriptors for %d openings: after %d openings %v", openings, blobs.opened, err)
		}
	}
}
