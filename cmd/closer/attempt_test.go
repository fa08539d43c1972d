package main

import (
	"context"
	"io"
	"log/slog"
	"os"
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
