package fastmri

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/closer-mri/closer/internal/sandbox"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// errProtocol is a child that answers nonsense: it was taken over by the file, or it is of another version.
var errProtocol = errors.New("fastmri: the reader does not keep to the protocol")

// Scan is an open fastMRI file. Its methods may be called from several goroutines; slices are read one at a time.
type Scan struct {
	file   *os.File
	limits sandbox.Limits
	layout layout
	header recon.Header

	mu      sync.Mutex
	process *sandbox.Process
	broken  error // what the file did to its reader: final
	closed  bool
}

var _ recon.Scan = (*Scan)(nil)

// Open opens the fastMRI file at path: it starts the reader, checks the file's structure and hashes its content. Everything
// that is wrong with the file is a *recon.Error with code Invalid, a missing file one with NotFound. No message holds the path.
func Open(ctx context.Context, path string) (recon.Scan, error) {
	return OpenLimited(ctx, path, sandbox.Limits{})
}

// OpenLimited is Open with other limits on the reader than the defaults of package sandbox.
func OpenLimited(ctx context.Context, path string, limits sandbox.Limits) (*Scan, error) {
	s, err := open(ctx, path, limits)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// open is OpenLimited. With an error about the content it returns the closed scan too, so that tests can ask for its Usage.
func open(ctx context.Context, path string, limits sandbox.Limits) (*Scan, error) {
	file, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	s := &Scan{file: file, limits: atLeast(limits, size)}
	type digest struct {
		hex string
		err error
	}
	hashed := make(chan digest, 1)
	hashing, stop := context.WithCancel(ctx)
	go func() {
		sum, err := hash(hashing, file)
		hashed <- digest{sum, err}
	}()
	err = s.start(ctx)
	if err != nil {
		stop()
	}
	d := <-hashed
	stop()
	if err == nil && d.err != nil {
		err = d.err
	}
	if err != nil {
		s.Close()
		return s, err
	}
	s.header = s.layout.header(d.hex)
	return s, nil
}

// atLeast gives the reader of a larger file more time where limits leave it open: a block of a slab is a pass over the whole file, and a
// machine may read 16 MiB a second.
func atLeast(limits sandbox.Limits, size int64) sandbox.Limits {
	pass := time.Duration(size/(16<<20)) * time.Second
	if limits.Wall == 0 {
		limits.Wall = sandbox.DefaultWall + pass
	}
	if limits.CPU == 0 {
		limits.CPU = sandbox.DefaultCPU + 4*pass
	}
	return limits
}

// openRegular opens a regular file without waiting, as a FIFO would make it, and says how large it is.
func openRegular(path string) (*os.File, int64, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		code, text := recon.Invalid, "the file cannot be opened"
		switch {
		case errors.Is(err, fs.ErrNotExist):
			code, text = recon.NotFound, "the file does not exist"
		case errors.Is(err, fs.ErrPermission):
			text = "the file may not be read by this user"
		}
		return nil, 0, &recon.Error{Code: code, Message: text, Cause: errors.Unwrap(err)} // without the path
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		file.Close()
		return nil, 0, &recon.Error{Code: recon.Internal, Message: "the file cannot be examined", Cause: err}
	case !info.Mode().IsRegular():
		file.Close()
		return nil, 0, recon.Errorf(recon.Invalid, "the input is not a regular file; expected a fastMRI HDF5 file")
	case info.Size() == 0:
		file.Close()
		return nil, 0, recon.Errorf(recon.Invalid, "the file is empty; expected a fastMRI HDF5 file")
	}
	return file, info.Size(), nil
}

// hash returns the SHA-256 of the whole file in lower-case hex. It leaves the file's offset alone.
func hash(ctx context.Context, file *os.File) (string, error) {
	h := sha256.New()
	block := make([]byte, 1<<20)
	for at := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return "", canceled(err)
		}
		n, err := file.ReadAt(block, at)
		h.Write(block[:n])
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", &recon.Error{Code: recon.Invalid, Message: "the file cannot be read from its disk", Cause: errors.Unwrap(err)}
		}
	}
}

