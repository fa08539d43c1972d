package recon

import (
	"strings"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// The report says when coil maps came from too few central columns, and what the file says of lines that were not used.
func TestReportNotesFewColumnsForMaps(t *testing.T) {
	for _, c := range []struct {
		coils, centre int
		note          bool
	}{{4, 1, true}, {4, 7, true}, {4, 8, false}, {1, 1, false}} {
		mask := make(kspace.Mask, 32)
		for i := range c.centre {
			mask[16-c.centre/2+i] = true
		}
		rec := &Reconstruction{Header: Header{Coils: c.coils, Nx: len(mask), Notes: []string{"from the file"}}, Sampling: &Sampling{Kind: "acquired", Columns: mask}}
		r := NewReport(rec, Software{})
		if r.Notes[0] != "from the file" || strings.Contains(strings.Join(r.Notes, " "), "coil maps are unreliable") != c.note {
			t.Errorf("%d coils, %d columns: %q", c.coils, c.centre, r.Notes)
		}
	}
}
