package score_test

import (
	"math"
	"testing"

	"github.com/closer-mri/closer/score"
)

// The CCDF paper's setting: N = 1000, t0 = 0.02 are 20 steps from σ = 0.0122 (PEERS: σ(0.02) = 0.0123) to σ_1 = σ_min, then 0.
func TestScheduleOfThePaper(t *testing.T) {
	s, err := score.DefaultSchedule.Sigmas(0.02)
	if err != nil {
		t.Fatal(err)
	}
	if len(s) != 21 || s[20] != 0 || s[19] != 0.01 {
		t.Fatalf("%v", s)
	}
	// 0.01·37800^(19/999) by hand
	if want := 0.01 * math.Exp(19.0/999*math.Log(37800)); math.Abs(s[0]-want) > 1e-12 {
		t.Errorf("starts at %v, want %v", s[0], want)
	}
	whole, err := score.DefaultSchedule.Sigmas(1)
	if err != nil || len(whole) != 1001 || math.Abs(whole[0]-378) > 1e-9 {
		t.Errorf("whole schedule: %d levels from %v, %v", len(whole), whole[0], err)
	}
}

func TestSchedulesRefuseNonsense(t *testing.T) {
	for _, t0 := range []float64{0, -1, 1.01, 0.0001, math.NaN()} {
		if s, err := score.DefaultSchedule.Sigmas(t0); err == nil {
			t.Errorf("t0 %g gave %d levels", t0, len(s))
		}
	}
	for _, g := range []struct {
		start, end float64
		n          int
	}{{1, 2, 3}, {1, 0, 3}, {1, 0.1, 0}, {math.NaN(), 0.1, 3}} {
		if s, err := score.Geometric(g.start, g.end, g.n); err == nil {
			t.Errorf("%v gave %v", g, s)
		}
	}
}

func TestGeometric(t *testing.T) {
	s, err := score.Geometric(0.16, 0.01, 5)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.16, 0.08, 0.04, 0.02, 0.01, 0} {
		if math.Abs(s[i]-want) > 1e-12 {
			t.Errorf("%v", s)
		}
	}
	if one, err := score.Geometric(0.16, 0.01, 1); err != nil || one[0] != 0.16 || len(one) != 2 {
		t.Errorf("one step: %v, %v", one, err)
	}
	if c := score.Contraction(s, 1); math.Abs(c-0.5) > 1e-12 {
		t.Errorf("DDIM contraction %v", c)
	}
	if c := score.Contraction(s, 2); math.Abs(c-0.25) > 1e-12 {
		t.Errorf("SMLD contraction %v", c)
	}
}
