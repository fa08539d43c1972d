package dicomio

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/closer-mri/closer/internal/durable"
)

const maxArchived = 10_000 // files of one archive

// WriteArchive writes a tar archive of files, for Read, and returns the SHA-256 of each. Their order and headers depend on the content
// alone, so that the same files make the same archive.
func WriteArchive(path string, files []string) (sums []string, err error) {
	type entry struct{ path, sum string }
	var entries []entry
	for _, file := range files {
		sum, err := durable.SHA256(file)
		if err != nil {
			return nil, err
		}
		sums, entries = append(sums, sum), append(entries, entry{file, sum})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.sum, b.sum) })
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	for _, e := range entries {
		info, err := os.Stat(e.path)
		if err != nil {
			return nil, err
		}
		if err := w.WriteHeader(&tar.Header{Name: e.sum + ".dcm", Mode: 0o644, Size: info.Size(), Format: tar.FormatUSTAR}); err != nil {
			return nil, err
		}
		if err := copyFile(w, e.path); err != nil {
			return nil, err
		}
	}
	return sums, errors.Join(w.Close(), out.Close())
}

// copyFile writes the content of a file, piece by piece.
func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// isArchive reports whether a file begins as a tar archive of WriteArchive does.
func isArchive(head []byte) bool { return len(head) >= 263 && string(head[257:263]) == "ustar\x00" }

// readArchive reads the series in a tar archive. Names in the archive are not used.
func readArchive(ctx context.Context, path string) (Volume, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), "series-")
	if err != nil {
		return Volume{}, err
	}
	defer os.RemoveAll(dir) // the volume is in memory by then
	f, err := os.Open(path)
	if err != nil {
		return Volume{}, unreadable(err)
	}
	defer f.Close()
	err = eachArchived(f, func(i int, r io.Reader) error {
		out, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%05d.dcm", i+1)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, r)
		return errors.Join(err, out.Close())
	})
	if err != nil {
		return Volume{}, err
	}
	return Read(ctx, dir)
}

// eachArchived calls f for each file of an archive, in order.
func eachArchived(archive io.Reader, f func(i int, content io.Reader) error) error {
	r := tar.NewReader(archive)
	for i := 0; ; i++ {
		h, err := r.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil || h.Typeflag != tar.TypeReg || h.Size > MaxFile || i == maxArchived:
			return refuse("the tar archive is damaged, or holds something else than up to %d DICOM files", maxArchived)
		}
		if err := f(i, r); errors.Is(err, io.ErrUnexpectedEOF) {
			return refuse("the tar archive is cut short")
		} else if err != nil {
			return err
		}
	}
}
