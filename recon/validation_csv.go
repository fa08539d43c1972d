package recon

import (
	"encoding/csv"
	"io"
	"slices"
)

// WriteCSV writes report.csv: the rows of every unit's report.csv after a column with the file, and for each group one row with scope
// "mean" and one with scope "2std" whose file is empty.
func (v *Validation) WriteCSV(w io.Writer) error {
	rows := [][]string{append([]string{"file"}, csvHeader...)}
	for _, g := range v.Groups {
		for _, s := range []struct {
			scope            string
			psnr, ssim, nmse Number
		}{{"mean", g.PSNR.Mean, g.SSIM.Mean, g.NMSE.Mean}, {"2std", g.PSNR.TwoStd, g.SSIM.TwoStd, g.NMSE.TwoStd}} {
			row := make([]string, len(rows[0]))
			for name, cell := range map[string]string{
				"acquisition": csvText(g.Acquisition), "protocol": string(g.Protocol), "accel_nominal": csvNumber(g.Accel), "reference": csvText(g.Reference),
				"method": csvText(g.Method), "scope": s.scope, "psnr": csvNumber(s.psnr), "ssim": csvNumber(s.ssim), "nmse": csvNumber(s.nmse),
			} {
				row[slices.Index(rows[0], name)] = cell
			}
			rows = append(rows, row)
		}
	}
	for _, u := range v.Units {
		for _, row := range u.Report.csvRows() {
			rows = append(rows, append([]string{csvText(u.File)}, row...))
		}
	}
	return csv.NewWriter(w).WriteAll(rows)
}
