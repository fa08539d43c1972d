package dicomio

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const maxArchived = 10_000 // files of one archive

// WriteArchive writes a tar archive of files, for Read. Their order and headers depend on the content alone, so that the same files
// make the same archive.
func WriteArchive(path string, files []string) error {
	type entry struct{ path, digest string }
	var entries []entry
	for _, file := range files {
		digest := sha256.New()
		if err := copyFile(digest, file); err != nil {
			return err
		}
		entries = append(entries, entry{file, fmt.Sprintf("%x", digest.Sum(nil))})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.digest, b.digest) })
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	for _, e := range entries {
		info, err := os.Stat(e.path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: e.digest + ".dcm", Mode: 0o644, Size: info.Size(), Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if err := copyFile(w, e.path); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), out.Close())
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
