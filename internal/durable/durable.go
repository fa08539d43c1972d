// Package durable writes files that are there whole or not at all, also after a power failure: temporary file, fsync, rename,
// fsync of the directory. And it tells by their digests whether files have the bytes they had, and what room is left for more.
package durable

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a temporary file beside the path it will have.
type File struct {
	*os.File
	path string
}

// Create makes the temporary file for path, in its directory, named by pattern as os.CreateTemp has it.
func Create(path, pattern string, mode fs.FileMode) (*File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), pattern)
	if err != nil {
		return nil, err
	}
	t := &File{f, path}
	if err := f.Chmod(mode); err != nil {
		t.Discard()
		return nil, err
	}
	return t, nil
}

// Commit gives the file its path, with all of its bytes. The name itself is durable after Sync of the directory, which one call
// does for many files. When Commit fails, Discard is still due.
func (f *File) Commit() error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), f.path)
}

// Discard removes the temporary file; after Commit it does nothing.
func (f *File) Discard() {
	f.Close()
	os.Remove(f.Name())
}

// Write writes a file that is there whole or not at all, name included.
func Write(path string, data []byte, mode fs.FileMode) error {
	return Copy(path, bytes.NewReader(data), mode)
}

// Copy is Write of what r gives.
func Copy(path string, r io.Reader, mode fs.FileMode) error {
	f, err := Create(path, "."+filepath.Base(path)+"-*.tmp", mode)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	if err := f.Commit(); err != nil {
		return err
	}
	return Sync(filepath.Dir(path))
}

// Sync makes a file's bytes, or the names in a directory, durable.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
