package phantom

import "math"

// Lesion is a focal lesion in white matter: its place is the truth that a reconstruction must show, no more and no less.
// Positions are in pixels of the (Matrix, Matrix) reference.
type Lesion struct {
	Row, Col float64 // centre
	Radius   float64 // in pixels, to half contrast
	Contrast float64 // lesion minus white matter, in units of the brightest tissue, before the bias field
}

// The lesions of every slice, largest first; each is drawn where there is room for it in the white matter. The last ones are
// near the limit of what the scan can show: a radiologist would not accept losing them.
var lesionSizes = []struct{ radius, strength float64 }{ // mm, fraction of full contrast
	{3.4, 1}, {2.4, 1}, {2.2, 0.5}, {1.7, 1}, {1.2, 1}, {0.9, 0.7},
}

// Lesions returns the lesions of slice i, or nil when h or i is not valid.
func (h Head) Lesions(i int) []Lesion {
	h, err := h.Defaults()
	if err != nil || i < 0 || i >= h.Slices {
		return nil
	}
	_, lesions := h.paint(i)
	return lesions
}

func (h Head) drawLesions(c *canvas, slice int) []Lesion {
	var lesions []Lesion
	full := c.ink
	for k, l := range lesionSizes {
		x, y, ok := h.room(c, slice, k, l.radius+0.8)
		if !ok {
			continue
		}
		contrast := float32(l.strength) * (full[Plaque] - full[White])
		c.ink[Plaque] = full[White] + contrast
		turn := math.Pi * uniform(h.Seed, 700+k, slice, 0)
		c.fill(warped{ellipse{x, y, 1.12 * l.radius, l.radius / 1.12, turn}, 0.12 * l.radius, turn}, Plaque, 0.5)
		pitch := FOV / float64(h.Matrix)
		lesions = append(lesions, Lesion{
			Row: y/pitch + float64(h.Matrix/2), Col: x/pitch + float64(h.Matrix/2),
			Radius: l.radius / pitch, Contrast: float64(contrast),
		})
	}
	c.ink = full
	return lesions
}

// room looks for a disc of white matter beside the midline, the first of a seeded sequence of places around the ventricles.
func (h Head) room(c *canvas, slice, key int, radius float64) (x, y float64, ok bool) {
	for try := range 3000 {
		x = 48 * (2*uniform(h.Seed, 710+key, slice, 2*try) - 1)
		y = 62 * (2*uniform(h.Seed, 710+key, slice, 2*try+1) - 1)
		if math.Abs(x) > 6+radius && c.only(ellipse{x, y, radius, radius, 0}, White) {
			return x, y, true
		}
	}
	return 0, 0, false
}

// only says whether s covers nothing but tissue t.
func (c *canvas) only(s shape, t Tissue) bool {
	ok := true
	c.each(s, 0, func(i int, _ float64) { ok = ok && c.tissue[i] == t })
	return ok
}
