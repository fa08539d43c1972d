package recon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// OrphanAge is how long content may be in the blob store before a job record must name it: a scan is stored, or
// touched if it was stored long ago, before its job is, and a result before its worker says so.
const OrphanAge = time.Hour

// ownerPiece holds the Identity of the queue whose jobs the content of a blob store belongs to.
const ownerPiece = "queue"

// Retention deletes jobs that ended long ago with all of their files, and files that no job needs. A job whose series are still on
// their way to an archive stays.
//
// The record is a job's index: it goes first, and with it everything that the job made is out of sight. Only then goes the content
// that no record names any more, whoever left it. So a sweep can stop or crash anywhere, and the next one, of any process, goes on.
type Retention struct {
	Queue   Queue
	Blobs   Blobs
	Keep    time.Duration // how long a job that ended stays; 0 is for ever
	Archive bool          // every series of a job that is done is sent to an archive, soon: none expires before
	Deleted func(Job)     // called after each deletion of a record; nil is allowed
}

// Sweep deletes what is due at a time. While the record of a job is ErrUnreadable, whose files nobody can tell then, it deletes no files.
// It is a Conflict, and nothing is deleted, when the content belongs to another queue: to one that knows nothing of its jobs it would
// all look like what nobody needs.
func (r Retention) Sweep(ctx context.Context, now time.Time) (Swept, error) {
	if err := r.own(ctx); err != nil {
		return Swept{}, err
	}
	var expired error // to delete a record is to write: where the disk is full, only the content goes
	if r.Keep > 0 {
		expired = r.expire(ctx, now.Add(-r.Keep))
	}
	jobs, err := r.Queue.Jobs(ctx)
	if err != nil {
		return Swept{}, errors.Join(expired, err)
	}
	named, alive := map[string]bool{}, map[string]bool{}
	for _, job := range jobs {
		alive[job.ID] = !job.State.Terminal()
		named[job.Input.SHA256] = true
		for _, result := range job.Results {
			named[result.SHA256] = true
		}
	}
	swept, err := r.Blobs.Sweep(ctx, now.Add(-OrphanAge),
		func(sha256 string) bool { return named[sha256] },
		func(name string) bool {
			slice, isSlice := strings.CutPrefix(name, slicePieces)
			job, _, _ := strings.Cut(slice, "/")
			return !isSlice || alive[job]
		})
	return swept, errors.Join(expired, err)
}

// OwnerOf is the Identity of the queue whose jobs the content belongs to; NotFound before its server's first sweep.
func OwnerOf(ctx context.Context, blobs Blobs) (string, error) {
	owner, err := blobs.Piece(ctx, ownerPiece)
	return string(owner), err
}

// CheckFiles is Unavailable when the blob store has nothing of a queue that has jobs: it is the wrong one, or a directory that is not
// mounted. What is put there now would be out of sight later.
func CheckFiles(ctx context.Context, queue Queue, blobs Blobs) error {
	if _, err := OwnerOf(ctx, blobs); CodeOf(err) != NotFound {
		return err
	}
	jobs, err := queue.Jobs(ctx)
	if err != nil && !errors.Is(err, ErrUnreadable) {
		return err
	}
	for _, job := range jobs { // of a server that knew no owner yet
		content, err := blobs.Open(ctx, job.Input.SHA256)
		if err == nil {
			return content.Close()
		} else if CodeOf(err) != NotFound {
			return err
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	return Errorf(Unavailable, "the files of the queue's %d jobs are not there", len(jobs))
}

// own claims the blob store for the queue; the first one to do so has it.
func (r Retention) own(ctx context.Context) error {
	owner, err := OwnerOf(ctx, r.Blobs)
	if CodeOf(err) == NotFound {
		if err := r.Blobs.PutPiece(ctx, ownerPiece, []byte(r.Queue.Identity())); err != nil {
			return err
		}
		owner, err = OwnerOf(ctx, r.Blobs)
	}
	if err == nil && owner != r.Queue.Identity() {
		err = Errorf(Conflict, "the files belong to the queue %q and this is %q: nothing is swept; if that queue is gone for good, delete the piece %q",
			owner, r.Queue.Identity(), ownerPiece)
	}
	return err
}

// expire deletes the records of jobs that ended before a time, in the order in which they ended.
func (r Retention) expire(ctx context.Context, before time.Time) error {
	jobs, err := r.Queue.Jobs(ctx)
	if err != nil && !errors.Is(err, ErrUnreadable) {
		return err
	}
	jobs = slices.DeleteFunc(jobs, func(j Job) bool { return !j.State.Terminal() || !j.Finished.Before(before) || j.undelivered(r.Archive) })
	slices.SortFunc(jobs, func(a, b Job) int { return a.Finished.Compare(b.Finished) })
	for _, job := range jobs {
		switch err := r.Queue.Delete(ctx, job.ID); CodeOf(err) {
		case "":
			if r.Deleted != nil {
				r.Deleted(job)
			}
		case NotFound, Conflict: // another server was faster, or the job was submitted again
		default:
			return err
		}
	}
	return nil
}
