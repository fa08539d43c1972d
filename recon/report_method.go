package recon

import "math"

// MethodReport is what one method did with the scan.
type MethodReport struct {
	Name       string  `json:"name"`
	Initial    string  `json:"initial,omitempty"` // what the sampler starts from; absent where that is noise, or there is no sampler
	Sampler    string  `json:"sampler"`
	T0         Number  `json:"t0"`
	NumScales  int     `json:"num_scales"`
	SigmaStart Number  `json:"sigma_start"`
	SigmaEnd   Number  `json:"sigma_end"`
	Steps      int     `json:"steps"`
	NFE        int     `json:"nfe"`       // network evaluations for one slice, the largest if slices differ
	NFETotal   int     `json:"nfe_total"` // for all slices
	Seed       uint64  `json:"seed"`
	Samples    int     `json:"samples,omitempty"` // independent samples that were averaged; absent for one
	Device     string  `json:"device"`
	Precision  string  `json:"precision,omitempty"` // of the networks; absent for single
	Models     []Model `json:"models"`
	Theory     *Theory `json:"theory,omitempty"`

	Volume        *ReportQuality `json:"volume,omitempty"`
	SlicePSNRMean *Number        `json:"slice_psnr_mean,omitempty"` // VolumeQuality.SlicePSNRMean
	// DCResidual has the root mean square over slices of their RMS and the largest of their Max.
	DCResidual ReportResidual `json:"dc_residual"`
	// HeldOutError is the root mean square over slices of theirs; nil when nothing was held out.
	HeldOutError *Number `json:"held_out_error,omitempty"`

	Seconds         Number        `json:"seconds"` // all slices
	SecondsPerSlice Number        `json:"seconds_per_slice"`
	NetworkSeconds  Number        `json:"network_seconds"` // part of Seconds spent inside networks
	Slices          []SliceReport `json:"slices"`
}

// Theory is what is known about a sampler before it runs: its steps contract, so that the error of the starting point dies out.
// CCDF, arXiv 2112.05146, Theorem 1: ε̄_0 ≤ 2Cτ/(1−λ²) + λ^(2N′) ε̄_N′.
type Theory struct {
	Lambda Number `json:"lambda"` // λ: contraction of one reverse step, 0…1, the largest over the steps
	// InitialErrorFactor is λ^(2N′): the share of the starting point's mean squared error that the bound keeps after N′ steps.
	InitialErrorFactor Number `json:"initial_error_factor"`
}

// ReportQuality is Quality in JSON.
type ReportQuality struct {
	PSNR Number `json:"psnr"`
	SSIM Number `json:"ssim"`
	NMSE Number `json:"nmse"`
}

// ReportSliceQuality is SliceQuality in JSON.
type ReportSliceQuality struct {
	ReportQuality
	PSNRSlice Number `json:"psnr_slice"`
}

// ReportResidual is Residual in JSON.
type ReportResidual struct {
	RMS Number `json:"rms"`
	Max Number `json:"max"`
}

// SliceReport is what one method made of one slice. The metrics are absent when there is no reference.
type SliceReport struct {
	Index               int            `json:"index"` // in the scan, 0-based
	*ReportSliceQuality                // psnr, ssim, nmse, psnr_slice
	DCResidual          ReportResidual `json:"dc_residual"`
	HeldOutError        *Number        `json:"held_out_error,omitempty"` // SliceResult.HeldOut
	NFE                 int            `json:"nfe"`
	Seconds             Number         `json:"seconds"`
}

// Number is what the slice is called where people read: from 1, as InstanceNumber in DICOM.
func (s SliceReport) Number() int { return s.Index + 1 }

func methodReport(rec *Reconstruction, res *Result) MethodReport {
	m := &res.Method
	r := MethodReport{
		Name: m.Name, Initial: m.Initial, Sampler: m.Sampler, T0: Number(m.T0), NumScales: m.NumScales, SigmaStart: Number(m.SigmaStart), SigmaEnd: Number(m.SigmaEnd),
		Steps: m.Steps, Seed: m.Seed, Samples: m.Samples, Device: m.Device, Precision: m.Precision, Models: append([]Model{}, m.Models...), Theory: m.Theory,
		NetworkSeconds: seconds(res.Network), Slices: make([]SliceReport, len(res.Slices)),
	}
	heldOut := rec.Sampling != nil && rec.Sampling.HeldOut != nil
	var squares, heldOutSquares float64
	for i, s := range res.Slices {
		r.Slices[i] = SliceReport{
			Index:      rec.Indices[i],
			DCResidual: ReportResidual{RMS: Number(s.Residual.RMS), Max: Number(s.Residual.Max)},
			NFE:        s.NFE,
			Seconds:    seconds(s.Elapsed),
		}
		r.NFE = max(r.NFE, s.NFE)
		r.NFETotal += s.NFE
		r.Seconds += seconds(s.Elapsed)
		r.DCResidual.Max = max(r.DCResidual.Max, Number(s.Residual.Max))
		squares += s.Residual.RMS * s.Residual.RMS
		heldOutSquares += s.HeldOut * s.HeldOut
		if heldOut {
			e := Number(s.HeldOut)
			r.Slices[i].HeldOutError = &e
		}
	}
	if n := float64(len(res.Slices)); n > 0 {
		r.SecondsPerSlice = r.Seconds / Number(n)
		r.DCResidual.RMS = Number(math.Sqrt(squares / n))
		if heldOut {
			e := Number(math.Sqrt(heldOutSquares / n))
			r.HeldOutError = &e
		}
	}
	if rec.References != nil {
		r.addQuality(rec, res)
	}
	return r
}

// addQuality measures res against the references of rec.
func (r *MethodReport) addQuality(rec *Reconstruction, res *Result) {
	images := res.Magnitudes()
	q, err := Evaluate(rec.References, images, rec.Ny, rec.Nx)
	if err != nil {
		panic("recon: method " + r.Name + ": " + err.Error()) // both come from one pipeline
	}
	v, mean := reportQuality(q.Quality), Number(q.SlicePSNRMean)
	r.Volume, r.SlicePSNRMean = &v, &mean
	for i, s := range q.Slices {
		r.Slices[i].ReportSliceQuality = &ReportSliceQuality{reportQuality(s.Quality), Number(s.PSNRSlice)}
	}
}

func reportQuality(q Quality) ReportQuality {
	return ReportQuality{PSNR: Number(q.PSNR), SSIM: Number(q.SSIM), NMSE: Number(q.NMSE)}
}
