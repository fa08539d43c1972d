package dicomweb

import (
	"context"
	"io"
	"strings"

	"github.com/closer-mri/closer/recon"
)

// Library is the DICOM files that are served. Its methods may be called from any goroutine.
type Library interface {
	// Files returns all files there are now, in any order. A file that appears twice is one.
	Files(ctx context.Context) ([]recon.Blob, error)
	// Open returns the content of one; NotFound.
	Open(ctx context.Context, sha256 string) (io.ReadCloser, error)
}

// Results is the library of the series that jobs made: their artifacts named dicom/METHOD/….dcm, as soon as a job lists them.
func Results(queue recon.Queue, blobs recon.Blobs) Library { return results{queue, blobs} }

type results struct {
	queue recon.Queue
	blobs recon.Blobs
}

func (r results) Files(ctx context.Context) ([]recon.Blob, error) {
	jobs, err := r.queue.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	var files []recon.Blob
	for _, job := range jobs {
		for _, a := range job.Results {
			if strings.HasPrefix(a.Name, "dicom/") && strings.HasSuffix(a.Name, ".dcm") {
				files = append(files, a.Blob)
			}
		}
	}
	return files, nil
}

func (r results) Open(ctx context.Context, sha256 string) (io.ReadCloser, error) {
	return r.blobs.Open(ctx, sha256)
}
