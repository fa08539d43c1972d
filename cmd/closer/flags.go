package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/score"
)

// recipeFlags binds the flags that make up a recipe. They have the same names as the query parameters of the HTTP API.
func recipeFlags(f *pflag.FlagSet, r *recon.Recipe) {
	*r = recon.DefaultRecipe()
	f.StringArrayVar(&r.Methods, "method", r.Methods, "method to run, repeatable: "+strings.Join(methodNames(), ", "))
	f.StringVar(&r.Mask, "mask", r.Mask, fmt.Sprintf("retrospective undersampling: %s, %s, %s, %s or %s; ignored when the input is undersampled",
		kspace.Gaussian1D, kspace.Random, kspace.Equispaced, kspace.EquispacedFraction, recon.NoMask))
	f.StringVar(&r.MaskMode, "mask-mode", r.MaskMode, "of gaussian1d: exact (that many columns) or score-mri (as that code draws)")
	f.Float64Var(&r.Accel, "accel", r.Accel, "nominal acceleration")
	f.Float64Var(&r.ACS, "acs", r.ACS, "fully sampled central fraction of the columns")
	f.Uint32Var(&r.MaskSeed, "mask-seed", r.MaskSeed, "seed of the mask")
	f.StringVar((*string)(&r.Protocol), "protocol", string(r.Protocol), "scanner-grid, or score-mri-320 to mask the cropped image's transform as score-MRI does")
	f.Float64Var(&r.HeldOut, "held-out", 0, "fraction of the acquired columns that methods do not see and must predict: a score without a reference")
	f.Var((*sliceRange)(&r.Slices), "slices", "half-open range of slices, for example 4:8 (default all)")
	f.StringVar(&r.Initial, "initial", r.Initial, "what ccdf starts from: unet, tv (slower; where the data are unlike the U-Net's), or unet-tv, their mean (default unet)")
	f.StringVar(&r.Sampler, "sampler", r.Sampler, fmt.Sprintf("of ccdf: %s (default %s; %s with --samples or --t0)",
		strings.Join(score.Names(), ", "), clean.sampler, noisy.sampler))
	f.Float64Var(&r.T0, "t0", 0, "of ccdf: starting time, a fraction of --num-scales levels (the paper's 0.02 of 1000); instead of --sigma-start")
	f.IntVar(&r.NumScales, "num-scales", 0, "levels of the whole schedule, for --t0 and score-pocs (default 1000)")
	f.Float64Var(&r.SigmaStart, "sigma-start", 0, fmt.Sprintf("of ccdf: starting noise level, where bright tissue is 1 (default %g for %s, else %g)",
		clean.sigmaStart, clean.sampler, noisy.sigmaStart))
	f.IntVar(&r.Steps, "steps", 0, fmt.Sprintf("of ccdf: sampler steps from --sigma-start (default %d for %s, else %d)",
		clean.steps, clean.sampler, noisy.steps))
	f.IntVar(&r.Samples, "samples", 1, "of ccdf: independent samples to average; more than one gives an uncertainty series too")
	f.Uint64Var(&r.Seed, "seed", 0, "seed of the samplers' noise")
}

// sliceRange is the flag --slices.
type sliceRange []int

// Set parses from:to.
func (s *sliceRange) Set(v string) error {
	r, err := recon.ParseSlices(v)
	if err != nil {
		return err
	}
	*s = r
	return nil
}

// String implements pflag.Value.
func (s *sliceRange) String() string {
	if len(*s) != 2 {
		return ""
	}
	return fmt.Sprintf("%d:%d", (*s)[0], (*s)[1])
}

// Type implements pflag.Value.
func (s *sliceRange) Type() string { return "from:to" }
