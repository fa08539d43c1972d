package dicomweb

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

// Frames, pictures and bulk data are made from a whole object in memory. So many bytes may the larger ones of all requests take
// together; a request waits for its share, and one that waited for patience is told to come again. Whole files are streamed and take none.
const (
	sharedMemory = 2 << 30
	modest       = 16 << 20 // an object of no more waits for nobody
	patience     = 30 * time.Second
)

func newMemory() *semaphore.Weighted { return semaphore.NewWeighted(sharedMemory) }

// reserve waits until there is memory for the object. The caller releases it when the answer is sent.
func (s *server) reserve(ctx context.Context, in *instance) (release func(), err error) {
	n := min(in.memory(), sharedMemory)
	if n <= modest {
		return func() {}, nil
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if s.memory.Acquire(wait, n) != nil {
		return nil, recon.Errorf(recon.Unavailable, "other large objects are being read")
	}
	return func() { s.memory.Release(n) }, nil
}

// memory is how many bytes the file and its pixels take at most, four each. What a file says of itself counts up to what is decoded.
func (in *instance) memory() int64 {
	samples := 1.0
	for _, tag := range []string{"00280010", "00280011", "00280002", "00280008"} { // rows, columns, samples per pixel, frames
		samples *= max(1, in.number(tag))
	}
	return in.file.Size + int64(min(4*samples, 2*dicomio.MaxFile))
}
