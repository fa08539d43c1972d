package store

import (
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// What a disk that is full, read-only or away says is for now; a file that is damaged or forbidden stays so.
func TestErrorsOfDisks(t *testing.T) {
	for cause, want := range map[syscall.Errno][2]recon.Code{ // writing, reading
		syscall.ENOSPC: {recon.Unavailable, recon.Internal}, syscall.EDQUOT: {recon.Unavailable, recon.Internal},
		syscall.EROFS: {recon.Unavailable, recon.Internal}, syscall.EIO: {recon.Unavailable, recon.Internal},
		syscall.ESTALE: {recon.Unavailable, recon.Unavailable}, syscall.ENOTCONN: {recon.Unavailable, recon.Unavailable},
		syscall.EACCES: {recon.Internal, recon.Internal},
	} {
		err := fmt.Errorf("put: %w", &fs.PathError{Op: "open", Path: "/x", Err: cause})
		if got := [2]recon.Code{recon.CodeOf(stored(err)), recon.CodeOf(reached(err))}; got != want {
			t.Errorf("%v: %v, want %v", cause, got, want)
		}
	}
	if stored(nil) != nil || reached(nil) != nil {
		t.Error("no error is one")
	}
}
