package recon

import (
	"fmt"
	"slices"
	"strings"

	"github.com/closer-mri/closer/kspace"
)

// Recipe is everything that decides the pixels besides the input and the networks. Equal input, recipe and networks give equal
// results; its JSON form is what identifies a job. The zero value is not valid: start from DefaultRecipe.
type Recipe struct {
	Methods    []string `json:"methods"`
	Mask       string   `json:"mask"` // kind of retrospective undersampling; "none" keeps everything
	MaskMode   string   `json:"mask_mode,omitempty"`
	Accel      float64  `json:"accel"`
	ACS        float64  `json:"acs"`
	MaskSeed   uint32   `json:"mask_seed"`
	Protocol   Protocol `json:"protocol"`
	HeldOut    float64  `json:"held_out,omitempty"` // fraction of the acquired columns to predict instead of using them; MaskSeed draws them
	Slices     []int    `json:"slices,omitempty"`   // [from, to) of the scan's slices; nil is all
	Initial    string   `json:"initial,omitempty"`  // what CCDF starts from; "" is the U-Net
	Sampler    string   `json:"sampler,omitempty"`  // "" is chosen for the rest of the recipe
	T0         float64  `json:"t0,omitempty"`       // with NumScales, instead of SigmaStart and Steps
	NumScales  int      `json:"num_scales,omitempty"`
	SigmaStart float64  `json:"sigma_start,omitempty"`
	Steps      int      `json:"steps,omitempty"`
	Seed       uint64   `json:"seed"`
	Samples    int      `json:"samples,omitempty"` // of stochastic samplers, averaged; 0 and 1 are one
}

// What CCDF starts from.
const (
	InitialUNet   = "unet"
	InitialTV     = "tv"
	InitialUNetTV = "unet-tv" // the mean of the two, the U-Net's made consistent
)

// NoMask keeps every acquired column.
const NoMask = "none"

// DefaultRecipe is ×4 Gaussian undersampling and the three progressive results.
func DefaultRecipe() Recipe {
	return Recipe{
		Methods: []string{"zero-filled", "unet", "ccdf"},
		Mask:    kspace.Gaussian1D, MaskMode: kspace.Exact, Accel: 4, ACS: 0.08,
		Protocol: ScannerGrid,
	}
}

// What a recipe may ask of a sampler: ten times score-MRI's levels, and more than twice its noise.
const (
	maxLevels = 10_000
	maxSigma  = 1000
)

// widest is more columns than any scan has; a mask of nearly all of more takes long to draw.
const widest = 1 << 12

// Validate says in a sentence what is wrong with the recipe, as far as that can be known without the input.
func (r Recipe) Validate() error {
	if len(r.Methods) == 0 {
		return Errorf(Invalid, "the recipe names no method")
	}
	for i, m := range r.Methods {
		if slices.Contains(r.Methods[:i], m) {
			return Errorf(Invalid, "method %s is named twice", m)
		}
	}
	if r.Protocol != ScannerGrid && r.Protocol != ScoreMRI320 {
		return Errorf(Invalid, "protocol %q is neither %s nor %s", r.Protocol, ScannerGrid, ScoreMRI320)
	}
	if r.Slices != nil && (len(r.Slices) != 2 || r.Slices[0] < 0 || r.Slices[0] >= r.Slices[1]) {
		return Errorf(Invalid, "slices %s are not a range from:to with from < to", strings.ReplaceAll(strings.Trim(fmt.Sprint(r.Slices), "[]"), " ", ":"))
	}
	if !slices.Contains([]string{"", InitialUNet, InitialTV, InitialUNetTV}, r.Initial) {
		return Errorf(Invalid, "initial %q is none of %s, %s and %s", r.Initial, InitialUNet, InitialTV, InitialUNetTV)
	}
	if (r.T0 != 0 || r.NumScales != 0) && (r.SigmaStart != 0 || r.Steps != 0) {
		return Errorf(Invalid, "give either t0 and num-scales or sigma-start and steps, not both")
	}
	if r.Steps < 0 || r.Steps > maxLevels {
		return Errorf(Invalid, "%d steps are not between 1 and %d", r.Steps, maxLevels)
	}
	if r.NumScales < 0 || r.NumScales > maxLevels {
		return Errorf(Invalid, "%d scales are not between 2 and %d", r.NumScales, maxLevels)
	}
	if !(r.T0 >= 0 && r.T0 <= 1) {
		return Errorf(Invalid, "t0 %g is not between 0 and 1", r.T0)
	}
	if !(r.SigmaStart >= 0 && r.SigmaStart <= maxSigma) {
		return Errorf(Invalid, "sigma-start %g is not between 0 and %d", r.SigmaStart, maxSigma)
	}
	if !(r.Accel >= 0 && r.Accel <= widest) {
		return Errorf(Invalid, "acceleration %g is not between 1 and %d", r.Accel, widest)
	}
	if r.Samples < 0 || r.Samples > 1000 {
		return Errorf(Invalid, "%d samples are not between 1 and 1000", r.Samples)
	}
	if err := r.HoldOut().Validate(); err != nil {
		return Errorf(Invalid, "%w", err)
	}
	if r.Mask != NoMask {
		if _, err := r.Undersampling().Mask(widest); err != nil {
			return Errorf(Invalid, "mask: %w", err)
		}
	}
	return nil
}

// Undersampling returns the retrospective mask, nil for NoMask.
func (r Recipe) Undersampling() *kspace.Undersampling {
	if r.Mask == NoMask {
		return nil
	}
	u := &kspace.Undersampling{Kind: r.Mask, Accel: r.Accel, ACS: r.ACS, Seed: r.MaskSeed}
	if r.Mask == kspace.Gaussian1D {
		u.Mode = r.MaskMode
	}
	return u
}

// HoldOut returns what is kept from the reconstruction and predicted.
func (r Recipe) HoldOut() kspace.HoldOut {
	return kspace.HoldOut{Fraction: r.HeldOut, Seed: uint64(r.MaskSeed)}
}

// Indices returns the wanted slices of a scan with n, nil for all of them.
func (r Recipe) Indices(n int) ([]int, error) {
	if r.Slices == nil {
		return nil, nil
	}
	if r.Slices[0] >= n || r.Slices[1] > n {
		return nil, Errorf(Invalid, "slices %d:%d were asked for; the scan has %d", r.Slices[0], r.Slices[1], n)
	}
	var out []int
	for i := r.Slices[0]; i < r.Slices[1]; i++ {
		out = append(out, i)
	}
	return out, nil
}
