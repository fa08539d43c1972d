package phantom

import "math"

// texture is smooth random variation over the plane: about ±1, changing over wave mm.
type texture struct {
	seed uint64
	wave float64
	n    int
	knot []float32 // (n, n)
}

func newTexture(seed uint64, wave float64) *texture {
	n := int(FOV/wave) + 3
	t := &texture{seed, wave, n, make([]float32, n*n)}
	for i := range t.knot {
		t.knot[i] = float32(2*uniform(seed, i, 0, 0) - 1)
	}
	return t
}

// at returns the texture at (x, y) inside the field of view.
func (t *texture) at(x, y float64) float64 {
	u, v := (x+FOV/2)/t.wave, (y+FOV/2)/t.wave
	i, j := int(math.Floor(u)), int(math.Floor(v))
	i, j = min(max(i, 0), t.n-2), min(max(j, 0), t.n-2)
	u, v = u-float64(i), v-float64(j)
	u, v = u*u*(3-2*u), v*v*(3-2*v)
	k := t.knot[j*t.n+i:]
	return lerp(lerp(float64(k[0]), float64(k[1]), u), lerp(float64(k[t.n]), float64(k[t.n+1]), u), v)
}

// grain gives tissue its mild unevenness: a percent or two, at the scales of fibre bundles and of small vessels.
func (c *canvas) grain(seed uint64) {
	coarse, fine := newTexture(seed, 8), newTexture(seed+1, 2.2)
	for row := range c.n {
		y := c.coordinate(row)
		for col := range c.n {
			if i := row*c.n + col; c.value[i] > 0 && c.tissue[i] != Gel && c.tissue[i] != Bar {
				x := c.coordinate(col)
				c.value[i] *= float32(1 + 0.03*coarse.at(x, y) + 0.025*fine.at(x, y))
			}
		}
	}
}
