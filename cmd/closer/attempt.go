package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

// attempt is one try at one job.
type attempt struct {
	*worker
	lease  recon.Lease
	job    recon.Job
	log    *slog.Logger
	slices patientSlices
	begin  time.Time

	mu       sync.Mutex
	tracker  *tracker
	files    map[string]stored // by name
	unstored bool              // the record lacks the newest files
}

// stored is a file of the output directory that is in the blob store.
type stored struct {
	recon.Artifact
	fs.FileInfo
}

// updateTime is how often progress is stored; every update is a write that the queue syncs.
const updateTime = 250 * time.Millisecond

// keep extends the lease and stores progress until ctx ends, and cancels ctx when the lease is lost.
func (a *attempt) keep(ctx context.Context, cancel context.CancelCauseFunc) {
	var both sync.WaitGroup
	both.Go(func() { // apart from updates, which may wait for servers
		a.every(ctx, cancel, a.silence/4, a.lease.Extend)
	})
	var last recon.JobProgress
	a.every(ctx, cancel, updateTime, func(ctx context.Context) error {
		progress, results, changed := a.state()
		if !changed && progress == last {
			return nil
		}
		err := a.lease.Update(ctx, progress, results)
		if err == nil {
			last = progress
		} else if changed {
			a.mu.Lock()
			a.unstored = true
			a.mu.Unlock()
		}
		return err
	})
	both.Wait()
}

// every calls f until ctx ends. An error other than a lost lease is left to the next call.
func (a *attempt) every(ctx context.Context, cancel context.CancelCauseFunc, d time.Duration, f func(context.Context) error) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.lease.Lost():
			cancel(recon.ErrLeaseLost)
			return
		case <-ticker.C:
			if err := f(ctx); errors.Is(err, recon.ErrLeaseLost) {
				cancel(recon.ErrLeaseLost)
				return
			}
		}
	}
}

// state returns what the record should say, and whether there are results that it was not told of yet.
func (a *attempt) state() (progress recon.JobProgress, results []recon.Artifact, changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tracker != nil {
		progress = a.tracker.progress(time.Now())
	}
	changed, a.unstored = a.unstored, false
	return progress, a.results(), changed
}

// results are those to be shown meanwhile: what an earlier attempt made does not vanish while this one makes it again.
func (a *attempt) results() []recon.Artifact {
	results := a.list()
	for _, r := range a.job.Results {
		if _, again := a.files[r.Name]; !again {
			results = append(results, r)
		}
	}
	return results
}

// finish ends the job. One that is done has come to the end of its slices, which no update may have said.
func (a *attempt) finish(ctx context.Context, cause error) error {
	a.mu.Lock()
	results := a.list()
	a.mu.Unlock()
	if cause == nil {
		progress, _, _ := a.state()
		if err := a.lease.Update(ctx, progress, results); err != nil {
			return err
		}
	}
	return a.lease.Finish(ctx, results, cause)
}

// resumed counts the slices that an earlier attempt had finished.
func (a *attempt) resumed() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tracker == nil {
		return 0
	}
	return a.tracker.resumed
}

func (a *attempt) list() []recon.Artifact {
	var out []recon.Artifact
	for _, name := range slices.Sorted(maps.Keys(a.files)) {
		out = append(out, a.files[name].Artifact)
	}
	return out
}

// triesToRead is how often an attempt begins when what it needs, such as the reader of its scan, did not come to run.
const triesToRead = 3

// execute reconstructs the job's input and stores what it makes. It waits for room on a full disk, with nothing of this job on it.
func (a *attempt) execute(ctx context.Context) error {
	b := newBuilder(a.job.Recipe, a.engine)
	b.networks = a.networks
	methods, err := b.possible()
	if err != nil {
		return err
	}
	for _, note := range b.notes {
		a.log.Warn(note, "job", a.job.ID)
	}
	var failed error
	tries := 0
	err = outlast(ctx, a.log, func() error {
		failed = a.reconstruct(ctx, methods, b.notes)
		if tries++; recon.CodeOf(failed) == recon.Unavailable && tries < triesToRead {
			return failed
		}
		return a.roomless(failed)
	})
	return cmp.Or(err, failed)
}

