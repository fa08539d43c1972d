// Package vector has the vectors of patient coordinates: where an image lies, and which way its rows and columns go.
package vector

import "math"

// V is a vector (x, y, z).
type V = [3]float64

// Dot is a·b.
func Dot(a, b V) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// Cross is a × b.
func Cross(a, b V) V {
	return V{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

// Add is a + b.
func Add(a, b V) V { return V{a[0] + b[0], a[1] + b[1], a[2] + b[2]} }

// Scale is by·v.
func Scale(v V, by float64) V { return V{by * v[0], by * v[1], by * v[2]} }

// Orthonormal reports whether a and b are unit vectors at a right angle, as far as files round their cosines: then their product has
// length 1, and so have they.
func Orthonormal(a, b V) bool {
	n := Cross(a, b)
	return isUnit(a) && isUnit(b) && isUnit(n)
}

func isUnit(v V) bool { return math.Abs(Dot(v, v)-1) < 1e-2 }

// Sharpen returns the exact unit vectors at a right angle that rounded ones stand for; the first keeps its direction.
func Sharpen(a, b V) (V, V) {
	a = Scale(a, 1/math.Sqrt(Dot(a, a)))
	along := Dot(b, a)
	for k := range b {
		b[k] -= along * a[k]
	}
	return a, Scale(b, 1/math.Sqrt(Dot(b, b)))
}

// Step is the distance of neighbouring locations, whichever way they go; 0 where it is not the same within 1 %, as when slices are missing.
func Step(locations []float64) float64 {
	last := len(locations) - 1
	if last < 1 {
		return 0
	}
	mean := (locations[last] - locations[0]) / float64(last)
	for i, l := range locations[1:] {
		if math.Abs(l-locations[i]-mean) > 0.01*math.Abs(mean) {
			return 0
		}
	}
	return math.Abs(mean)
}
