package recon

import (
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"strings"
)

// csvHeader is the first row of report.csv. The columns up to reference repeat in every row, so that files of many runs can be
// joined and filtered; psnr is in dB with the range of the volume, psnr_slice with that of the slice (its mean in volume rows).
var csvHeader = []string{
	"sha256", "acquisition", "simulated", "protocol", "mask", "accel_nominal", "accel_measured", "reference",
	"method", "scope", "slice", "psnr", "ssim", "nmse", "psnr_slice", "dc_residual_rms", "dc_residual_max", "nfe", "seconds", "held_out_error",
}

// WriteCSV writes report.csv (RFC 4180, one header row): for each method one row with scope "volume" and one with scope "slice" for
// each slice. What is absent or has no meaning is empty; the infinite PSNR of an image equal to its reference is "inf".
func (r *Report) WriteCSV(w io.Writer) error {
	return csv.NewWriter(w).WriteAll(append([][]string{csvHeader}, r.csvRows()...))
}

// csvRows returns the rows below csvHeader.
func (r *Report) csvRows() [][]string {
	var rows [][]string
	run := []string{
		r.Input.SHA256, csvText(r.Input.Acquisition), strconv.FormatBool(r.Input.Simulated), string(r.Protocol), "", "", "", csvText(r.Reference),
	}
	if m := r.Mask; m != nil {
		run[4], run[5], run[6] = csvText(m.Kind), csvNumber(m.AccelNominal), csvNumber(m.AccelMeasured)
	}
	row := func(method, scope, slice string, quality []string, dc ReportResidual, heldOut *Number, nfe int, seconds Number) {
		cells := append(append([]string{}, run...), csvText(method), scope, slice)
		cells = append(cells, quality...)
		rows = append(rows, append(cells, csvNumber(dc.RMS), csvNumber(dc.Max), strconv.Itoa(nfe), csvNumber(seconds), csvOptional(heldOut)))
	}
	for _, m := range r.Methods {
		quality := make([]string, 4)
		if m.Volume != nil {
			quality = csvQuality(*m.Volume, m.SlicePSNRMean)
		}
		row(m.Name, "volume", "", quality, m.DCResidual, m.HeldOutError, m.NFETotal, m.Seconds)
		for _, s := range m.Slices {
			quality := make([]string, 4)
			if s.ReportSliceQuality != nil {
				quality = csvQuality(s.ReportQuality, &s.PSNRSlice)
			}
			row(m.Name, "slice", strconv.Itoa(s.Index), quality, s.DCResidual, s.HeldOutError, s.NFE, s.Seconds)
		}
	}
	return rows
}

// csvQuality returns the cells psnr, ssim, nmse, psnr_slice.
func csvQuality(q ReportQuality, psnrSlice *Number) []string {
	return []string{csvNumber(q.PSNR), csvNumber(q.SSIM), csvNumber(q.NMSE), csvOptional(psnrSlice)}
}

func csvOptional(n *Number) string {
	if n == nil {
		return ""
	}
	return csvNumber(*n)
}

func csvNumber(n Number) string {
	switch {
	case math.IsInf(float64(n), 1):
		return "inf"
	case !n.Finite():
		return ""
	default:
		return strconv.FormatFloat(float64(n), 'g', 9, 64)
	}
}

// csvText keeps a spreadsheet from running text of a file as a formula.
func csvText(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
