package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/fastmri"
	"github.com/closer-mri/closer/internal/phantom"
	"github.com/closer-mri/closer/recon"
)

func simulateCommand() *cobra.Command {
	var acquisition phantom.Acquisition
	var out string
	c := &cobra.Command{
		Use:   "simulate DICOM|DIR|NPY -o scan.h5",
		Short: "Simulate the k-space of magnitude images, in the fastMRI layout",
		Long: `Simulate what a scanner would have stored for given magnitude images: smooth phase, coils, noise, readout oversampling.
The file is labelled as simulated, and so is everything made from it. It tests code and trains networks; it is not a measurement.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkAcquisition(acquisition); err != nil {
				return err
			}
			source, size, err := readImages(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			acquisition.NoiseSeed = acquisition.PhaseSeed
			return writeScan(out, source, size, acquisition, "SIMULATED")
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "file to write")
	c.MarkFlagRequired("output")
	c.Flags().Uint64Var(&acquisition.PhaseSeed, "phase", 0, "seed of a smooth random phase; 0 has none")
	acquisitionFlags(c, &acquisition)
	return c
}

// size is what a slice covers in mm: the field of view along rows and columns of the simulated images, and the thickness.
type size struct{ down, across, thickness float64 }

// nominal is the size of images that have none of their own.
var nominal = size{phantom.FOV, phantom.FOV, 5}

// sizeOf is that of the images of a DICOM volume, which are made square before they are acquired.
func sizeOf(v dicomio.Volume) size {
	side := float64(max(v.Rows, v.Cols))
	s := size{side * v.Spacing[0], side * v.Spacing[1], cmp.Or(v.Thickness, nominal.thickness)}
	if !(s.down > 0 && s.across > 0) {
		s.down, s.across = nominal.down, nominal.across
	}
	return s
}

// readImages reads magnitude images from a .npy file, a DICOM file or a directory of DICOM files.
func readImages(ctx context.Context, path string) (*phantom.Volume, size, error) {
	if strings.HasSuffix(path, ".npy") {
		f, err := os.Open(path)
		if err != nil {
			return nil, size{}, err
		}
		defer f.Close()
		v, err := readNPY(f)
		return v, nominal, err
	}
	v, err := dicomio.Read(ctx, path)
	if err != nil {
		return nil, size{}, err
	}
	source, err := phantom.NewVolume(v.Rows, v.Cols, v.Slices)
	return source, sizeOf(v), err
}

// writeScan acquires every slice of source, with that field of view, and writes the file.
func writeScan(path string, source phantom.Source, field size, a phantom.Acquisition, acquisition string) error {
	scanner, err := phantom.NewScanner(source, a)
	if err != nil {
		return recon.Errorf(recon.Invalid, "%w", err)
	}
	if err := makeParent(path); err != nil {
		return err
	}
	ny, nx := scanner.Grid()
	down, across := field.down/float64(scanner.Matrix), field.across/float64(scanner.Matrix) // of a pixel
	err = fastmri.WriteSimulated(path, fastmri.Simulated{
		Acquisition: acquisition, Slices: source.Len(), Coils: scanner.Coils, Ny: ny, Nx: nx,
		Encoded: fastmri.Space{X: ny, Y: nx, Z: 1, FOVx: float64(ny) * down, FOVy: float64(nx) * across, FOVz: field.thickness},
		Recon:   fastmri.Space{X: scanner.Matrix, Y: scanner.Matrix, Z: 1, FOVx: field.down, FOVy: field.across, FOVz: field.thickness},
		Slice: func(i int, dst *recon.Slice) error {
			s, err := scanner.Scan(i)
			if err != nil {
				return err
			}
			dst.KSpace, dst.Reference = s.K, s.Reference
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	fmt.Printf("%s: %d slices, %d coils, k-space %d × %d, simulated\n", path, source.Len(), scanner.Coils, ny, nx)
	return nil
}

// simulatedScan is a recon.Scan that acquires its slices from images when they are read.
type simulatedScan struct {
	scanner *phantom.Scanner
	header  recon.Header
	origin  *dicomio.Origin // nil when the images are not of DICOM
	scale   float64         // value in the images of 1 in what is made of them; 0 when unknown
}

// newSimulatedScan completes header, which says where the images came from.
func newSimulatedScan(source phantom.Source, a phantom.Acquisition, header recon.Header) (*simulatedScan, error) {
	scanner, err := phantom.NewScanner(source, a)
	if err != nil {
		return nil, recon.Errorf(recon.Invalid, "%w", err)
	}
	ny, nx := scanner.Grid()
	header.Slices, header.Coils, header.Ny, header.Nx = source.Len(), scanner.Coils, ny, nx
	header.ReconNy, header.ReconNx = scanner.Matrix, scanner.Matrix
	header.Simulated, header.Reference = true, "simulated acquisition, fully sampled"
	return &simulatedScan{scanner: scanner, header: header}, nil
}

func (s *simulatedScan) Header() recon.Header { return s.header }
func (s *simulatedScan) Close() error         { return nil }

func (s *simulatedScan) ReadSlice(ctx context.Context, i int, dst *recon.Slice) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a, err := s.scanner.Scan(i)
	if err != nil {
		return err
	}
	dst.KSpace, dst.Reference = a.K, a.Reference
	return nil
}
