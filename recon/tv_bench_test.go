package recon_test

import (
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// BenchmarkTV is total variation of a disc in 320×320 from a quarter of its columns.
func BenchmarkTV(b *testing.B) {
	const n = 320
	mask, truth, y := make(kspace.Mask, n), kspace.NewImage(n, n), kspace.NewData(1, n, n)
	for i := range truth.Pix {
		if r, c := i/n-n/2, i%n-n/2; r*r+c*c < n*n/9 {
			truth.Pix[i] = 1
		}
	}
	for i := range mask {
		mask[i] = i%4 == 0 || max(i-n/2, n/2-i) < n/25
	}
	a := kspace.NewCartesian(n, mask)
	a.Forward(y, truth)
	for b.Loop() {
		if _, _, err := (recon.TV{}).Reconstruct(b.Context(), kspace.Measurement{Y: y, A: a}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
