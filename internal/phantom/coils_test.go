package phantom

import (
	"math"
	"math/cmplx"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

func TestCoilsAreSmoothAndCoverTheHead(t *testing.T) {
	const n = 110 // 2 mm pixels
	for _, coils := range []int{2, 4, 8, 16, 32} {
		maps := Coils(coils, n, n, n)
		rss := kspace.RSS(nil, maps)
		if v := rss[n/2*n+n/2]; math.Abs(float64(v)-1) > 1e-5 {
			t.Errorf("%d coils: root sum of squares %g at the centre, want 1", coils, v)
		}
		var lo, hi, steepest float64 = math.Inf(1), 0, 0
		for i, v := range rss {
			x, y := 2*float64(i%n-n/2), 2*float64(i/n-n/2)
			if math.Hypot(x/76, y/95) > 1 {
				continue
			}
			lo, hi = min(lo, float64(v)), max(hi, float64(v))
			for c := range coils {
				p := maps.Coil(c).Pix
				steepest = max(steepest, cmplx.Abs(complex128(p[i+1]-p[i])), cmplx.Abs(complex128(p[i+n]-p[i])))
			}
		}
		t.Logf("%d coils: root sum of squares %.2f to %.2f in the head, steepest step %.3f per 2 mm", coils, lo, hi, steepest)
		if lo < 0.8 || hi > 2.5 {
			t.Errorf("%d coils: root sum of squares from %.2f to %.2f in the head", coils, lo, hi)
		}
		if steepest > 0.08 {
			t.Errorf("%d coils: sensitivity changes by %.3f in 2 mm", coils, steepest)
		}
	}
	for _, v := range Coils(1, 8, 8, 8).Val {
		if v != 1 {
			t.Fatal("a single coil is not uniform")
		}
	}
}

// Coils must differ, or they would encode nothing.
func TestCoilsSeeDifferentPlaces(t *testing.T) {
	maps := Coils(8, 64, 64, 64)
	for a := range 8 {
		for b := range a {
			var dot complex128
			pa, pb := maps.Coil(a).Pix, maps.Coil(b).Pix
			for i, v := range pa {
				dot += complex128(v) * cmplx.Conj(complex128(pb[i]))
			}
			if r := cmplx.Abs(dot) / kspace.Norm(pa) / kspace.Norm(pb); r > 0.98 {
				t.Errorf("coils %d and %d correlate %.3f", a, b, r)
			}
		}
	}
}

func TestPhaseIsSmoothAndSeeded(t *testing.T) {
	p, same, other := newPhase(5, 0), newPhase(5, 0), newPhase(6, 0)
	if p.at(10, 20) != same.at(10, 20) || p.at(10, 20) == other.at(10, 20) {
		t.Error("the phase does not follow its seed")
	}
	if newPhase(0, 0).at(30, 40) != 1 {
		t.Error("seed 0 has a phase")
	}
	for seed := range uint64(20) {
		p := newPhase(seed+1, 0)
		for v := -100.0; v < 100; v += 5 {
			for _, step := range []complex128{p.at(v, 1) / p.at(v, 0), p.at(1, v) / p.at(0, v)} {
				if step := cmplx.Phase(step); math.Abs(step) > 0.12 {
					t.Errorf("seed %d: phase changes by %.2f rad in a millimetre", seed+1, step)
				}
			}
		}
	}
}
