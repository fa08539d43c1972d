package recon

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// State is the state of a job: queued → running → done, failed or canceled. A lost worker takes it back to queued.
type State string

// The states.
const (
	Queued        State = "queued"
	Running       State = "running"
	Done          State = "done"
	Failed        State = "failed"
	StateCanceled State = "canceled"
)

// Terminal reports whether a job in this state will never change again.
func (s State) Terminal() bool { return s == Done || s == Failed || s == StateCanceled }

// Job is the durable record of one input and one recipe. It holds no patient data and no pixels.
type Job struct {
	ID       string      `json:"id"`   // JobID of the input and the recipe
	Scan     string      `json:"scan"` // ScanID of the input
	Input    Blob        `json:"input"`
	Recipe   Recipe      `json:"recipe"`
	State    State       `json:"state"`
	Attempt  int         `json:"attempt"` // fencing token: raised by every Claim
	Progress JobProgress `json:"progress"`
	Code     Code        `json:"code,omitempty"`  // of the failure
	Error    string      `json:"error,omitempty"` // the failure in a plain sentence
	Worker   string      `json:"worker,omitempty"`
	Results  []Artifact  `json:"results,omitempty"` // grows while the job runs: the first series exists early
	// Deliveries are those of the series of a job that is done, by the names of the series; none where nothing is sent anywhere.
	Deliveries []Delivery `json:"deliveries,omitempty"`

	Created  time.Time `json:"created"`
	Started  time.Time `json:"started,omitzero"` // of the current attempt
	Finished time.Time `json:"finished,omitzero"`
}

// JobProgress says how far a job is.
type JobProgress struct {
	Method     string  `json:"method,omitempty"`
	SlicesDone int     `json:"slices_done"` // over all methods
	Slices     int     `json:"slices"`      // over all methods; 0 until the input was opened
	Step       int     `json:"step"`        // within the slice
	Steps      int     `json:"steps"`
	ETA        float64 `json:"eta_seconds"` // 0 when unknown
}

// Blob is immutable content, named by its bytes.
type Blob struct {
	SHA256 string `json:"sha256"` // lower-case hex
	Size   int64  `json:"size"`
}

// Artifact is one file that a job made.
type Artifact struct {
	Name string `json:"name"` // "report.json", "dicom/ccdf/0001.dcm", …
	Blob
	ContentType string `json:"content_type"`
}

// ScanID names an input: it is derived from the content, so that the same bytes are the same scan.
func ScanID(inputSHA256 string) string { return inputSHA256[:32] }

// JobID names a reconstruction of an input: equal bytes, recipe and networks are the same job.
func JobID(inputSHA256 string, r Recipe, models []Model) string {
	form, err := json.Marshal(struct {
		Input  string
		Recipe Recipe
		Models []Model
	}{inputSHA256, r, models})
	if err != nil {
		panic(err) // a Recipe always has a JSON form
	}
	sum := sha256.Sum256(form)
	return hex.EncodeToString(sum[:16])
}

// NewJob is the job of an input that is stored and a recipe, as Queue.Submit takes it.
func NewJob(input Blob, r Recipe, models []Model, created time.Time) Job {
	return Job{
		ID: JobID(input.SHA256, r, models), Scan: ScanID(input.SHA256), Input: input, Recipe: r, State: Queued, Created: created.UTC(),
	}
}
