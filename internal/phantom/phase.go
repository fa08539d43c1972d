package phantom

import (
	"math"
	"math/cmplx"
)

// phaseField is a smooth phase over the field of view: a constant, a quadratic and three slow waves, as field inhomogeneity, echo
// shift and receive coils leave it. It changes with the slice only a little.
type phaseField struct {
	c    [6]float64
	wave [3]struct{ amount, fx, fy, start float64 }
}

// newPhase draws the phase of a slice; seed 0 has none.
func newPhase(seed uint64, slice int) *phaseField {
	if seed == 0 {
		return nil
	}
	p := new(phaseField)
	spread := [6]float64{math.Pi, 1, 1, 0.5, 0.5, 0.5}
	for k, s := range spread {
		p.c[k] = s * (normal(seed, 800, k, 0) + 0.1*normal(seed, 801, k, slice+1))
	}
	for k := range p.wave {
		w := &p.wave[k]
		w.amount = 0.2 * normal(seed, 810, k, 0)
		w.fx, w.fy = 3*(2*uniform(seed, 811, k, 0)-1), 3*(2*uniform(seed, 812, k, 0)-1)
		w.start = 2 * math.Pi * uniform(seed, 813, k, 0)
	}
	return p
}

// at returns the unit factor at (x, y) mm.
func (p *phaseField) at(x, y float64) complex128 {
	if p == nil {
		return 1
	}
	x, y = x/(FOV/2), y/(FOV/2)
	phi := p.c[0] + p.c[1]*x + p.c[2]*y + p.c[3]*x*x + p.c[4]*x*y + p.c[5]*y*y
	for _, w := range p.wave {
		phi += w.amount * math.Cos(w.fx*x+w.fy*y+w.start)
	}
	return cmplx.Rect(1, phi)
}
