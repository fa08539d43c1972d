package score

import (
	"slices"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// An array keeps its values as long as steps name it, and the memory of the others is used again.
func TestHostKeepsWhatStepsName(t *testing.T) {
	h := &host{ctx: t.Context(), ny: 3, nx: 5, opt: Options{Noise: Noise{Seed: 1}.Fill}}
	kept := h.Noise(1)
	want := slices.Clone(kept.(kspace.Image).Pix)
	for step := range 5 {
		h.Sum(Term{1, h.Noise(step + 2)}, Term{2, kept})
		if err := h.Step(step, 5, &kept); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(kept.(kspace.Image).Pix, want) {
			t.Fatalf("step %d changed a named array", step)
		}
	}
	if n := len(h.used) + len(h.free); n != 3 {
		t.Errorf("%d images for three at a time", n)
	}
	if norm := kspace.Norm(h.Sum().(kspace.Image).Pix); norm != 0 {
		t.Errorf("the sum of nothing, in memory that was used before, has norm %g", norm)
	}
}
