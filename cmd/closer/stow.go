package main

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

const seriesInstanceUID = 0x0020000E

// stow makes jobs of DICOM objects that came in one request: one of each series, with the default recipe. A series of one file is
// that file; of several, a tar archive of them in an order and with headers that depend on nothing else, so that the same series
// is the same scan.
type stow struct {
	queue  recon.Queue
	blobs  recon.Blobs
	models []recon.Model
	log    *slog.Logger

	opening sync.Mutex // held while a series is opened, which may take much memory
}

// store implements dicomweb.Config.Store. The files of a series share its fate.
func (s *stow) store(ctx context.Context, files []string) []error {
	errs := make([]error, len(files))
	series := map[string][]int{}
	for i, path := range files {
		uid, err := seriesOf(path)
		if errs[i] = err; err == nil {
			series[uid] = append(series[uid], i)
		}
	}
	for _, members := range series {
		paths := make([]string, len(members))
		for k, i := range members {
			paths[k] = files[i]
		}
		err := s.submit(ctx, paths)
		if recon.CodeOf(err) == recon.Invalid {
			s.log.InfoContext(ctx, "a DICOM series was refused", "files", len(paths), "error", err)
		}
		for _, i := range members {
			errs[i] = err
		}
	}
	return errs
}

func seriesOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	set, err := dicomio.ReadDataSet(data, 64)
	if err != nil {
		return "", err
	}
	e, _ := set.Find(seriesInstanceUID)
	return string(e.Value), nil
}

// submit opens a series in the sandbox and, when it is one to reconstruct, stores it and queues a job.
func (s *stow) submit(ctx context.Context, paths []string) error {
	path := paths[0]
	if len(paths) > 1 {
		path = paths[0] + ".tar"
		if err := pack(path, paths); err != nil {
			return err
		}
	}
	if err := s.inspect(ctx, path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	blob, err := s.blobs.Put(ctx, f)
	if err != nil {
		return err
	}
	_, _, err = s.queue.Submit(ctx, recon.NewJob(blob, recon.DefaultRecipe(), s.models, time.Now()))
	return err
}

func (s *stow) inspect(ctx context.Context, path string) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	return inspect(ctx, path)
}

// pack writes a tar archive of files, ordered by content.
func pack(path string, files []string) error {
	type entry struct{ path, digest string }
	var entries []entry
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		entries = append(entries, entry{file, fmt.Sprintf("%x", sha256.Sum256(data))})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.digest, b.digest) })
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	for _, e := range entries {
		data, err := os.ReadFile(e.path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: e.digest + ".dcm", Mode: 0o644, Size: int64(len(data)), Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), out.Close())
}

// isTar reports whether a file is a tar archive as pack writes it.
func isTar(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [6]byte
	_, err = f.ReadAt(magic[:], 257)
	return err == nil && string(magic[:]) == "ustar\x00"
}

const maxPacked = 10_000 // files of one archive

// openPacked opens the series in a tar archive. Names in the archive are not used.
func openPacked(ctx context.Context, path string) (recon.Scan, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dir, err := os.MkdirTemp(filepath.Dir(path), "series-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // the volume is in memory by then
	r := tar.NewReader(f)
	for i := 0; ; i++ {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil || h.Typeflag != tar.TypeReg || h.Size > dicomio.MaxFile || i == maxPacked {
			return nil, recon.Errorf(recon.Invalid, "the tar archive is damaged, or holds something else than up to %d DICOM files", maxPacked)
		}
		out, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%05d.dcm", i+1)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(out, r)
		if err = errors.Join(err, out.Close()); errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, recon.Errorf(recon.Invalid, "the tar archive is cut short")
		} else if err != nil {
			return nil, err
		}
	}
	return openDICOM(ctx, dir)
}
