package recon

import (
	"context"
	"time"

	"github.com/closer-mri/closer/kspace"
)

// Reconstructor turns one measured slice into an image of the operator's shape. Equal measurement and configuration give equal
// pixels on one execution provider. nfe is the number of network evaluations. progress may be nil.
type Reconstructor interface {
	Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (x kspace.Image, nfe int, err error)
}

// SamplingReconstructor draws several samples of the posterior: x is their mean, spread the pixel-wise standard deviation in the
// units of x.
type SamplingReconstructor interface {
	Reconstructor
	ReconstructSamples(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (x kspace.Image, spread []float32, nfe int, err error)
}

// BatchReconstructor reconstructs several slices of a scan at once, each as it would be alone; nfe is for all of them. Steps are told
// of the whole batch.
type BatchReconstructor interface {
	Reconstructor
	ReconstructBatch(ctx context.Context, batch []kspace.Measurement, progress func(step, steps int)) (x []kspace.Image, nfe int, err error)
}

// Method is a named, fully configured reconstructor and what the report and the DICOM files say about it.
type Method struct {
	Name       string  // "zero-filled", "tv", "unet", "ccdf", …
	Initial    string  // what CCDF starts from: "unet", "tv", "unet-tv"; "" for others
	Sampler    string  // "" when the method does not sample
	T0         float64 // CCDF's starting time as a fraction of the schedule; 0 when it was given by SigmaStart
	NumScales  int     // number of levels N of the full schedule; 0 when T0 is
	SigmaStart float64 // noise level the sampler starts at, in units of the normalised image
	SigmaEnd   float64 // that of its last step
	Steps      int     // sampler steps
	Seed       uint64
	Samples    int    // independent samples that were averaged; 0 when there is one
	Denoised   bool   // the noise of the measurement is filtered out
	Device     string // "cpu", "cuda" or "tensorrt"
	Precision  string // of the networks, "fp16"; "" is single
	Models     []Model
	Theory     *Theory // how the sampler contracts errors; nil when it makes no such claim

	Reconstructor
	Batch int // slices at once, where the reconstructor is a BatchReconstructor; 0 is one
	// NetworkTime returns the time spent inside networks so far; nil when the method has none.
	NetworkTime func() time.Duration
}

// Made is what decides the pixels of a method besides its recipe and the version of closer: equal slices that were made otherwise are
// not the same result.
type Made struct {
	Models            []Model
	Device, Precision string
}

// Made returns what the method computes with.
func (m Method) Made() Made {
	return Made{m.Models, m.Device, m.Precision}
}

// Model identifies a network by its bytes.
type Model struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}
