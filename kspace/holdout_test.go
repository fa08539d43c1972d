package kspace_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// Columns are divided, not lost: kept and held are apart, make up the mask, and leave its centre whole.
func TestHoldOutDividesTheMask(t *testing.T) {
	for seed := range uint64(50) {
		mask, err := (&kspace.Undersampling{Kind: kspace.Random, Accel: 4, ACS: 0.08, Seed: uint32(seed)}).Mask(200)
		if err != nil {
			t.Fatal(err)
		}
		h := kspace.HoldOut{Fraction: 0.1, Seed: seed}
		kept, held, err := h.Split(mask)
		if err != nil {
			t.Fatal(err)
		}
		lo, hi := mask.ACS()
		for x, on := range mask {
			if kept[x] && held[x] || (kept[x] || held[x]) != on || held[x] && x >= lo && x < hi {
				t.Fatalf("seed %d, column %d: acquired %v, kept %v, held out %v", seed, x, on, kept[x], held[x])
			}
		}
		if want := (mask.Lines() + 5) / 10; held.Lines() != want {
			t.Errorf("seed %d: %d of %d columns are held out", seed, held.Lines(), mask.Lines())
		}
		again, _, _ := h.Split(mask)
		other, _, _ := kspace.HoldOut{Fraction: 0.1, Seed: seed + 1}.Split(mask)
		if !slices.Equal(again, kept) || slices.Equal(other, kept) {
			t.Errorf("seed %d: columns do not follow from the seed alone", seed)
		}
	}
}

func TestHoldOutRefuses(t *testing.T) {
	all := slices.Repeat(kspace.Mask{true}, 20)
	for _, fraction := range []float64{-0.1, 0.6} {
		if _, _, err := (kspace.HoldOut{Fraction: fraction}).Split(all); err == nil {
			t.Errorf("fraction %g is taken", fraction)
		}
	}
	if _, _, err := (kspace.HoldOut{Fraction: 0.1}).Split(all); err == nil {
		t.Error("the centre is held out")
	}
	if kept, held, err := (kspace.HoldOut{}).Split(all); err != nil || held != nil || !slices.Equal(kept, all) {
		t.Errorf("nothing held out gives %v, %v, %v", kept, held, err)
	}
}

// Single samples are divided in the same way, and the central square stays whole.
func TestHoldOutDividesPoints(t *testing.T) {
	const ny, nx = 31, 24
	r := rand.New(rand.NewPCG(2, 3))
	points := make(kspace.Points, ny*nx)
	for i := range points {
		y, x := i/nx-ny/2, i%nx-nx/2
		points[i] = r.Float64() < 0.2 || y >= -4 && y < 4 && x >= -4 && x < 4
	}
	points[(ny/2+4)*nx+nx/2] = false // the square is no larger
	if lo, hi := points.Centre(nx); lo != nx/2-4 || hi != nx/2+4 {
		t.Errorf("the centre is %d…%d", lo, hi)
	}
	kept, held, err := kspace.HoldOut{Fraction: 0.1}.SplitPoints(points, nx)
	if err != nil {
		t.Fatal(err)
	}
	for i, on := range points {
		y, x := i/nx-ny/2, i%nx-nx/2
		central := y >= -4 && y < 4 && x >= -4 && x < 4
		if kept[i] && held[i] || (kept[i] || held[i]) != on || held[i] && central {
			t.Fatalf("sample (%d, %d): acquired %v, kept %v, held out %v", y, x, on, kept[i], held[i])
		}
	}
	if n := held.Count(); n != (points.Count()+5)/10 {
		t.Errorf("%d of %d samples are held out", n, points.Count())
	}
}
