package phantom

import "math"

// bias is the smooth unevenness of intensity that receive and transmit fields leave: exp of a quadratic, within about ±15 %.
type bias struct{ x, y, xx, xy, yy float64 }

func newBias(seed uint64) bias {
	n := func(k int) float64 { return normal(seed, 900, k, 0) }
	return bias{0.05 * n(0), 0.05 * n(1), 0.06 + 0.02*n(2), 0.02 * n(3), 0.06 + 0.02*n(4)}
}

// row returns the field along the row at y mm, as a function of x mm.
func (b bias) row(y float64) func(x float64) float32 {
	y /= FOV / 2
	return func(x float64) float32 {
		x /= FOV / 2
		return float32(math.Exp(b.x*x + b.y*y + b.xx*(x*x-0.3) + b.xy*x*y + b.yy*(y*y-0.3)))
	}
}
