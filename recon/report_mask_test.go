package recon

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// The mask is drawn as it is: one row of columns, one for each slice, or every sample where both axes are phase encode, also from a stored report.
func TestMaskPicture(t *testing.T) {
	rec := sample()
	h := &rec.Header
	h.Ny, h.Nx = 40, 60
	points := make(kspace.Points, h.Ny*h.Nx)
	for i := range points {
		points[i] = i%7 == 0 || i%h.Nx == 3
	}
	each := make([]kspace.Mask, 5)
	for i := range each {
		each[i] = make(kspace.Mask, h.Nx)
		for x := range each[i] {
			each[i][x] = x%4 == i%4 || x == 30
		}
	}
	for _, mask := range []struct {
		sampling *Sampling
		of       []bool
		says     string
	}{
		{rec.Sampling, rec.Sampling.Columns, "15 of 60 phase-encode columns"},
		{&Sampling{Kind: "acquired", Columns: points.Columns(h.Nx), Points: points}, points, fmt.Sprintf("%d of 2400 samples (both axes phase encode)", points.Count())},
		{&Sampling{Kind: "acquired", Columns: each[0], Each: each}, slices.Concat(each...), "79 of 300 phase-encode columns of all slices"},
	} {
		rec.Sampling = mask.sampling
		var r Report
		if err := json.Unmarshal(jsonOf(t, NewReport(rec, Software{})), &r); err != nil {
			t.Fatal(err)
		}
		page := htmlOf(t, &r)
		all := checkPage(t, page)
		i := slices.IndexFunc(all, func(e element) bool { return strings.HasPrefix(e.attrs["alt"], "Undersampling mask: "+mask.says) })
		if i < 0 || !strings.Contains(page, "<strong>"+mask.says) {
			t.Fatalf("the page does not say %q", mask.says)
		}
		im := decode(t, all[i].attrs["src"])
		if b := im.Bounds(); b.Dx() != 60 || b.Dy() != len(mask.of)/60 {
			t.Fatalf("%v for %d samples", b, len(mask.of))
		}
		for k, on := range mask.of {
			if r, _, _, _ := im.At(k%60, k/60).RGBA(); r != 0 != on {
				t.Fatalf("sample %d is drawn %d, want %v", k, r, on)
			}
		}
	}
}
