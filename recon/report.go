package recon

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"time"
)

// ReportSchemaID names the format of report.json; ReportSchema describes it.
const ReportSchemaID = "closer.report/1"

// NoReference is the name of the reference in the report of a scan that has none.
const NoReference = "none"

// Report is what a run says about itself: what went in, what was sampled, what each method did and, where there is a reference, how
// close it came. Its exported fields are report.json. It has no clock and no randomness: the same Reconstruction gives the same
// bytes but for the fields of WithoutTimings.
type Report struct {
	Schema    string         `json:"schema"`
	Input     ReportInput    `json:"input"`
	Mask      *ReportMask    `json:"mask"` // null when nothing was undersampled
	Protocol  Protocol       `json:"protocol"`
	Reference string         `json:"reference"` // its dataset, or NoReference
	Methods   []MethodReport `json:"methods"`
	// Notes are plain sentences on what the reader should know, for example that a method fell back to another. No patient data.
	Notes    []string     `json:"notes,omitempty"`
	Software Software     `json:"software"`
	Timing   ReportTiming `json:"timing"`

	rec   *Reconstruction          // pixels for the pictures; nil in a report that was read from JSON
	drawn map[drawing]template.URL // pictures of earlier pages
}

// Software says which program made the report.
type Software struct {
	Version     string `json:"version"`
	Commit      string `json:"commit"`
	ONNXRuntime string `json:"onnxruntime"` // "" when no network ran
}

// ReportTiming is Timing in seconds.
type ReportTiming struct {
	Fetch   Number `json:"fetch"`
	Ingest  Number `json:"ingest"`
	Recon   Number `json:"recon"`   // network + physics
	Network Number `json:"network"` // inside networks
	Physics Number `json:"physics"` // transforms, data consistency, noise, total variation
	Export  Number `json:"export"`
	Publish Number `json:"publish"`
	Total   Number `json:"total"`
}

// NewReport measures rec and describes it. Metrics are computed when rec has references and are absent otherwise; references that do
// not fit the images, which only a file can bring about, are left out with a note. The report keeps rec for its pictures. NewReport
// panics when the results in rec contradict each other.
func NewReport(rec *Reconstruction, sw Software) *Report {
	rec, note := withUsableReference(rec)
	r := &Report{
		Schema:    ReportSchemaID,
		Input:     reportInput(rec),
		Mask:      reportMask(rec.Sampling),
		Protocol:  rec.Protocol,
		Reference: NoReference,
		Methods:   make([]MethodReport, 0, len(rec.Results)),
		Software:  sw,
		Timing:    reportTiming(rec.Timing),
		rec:       rec,
		drawn:     map[drawing]template.URL{},
	}
	if note != "" {
		r.Notes = append(r.Notes, note)
	}
	r.Notes = append(r.Notes, rec.Header.Notes...)
	for _, note := range []string{calibrated(rec), compressed(rec), rec.Warning(), noisy(rec)} {
		if note != "" {
			r.Notes = append(r.Notes, note)
		}
	}
	if s := rec.Sampling; s != nil && s.Each != nil {
		r.Notes = append(r.Notes, fmt.Sprintf("The slices were sampled in different columns, on average %.4g of %d.", s.Fraction()*float64(len(s.Columns)), len(s.Columns)))
	}
	if note := unseen(rec); note != "" {
		r.Notes = append(r.Notes, note+": compare them with tv, or let ccdf start from it (initial tv).")
	}
	if rec.References != nil {
		r.Reference = cmp.Or(rec.Header.Reference, "unnamed")
	}
	if note := otherUnits(rec); note != "" {
		r.Notes = append(r.Notes, note)
	}
	r.measure()
	return r
}

// unseen says what of the sampling closer's networks have not been trained on; "" where they have seen such.
func unseen(rec *Reconstruction) string {
	switch {
	case rec.Sampling == nil:
		return ""
	case rec.Sampling.Points != nil:
		return "Both axes are phase encode, and closer's networks have seen masks of whole columns alone"
	case rec.Header.Coils > 1 && rec.mapsFrom().without():
		return "The image has next to no sampled centre of its own, and closer's networks have seen masks with one alone"
	}
	return ""
}

// Update brings a report of rec up to date with the results that have come since, and with the timing. What it said of the others it
// neither measures nor draws again: they must not have changed.
func (r *Report) Update(rec *Reconstruction) {
	r.rec, _ = withUsableReference(rec)
	r.Timing = reportTiming(rec.Timing)
	r.measure()
}

// measure describes the results that have no MethodReport yet.
func (r *Report) measure() {
	for i := len(r.Methods); i < len(r.rec.Results); i++ {
		result := &r.rec.Results[i]
		if n := len(result.Slices); n != len(r.rec.Indices) {
			panic(fmt.Sprintf("recon: method %q has %d slices of %d", result.Method.Name, n, len(r.rec.Indices)))
		}
		r.Methods = append(r.Methods, methodReport(r.rec, result))
	}
}

