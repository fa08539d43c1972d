package recon

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"testing"
)

// csvOf returns the rows of r's CSV as maps from column name to cell.
func csvOf(t *testing.T, r *Report) []map[string]string {
	t.Helper()
	var buf bytes.Buffer
	if err := r.WriteCSV(&buf); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(&buf).ReadAll() // also checks that all rows have as many cells as the header
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, cells := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = cells[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func TestWriteCSV(t *testing.T) {
	r := NewReport(sample(), Software{})
	rows := csvOf(t, r)
	if want := 3 * (1 + 4); len(rows) != want {
		t.Fatalf("%d rows, want a volume and four slices for each of three methods, %d", len(rows), want)
	}
	ccdf := r.Methods[2]
	number := func(row map[string]string, column string, want Number) {
		t.Helper()
		got, err := strconv.ParseFloat(row[column], 64)
		if err != nil {
			t.Errorf("%s: %v", column, err)
		}
		wantNear(t, column, got, float64(want), 1e-8)
	}
	volume := rows[10]
	if volume["method"] != "ccdf" || volume["scope"] != "volume" || volume["slice"] != "" || volume["nfe"] != "44" || volume["simulated"] != "true" {
		t.Errorf("volume row %v", volume)
	}
	number(volume, "accel_measured", 4)
	number(volume, "psnr", ccdf.Volume.PSNR)
	number(volume, "ssim", ccdf.Volume.SSIM)
	number(volume, "nmse", ccdf.Volume.NMSE)
	number(volume, "psnr_slice", *ccdf.SlicePSNRMean)
	number(volume, "dc_residual_rms", ccdf.DCResidual.RMS)
	number(volume, "seconds", ccdf.Seconds)
	slice := rows[13]
	if slice["scope"] != "slice" || slice["slice"] != "18" || slice["nfe"] != "11" {
		t.Errorf("slice row %v", slice)
	}
	number(slice, "psnr", ccdf.Slices[2].PSNR)
	number(slice, "psnr_slice", ccdf.Slices[2].PSNRSlice)
	number(slice, "dc_residual_max", ccdf.Slices[2].DCResidual.Max)
}

// Cells without a value are empty, and only an image equal to its reference is "inf".
func TestWriteCSVWithoutValues(t *testing.T) {
	rec := sample()
	rec.Sampling = nil
	clear(rec.References[0])
	copy(rec.Results[2].Slices[1].Magnitude, rec.References[1])
	rows := csvOf(t, NewReport(rec, Software{}))
	if r := rows[11]; r["nmse"] != "" || r["psnr_slice"] != "" || r["psnr"] == "" || r["mask"] != "" || r["accel_measured"] != "" {
		t.Errorf("blank slice, no mask: %v", r)
	}
	if r := rows[12]; r["psnr"] != "inf" || r["nmse"] != "0" {
		t.Errorf("slice equal to its reference: %v", r)
	}
	rec.References = nil
	for _, r := range csvOf(t, NewReport(rec, Software{})) {
		if r["psnr"]+r["ssim"]+r["nmse"]+r["psnr_slice"] != "" || r["reference"] != "none" || r["nfe"] == "" {
			t.Errorf("no reference: %v", r)
		}
	}
}

// A spreadsheet must not run what a file calls itself.
func TestWriteCSVDefusesFormulas(t *testing.T) {
	rec := sample()
	rec.Header.Acquisition, rec.Header.Reference = "=HYPERLINK(\"x\")", "+1"
	rec.Results[0].Method.Name = "@SUM(A1)"
	row := csvOf(t, NewReport(rec, Software{}))[0]
	for column, want := range map[string]string{"acquisition": "'=HYPERLINK(\"x\")", "reference": "'+1", "method": "'@SUM(A1)"} {
		if row[column] != want {
			t.Errorf("%s is %q, want %q", column, row[column], want)
		}
	}
}
