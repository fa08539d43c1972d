package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tus/tusd/v2/pkg/filestore"
	tus "github.com/tus/tusd/v2/pkg/handler"

	"github.com/closer-mri/closer/internal/durable"
)

// durableStore is tusd's directory with fsync: an offset that was acknowledged is on the disk.
type durableStore struct{ filestore.FileStore }

type durableUpload struct {
	tus.Upload
	path string
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
	d := durableUpload{u, filepath.Join(s.Path, info.ID)}
	return d, then(d.path)
}

// AsTerminatableUpload implements tus.TerminaterDataStore.
func (s durableStore) AsTerminatableUpload(u tus.Upload) tus.TerminatableUpload {
	return s.FileStore.AsTerminatableUpload(u.(durableUpload).Upload)
}

// WriteChunk writes all that src gives and makes it durable, also when src ends early.
func (u durableUpload) WriteChunk(ctx context.Context, offset int64, src io.Reader) (int64, error) {
	n, err := u.Upload.WriteChunk(ctx, offset, src)
	if syncErr := durable.Sync(u.path); err == nil {
		err = syncErr
	}
	return n, err
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the upload: %w", err)
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", fmt.Errorf("read the upload: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
