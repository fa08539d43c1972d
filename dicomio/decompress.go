package dicomio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/closer-mri/closer/internal/sandbox"
	"github.com/closer-mri/closer/recon"
)

// A decoder turns a DICOM file with compressed pixels into one with plain pixels.
type decoder func(object []byte) ([]byte, error)

// gdcmconv decodes all families of JPEG (Debian package libgdcm-tools, BSD licence).
const gdcmconv = "gdcmconv"

func init() {
	sandbox.RegisterProgram(gdcmconv, gdcmconv, "--raw", "-i", sandbox.InputPath, "-o", "/proc/self/fd/1")
}

// decompress is the decoder that runs gdcmconv in a sandbox of its own. The object goes there and back in memory.
func decompress(ctx context.Context, object []byte) ([]byte, error) {
	s, _, err := split(object)
	if err != nil {
		return nil, err
	}
	in, err := inMemory(object)
	if err != nil {
		return nil, &recon.Error{Code: recon.Internal, Message: "the DICOM file's pixels cannot be handed to their decoder", Cause: err}
	}
	defer in.Close()
	size := maxDecoded(len(object))
	out := limited{left: size + 4096}
	err = sandbox.Run(ctx, gdcmconv, in, nil, &out, sandbox.Limits{
		Memory: 128<<20 + 4*size,
		CPU:    2*time.Second + time.Duration(len(object)>>20)*time.Second,
	})
	var end *sandbox.Error
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, refuse("the DICOM file's pixels are compressed (%s, %s), and gdcmconv, which decodes them, is not installed (Debian package libgdcm-tools)", compressed[s.name], s.name)
	case errors.Is(err, errTooMuch), errors.As(err, &end) && end.Reason == sandbox.Crashed:
		return nil, &recon.Error{Code: recon.Invalid, Message: "the DICOM file is damaged: its " + compressed[s.name] + " pixels cannot be decoded", Cause: err}
	}
	return out.Bytes(), ended(err)
}

var errTooMuch = errors.New("more than expected")

// limited keeps what is written to it and fails when it gets too much.
type limited struct {
	bytes.Buffer
	left int64
}

// ReadFrom keeps io.Copy from that of the buffer, which has no limit.
func (l *limited) ReadFrom(r io.Reader) (int64, error) {
	n, err := l.Buffer.ReadFrom(io.LimitReader(r, l.left+1))
	if l.left -= n; l.left < 0 {
		return n, errTooMuch
	}
	return n, err
}

// inMemory returns a file that lies in memory only.
func inMemory(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("object", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "object")
	if _, err := f.Write(data); err != nil {
		f.Close()
		return nil, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}
