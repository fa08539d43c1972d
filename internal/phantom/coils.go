package phantom

import (
	"math"

	"github.com/closer-mri/closer/kspace"
)

// array is a ring of receive coils around the head. Each coil is a long loop along the bore, which a slice cuts in two wires of
// opposite current; by Biot and Savart in two dimensions its sensitivity is, with positions z = x + iy,
//
//	S(z) = g · (1/(z−z₁) − 1/(z−z₂))
//
// the wires having a thickness, so that S is finite everywhere. The root sum of squares is 1 at the centre and grows to about
// twice that at the scalp, as in a real head coil; Σ|S|² = 1 does not hold, the maps that a reconstruction estimates are
// normalised instead. A single coil is a body coil: S = 1.
type array struct {
	wires [][2]complex128 // mm
	gain  float64
}

const (
	ringRadius = 0.8 * FOV
	wireRadius = 0.1 * FOV
)

func newArray(n int) *array {
	a := &array{wires: make([][2]complex128, n), gain: 1}
	if n == 1 {
		return a
	}
	half := min(1.1*math.Pi/float64(n), math.Pi/4.5) // neighbours overlap a little
	var sum float64
	for c := range a.wires {
		angle := 2*math.Pi*float64(c)/float64(n) + 0.3
		s0, c0 := math.Sincos(angle - half)
		s1, c1 := math.Sincos(angle + half)
		a.wires[c] = [2]complex128{complex(ringRadius*c0, ringRadius*s0), complex(ringRadius*c1, ringRadius*s1)}
		v := a.at(c, 0, 0)
		sum += real(v)*real(v) + imag(v)*imag(v)
	}
	a.gain = 1 / math.Sqrt(sum)
	return a
}

// at returns the sensitivity of coil c at (x, y) mm.
func (a *array) at(c int, x, y float64) complex128 {
	if len(a.wires) == 1 {
		return 1
	}
	w := a.wires[c]
	inverse := func(z complex128) complex128 {
		f := a.gain / (real(z)*real(z) + imag(z)*imag(z) + wireRadius*wireRadius)
		return complex(f*real(z), -f*imag(z))
	}
	z := complex(x, y)
	return inverse(z-w[0]) - inverse(z-w[1])
}

// Coils returns the true sensitivity maps (n, ny, nx) of the simulated array on a grid whose pixel is FOV/matrix; see array for
// what they are and how they are normalised.
func Coils(n, ny, nx, matrix int) kspace.Data {
	a := newArray(n)
	maps := kspace.NewData(n, ny, nx)
	pitch := FOV / float64(matrix)
	for c := range n {
		pix := maps.Coil(c).Pix
		for row := range ny {
			for col := range nx {
				pix[row*nx+col] = complex64(a.at(c, float64(col-nx/2)*pitch, float64(row-ny/2)*pitch))
			}
		}
	}
	return maps
}
