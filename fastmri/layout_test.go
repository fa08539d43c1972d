package fastmri

import (
	"strings"
	"testing"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/recon"
)

// What no machine has the memory for is refused by its numbers, before anything of its size exists; what scanners measure is not.
func TestLayoutBounds(t *testing.T) {
	x, y := vector.V{1, 0, 0}, vector.V{0, 1, 0}
	for _, c := range []struct {
		layout
		want string
	}{
		{layout{Slices: 50, Coils: 64, Ny: 1024, Nx: 512}, ""},
		{layout{Slices: 20, Coils: 128, Ny: 512, Nx: 512, Reference: "reconstruction_rss", RefNy: 320, RefNx: 320}, ""},
		{layout{Slices: 1, Coils: 1, Ny: 8192, Nx: 8192}, ""}, // no maps
		{layout{Slices: 512, Coils: 8, Ny: 1024, Nx: 512}, ""},
		{layout{Slices: 1, Coils: 512, Ny: 16, Nx: 16}, ""},
		{layout{Slices: 1, Coils: 513, Ny: 16, Nx: 16}, "dataset kspace has 513 coils; expected 1 to 512"},
		{layout{Slices: 1, Coils: 16384, Ny: 8, Nx: 8}, "dataset kspace has 16384 coils; expected 1 to 512"},
		{layout{Slices: 1, Coils: 512, Ny: 16, Nx: 640, Raw: true}, ""}, // methods are given no more than 16 combinations
		{layout{Slices: 3000, Coils: 1, Ny: 512, Nx: 512}, "dataset kspace has 786432000 samples a coil (3000 slices of 512 × 512); expected at most 268435456"},
		{layout{Slices: 3000, Coils: 1, Ny: 16, Nx: 16, Reference: "reconstruction_esc", RefNy: 512, RefNx: 512},
			"dataset reconstruction_esc has 786432000 pixels (3000 slices of 512 × 512); expected at most 268435456"},
		{layout{Slices: 2, Coils: 1, Ny: 8, Nx: 8, Raw: true, Placement: &recon.Placement{Row: x, Col: y, Centers: []vector.V{{}, {0, 0, 3}}}}, ""},
		{layout{Slices: 3, Coils: 1, Ny: 8, Nx: 8, Raw: true, Placement: &recon.Placement{Row: x, Col: y, Centers: []vector.V{{}, {0, 0, 3}}}}, "the positions of the slices"},
		{layout{Slices: 2, Coils: 1, Ny: 8, Nx: 8, Raw: true, Placement: &recon.Placement{Row: x, Col: x, Centers: []vector.V{{}, {0, 0, 3}}}}, "the positions of the slices"},
		{layout{Slices: 2, Coils: 1, Ny: 8, Nx: 8, Raw: true, Placement: &recon.Placement{Row: x, Col: y, Centers: []vector.V{{}, {3, 0, 0}}}}, "the positions of the slices"},
		{layout{Slices: 8, Coils: 1, Ny: 8, Nx: 8, Raw: true, Repetitions: 2, Contrasts: []int{0, 3}, Placement: &recon.Placement{Row: x, Col: y, Centers: []vector.V{{}, {0, 0, 3}}}}, ""},
		{layout{Slices: 8, Coils: 1, Ny: 8, Nx: 8, Raw: true, Repetitions: 3}, "8 slices in 3 repetitions of 0 contrasts are not readable"},
		{layout{Slices: 8, Coils: 1, Ny: 8, Nx: 8, Raw: true, Repetitions: -1}, "8 slices in -1 repetitions"},
		{layout{Slices: 8, Coils: 1, Ny: 8, Nx: 8, Raw: true, Repetitions: 1 << 62, Contrasts: []int{0, 1, 2, 3}}, "8 slices in 4611686018427387904 repetitions"}, // whose product is 0
		{layout{Slices: 8, Coils: 1, Ny: 8, Nx: 8, Raw: true, Contrasts: []int{0, 64}}, "8 slices in 0 repetitions of 2 contrasts"},
		{layout{Slices: 8, Coils: 1, Ny: 8, Nx: 8, Raw: true, Contrasts: []int{-1, 0}}, "8 slices in 0 repetitions of 2 contrasts"},
	} {
		got := ""
		if err := c.check(); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%d slices, %d coils of %d × %d: %q, want %q", c.Slices, c.Coils, c.Ny, c.Nx, got, c.want)
		}
	}
}