// start starts a reader and takes its description of the file.
func (s *Scan) start(ctx context.Context) error {
	p, err := sandbox.Start(ctx, readTask, s.file, s.limits)
	if err != nil {
		return translate(err)
	}
	s.process = p
	var l layout
	err = p.Do(ctx, func(r io.Reader, _ io.Writer) error {
		description, err := readFrame(r)
		if err != nil {
			return err
		}
		if json.Unmarshal(description, &l) != nil {
			return errProtocol
		}
		return l.check()
	})
	if err != nil {
		p.Close()
		return translate(err)
	}
	s.layout = l
	return nil
}

// Header implements recon.Scan.
func (s *Scan) Header() recon.Header { return s.header }

// Attributes returns the file's root attributes.
func (s *Scan) Attributes() Attributes { return s.layout.Attributes }

// Subject is whom raw data name; nil when they do not, and of fastMRI's files.
func (s *Scan) Subject() *recon.Subject { return s.layout.Subject }

// NamesSubject reports whether the file's ISMRMRD header says whom it shows: a name, an identifier or a date of birth.
func (s *Scan) NamesSubject() bool { return s.layout.Protocol.Subject }

// ReadSlice implements recon.Scan. Values that are not finite, and samples in columns that the mask calls unacquired, are
// errors with code Invalid: nothing sensible can be reconstructed from them. After a canceled read the next one starts a
// new reader.
func (s *Scan) ReadSlice(ctx context.Context, i int, dst *recon.Slice) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i < 0 || i >= s.header.Slices {
		return recon.Errorf(recon.Invalid, "slice %d does not exist; the scan has slices 0 to %d", i, s.header.Slices-1)
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	l := &s.layout
	err := s.process.Do(ctx, func(r io.Reader, w io.Writer) error {
		if err := binary.Write(w, binary.LittleEndian, uint32(i)); err != nil {
			return err
		}
		if _, err := readFrame(r); err != nil {
			return err
		}
		// Only now is the slice more than a promise of the file.
		dst.KSpace.Resize(l.Coils, l.Ny, l.Nx)
		dst.Calibration.Resize(l.Coils, l.Ny, l.Calibration.Width())
		dst.Reference = resize(dst.Reference, l.RefNy*l.RefNx)
		if _, err := io.ReadFull(r, bytesOf(dst.KSpace.Val)); err != nil {
			return err
		}
		if _, err := io.ReadFull(r, bytesOf(dst.Calibration.Val)); err != nil {
			return err
		}
		_, err := io.ReadFull(r, bytesOf(dst.Reference))
		return err
	})
	if err != nil {
		err = translate(err)
		if !s.process.Alive() && recon.CodeOf(err) == recon.Invalid {
			s.broken = err
		}
		return err
	}
	return s.verify(i, dst)
}

// ready makes sure that there is a reader.
func (s *Scan) ready(ctx context.Context) error {
	switch {
	case s.closed:
		return &recon.Error{Code: recon.Internal, Message: "the scan is closed", Cause: os.ErrClosed}
	case s.broken != nil:
		return s.broken
	case ctx.Err() != nil:
		return canceled(ctx.Err())
	case s.process.Alive():
		return nil
	}
	before := s.layout
	s.process.Close()
	if err := s.start(ctx); err != nil {
		return err
	}
	if l := s.layout; l.Slices != before.Slices || l.Coils != before.Coils || l.Ny != before.Ny || l.Nx != before.Nx ||
		l.RefNy != before.RefNy || l.RefNx != before.RefNx || l.Calibration != before.Calibration {
		s.broken = recon.Errorf(recon.Invalid, "the file changed while it was being read")
	}
	return s.broken
}

