package intake_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
)

// silent is a queue that does not answer: nobody knows whether it took the job.
type silent struct{ recon.Queue }

func (silent) Submit(context.Context, recon.Job) (recon.Job, bool, error) {
	return recon.Job{}, false, recon.Errorf(recon.Unavailable, "the queue does not answer")
}

// awaited is a blob store that calls before when a sweep, which has looked at the jobs by then, comes to it.
type awaited struct {
	recon.Blobs
	before func()
}

func (b awaited) Sweep(ctx context.Context, before time.Time, keepContent, keepPiece func(name string) bool) (recon.Swept, error) {
	b.before()
	return b.Blobs.Sweep(ctx, before, keepContent, keepPiece)
}

// hasty is a queue beside which the input of a job is deleted before its submission is answered.
type hasty struct {
	recon.Queue
	blobs recon.Blobs
}

func (q hasty) Submit(ctx context.Context, job recon.Job) (recon.Job, bool, error) {
	stored, created, err := q.Queue.Submit(ctx, job)
	if err == nil {
		err = q.blobs.Delete(ctx, job.Input.SHA256)
	}
	return stored, created, err
}

// onDisk gives the bench a blob store whose files the test can make old.
func (b *bench) onDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	blobs, err := store.OpenBlobs(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	b.config.Blobs = blobs
	b.restart(t)
	return dir
}

// queueing goes on with another queue.
func (b *bench) queueing(t *testing.T, queue recon.Queue) {
	t.Helper()
	b.config.Queue = queue
	b.restart(t)
}

func makeOld(t *testing.T, dir string) {
	t.Helper()
	old := time.Now().Add(-2 * recon.OrphanAge)
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) wantInput(t *testing.T, job recon.Job) {
	t.Helper()
	r, err := b.config.Blobs.Open(t.Context(), job.Input.SHA256)
	if err != nil {
		t.Fatalf("the job was acknowledged and has no input: %v", err)
	}
	r.Close()
}

// A scan that is committed again long after its input was stored keeps it, also when a sweep looked at the jobs just before.
func TestCommitAgainWhileSwept(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, b *bench, scan string){
		"after the queue did not answer": func(t *testing.T, b *bench, scan string) {
			queue := b.config.Queue
			b.queueing(t, silent{queue})
			b.commit(t, scan, 1, recon.Unavailable)
			b.queueing(t, queue)
		},
		"with another recipe, while the first job expires": func(t *testing.T, b *bench, scan string) {
			job, _, err := b.Commit(t.Context(), scan, 1, recon.Recipe{Accel: 2})
			if err == nil {
				_, err = b.config.Queue.Cancel(t.Context(), job.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			dir := b.onDisk(t)
			scan := b.hold(t, instance(t, "1.2.3", "1.2.3.1", ""), "", 1)
			before(t, b, scan)
			makeOld(t, dir)
			var job recon.Job
			sweep := recon.Retention{Queue: b.config.Queue, Keep: time.Nanosecond, Blobs: awaited{b.config.Blobs, func() {
				job = b.commit(t, scan, 1, "")
			}}}
			if _, err := sweep.Sweep(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
			b.wantInput(t, job)
		})
	}
}

// A commit whose input is gone by the time that it has a job is not acknowledged, and can be repeated: the instances are still there.
func TestCommitWhoseInputIsDeleted(t *testing.T) {
	b := newBench(t)
	scan := b.hold(t, instance(t, "1.2.3", "1.2.3.1", ""), "", 1)
	b.hold(t, instance(t, "1.2.3", "1.2.3.2", ""), "", 2)
	queue := b.config.Queue
	b.queueing(t, hasty{queue, b.config.Blobs})
	b.commit(t, scan, 2, recon.Unavailable)
	b.queueing(t, queue)
	b.wantInput(t, b.commit(t, scan, 2, ""))
}

// A series that is being committed, or gets an instance, is not forgotten meanwhile, however long it was left alone.
func TestSweepWhileCommitting(t *testing.T) {
	b := newBench(t)
	scan := b.hold(t, instance(t, "1.2.3", "1.2.3.1", ""), "", 1)
	swept := make(chan error, 1)
	b.inspected = func(string) error {
		go func() { swept <- b.Sweep(time.Now().Add(time.Hour)) }()
		time.Sleep(100 * time.Millisecond) // in which a sweep that does not wait is over
		return nil
	}
	b.wantInput(t, b.commit(t, scan, 1, ""))
	if err := <-swept; err != nil {
		t.Error(err)
	}
}

// A series whose input was swept before it had a job is open; an instance that comes then stays also when the input is stored again.
func TestInputComesBack(t *testing.T) {
	b := newBench(t)
	first := instance(t, "1.2.3", "1.2.3.1", "")
	scan := b.hold(t, first, "", 1)
	queue := b.config.Queue
	b.queueing(t, silent{queue})
	b.commit(t, scan, 1, recon.Unavailable)
	held, err := b.Held(t.Context(), scan)
	if err == nil {
		err = b.config.Blobs.Delete(t.Context(), held.Input.SHA256)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.hold(t, instance(t, "1.2.3", "1.2.3.2", ""), "", 2)
	if back, err := b.config.Blobs.PutFile(t.Context(), first); err != nil || back != held.Input {
		t.Fatal(back, err)
	}
	b.queueing(t, queue)
	b.commit(t, scan, 2, "")
}
