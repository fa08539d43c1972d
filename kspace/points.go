package kspace

import "fmt"

// Points marks acquired samples one by one, (ny, nx) row-major: undersampling where both axes are phase encode, as in a partition of a
// 3-D acquisition.
type Points []bool

// Count returns the number of acquired samples.
func (p Points) Count() int { return Mask(p).Lines() }

// Apply sets the samples of d that p does not mark to zero.
func (p Points) Apply(d Data) {
	for i := range d.Val {
		if !p[i%len(p)] {
			d.Val[i] = 0
		}
	}
}

// Columns marks the columns of nx that hold any acquired sample.
func (p Points) Columns(nx int) Mask {
	m := make(Mask, nx)
	for i, on := range p {
		m[i%nx] = m[i%nx] || on
	}
	return m
}

// Centre returns the largest fully sampled square around the zero frequency (ny/2, nx/2): its columns [lo, hi). lo is hi when there is
// none.
func (p Points) Centre(nx int) (lo, hi int) {
	ny := len(p) / nx
	half := 0
	for half < min(ny, nx)/2 && p.full(nx, half+1) {
		half++
	}
	return nx/2 - half, nx/2 + half
}

// full says whether the square of side 2·half in the centre is acquired.
func (p Points) full(nx, half int) bool {
	ny := len(p) / nx
	for y := ny/2 - half; y < ny/2+half; y++ {
		for x := nx/2 - half; x < nx/2+half; x++ {
			if !p[y*nx+x] {
				return false
			}
		}
	}
	return true
}

// Scattered is multi-coil sampling of single points, A = M F S with coil sensitivity maps S and M diagonal in k-space. ‖A‖ ≤ 1 with
// Σ|S|² ≤ 1.
type Scattered struct {
	sense  *Sense // of every column
	points Points
	masked Data
}

// NewScattered returns the operator for the given maps (nc, ny, nx); one coil has maps of 1.
func NewScattered(maps Data, points Points) *Scattered {
	if len(points) != maps.Ny*maps.Nx {
		panic(fmt.Sprintf("kspace: %d points for maps (%d, %d, %d)", len(points), maps.Nc, maps.Ny, maps.Nx))
	}
	return &Scattered{NewSense(maps, Every(maps.Nx)), points, NewData(maps.Nc, maps.Ny, maps.Nx)}
}

// Shape implements Operator.
func (a *Scattered) Shape() (nc, ny, nx int) { return a.sense.Shape() }

// Points returns the acquired samples.
func (a *Scattered) Points() Points { return a.points }

// Maps returns the sensitivity maps (nc, ny, nx), which must not be changed.
func (a *Scattered) Maps() Data { return a.sense.Maps() }

// Forward implements Operator.
func (a *Scattered) Forward(dst Data, x Image) {
	a.sense.Forward(dst, x)
	a.points.Apply(dst)
}

// Adjoint implements Operator.
func (a *Scattered) Adjoint(dst Image, y Data) {
	mustFit(a, y, dst)
	copy(a.masked.Val, y.Val)
	a.points.Apply(a.masked)
	a.sense.Adjoint(dst, a.masked)
}
