package recon

import (
	"context"
	"time"
)

// Intake holds inputs that come in several requests, instance by instance, until their sender says that they are complete. Time
// alone completes nothing. All methods may be called from any goroutine. Errors are *Error where a code below is named.
type Intake interface {
	// Hold keeps one instance, a file that the caller removes, and returns what is held of its scan now. The instance is durable
	// when Hold returns; one that is held already is kept once, and one that the scan was committed with changes nothing. Invalid when
	// the file is no instance; Conflict when the scan was committed without it, or another instance of the same name is held.
	Hold(ctx context.Context, path string) (Held, error)
	// Held returns what is held of a scan; NotFound.
	Held(ctx context.Context, scan string) (Held, error)
	// Commit makes one input of all instances and submits a job of it: created is false when there is that job already. The scan takes
	// no more instances then; committed again with another recipe, it is another job of the same input. instances, unless 0, is
	// how many the sender knows of: Conflict when it is another number. Invalid, and the scan stays open, when the instances do not
	// make a scan; Busy, and it stays as it was, when the queue is full; NotFound.
	Commit(ctx context.Context, scan string, instances int, recipe Recipe) (job Job, created bool, err error)
	// Discard forgets a scan that is not committed; Conflict when it is, NotFound.
	Discard(ctx context.Context, scan string) error
}

// Held is a scan that comes, or came, in several requests.
type Held struct {
	Scan      string    `json:"id"`
	Instances int       `json:"instances"`
	Size      int64     `json:"size"`           // of the instances, in bytes
	Received  time.Time `json:"received"`       // when the first came
	Input     Blob      `json:"input,omitzero"` // once it is committed
}

// Committed reports whether the scan takes no more instances.
func (h Held) Committed() bool { return h.Input.SHA256 != "" }
