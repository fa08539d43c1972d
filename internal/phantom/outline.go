package phantom

import "math"

// outline is the head's surface and its shells at one height, as functions of the angle around the centre.
type outline struct {
	skin   [angles + 1]float64         // radius of the surface in mm
	shells [angles + 1][shells]float64 // depth below the surface in mm where each shell begins
}

const (
	angles = 720 // entries of the tables, linearly interpolated
	shells = 8   // fat, muscle, outer table, marrow, inner table, dura, CSF, brain
)

// shellTissue is what begins at each depth; White is the brain's base coat.
var shellTissue = [shells]Tissue{Fat, Muscle, Bone, Marrow, Bone, Dura, CSF, White}

func newOutline(seed uint64, z float64) *outline {
	o := new(outline)
	size := 1 + 0.02*normal(seed, 1, 0, 0)
	scale := size * math.Sqrt(1-math.Pow(max(z+6, 0)/100, 2)) // the vault closes towards the vertex
	width := 72 * (1 + 0.02*normal(seed, 1, 1, 0))
	ripple := func(key int, theta, wave float64) float64 { // smooth around the head and along it
		return along(seed, 100+key, 0, z)*math.Cos(wave*theta) + along(seed, 100+key, 1, z)*math.Sin(wave*theta)
	}
	for i := range o.skin {
		theta := 2 * math.Pi * float64(i%angles) / angles
		s, c := math.Sincos(theta) // s > 0 is posterior
		w := width * (1 + 0.055*s) // widest behind the ears
		const square = 2.25        // exponent of a superellipse, a little fuller than an ellipse
		r := scale / math.Pow(math.Pow(math.Abs(c)/w, square)+math.Pow(math.Abs(s)/93, square), 1/square)
		o.skin[i] = r + 0.4*ripple(1, theta, 3) + 0.25*ripple(2, theta, 5)
		side, back := c*c, max(s, 0)
		low := smoothstep(35, -5, z) // temporal muscle is low and lateral
		thickness := [shells]float64{
			1.7, // skin
			2.2 + 1.3*back + 0.6*s*s + 0.4*ripple(3, theta, 3) + 0.25*ripple(6, theta, 11), // fat
			0.7 + 3.2*low*side*side*side, // muscle, galea
			1.5,                          // outer table
			2.1 + 0.9*s*s - 1.2*low*side*side*side + 0.35*ripple(4, theta, 4), // marrow
			1.4, // inner table
			0.5, // dura
			0.9 + 0.7*max(-s, 0)*max(-s, 0) + 0.25*ripple(5, theta, 7), // CSF over the brain
		}
		depth := 0.0
		for k, t := range thickness {
			depth += max(t, 0.4)
			o.shells[i][k] = depth
		}
	}
	return o
}

// at returns the surface radius and shell depths at (x, y).
func (o *outline) at(x, y float64) (radius float64, depth [shells]float64) {
	t := math.Atan2(y, x) / (2 * math.Pi)
	if t < 0 {
		t++
	}
	t *= angles
	i := min(int(t), angles-1)
	t -= float64(i)
	for k := range depth {
		depth[k] = lerp(o.shells[i][k], o.shells[i+1][k], t)
	}
	return lerp(o.skin[i], o.skin[i+1], t), depth
}

// brain returns the point of the brain's surface at angle theta (radians from x towards y), shifted inwards by inset mm.
func (o *outline) brain(theta, inset float64) (x, y float64) {
	s, c := math.Sincos(theta)
	radius, depth := o.at(c, s)
	r := radius - depth[shells-1] - inset
	return r * c, r * s
}

// draw paints scalp, skull and the brain's base coat, and returns each pixel's depth in mm below the brain's surface (negative
// outside).
func (o *outline) draw(c *canvas) (depth []float32) {
	depth = make([]float32, c.n*c.n)
	for row := range c.n {
		y := c.coordinate(row)
		for col := range c.n {
			i, x := row*c.n+col, c.coordinate(col)
			r := math.Sqrt(x*x + y*y)
			if r > FOV/2 {
				depth[i] = -FOV
				continue
			}
			radius, shell := o.at(x, y)
			below := radius - r
			depth[i] = float32(below - shell[shells-1])
			if below < -1 {
				continue
			}
			if depth[i] > 1 {
				c.blend(i, White, -1, 0)
				continue
			}
			c.blend(i, Skin, -below, 0)
			for k, t := range shellTissue {
				c.blend(i, t, shell[k]-below, 0.4)
			}
		}
	}
	return depth
}

// drawVessels paints the small vessels of the scalp: flow voids in the fat, near the limit of resolution.
func (o *outline) drawVessels(c *canvas, seed uint64, z float64) {
	for k := range 14 {
		theta := 2*math.Pi*uniform(seed, 950, k, 0) + 0.08*along(seed, 951, k, z)
		s, cs := math.Sincos(theta)
		radius, shell := o.at(cs, s)
		r := radius - lerp(shell[0], shell[1], 0.4+0.3*uniform(seed, 952, k, 0))
		c.fill(ellipse{r * cs, r * s, 0.5 + 0.4*uniform(seed, 953, k, 0), 0.45, theta + math.Pi/2}, Blood, 0.3)
	}
}
