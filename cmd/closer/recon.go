package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/closer-mri/closer/recon"
)

func reconCommand() *cobra.Command {
	var recipe recon.Recipe
	var run runOptions
	c := &cobra.Command{
		Use:   "recon INPUT -o DIR",
		Short: "Reconstruct one scan: DICOM series, reconstruction.h5 and a report",
		Long: `Reconstruct one input (fastMRI or ISMRMRD .h5, a DICOM file or a directory of them) with every --method and write to DIR:
  report.json, report.html, report.csv   PSNR, SSIM, NMSE where a reference exists; data consistency; timing
  reconstruction.h5                      the last method's images in fastMRI's submission layout
  reconstruction/<method>.h5             the same for every method
  dicom/<method>/*.dcm                   one DICOM series a method, and the reference`,
		Example: "  closer recon scan.h5 -o out --accel 4 --acs 0.08 --method unet --method ccdf",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return reconstruct(cmd.Context(), args[0], recipe, run)
		},
	}
	recipeFlags(c.Flags(), &recipe)
	c.Flags().StringVarP(&run.out, "output", "o", "", "directory for the results (made when it does not exist)")
	c.MarkFlagRequired("output")
	c.Flags().BoolVar(&run.deidentify, "deidentify", false, "keep the patient and study of DICOM or raw data out of the results (PS3.15 Basic Profile)")
	c.Flags().BoolVar(&run.enhanced, "enhanced", false, "write each DICOM series as one enhanced MR image, a slice a frame")
	runFlags(c, &run)
	return c
}

// runOptions are what a run needs besides its recipe.
type runOptions struct {
	engine
	out                 string
	scoreFile, unetFile string
	deidentify          bool
	enhanced            bool
}

func runFlags(c *cobra.Command, o *runOptions) {
	o.engine.bind(c.Flags())
	c.Flags().StringVar(&o.scoreFile, "score-network", "", "ONNX file (x, sigma) → denoised, instead of the built-in network")
	c.Flags().StringVar(&o.unetFile, "unet-network", "", "ONNX file x → image, instead of the built-in network")
}

func reconstruct(ctx context.Context, input string, recipe recon.Recipe, opt runOptions) error {
	if err := recipe.Validate(); err != nil {
		return err
	}
	if err := opt.engine.check(); err != nil {
		return err
	}
	b := newBuilder(recipe, opt.engine)
	defer b.close()
	if err := b.replaceNetworks(opt.scoreFile, opt.unetFile); err != nil {
		return err
	}
	methods, err := b.methods()
	if err != nil {
		return err
	}
	b.printNotes(os.Stderr)
	file, err := os.Stat(input)
	if errors.Is(err, fs.ErrNotExist) {
		return recon.Errorf(recon.NotFound, "%s does not exist", input)
	} else if err != nil {
		return fmt.Errorf("input: %w", err)
	}
	out, err := newOutput(opt.out, file.ModTime())
	if err != nil {
		return err
	}
	out.dicom.Enhanced = opt.enhanced
	out.hidden, out.notes = opt.deidentify, b.notes
	report, err := out.fill(ctx, input, recipe, recon.Pipeline{Methods: methods, Progress: newProgress(os.Stderr).Update})
	if err != nil {
		return err
	}
	printTable(os.Stdout, report)
	fmt.Printf("\nreport   %s\nDICOM    %s\nimages   %s\n", out.path("report.html"), out.path("dicom"), out.path("reconstruction.h5"))
	return nil
}

// printNotes prints a line for each note.
func (b *builder) printNotes(w io.Writer) {
	for _, note := range b.notes {
		fmt.Fprintln(w, note)
	}
}

// replaceNetworks reads the networks that the user brings.
func (b *builder) replaceNetworks(scoreFile, unetFile string) error {
	for path, into := range map[string]*[]byte{scoreFile: &b.scoreFile, unetFile: &b.unetFile} {
		if path == "" {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read network: %w", err)
		}
		*into = data
	}
	return nil
}