// reconstruct is execute in a directory that is there for as long as it runs.
func (a *attempt) reconstruct(ctx context.Context, methods []recon.Method, notes []string) error {
	dir, err := os.MkdirTemp(a.dir, "")
	if err != nil {
		return fmt.Errorf("make a directory for the job: %w", err)
	}
	defer os.RemoveAll(dir)
	a.begun(methods)
	input, fetching := filepath.Join(dir, "input"), time.Now()
	if err := outlast(ctx, a.log, func() error { return a.fetch(ctx, input) }); err != nil {
		return err
	}
	fetched := time.Since(fetching)
	out, err := newOutput(filepath.Join(dir, "out"), a.job.Created)
	if err != nil {
		return err
	}
	out.notes, out.begin, out.fetch = notes, a.begin, fetched
	out.grown = func() error { return a.publish(ctx, out.dir) }
	_, err = out.fill(ctx, input, a.job.Recipe, recon.Pipeline{Methods: methods, Checkpoint: a.slices, Progress: func(p recon.Progress) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.tracker.update(p, time.Now())
	}})
	return err
}

// begun makes the attempt one that has nothing of its own yet. Files that it had are gone, and new ones may look like them.
func (a *attempt) begun(methods []recon.Method) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.job.Results, a.files, a.tracker = a.results(), map[string]stored{}, newTracker(methods)
}

// leastRoom is what is free on a disk that is not full, in bytes. What HDF5 says of a full one cannot be told from other trouble.
const leastRoom = 16 << 20

// roomless is Unavailable when an error may come of a full disk.
func (a *attempt) roomless(err error) error {
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || roomless(a.dir, leastRoom)
	if recon.CodeOf(err) != recon.Internal || !full {
		return nil
	}
	return &recon.Error{Code: recon.Unavailable, Message: "the disk for the files of jobs is full", Cause: err}
}

// roomless reports whether less than so many bytes are free on the disk of a directory.
func roomless(dir string, least int64) bool {
	free, _, err := durable.Free(dir)
	return err == nil && free < least
}

// fetch copies the input to a private file. The blob store checks that it is what was pushed.
func (a *attempt) fetch(ctx context.Context, path string) error {
	r, err := a.blobs.Open(ctx, a.job.Input.SHA256)
	if recon.CodeOf(err) == recon.NotFound {
		if _, err := recon.OwnerOf(ctx, a.blobs); recon.CodeOf(err) == recon.NotFound { // they were there when this worker began
			return recon.Errorf(recon.Unavailable, "the files of all jobs are gone; is --blobs mounted?")
		}
	}
	if err != nil {
		return fmt.Errorf("fetch the input: %w", err)
	}
	defer r.Close()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("fetch the input: %w", err)
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("fetch the input: %w", err)
	}
	return nil
}

// publish stores the files in dir that are new or were written again. They are listed together, so that nobody sees half a series.
func (a *attempt) publish(ctx context.Context, dir string) error {
	type changed struct {
		path, name string
		info       fs.FileInfo
	}
	var files []changed
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if known := a.files[name].FileInfo; known == nil || !os.SameFile(known, info) { // files are replaced, not written to
			files = append(files, changed{path, name, info})
		}
		return nil
	})
	if err != nil {
		return err
	}
	blobs := make([]recon.Blob, len(files))
	puts, storing := errgroup.WithContext(ctx)
	puts.SetLimit(parallelPuts)
	first := func(f changed) int { // of the names of its file
		return slices.IndexFunc(files, func(other changed) bool { return os.SameFile(f.info, other.info) })
	}
	for i, f := range files {
		if first(f) != i {
			continue
		}
		puts.Go(func() error {
			return outlast(storing, a.log, func() (err error) {
				blobs[i], err = a.blobs.PutFile(storing, f.path)
				return err
			})
		})
	}
	if err := puts.Wait(); err != nil {
		return fmt.Errorf("store a result: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range files {
		artifact := recon.Artifact{Name: f.name, Blob: blobs[first(f)], ContentType: contentType(f.name)}
		a.files[f.name] = stored{artifact, f.info}
	}
	a.unstored = true
	return nil
}

// parallelPuts is how many files are stored at a time: storing is mostly waiting for a disk or another host.
const parallelPuts = 8

// contentType is that of a result, by the ending of its name.
func contentType(name string) string {
	switch filepath.Ext(name) {
	case ".dcm":
		return "application/dicom"
	case ".h5":
		return "application/x-hdf5"
	case ".json":
		return "application/json"
	case ".html":
		return "text/html; charset=utf-8"
	case ".csv":
		return "text/csv; charset=utf-8"
	default:
		return "application/octet-stream"
	}
}
