package recon

import (
	_ "embed"
	"html/template"
	"io"
	"math"
	"slices"
)

//go:embed report.html.tmpl
var reportTemplate string

//go:embed report.css
var reportStyle string

var reportPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"psnr": showPSNR, "fixed": showFixed, "short": showShort, "seconds": showSeconds, "percent": showPercent,
}).Parse(reportTemplate))

// page is what the template shows.
type page struct {
	*Report
	Style    template.CSS
	Measured bool   // there is a reference
	HeldOut  bool   // some acquired columns were kept from the methods
	Indices  string // reconstructed slices
	About    string // the protocol, in a sentence
	Sampled  *sampled
	Rows     []methodRow
	Networks []Model // of all methods, each once
	Plot     *plot
	Gallery  *gallery
}

// protocolTexts tell what each protocol means to somebody who reads its PSNR.
var protocolTexts = map[Protocol]string{
	ScannerGrid: "Undersampling and data consistency act on the acquired k-space, on the scanner's own phase-encode grid.",
	ScoreMRI320: "Undersampling and data consistency act on the Fourier transform of the cropped image, as in the score-MRI code. " +
		"This is easier than undersampling a scan: compare these numbers with papers that do the same, not with scanner-grid results, " +
		"and do not read them as clinical.",
}

// WriteHTML writes report.html: one page that needs nothing else, neither network nor scripts. A report that was read from JSON has
// no pixels, and its page no picture but the mask.
func (r *Report) WriteHTML(w io.Writer) error {
	g, err := r.gallery()
	if err != nil {
		return err
	}
	p := page{
		Report: r, Style: template.CSS(reportStyle), Measured: r.Reference != NoReference, About: protocolTexts[r.Protocol],
		Rows: r.methodRows(), Networks: r.networks(), Plot: r.plot(), Gallery: g,
	}
	if r.Mask != nil {
		p.HeldOut = r.Mask.HeldOut != nil
		if p.Sampled, err = r.sampled(); err != nil {
			return err
		}
	}
	if len(r.Methods) > 0 {
		var indices []int
		for _, s := range r.Methods[0].Slices {
			indices = append(indices, s.Number())
		}
		p.Indices = showIndices(indices)
	}
	return reportPage.Execute(w, p)
}

// networks lists the networks of all methods, each once, in order of appearance.
func (r *Report) networks() []Model {
	var out []Model
	for _, m := range r.Methods {
		for _, model := range m.Models {
			if !slices.Contains(out, model) {
				out = append(out, model)
			}
		}
	}
	return out
}

// methodRow is a method and which of its metrics are the best of the table.
type methodRow struct {
	*MethodReport
	BestPSNR, BestSSIM, BestNMSE, BestSlicePSNR bool
}

func (r *Report) methodRows() []methodRow {
	rows := make([]methodRow, len(r.Methods))
	psnr, ssim, nmse, slicePSNR := math.Inf(-1), math.Inf(-1), math.Inf(-1), math.Inf(-1)
	for i := range r.Methods {
		rows[i].MethodReport = &r.Methods[i]
		if m := rows[i]; m.Volume != nil {
			psnr, ssim = larger(psnr, m.Volume.PSNR), larger(ssim, m.Volume.SSIM)
			nmse, slicePSNR = larger(nmse, -m.Volume.NMSE), larger(slicePSNR, *m.SlicePSNRMean)
		}
	}
	if len(rows) < 2 { // the best of one says nothing
		return rows
	}
	for i := range rows {
		if m := &rows[i]; m.Volume != nil {
			m.BestPSNR, m.BestSSIM = float64(m.Volume.PSNR) == psnr, float64(m.Volume.SSIM) == ssim
			m.BestNMSE, m.BestSlicePSNR = -float64(m.Volume.NMSE) == nmse, float64(*m.SlicePSNRMean) == slicePSNR
		}
	}
	return rows
}

// larger is max, but passes over NaN.
func larger(a float64, n Number) float64 {
	if b := float64(n); b > a {
		return b
	}
	return a
}
