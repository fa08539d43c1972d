package dicomweb

import (
	"context"
	"io"
	"sync"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

// Library is the DICOM files that are served. Its methods may be called from any goroutine.
type Library interface {
	// Changes returns what the sources that are new or have changed since the call that returned the cursor since hold now, and the
	// cursor for the next call. The cursor 0 stands for the beginning.
	Changes(ctx context.Context, since uint64) (changed []Holding, next uint64, err error)
	// Open returns the content of a file; NotFound.
	Open(ctx context.Context, file dicomio.Stored) (io.ReadCloser, error)
}

// Holding is what one source, a job, holds: lists of files, each of one series. A source that is gone holds none. Several sources may
// hold the same files, and each a part of a series.
type Holding struct {
	Source string
	Series [][]dicomio.Stored
}

// Results is the library of the series that jobs made, their artifacts named dicom/SERIES/….dcm, as soon as a job lists them, and of
// the DICOM series that they were made of.
func Results(queue recon.Queue, blobs recon.Blobs) Library {
	return &results{queue: queue, blobs: blobs, inputs: map[string][]dicomio.Stored{}}
}

const maxInputs = 1 << 14 // that are remembered

type results struct {
	queue recon.Queue
	blobs recon.Blobs

	mu     sync.Mutex
	inputs map[string][]dicomio.Stored // by SHA-256; none for an input that is no DICOM
}

func (r *results) Changes(ctx context.Context, since uint64) ([]Holding, uint64, error) {
	jobs, gone, next, err := r.queue.Changes(ctx, since)
	if err != nil {
		return nil, since, err
	}
	var changed []Holding
	for _, id := range gone {
		changed = append(changed, Holding{Source: id})
	}
	for _, job := range jobs {
		h := Holding{Source: job.ID}
		names, artifacts := job.Series()
		for _, name := range names {
			files := make([]dicomio.Stored, len(artifacts[name]))
			for i, a := range artifacts[name] {
				files[i] = dicomio.Stored{SHA256: a.SHA256, Size: a.Size}
			}
			h.Series = append(h.Series, files)
		}
		source, err := r.input(ctx, job.Input)
		if err != nil {
			return nil, since, err
		}
		if len(source) > 0 {
			h.Series = append(h.Series, source)
		}
		changed = append(changed, h)
	}
	return changed, next, nil
}

// input returns the DICOM files that an input is, or is an archive of. One that is not there any more has none.
func (r *results) input(ctx context.Context, input recon.Blob) ([]dicomio.Stored, error) {
	r.mu.Lock()
	files, known := r.inputs[input.SHA256]
	r.mu.Unlock()
	if known {
		return files, nil
	}
	content, err := r.blobs.Open(ctx, input.SHA256)
	if recon.CodeOf(err) == recon.NotFound {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer content.Close()
	files, err = dicomio.Contents(content, dicomio.Stored{SHA256: input.SHA256, Size: input.Size})
	if err != nil && recon.CodeOf(err) != recon.Invalid { // what is damaged stays so
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.inputs) == maxInputs {
		clear(r.inputs) // of jobs that are gone, too
	}
	r.inputs[input.SHA256] = files
	return files, nil
}

func (r *results) Open(ctx context.Context, file dicomio.Stored) (io.ReadCloser, error) {
	return file.Open(func(sha256 string) (io.ReadCloser, error) { return r.blobs.Open(ctx, sha256) })
}
