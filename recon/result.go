package recon

import "time"

// Protocol names the grid on which undersampling and data consistency happen; PSNR of different protocols does not compare.
type Protocol string

const (
	// ScannerGrid masks the acquired k-space on its own phase-encode grid.
	ScannerGrid Protocol = "scanner-grid"
	// ScoreMRI320 masks the Fourier transform of the cropped image, as the score-MRI code does. Not a clinical number.
	ScoreMRI320 Protocol = "score-mri-320"
)

// Residual is the data-consistency residual of a complex result on the acquired samples: RMS is ‖MFSx − y‖/‖y‖, Max is
// max|MFSx − y|/max|y|.
type Residual struct {
	RMS float64 `json:"rms"`
	Max float64 `json:"max"`
}

// SliceResult is one slice of one method.
type SliceResult struct {
	Magnitude []float32 // (Ny, Nx) of the Reconstruction, in the units of the input
	// Spread is the standard deviation of the samples that were averaged, (Ny, Nx) in the units of the input; nil for one sample.
	Spread   []float32
	Residual Residual
	HeldOut  float64 // ‖M′FSx − y′‖/‖y′‖ on the columns M′ held out; 0 when there are none
	NFE      int
	Elapsed  time.Duration
	Network  time.Duration // share of it spent inside networks
}

// Result is what one method made of a scan.
type Result struct {
	Method  Method
	Slices  []SliceResult
	Network time.Duration // share of the time spent inside networks
}

// Magnitudes returns the image of each slice.
func (r *Result) Magnitudes() [][]float32 {
	images := make([][]float32, len(r.Slices))
	for i, s := range r.Slices {
		images[i] = s.Magnitude
	}
	return images
}

// Reconstruction is everything one run made of one scan.
type Reconstruction struct {
	Header     Header
	Ny, Nx     int       // delivered image
	Indices    []int     // the scan's slices that were reconstructed, in order
	Sampling   *Sampling // nil when nothing was undersampled
	Protocol   Protocol
	References [][]float32 // (Ny, Nx) a slice; nil when there is no reference
	Intensity  float64     // 99.5th percentile of the zero-filled volume, or of one as bright as tissue is, in the units of the input
	Noise      float64     // of k-space in each channel, where bright tissue is 1 in an image: estimated of the middle slice; 0 where it was simulated or is not known
	Kept       float64     // share of the energy of the coils that methods were given, of the slice with least; 1 unless they were compressed
	Results    []Result
	Timing     Timing
}

// Timing is where the time of a run went. Network is part of Recon and only what this run spent, not an earlier one that it resumed;
// the rest of Recon is physics. What Total has beyond the sum is preparation, such as opening networks.
type Timing struct {
	Fetch   time.Duration // of the input from the server's files
	Ingest  time.Duration // opening it, reading its slices and measuring the zero-filled volume
	Recon   time.Duration // the methods
	Network time.Duration // of Recon, inside networks
	Export  time.Duration // writing files
	Publish time.Duration // storing files, and slices as they are finished, for others to find
	Total   time.Duration
}
