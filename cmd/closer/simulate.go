package main

import (
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
			source, err := readImages(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			acquisition.NoiseSeed = acquisition.PhaseSeed
			return writeScan(out, source, acquisition, "SIMULATED")
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "file to write")
	c.MarkFlagRequired("output")
	c.Flags().Uint64Var(&acquisition.PhaseSeed, "phase", 0, "seed of a smooth random phase; 0 has none")
	acquisitionFlags(c, &acquisition)
	return c
}

// sliceThickness of simulated files in mm: they have none of their own.
const sliceThickness = 5

// readImages reads magnitude images from a .npy file, a DICOM file or a directory of DICOM files.
func readImages(ctx context.Context, path string) (*phantom.Volume, error) {
	if strings.HasSuffix(path, ".npy") {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readNPY(f)
	}
	v, err := dicomio.Read(ctx, path)
	if err != nil {
		return nil, err
	}
	return phantom.NewVolume(v.Rows, v.Cols, v.Slices)
}

// writeScan acquires every slice of source and writes the file.
func writeScan(path string, source phantom.Source, a phantom.Acquisition, acquisition string) error {
	scanner, err := phantom.NewScanner(source, a)
	if err != nil {
		return recon.Errorf(recon.Invalid, "%w", err)
	}
	if err := makeParent(path); err != nil {
		return err
	}
	ny, nx := scanner.Grid()
	fov := float64(phantom.FOV)
	pitch := fov / float64(scanner.Matrix)
	err = fastmri.WriteSimulated(path, fastmri.Simulated{
		Acquisition: acquisition, Slices: source.Len(), Coils: scanner.Coils, Ny: ny, Nx: nx,
		Encoded: fastmri.Space{X: ny, Y: nx, Z: 1, FOVx: float64(ny) * pitch, FOVy: float64(nx) * pitch, FOVz: sliceThickness},
		Recon:   fastmri.Space{X: scanner.Matrix, Y: scanner.Matrix, Z: 1, FOVx: fov, FOVy: fov, FOVz: sliceThickness},
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
