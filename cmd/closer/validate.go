package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/closer-mri/closer/fastmri"
	"github.com/closer-mri/closer/recon"
)

// validateOptions is a sweep: every volume at every acceleration under every protocol, by every method of the recipe.
type validateOptions struct {
	recipe       recon.Recipe
	accels, acs  []float64
	protocols    []string
	maskSeed     string // a number, or fileSeed
	acquisitions []string
	jobs         int
	run          runOptions
}

// fileSeed draws each mask from the characters of the file's name, as fastMRI does when it validates.
const fileSeed = "file"

func validateCommand() *cobra.Command {
	var o validateOptions
	c := &cobra.Command{
		Use:   "validate PATH… -o DIR",
		Short: "Measure methods over many volumes, as the fastMRI evaluation does",
		Long: `Reconstruct every volume (files, and all .h5 below directories, through links too) at every --accel under every --protocol with every --method, and write to DIR:
  report.json, report.html, report.csv   mean ± 2·std as fastMRI's evaluate.py prints, every volume and slice, box plots, worst cases
  PROTOCOL/accel-R/METHOD/reconstructions/FILE.h5   the images in fastMRI's submission layout
A sweep that was interrupted goes on where it was when the same command runs again.`,
		Example: "  closer validate singlecoil_val -o out --accel 4,8 --acs 0.08,0.04 --mask random --mask-seed file --method unet --method ccdf",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return validate(cmd.Context(), args, o) },
	}
	f := c.Flags()
	f.Float64SliceVar(&o.accels, "accel", []float64{4}, "nominal accelerations; ignored for files undersampled on the scanner")
	f.Float64SliceVar(&o.acs, "acs", []float64{0.08}, "fully sampled central fraction of the columns: one for all accelerations, or one for each")
	f.StringSliceVar(&o.protocols, "protocol", []string{string(recon.ScannerGrid)}, "scanner-grid, score-mri-320 or both")
	f.StringVar(&o.maskSeed, "mask-seed", "0", "seed of every mask, or file: each file's name, as fastMRI validates")
	f.StringSliceVar(&o.acquisitions, "acquisition", nil, "only volumes of these acquisitions, for example AXT2,AXFLAIR (default all)")
	f.IntVar(&o.jobs, "jobs", min(runtime.NumCPU(), 4), "volumes at a time; they share the CPU's cores")
	f.StringVarP(&o.run.out, "output", "o", "", "directory for the results (made when it does not exist)")
	c.MarkFlagRequired("output")
	single := pflag.NewFlagSet("recipe", pflag.ContinueOnError)
	recipeFlags(single, &o.recipe)
	single.VisitAll(func(flag *pflag.Flag) {
		if f.Lookup(flag.Name) == nil { // those that a sweep has in the plural are above
			f.AddFlag(flag)
		}
	})
	runFlags(c, &o.run)
	return c
}

