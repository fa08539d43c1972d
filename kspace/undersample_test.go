package kspace_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// Exact masks hold exactly ⌊nx/R⌋ columns with the whole ACS, differ by seed and repeat for the same one.
func TestGaussianExact(t *testing.T) {
	for _, nx := range []int{32, 181, 320, 368} {
		for accel, acs := range map[float64]float64{1: 0.1, 2: 0.10, 4: 0.08, 6: 0.06, 8: 0.04} {
			var previous kspace.Mask
			for seed := range uint32(20) {
				u := kspace.Undersampling{Kind: kspace.Gaussian1D, Accel: accel, ACS: acs, Seed: seed}
				m, err := u.Mask(nx)
				if err != nil {
					t.Fatal(err)
				}
				if want := int(float64(nx) / accel); m.Lines() != want {
					t.Fatalf("nx %d ×%g: %d lines, want %d", nx, accel, m.Lines(), want)
				}
				if lo, hi := m.ACS(); hi-lo < int(float64(nx)*acs) {
					t.Errorf("nx %d ×%g: ACS %d…%d", nx, accel, lo, hi)
				}
				again, _ := u.Mask(nx)
				if !slices.Equal(m, again) {
					t.Fatal("the same seed gave two masks")
				}
				if accel > 1 && slices.Equal(m, previous) {
					t.Errorf("nx %d ×%g: seeds %d and %d give one mask", nx, accel, seed-1, seed)
				}
				previous = m
			}
		}
	}
}

// The columns crowd around zero frequency with the width the papers state: 15/128 of the matrix.
func TestGaussianExactIsCentred(t *testing.T) {
	const nx = 320
	sum, n := 0, 0
	for seed := range uint32(200) {
		m, err := kspace.Undersampling{Kind: kspace.Gaussian1D, Accel: 8, ACS: 0.04, Seed: seed}.Mask(nx)
		if err != nil {
			t.Fatal(err)
		}
		for i, on := range m {
			if on {
				sum, n = sum+i, n+1
			}
		}
	}
	if mean := float64(sum) / float64(n); mean < nx/2-1 || mean > nx/2+1 {
		t.Errorf("mean column %.2f, want %d", mean, nx/2)
	}
}

func TestUndersamplingErrors(t *testing.T) {
	for _, u := range []kspace.Undersampling{
		{Kind: "radial", Accel: 4},
		{Kind: kspace.Gaussian1D, Accel: 0.5},
		{Kind: kspace.Gaussian1D, Accel: 1000},
		{Kind: kspace.Gaussian1D, Accel: 4, ACS: 1},
		{Kind: kspace.Gaussian1D, Accel: 4, ACS: -0.1},
		{Kind: kspace.Gaussian1D, Accel: 4, ACS: 0.5},
		{Kind: kspace.Gaussian1D, Accel: 4, Mode: "other"},
		{Kind: kspace.EquispacedFraction, Accel: 4, ACS: 0.5},
	} {
		if m, err := u.Mask(320); err == nil {
			t.Errorf("%+v gave %d lines", u, m.Lines())
		}
	}
}

func ExampleUndersampling_Mask() {
	m, _ := kspace.Undersampling{Kind: kspace.Gaussian1D, Accel: 4, ACS: 0.08}.Mask(320)
	fmt.Println(m.Lines(), m.Acceleration())
	// Output: 80 4
}
