package intake

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

// Config is what an Intake is made of; all of it is required.
type Config struct {
	Queue  recon.Queue
	Blobs  recon.Blobs
	Models []recon.Model // the networks that jobs use
	Dir    string        // for series that are not committed; it is made when it does not exist
	// Inspect opens an input in the sandbox; Invalid when it is none.
	Inspect func(ctx context.Context, path string) error
	Log     *slog.Logger
}

// Intake implements recon.Intake.
type Intake struct {
	Config
	opening sync.Mutex     // held while a series is opened, which may take much memory
	scans   [64]sync.Mutex // by the scan's name, held while what is held of it changes
}

var _ recon.Intake = (*Intake)(nil)

// New returns an Intake.
func New(c Config) (*Intake, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory for DICOM series: %w", err)
	}
	return &Intake{Config: c}, nil
}

// Store takes objects that came in one request, as one whole: each series is reconstructed with the default recipe. It returns
// for each the name of its scan, or why it was refused; the objects of a series share that.
func (in *Intake) Store(ctx context.Context, objects []dicomio.Object) (scans []string, errs []error) {
	scans, errs = make([]string, len(objects)), make([]error, len(objects))
	series := map[string][]int{}
	for i, o := range objects {
		series[o.Study+"/"+o.Series] = append(series[o.Study+"/"+o.Series], i)
	}
	for _, members := range series {
		paths := make([]string, len(members))
		for k, i := range members {
			paths[k] = objects[i].Path
		}
		job, err := in.submit(ctx, paths)
		if recon.CodeOf(err) == recon.Invalid {
			in.Log.InfoContext(ctx, "a DICOM series was refused", "files", len(paths), "error", err)
		}
		for _, i := range members {
			scans[i], errs[i] = job.Scan, err
		}
	}
	return scans, errs
}

// submit stores the files of a series and queues a job.
func (in *Intake) submit(ctx context.Context, paths []string) (recon.Job, error) {
	input, _, err := in.input(ctx, paths, paths[0]+".tar")
	if err != nil {
		return recon.Job{}, err
	}
	job, _, err := in.Queue.Submit(ctx, recon.NewJob(input, recon.DefaultRecipe(), in.Models, time.Now()))
	return job, err
}

// input opens a series in the sandbox and, when it is one to reconstruct, stores it. An archive, if need be, is written to scratch.
// It returns the SHA-256 of each file, too.
func (in *Intake) input(ctx context.Context, paths []string, scratch string) (input recon.Blob, sums []string, err error) {
	path := paths[0]
	if len(paths) > 1 {
		path = scratch
		defer os.Remove(scratch)
		if sums, err = dicomio.WriteArchive(scratch, paths); err != nil {
			return recon.Blob{}, nil, err
		}
	}
	if err := in.inspect(ctx, path); err != nil {
		return recon.Blob{}, nil, err
	}
	input, err = in.Blobs.PutFile(ctx, path)
	if len(paths) == 1 {
		sums = []string{input.SHA256}
	}
	return input, sums, err
}

func (in *Intake) inspect(ctx context.Context, path string) error {
	in.opening.Lock()
	defer in.opening.Unlock()
	return in.Inspect(ctx, path)
}

// HoldAll holds objects that came in one request. It returns for each the name of its scan, or why it was refused.
func (in *Intake) HoldAll(ctx context.Context, objects []dicomio.Object) (scans []string, errs []error) {
	scans, errs = make([]string, len(objects)), make([]error, len(objects))
	for i, o := range objects {
		held, err := in.hold(ctx, o)
		scans[i], errs[i] = held.Scan, err
	}
	return scans, errs
}

func (in *Intake) path(parts ...string) string {
	return filepath.Join(append([]string{in.Dir}, parts...)...)
}
