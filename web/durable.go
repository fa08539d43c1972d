package web

import (
	"context"
	"io"
	"net/http"
	"path/filepath"

	"github.com/tus/tusd/v2/pkg/filestore"
	tus "github.com/tus/tusd/v2/pkg/handler"

	"github.com/closer-mri/closer/internal/durable"
	"github.com/closer-mri/closer/recon"
)

// durableStore is tusd's directory with fsync: an offset that was acknowledged is on the disk.
type durableStore struct {
	filestore.FileStore
	onlyHDF5 bool              // nothing else is written
	room     func(int64) error // as of api
}

type durableUpload struct {
	tus.Upload
	path     string
	onlyHDF5 bool
	room     func(int64) error
}

func (s durableStore) NewUpload(ctx context.Context, info tus.FileInfo) (tus.Upload, error) {
	u, err := s.FileStore.NewUpload(ctx, info)
	if err != nil {
		return nil, err
	}
	return s.durable(ctx, u, func(path string) error {
		for _, p := range []string{path + ".info", path, s.Path} {
			if err := durable.Sync(p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s durableStore) GetUpload(ctx context.Context, id string) (tus.Upload, error) {
	u, err := s.FileStore.GetUpload(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.durable(ctx, u, func(string) error { return nil })
}

func (s durableStore) durable(ctx context.Context, u tus.Upload, then func(path string) error) (tus.Upload, error) {
	info, err := u.GetInfo(ctx)
	if err != nil {
		return nil, err
	}
	d := durableUpload{u, filepath.Join(s.Path, info.ID), s.onlyHDF5, s.room}
	return d, then(d.path)
}

// AsTerminatableUpload implements tus.TerminaterDataStore.
func (s durableStore) AsTerminatableUpload(u tus.Upload) tus.TerminatableUpload {
	return s.FileStore.AsTerminatableUpload(u.(durableUpload).Upload)
}

// WriteChunk writes all that src gives, as long as there is room, and makes it durable, also when src ends early.
func (u durableUpload) WriteChunk(ctx context.Context, offset int64, src io.Reader) (int64, error) {
	if u.onlyHDF5 && offset < int64(len(hdf5Signature)) {
		src = &signed{src, hdf5Signature[offset:]}
	}
	n, err := u.Upload.WriteChunk(ctx, offset, &roomy{Reader: src, room: u.room})
	if syncErr := durable.Sync(u.path); err == nil {
		err = syncErr
	}
	if err = fullDisk(err); recon.CodeOf(err) == recon.Unavailable {
		err = refuse(ctx, err)
	}
	return n, err
}

// signed is a reader that must begin with a signature; it gives nothing of what does not.
type signed struct {
	io.Reader
	left string
}

func (s *signed) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if begin := min(n, len(s.left)); string(p[:begin]) != s.left[:begin] {
		clear(p[:n])
		return 0, tus.NewError("ERR_REFUSED", notResumable, http.StatusUnsupportedMediaType)
	} else {
		s.left = s.left[begin:]
	}
	return n, err
}

// notResumable is why an upload in pieces is refused.
const notResumable = "this server takes the patient out of DICOM files before it writes them, so only HDF5 files come in pieces: send DICOM in one request"
