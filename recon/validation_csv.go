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
		var heldOut [2]string
		if e := g.HeldOutError; e != nil {
			heldOut = [2]string{csvNumber(e.Mean), csvNumber(e.TwoStd)}
		}
		for i, scope := range []string{"mean", "2std"} {
			value := func(m MeanStd) string { return csvNumber([]Number{m.Mean, m.TwoStd}[i]) }
			row := make([]string, len(rows[0]))
			for name, cell := range map[string]string{
				"acquisition": csvText(g.Acquisition), "protocol": string(g.Protocol), "accel_nominal": csvNumber(g.Accel), "reference": csvText(g.Reference),
				"method": csvText(g.Method), "scope": scope, "psnr": value(g.PSNR), "ssim": value(g.SSIM), "nmse": value(g.NMSE), "held_out_error": heldOut[i],
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
