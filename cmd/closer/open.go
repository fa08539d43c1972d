package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/fastmri"
	"github.com/closer-mri/closer/internal/phantom"
	"github.com/closer-mri/closer/recon"
)

// open opens an input of any known format: fastMRI HDF5, or the magnitude images of a DICOM file, or of a
// directory or archive of them.
func open(ctx context.Context, path string) (recon.Scan, error) {
	isDICOM, err := dicomio.Recognizes(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, recon.Errorf(recon.NotFound, "the file does not exist")
	case err != nil:
		return nil, fmt.Errorf("open input: %w", err)
	case isDICOM:
		return openDICOM(ctx, path)
	default:
		return fastmri.Open(ctx, path)
	}
}

// openDICOM simulates the k-space of magnitude images, on their own matrix, without phase or noise of its own. Everything made
// from it says that it was simulated.
func openDICOM(ctx context.Context, path string) (recon.Scan, error) {
	v, err := dicomio.Read(ctx, path)
	if err != nil {
		return nil, err
	}
	if v.Ours() { // an archive that routes what arrives would send each result round again
		return nil, recon.Errorf(recon.Invalid, "the DICOM images were made by closer; give it what they were made from")
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
	scan.origin, scan.scale = v.Origin, source.Bright()/phantom.RawScale
	return scan, nil
}