// verify checks the values of slice i.
func (s *Scan) verify(i int, dst *recon.Slice) error {
	k := dst.KSpace
	if at := notFinite(k.Val); at >= 0 {
		return recon.Errorf(recon.Invalid, "%s has a value that is not finite in slice %d, coil %d, row %d, column %d",
			s.layout.source(), i, at/(k.Ny*k.Nx), at/k.Nx%k.Ny, at%k.Nx)
	}
	if at := notFinite(dst.Calibration.Val); at >= 0 {
		return recon.Errorf(recon.Invalid, "dataset data has a value that is not finite in the calibration lines of slice %d, coil %d",
			i, at/(k.Ny*dst.Calibration.Nx))
	}
	for p, v := range dst.Reference {
		if !finite(v) {
			return recon.Errorf(recon.Invalid, "dataset %s has a value that is not finite in slice %d, row %d, column %d",
				s.layout.Reference, i, p/s.layout.RefNx, p%s.layout.RefNx)
		}
	}
	// A mask of columns repeats with each row, one of single samples with each coil.
	mask := s.layout.Mask
	switch l := &s.layout; {
	case l.Points != nil:
		mask = l.Points
	case l.Masks != nil:
		mask = l.Masks[l.MaskOf[i]]
	}
	for at, v := range k.Val {
		if v != 0 && mask != nil && mask[at%len(mask)] == 0 {
			return recon.Errorf(recon.Invalid, "dataset kspace has samples in column %d of slice %d, which dataset mask says was not acquired; expected zeros there",
				at%k.Nx, i)
		}
	}
	if mask != nil || s.layout.Raw {
		return nil
	}
	if column := gap(k); column >= 0 {
		return recon.Errorf(recon.Invalid, "dataset kspace is zero in all of column %d of slice %d and not around it: the scan is undersampled; expected a dataset mask, which says so",
			column, i)
	}
	return nil
}

// gap returns a column that is zero in every coil and row while one before it and one behind it are not, -1 when there is none. Zeros at
// the edges are no gap: scanners pad with them.
func gap(k kspace.Data) int {
	sampled := make([]bool, k.Nx)
	for at, v := range k.Val {
		if v != 0 {
			sampled[at%k.Nx] = true
		}
	}
	first, last := slices.Index(sampled, true), k.Nx-1
	for last > first && !sampled[last] {
		last--
	}
	for column := first + 1; first >= 0 && column < last; column++ {
		if !sampled[column] {
			return column
		}
	}
	return -1
}

// notFinite returns the index of the first value that is NaN or infinite, -1 when there is none.
func notFinite(v []complex64) int {
	for i, c := range v {
		if !finite(real(c)) || !finite(imag(c)) {
			return i
		}
	}
	return -1
}

func finite(v float32) bool { return math.Float32bits(v)&0x7f800000 != 0x7f800000 }

// resize returns v with length n, nil for 0, reusing its memory where that suffices.
func resize[T any](v []T, n int) []T {
	if n == 0 {
		return nil
	}
	if cap(v) < n {
		return make([]T, n)
	}
	return v[:n]
}

// Close ends the reader and closes the file. Closing twice is harmless.
func (s *Scan) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.process != nil {
		s.process.Close()
	}
	return s.file.Close()
}

// Usage returns what the last reader consumed; call it after Close.
func (s *Scan) Usage() sandbox.Usage {
	if s.process == nil {
		return sandbox.Usage{}
	}
	return s.process.Usage()
}

// translate makes errors of the reader ours.
func translate(err error) error {
	var about refusal
	var end *sandbox.Error
	var ours *recon.Error
	switch {
	case errors.As(err, &ours):
		return err
	case errors.As(err, &about):
		return &recon.Error{Code: recon.Invalid, Message: string(about)}
	case errors.As(err, &end) && end.Reason == sandbox.Canceled:
		return canceled(end.Cause)
	case errors.As(err, &end) && (end.Reason == sandbox.Setup || end.Reason == sandbox.Stalled):
		return &recon.Error{Code: recon.Unavailable, Message: end.Message, Cause: errors.New(end.Detail)}
	case errors.As(err, &end):
		return &recon.Error{Code: recon.Invalid, Message: printable(end.Message), Cause: errors.New(end.Detail)}
	case errors.Is(err, errProtocol):
		return &recon.Error{Code: recon.Invalid, Message: "the file could not be read safely: the reader crashed", Cause: err}
	default:
		return &recon.Error{Code: recon.Internal, Message: "the reader's answer could not be received", Cause: err}
	}
}

func canceled(cause error) error {
	return &recon.Error{Code: recon.Canceled, Message: "reading was canceled", Cause: cause}
}

// printable keeps what may be shown of a child's words.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, s)
}
