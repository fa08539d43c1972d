package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/fastmri"
	"github.com/closer-mri/closer/internal/phantom"
	"github.com/closer-mri/closer/recon"
)

// open opens an input of any known format: fastMRI HDF5, or the magnitude images of a DICOM file, or of a
// directory or tar archive of them.
func open(ctx context.Context, path string) (recon.Scan, error) {
	isDICOM, err := looksLikeDICOM(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, recon.Errorf(recon.NotFound, "the file does not exist")
	case err != nil:
		return nil, fmt.Errorf("open input: %w", err)
	case isDICOM:
		return openDICOM(ctx, path)
	case isTar(path):
		return openPacked(ctx, path)
	default:
		return fastmri.Open(ctx, path)
	}
}

// looksLikeDICOM reports whether path is a directory or a file with the preamble of PS3.10, section 7.1.
func looksLikeDICOM(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return err == nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var head [132]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return false, nil // too short for DICOM: the HDF5 reader says what it is not
	}
	return string(head[128:]) == "DICM", nil
}

// openDICOM simulates the k-space of magnitude images, on their own matrix, without phase or noise of its own. Everything made
// from it says that it was simulated.
func openDICOM(ctx context.Context, path string) (recon.Scan, error) {
	v, err := dicomio.Read(ctx, path)
	if err != nil {
		return nil, err
	}
	source, err := phantom.NewVolume(v.Rows, v.Cols, v.Slices)
	if err != nil {
		return nil, recon.Errorf(recon.Invalid, "%w", err)
	}
	scan, err := newSimulatedScan(source, phantom.Acquisition{Matrix: max(v.Rows, v.Cols)}, recon.Header{
		Format: "dicom", SHA256: v.SHA256, PixelSpacing: v.Spacing, Thickness: v.Thickness,
		Field: v.Field, Sequence: v.Sequence, Vendor: v.Vendor, Model: v.Model,
	})
	if err != nil {
		return nil, err
	}
	scan.origin = v.Origin
	return scan, nil
}
