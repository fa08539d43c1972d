package main

import (
	"math"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// The table of a run has the notes that its figures are to be read with, and no figure that is none.
func TestTableHasNotes(t *testing.T) {
	nan := recon.Number(math.NaN())
	var w strings.Builder
	printTable(&w, &recon.Report{
		Methods: []recon.MethodReport{
			{Name: "tv", Volume: &recon.ReportQuality{PSNR: nan, SSIM: 1, NMSE: 0}},
			{Name: "unet", Volume: &recon.ReportQuality{PSNR: nan, SSIM: nan, NMSE: nan}},
		},
		Notes: []string{"Not reconstructed: ccdf."},
	})
	for _, want := range []string{"tv        ∞  1.0000  0.00000", "unet        –       –        –", "\nNot reconstructed: ccdf.\n"} {
		if !strings.Contains(w.String(), want) {
			t.Errorf("no %q in\n%s", want, w.String())
		}
	}
}
