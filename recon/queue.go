package recon

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrLeaseLost means that an attempt is no longer the current one: its job was canceled, or was given to another worker because
// this one did not extend its lease in time. What the attempt writes from now on is ignored; it must stop.
var ErrLeaseLost = errors.New("the lease on the job was lost")

// ErrUnreadable means that the record of one job was damaged. Others are not concerned.
var ErrUnreadable = errors.New("the record of a job cannot be read")

// Queue keeps job records durably and hands each job to one worker at a time. All methods may be called from any goroutine and
// process. A record changes only by compare-and-set, so that two writers never overwrite each other. Errors are *Error where a
// code below is named.
type Queue interface {
	// Identity names this queue among all that there ever were: the same in every process and after every restart.
	Identity() string
	// Submit stores a new record in state Queued and makes it claimable. If the ID exists it returns that record and false,
	// unless its state is Failed or StateCanceled, or it is ErrUnreadable: then the job is queued again and created is true. The job is durable when
	// Submit returns; a crash within it leaves either nothing or a job that will run. Busy when the queue is full.
	Submit(ctx context.Context, job Job) (stored Job, created bool, err error)
	// Job returns a record; NotFound.
	Job(ctx context.Context, id string) (Job, error)
	// Jobs returns all records, newest first; ErrUnreadable beside those that can be read when there are others.
	Jobs(ctx context.Context) ([]Job, error)
	// Changes returns the records that are new or have changed since the call that returned the cursor since, the identifiers of
	// those that are gone since, and the cursor for the next call. The cursor 0 stands for the beginning; any other means
	// something only to the Queue that returned it.
	Changes(ctx context.Context, since uint64) (changed []Job, gone []string, next uint64, err error)
	// Watch sends the record of id (of every job when id is "") now and after each change until ctx ends, then closes the
	// channel; for one id it also closes after a terminal state. A slow receiver misses intermediate states, never the last.
	Watch(ctx context.Context, id string) (<-chan Job, error)
	// Cancel moves a job that is not terminal to StateCanceled and returns its record; Conflict when it is terminal, NotFound.
	Cancel(ctx context.Context, id string) (Job, error)
	// Deliver stores deliveries of a job that is done, each in place of the one that its series had; Conflict when the job is not
	// done, NotFound.
	Deliver(ctx context.Context, id string, deliveries ...Delivery) (Job, error)
	// Delete removes the record of a terminal job; Conflict when it is not.
	Delete(ctx context.Context, id string) error
	// Depth returns how many jobs are queued and how many are running.
	Depth(ctx context.Context) (queued, running int, err error)
	// Claim waits for a job that is queued or whose worker was lost, raises its Attempt and returns the lease. A job that has
	// used up its attempts is moved to Failed instead, with a sentence that says so, and the next one is tried. After
	// ErrUnreadable others can be claimed.
	Claim(ctx context.Context, worker string) (Lease, error)
	// Ready returns nil when the queue can take jobs, else why not: Busy when it is full, Unavailable.
	Ready(ctx context.Context) error
}

// Lease is one attempt at one job, held by one worker. It expires unless extended. Every method returns ErrLeaseLost, possibly
// wrapped, when the attempt is not the current one.
type Lease interface {
	Job() Job
	// Extend keeps the lease; call it several times within the queue's lease time.
	Extend(ctx context.Context) error
	// Update stores progress and the artifacts made so far.
	Update(ctx context.Context, progress JobProgress, results []Artifact) error
	// Finish ends the job: Done with its results when cause is nil, else Failed with cause's code and message (the text of an
	// error that is not an *Error is not shown: "internal error").
	Finish(ctx context.Context, results []Artifact, cause error) error
	// Release gives the job back at once, without blame: the attempt does not count. A worker that is asked to stop does this.
	Release(ctx context.Context) error
	// Lost is closed when the queue learns that the lease is lost, for example because the job was canceled.
	Lost() <-chan struct{}
}

// Blobs keeps immutable content by its SHA-256, and small named pieces of unfinished jobs.
type Blobs interface {
	// Put stores everything r gives and returns its name and size. The content is durable when Put returns, and never half
	// visible. Equal content is stored once, and is then as new as its last Put, to within half of OrphanAge. Put of content
	// that r ends early with an error stores nothing.
	Put(ctx context.Context, r io.Reader) (Blob, error)
	// PutFile is Put of a file, which nobody may write to from then on, though it may be removed: a store on the same file system
	// takes it for its own without copying it.
	PutFile(ctx context.Context, path string) (Blob, error)
	// Touch makes content as new as Put of it would; NotFound. Who is about to name content that was put long ago touches it first: a
	// sweep that looked for names before then leaves it alone.
	Touch(ctx context.Context, sha256 string) error
	// Open returns the content; NotFound. Read from its beginning to its end it is what its name says, or the end is an error.
	Open(ctx context.Context, sha256 string) (io.ReadCloser, error)
	// Delete removes content; absent content is no error.
	Delete(ctx context.Context, sha256 string) error
	// PutPiece stores a small named piece, durably and never half visible; an existing piece is kept as it is (write-once).
	// Names are slash-separated words of letters, digits, dots, hyphens and underscores.
	PutPiece(ctx context.Context, name string, data []byte) error
	// Piece returns a piece; NotFound.
	Piece(ctx context.Context, name string) ([]byte, error)
	// DeletePieces removes every piece whose name begins with prefix.
	DeletePieces(ctx context.Context, prefix string) error
	// Sweep deletes the content and the pieces that were last put or touched before a time, except what the functions say is kept, and
	// counts them. It may be called while others put and read; content that is put again or touched meanwhile stays, unless its
	// implementation says when not.
	Sweep(ctx context.Context, before time.Time, keepContent, keepPiece func(name string) bool) (Swept, error)
	// Ready returns nil when content can be stored, else why not.
	Ready(ctx context.Context) error
}

// Swept counts what Blobs.Sweep deleted.
type Swept struct {
	Contents, Pieces int
	Bytes            int64 // of both
}
