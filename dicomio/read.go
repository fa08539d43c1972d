package dicomio

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/closer-mri/closer/recon"
)

// What one Read may take.
const (
	maxFiles  = 20000
	maxPixels = 1 << 28 // of all slices, 1 GiB as float32
)

// Read reads the magnitude images of one DICOM file, of the archive of a series, or of all DICOM files below a directory, which must
// be of one series; other files there are left alone. Files are parsed in a sandboxed child process. What cannot be read is an *recon.Error with
// code Invalid that names the file by its number, as its name may name a patient.
func Read(ctx context.Context, path string) (Volume, error) {
	if head, err := headOf(path); err == nil && isArchive(head) {
		return readArchive(ctx, path)
	}
	paths, err := find(path)
	if err != nil {
		return Volume{}, err
	}
	var reader child
	defer reader.Close()
	var files []source
	pixels := 0
	for i, p := range paths {
		f, err := readFile(ctx, &reader, p)
		if err != nil {
			return Volume{}, ofSeveral(err, i, len(paths))
		}
		if pixels += len(f.Frames) * f.Rows * f.Cols; pixels > maxPixels {
			return Volume{}, refuse("the DICOM files hold more than %d million pixels", maxPixels>>20)
		}
		files = append(files, f)
	}
	return assemble(files)
}

// Recognizes reports whether path is a directory, or begins as the files do that Read reads.
func Recognizes(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return err == nil, err
	}
	head, err := headOf(path)
	return isPart10(head) || isArchive(head), err
}

// headOf returns the first bytes of a file.
func headOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}

// ofSeveral says which of several files an error is about.
func ofSeveral(err error, i, n int) error {
	var e *recon.Error
	if n > 1 && errors.As(err, &e) {
		return &recon.Error{Code: e.Code, Message: recon.Errorf(e.Code, "file %d of %d: %s", i+1, n, e.Message).Error(), Cause: err}
	}
	return err
}

// find returns path, or the DICOM files below it.
func find(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	paths, err := Find(path)
	switch {
	case err != nil:
		return nil, err
	case len(paths) == 0:
		return nil, refuse("the directory holds no DICOM file; an HDF5 file is given by its own name")
	case len(paths) > maxFiles:
		return nil, refuse("the directory holds more than %d DICOM files", maxFiles)
	}
	return paths, nil
}

// Find returns path, or the regular files below it, as far as they begin as DICOM files do, in lexical order; NotFound when there is
// nothing at path.
func Find(path string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() && p != path || d.Name() == "DICOMDIR" {
			return err
		}
		head, err := headOf(p)
		if isPart10(head) {
			paths = append(paths, p)
		}
		return err
	})
	return paths, unreadable(err)
}

// unreadable hides the path of an operating system's error.
func unreadable(err error) error {
	var e *recon.Error
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return &recon.Error{Code: recon.NotFound, Message: "there is no such file or directory", Cause: err}
	default:
		return &recon.Error{Code: recon.Invalid, Message: "the file or directory cannot be read", Cause: err}
	}
}

// readFile reads and parses one file.
func readFile(ctx context.Context, reader *child, path string) (source, error) {
	f, err := os.Open(path)
	if err != nil {
		return source{}, unreadable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return source{}, unreadable(err)
	case info.Size() > MaxFile:
		return source{}, refuse("the DICOM file is larger than %d MiB", MaxFile>>20)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return source{}, unreadable(err)
	}
	instance, err := reader.parse(ctx, f, data)
	return source{instance, sha256.Sum256(data)}, err
}
