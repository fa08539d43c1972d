package kspace

import (
	"fmt"
	"math"
	"slices"
)

// Kinds of retrospective 1-D undersampling.
const (
	Gaussian1D         = "gaussian1d"          // CCDF and score-MRI
	Random             = "random"              // fastMRI RandomMaskFunc
	Equispaced         = "equispaced"          // fastMRI EquiSpacedMaskFunc: true acceleration below nominal
	EquispacedFraction = "equispaced_fraction" // fastMRI EquispacedMaskFractionFunc
)

// Modes of Gaussian1D.
const (
	Exact    = "exact"     // exactly ⌊nx/R⌋ columns
	ScoreMRI = "score-mri" // as the public score-MRI code draws: with replacement, truncated, clipped; count varies
)

// Undersampling describes a mask; equal values give equal masks on every machine, and the masks of the Python codes for the
// same numpy seed.
type Undersampling struct {
	Kind  string
	Mode  string   // of Gaussian1D; "" is Exact
	Accel float64  // nominal acceleration R ≥ 1
	ACS   float64  // fraction of columns in the fully sampled centre, [0, 1)
	Seed  uint32   // numpy.random.seed(Seed)
	Key   []uint32 // numpy.random.seed(Key) where not nil: fastMRI takes the characters of the file name
}

// Mask draws the mask of nx columns. The error says which value does not fit.
func (u Undersampling) Mask(nx int) (Mask, error) {
	if !(u.Accel >= 1) {
		return nil, fmt.Errorf("acceleration %g is less than 1", u.Accel)
	}
	if u.Accel > float64(nx) {
		return nil, fmt.Errorf("acceleration %g is more than the %d phase-encode columns", u.Accel, nx)
	}
	if !(u.ACS >= 0) || u.ACS >= 1 {
		return nil, fmt.Errorf("ACS fraction %g is not in [0, 1)", u.ACS)
	}
	r := newMT19937(u.Seed)
	if u.Key != nil {
		r = newMT19937Key(u.Key)
	}
	switch {
	case u.Kind == Gaussian1D && (u.Mode == Exact || u.Mode == ""):
		return gaussianExact(nx, u, r)
	case u.Kind == Gaussian1D && u.Mode == ScoreMRI:
		return gaussianScoreMRI(nx, u, r), nil
	case u.Kind == Gaussian1D:
		return nil, fmt.Errorf("mask mode %q is neither %q nor %q", u.Mode, Exact, ScoreMRI)
	case u.Kind == Random || u.Kind == Equispaced || u.Kind == EquispacedFraction:
		return fastMRIMask(nx, u, r)
	}
	return nil, fmt.Errorf("unknown mask %q (have %s, %s, %s, %s)", u.Kind, Gaussian1D, Random, Equispaced, EquispacedFraction)
}

// gaussianExact switches on the ACS, then columns drawn from N(nx/2, (15/128·nx)²) without replacement up to ⌊nx/R⌋.
func gaussianExact(nx int, u Undersampling, r *mt19937) (Mask, error) {
	m, n := make(Mask, nx), int(float64(nx)*u.ACS)
	want := int(float64(nx) / u.Accel)
	if n > want {
		return nil, fmt.Errorf("ACS fraction %g alone is more than acceleration %g leaves, %.3g of the columns", u.ACS, u.Accel, 1/u.Accel)
	}
	m.set(nx/2-n/2, n)
	std := float64(nx) * 15 / 128
	for draw := 0; n < want && draw < 100*nx; draw++ {
		x := int(math.Floor(float64(nx/2) + std*r.normal() + 0.5))
		if x >= 0 && x < nx && !m[x] {
			m[x] = true
			n++
		}
	}
	// Near R = 1 the last columns lie too far out to be drawn: take those nearest to the centre.
	for d := 0; n < want; d++ {
		for _, x := range []int{nx/2 - d, nx/2 + d} {
			if n < want && x >= 0 && x < nx && !m[x] {
				m[x] = true
				n++
			}
		}
	}
	return m, nil
}

// gaussianScoreMRI is get_mask(type='gaussian1d') of HJ-harry/score-MRI utils.py, after numpy.random.seed.
func gaussianScoreMRI(nx int, u Undersampling, r *mt19937) Mask {
	m := make(Mask, nx)
	std := float64(nx) * 15 / 128
	for range int(float64(int(float64(nx)/u.Accel)) * 1.2) {
		x := int(float64(nx/2) + std*r.normal()) // truncation toward zero, as astype(int)
		m[min(max(x, 0), nx-1)] = true
	}
	n := int(float64(nx) * u.ACS)
	m.set(nx/2-n/2, n)
	return m
}

// fastMRIMask follows facebookresearch/fastMRI fastmri/data/subsample.py, choice of one acceleration.
func fastMRIMask(nx int, u Undersampling, r *mt19937) (Mask, error) {
	m := make(Mask, nx)
	n := int(math.RoundToEven(float64(nx) * u.ACS))
	cols, low := float64(nx), float64(n)
	switch u.Kind {
	case Random:
		p := (cols/u.Accel - low) / (cols - low)
		for i := range m {
			m[i] = r.float64() < p
		}
	case Equispaced:
		step := int(math.RoundToEven(u.Accel))
		for i := r.intn(step); i < nx; i += step {
			m[i] = true
		}
	case EquispacedFraction:
		step := u.Accel * (low - cols) / (low*u.Accel - cols)
		if !(step >= 1) {
			return nil, fmt.Errorf("ACS fraction %g alone is more than acceleration %g leaves, %.3g of the columns", u.ACS, u.Accel, 1/u.Accel)
		}
		offset := r.intn(int(math.RoundToEven(step)))
		for i := 0; float64(offset)+float64(i)*step < cols-1; i++ {
			m[int(math.RoundToEven(float64(offset)+float64(i)*step))] = true
		}
	}
	m.set((nx-n+1)/2, n)
	return m, nil
}

// set switches on n columns from start.
func (m Mask) set(start, n int) {
	for i := range n {
		m[start+i] = true
	}
}

// Every is the mask of all nx columns.
func Every(nx int) Mask { return slices.Repeat(Mask{true}, nx) }

// ACS returns the half-open range of the fully sampled central columns: the longest run of acquired columns that contains
// zero frequency. It is empty (lo == hi) when zero frequency was not acquired.
func (m Mask) ACS() (lo, hi int) {
	lo, hi = len(m)/2, len(m)/2
	for hi < len(m) && m[hi] {
		hi++
	}
	for lo > 0 && hi > len(m)/2 && m[lo-1] {
		lo--
	}
	return lo, hi
}
