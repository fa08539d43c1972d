package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/closer-mri/closer/internal/phantom"
	"github.com/closer-mri/closer/recon"
)

func phantomCommand() *cobra.Command {
	var head phantom.Head
	var acquisition phantom.Acquisition
	var out, contrast string
	c := &cobra.Command{
		Use:   "phantom -o scan.h5",
		Short: "Make a scan of a head that nobody has, in the fastMRI layout",
		Long: `Draw a head (scalp, skull, folded cortex, ventricles, lesions, line pairs of known width) on a grid three times finer than the
scan, and acquire it: coils, phase, noise, readout oversampling. The reference is stored beside the k-space.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkAcquisition(acquisition); err != nil {
				return err
			}
			if head.Slices < 1 {
				return recon.Errorf(recon.Invalid, "--slices is a number from 1, not %d", head.Slices)
			}
			head.Contrast, head.Matrix = phantom.Contrast(contrast), acquisition.Matrix
			acquisition.NoiseSeed, acquisition.PhaseSeed = head.Seed, head.Seed+1
			whole, err := head.Defaults()
			if err != nil {
				return err
			}
			return writeScan(out, whole, nominal, acquisition, whole.Contrast.Acquisition())
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "file to write")
	c.MarkFlagRequired("output")
	c.Flags().IntVar(&head.Slices, "slices", 4, "number of slices")
	c.Flags().StringVar(&contrast, "contrast", "t2", "t1, t2 or flair")
	c.Flags().Uint64Var(&head.Seed, "seed", 0, "another seed is another person")
	acquisitionFlags(c, &acquisition)
	return c
}

func acquisitionFlags(c *cobra.Command, a *phantom.Acquisition) {
	c.Flags().IntVar(&a.Matrix, "matrix", 320, "pixels of the reconstructed field of view per axis")
	c.Flags().IntVar(&a.Coils, "coils", 1, "receive coils; more than one makes a multi-coil file")
	c.Flags().Float64Var(&a.Noise, "noise", 0.005, "standard deviation of the noise in real and imaginary part, where bright tissue is 1")
}

// checkAcquisition refuses numbers whose zero the phantom's packages read as a default.
func checkAcquisition(a phantom.Acquisition) error {
	if a.Matrix < 1 || a.Coils < 1 {
		return recon.Errorf(recon.Invalid, "--matrix and --coils are numbers from 1, not %d and %d", a.Matrix, a.Coils)
	}
	return nil
}

func makeParent(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	return nil
}