// recipes are the sweep's, one for each protocol and acceleration.
func (o *validateOptions) recipes() ([]recon.Recipe, error) {
	if len(o.accels) == 0 || len(o.acs) != 1 && len(o.acs) != len(o.accels) {
		return nil, recon.Errorf(recon.Invalid, "there are %d ACS fractions for %d accelerations: give one for all, or one for each", len(o.acs), len(o.accels))
	}
	if o.jobs < 1 {
		return nil, recon.Errorf(recon.Invalid, "%d volumes at a time are too few", o.jobs)
	}
	base := o.recipe
	if o.maskSeed != fileSeed {
		seed, err := strconv.ParseUint(o.maskSeed, 10, 32)
		if err != nil {
			return nil, recon.Errorf(recon.Invalid, "mask seed %q is neither a number below 2³² nor %q", o.maskSeed, fileSeed)
		}
		base.MaskSeed = uint32(seed)
	}
	accels := o.accels
	if base.Mask == recon.NoMask {
		accels = accels[:1]
	}
	for i, accel := range accels {
		if slices.Contains(accels[:i], accel) {
			return nil, recon.Errorf(recon.Invalid, "acceleration %g is asked for twice: results are told apart by it", accel)
		}
	}
	var out []recon.Recipe
	for _, p := range o.protocols {
		for i, accel := range accels {
			r := base
			r.Protocol, r.Accel, r.ACS = recon.Protocol(p), accel, o.acs[min(i, len(o.acs)-1)]
			if err := r.Validate(); err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	return out, nil
}

func validate(ctx context.Context, paths []string, o validateOptions) error {
	recipes, err := o.recipes()
	if err != nil {
		return err
	}
	if err := o.run.engine.check(); err != nil {
		return err
	}
	files, err := findVolumes(paths)
	if err != nil {
		return err
	}
	s := newSweep(o, recipes, len(files))
	if err := os.MkdirAll(filepath.Join(o.run.out, "units"), 0o755); err != nil {
		return fmt.Errorf("make output directory: %w", err)
	}
	if err := removeLeftovers(o.run.out, "units/.tmp-*", "*/*/*/reconstructions/"+fastmri.Unfinished); err != nil { // a folder of reconstructions is a submission
		return err
	}
	workers, err := s.workers(min(o.jobs, len(files)))
	if err != nil {
		return err
	}
	workers[0].builder.printNotes(os.Stderr)
	next := make(chan string)
	var wait sync.WaitGroup
	for _, w := range workers {
		wait.Go(func() {
			defer w.builder.close()
			for file := range next {
				w.volume(ctx, file)
			}
		})
	}
	for _, file := range files {
		next <- file
	}
	close(next)
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(s.units) == 0 && len(s.failures) == 0 {
		return recon.Errorf(recon.NotFound, "none of the volumes is of acquisition %s", strings.Join(o.acquisitions, " or "))
	}
	v, err := s.write()
	if err != nil {
		return err
	}
	printValidation(os.Stdout, v)
	foreign, err := s.foreignImages()
	if err != nil {
		return err
	}
	for _, path := range foreign {
		fmt.Printf("%s is not of this sweep, whose report does not speak of it\n", path)
	}
	fmt.Printf("\nreport   %s\nimages   %s\n", filepath.Join(o.run.out, "report.html"), filepath.Join(o.run.out, "*", "*", "*", "reconstructions"))
	if n := len(v.Failures); n == 1 {
		return errors.New("1 reconstruction failed and is missing from the numbers; the report says why")
	} else if n > 1 {
		return fmt.Errorf("%d reconstructions failed and are missing from the numbers; the report says why", n)
	}
	return nil
}

// removeLeftovers removes the files below a directory that a program was writing when it was killed.
func removeLeftovers(dir string, patterns ...string) error {
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove what an interrupted run left: %w", err)
			}
		}
	}
	return nil
}

// workers opens the networks once for each, so that each has threads of its own.
func (s *sweep) workers(n int) ([]*sweepWorker, error) {
	e := s.run.engine
	if e.Threads == 0 && n > 1 {
		e.Threads = max(1, runtime.NumCPU()/n)
	}
	var out []*sweepWorker
	for range n {
		w := &sweepWorker{sweep: s, builder: newBuilder(s.recipes[0], e)}
		out = append(out, w)
		err := w.builder.replaceNetworks(s.run.scoreFile, s.run.unetFile)
		if err == nil {
			w.methods, err = w.builder.methods()
		}
		if err != nil {
			for _, w := range out {
				w.builder.close()
			}
			return nil, err
		}
	}
	return out, nil
}

// printValidation prints the means.
func printValidation(w io.Writer, v *recon.Validation) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	held, cell := "", func(recon.ValidationMean) string { return "" }
	if v.HoldsOut() {
		held, cell = "held-out error\t", func(g recon.ValidationMean) string {
			if g.HeldOutError == nil {
				return "–\t"
			}
			return g.HeldOutError.String() + "\t"
		}
	}
	fmt.Fprintln(t, "accel\tprotocol\treference\tacquisition\tmethod\tvolumes\tPSNR dB\tSSIM\tNMSE\t"+held+"s/slice")
	for _, g := range v.Groups {
		acquisition := g.Acquisition
		if acquisition == "" {
			acquisition = "all"
		}
		accel := "acquired"
		if g.Accel != 0 {
			accel = fmt.Sprintf("%g", float64(g.Accel))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s%.2f\n",
			accel, g.Protocol, g.Reference, acquisition, g.Method, g.Volumes, g.PSNR, g.SSIM, g.NMSE, cell(g), float64(g.SecondsPerSlice))
	}
	t.Flush()
	switch {
	case len(v.Units) == 0:
		fmt.Fprintln(w, "no volume was reconstructed")
	case len(v.Groups) == 0:
		fmt.Fprintln(w, "no volume has a reference, so there are no metrics")
	}
	for _, names := range v.Repeated() {
		fmt.Fprintf(w, "one scan under several names, which counts as often: %s\n", strings.Join(names, ", "))
	}
	for _, u := range v.Units {
		if u.Report.Input.Simulated {
			fmt.Fprintln(w, "some k-space was simulated from images: these figures say nothing about clinical quality")
			return
		}
	}
}
