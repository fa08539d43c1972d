package kspace

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// HoldOut keeps some acquired columns from a reconstruction, which then has to predict them: cross-validation in k-space, a score
// that needs no reference. The zero value holds nothing out.
type HoldOut struct {
	Fraction float64 // of the acquired columns, [0, 0.5]
	Seed     uint64
}

// Validate says what is wrong with h.
func (h HoldOut) Validate() error {
	if !(h.Fraction >= 0 && h.Fraction <= 0.5) {
		return fmt.Errorf("held-out fraction %g is not in [0, 0.5]", h.Fraction)
	}
	return nil
}

// SplitPoints is Split for single points, those held out being from outside the fully sampled central square.
func (h HoldOut) SplitPoints(p Points, nx int) (kept, held Points, err error) {
	lo, hi := p.Centre(nx)
	top, bottom := len(p)/nx/2-(nx/2-lo), len(p)/nx/2+(hi-nx/2)
	k, o, err := h.split(Mask(p), func(i int) bool { y, x := i/nx, i%nx; return x >= lo && x < hi && y >= top && y < bottom })
	return Points(k), Points(o), err
}

// Split divides m into the columns to reconstruct from and those held out, which are drawn uniformly from outside the fully sampled
// centre: coil maps need that whole. At least one column is held out, nil when Fraction is 0. Equal arguments give equal columns.
func (h HoldOut) Split(m Mask) (kept, held Mask, err error) {
	lo, hi := m.ACS()
	return h.split(m, func(x int) bool { return x >= lo && x < hi })
}

func (h HoldOut) split(m Mask, central func(int) bool) (kept, held Mask, err error) {
	if err := h.Validate(); err != nil {
		return nil, nil, err
	}
	if h.Fraction == 0 {
		return m, nil, nil
	}
	var outside []int
	for x, on := range m {
		if on && !central(x) {
			outside = append(outside, x)
		}
	}
	n := max(1, int(math.Round(h.Fraction*float64(m.Lines()))))
	if n > len(outside) {
		return nil, nil, errors.New("too little is acquired outside the fully sampled centre to hold any out")
	}
	random := rand.New(rand.NewPCG(h.Seed, 0x686f6c64))
	random.Shuffle(len(outside), func(i, j int) { outside[i], outside[j] = outside[j], outside[i] })
	kept, held = append(Mask{}, m...), make(Mask, len(m))
	for _, x := range outside[:n] {
		kept[x], held[x] = false, true
	}
	return kept, held, nil
}
