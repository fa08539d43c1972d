package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"syscall"

	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

// digest copies r to w, which is on a disk of ours, and names what it copied. It ends early with ctx.
func digest(ctx context.Context, w io.Writer, r io.Reader) (recon.Blob, error) {
	sum, buf := sha256.New(), make([]byte, 256<<10)
	var size int64
	for {
		if err := ctx.Err(); err != nil {
			return recon.Blob{}, err
		}
		n, readErr := r.Read(buf)
		if n > 0 {
			sum.Write(buf[:n])
			size += int64(n)
			if _, err := w.Write(buf[:n]); err != nil {
				return recon.Blob{}, stored(err)
			}
		}
		if readErr == io.EOF {
			return recon.Blob{SHA256: hex.EncodeToString(sum.Sum(nil)), Size: size}, nil
		}
		if readErr != nil {
			return recon.Blob{}, readErr // as it is: the caller knows its reader
		}
	}
}

// stored says in a sentence what a full disk is, and one that is away: both are for now.
func stored(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &recon.Error{Code: recon.Unavailable, Message: "the disk for files is full", Cause: err}
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EIO):
		return &recon.Error{Code: recon.Unavailable, Message: "the disk for files cannot be written to", Cause: err}
	}
	return reached(err)
}

// reached says in a sentence that a disk is away, as one of another host can be.
func reached(err error) error {
	for _, away := range []error{syscall.ESTALE, syscall.ENOTCONN, syscall.ETIMEDOUT, syscall.EHOSTDOWN, syscall.ENODEV} {
		if errors.Is(err, away) {
			return &recon.Error{Code: recon.Unavailable, Message: "the disk for files does not answer", Cause: err}
		}
	}
	return err
}

// checkFree returns nil when the disk of a directory has as much room as is asked for.
func (opts BlobOptions) checkFree(dir string) error {
	if opts.MinFreeBytes <= 0 && opts.MinFreePercent <= 0 {
		return nil
	}
	free, share, err := durable.Free(dir)
	if err != nil {
		return &recon.Error{Code: recon.Unavailable, Message: "the disk for files does not answer", Cause: err}
	}
	if free < opts.MinFreeBytes || 100*share < opts.MinFreePercent {
		return recon.Errorf(recon.Unavailable, "the disk for files is nearly full: %d MB free, %.1f %%", free>>20, 100*share)
	}
	return nil
}

// verified gives content and finds out at its end whether it is what its name says.
type verified struct {
	io.ReadSeekCloser
	name string
	sum  hash.Hash
	pos  int64
	read int64 // all bytes before this went into sum, in order
}

func newVerified(r io.ReadSeekCloser, name string) *verified {
	return &verified{ReadSeekCloser: r, name: name, sum: sha256.New()}
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadSeekCloser.Read(p)
	if v.pos == v.read {
		v.sum.Write(p[:n])
		v.read += int64(n)
	}
	v.pos += int64(n)
	if err == io.EOF && v.pos == v.read && hex.EncodeToString(v.sum.Sum(nil)) != v.name {
		return n, recon.Errorf(recon.Internal, "the stored content %s is damaged", v.name)
	}
	return n, err
}

func (v *verified) Seek(offset int64, whence int) (int64, error) {
	pos, err := v.ReadSeekCloser.Seek(offset, whence)
	if err == nil {
		v.pos = pos
	}
	if err == nil && pos == 0 {
		v.sum.Reset()
		v.read = 0
	}
	return pos, err
}