func reportTiming(t Timing) ReportTiming {
	return ReportTiming{
		Fetch: seconds(t.Fetch), Ingest: seconds(t.Ingest), Recon: seconds(t.Recon),
		Network: seconds(t.Network), Physics: seconds(max(0, t.Recon-t.Network)),
		Export: seconds(t.Export), Publish: seconds(t.Publish), Total: seconds(t.Total),
	}
}

// withUsableReference returns rec, or a copy without references and a note when they do not fit the images.
func withUsableReference(rec *Reconstruction) (*Reconstruction, string) {
	if rec.References == nil {
		return rec, ""
	}
	if len(rec.References) == len(rec.Indices) && checkVolumes(rec.References, rec.References, rec.Ny, rec.Nx) == nil {
		return rec, ""
	}
	c := *rec
	c.References = nil
	return &c, "The reference in the file does not have the size of the reconstructed images, so there are no metrics."
}

// otherUnits is a note on a reference whose intensities are far from those of the images, as one that was normalised has; "" where they
// agree. Undersampling changes them by much less.
func otherUnits(rec *Reconstruction) string {
	const far = 10
	if rec.References == nil || len(rec.Results) == 0 {
		return ""
	}
	norm := func(images [][]float32) float64 {
		var sum float64
		for _, im := range images {
			for _, v := range im {
				sum += float64(v) * float64(v)
			}
		}
		return math.Sqrt(sum)
	}
	ratio := norm(rec.References) / norm(rec.Results[0].Magnitudes())
	if !(ratio > far || ratio < 1./far) || ratio == 0 || math.IsInf(ratio, 1) { // a blank volume has no intensity
		return ""
	}
	return fmt.Sprintf("The reference is %s times as bright as the images: it is not in the units of the k-space, and PSNR, SSIM and NMSE say nothing.",
		showShort(Number(ratio)))
}

// noisy is a note on a scan whose noise is seen in the images of methods that deliver what was measured as it was measured, "" else.
func noisy(rec *Reconstruction) string {
	const much = 0.01
	if !(rec.Noise >= much) {
		return ""
	}
	return fmt.Sprintf("The scan has noise of up to %.2g %% of bright tissue. Data consistency puts it into the images; of ccdf, the sampler denoised leaves it out.",
		100*rec.Noise)
}

// WithoutTimings returns a copy of r with every field that depends on the clock set to 0, for comparing runs.
func (r *Report) WithoutTimings() *Report {
	c := *r
	c.Timing = ReportTiming{}
	c.Methods = append([]MethodReport{}, r.Methods...)
	for i := range c.Methods {
		m := &c.Methods[i]
		m.Seconds, m.SecondsPerSlice, m.NetworkSeconds = 0, 0, 0
		m.Slices = append([]SliceReport{}, m.Slices...)
		for s := range m.Slices {
			m.Slices[s].Seconds = 0
		}
	}
	return &c
}

// WriteJSON writes report.json.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func seconds(d time.Duration) Number { return Number(d.Seconds()) }

// ReportInput describes the scan. Optional fields are absent when the file does not tell.
type ReportInput struct {
	SHA256      string     `json:"sha256"`
	Format      string     `json:"format"`
	Acquisition string     `json:"acquisition"`
	Slices      int        `json:"slices"` // in the scan, not only those reconstructed
	Coils       int        `json:"coils"`
	Matrix      [2]int     `json:"matrix"` // k-space: readout with its oversampling, phase encode
	Image       [2]int     `json:"image"`  // delivered image: rows, columns
	Spacing     *[2]Number `json:"pixel_spacing_mm,omitempty"`
	Thickness   Number     `json:"slice_thickness_mm,omitzero"`
	Field       Number     `json:"field_tesla,omitzero"`
	Vendor      string     `json:"vendor,omitempty"`
	Model       string     `json:"scanner_model,omitempty"`
	Noise       Number     `json:"noise,omitzero"` // Reconstruction.Noise
	Simulated   bool       `json:"simulated"`
}

func reportInput(rec *Reconstruction) ReportInput {
	h := &rec.Header
	in := ReportInput{
		SHA256: h.SHA256, Format: h.Format, Acquisition: h.Acquisition,
		Slices: h.Slices, Coils: h.Coils, Matrix: [2]int{h.Ny, h.Nx}, Image: [2]int{rec.Ny, rec.Nx},
		Thickness: Number(h.Thickness), Field: Number(h.Field), Vendor: h.Vendor, Model: h.Model, Noise: Number(rec.Noise), Simulated: h.Simulated,
	}
	if h.PixelSpacing != [2]float64{} {
		in.Spacing = &[2]Number{Number(h.PixelSpacing[0]), Number(h.PixelSpacing[1])}
	}
	return in
}
