package phantom

import "math"

// ellipse has centre (x, y), half axes a and b in mm and is turned by angle (radians, from x towards y).
type ellipse struct{ x, y, a, b, angle float64 }

func (e ellipse) distance(x, y float64) float64 {
	s, c := math.Sincos(e.angle)
	x, y = x-e.x, y-e.y
	u, v := (c*x+s*y)/e.a, (c*y-s*x)/e.b
	k := math.Hypot(u, v)
	if k < 1e-9 {
		return -min(e.a, e.b)
	}
	return k * (k - 1) / math.Hypot(u/e.a, v/e.b) // first-order distance to the level set k = 1
}

func (e ellipse) bounds() (x0, y0, x1, y1 float64) {
	r := max(e.a, e.b)
	return e.x - r, e.y - r, e.x + r, e.y + r
}

// ellipsoid is cut by slices: centre and half axes in mm, turned in the plane.
type ellipsoid struct{ x, y, z, a, b, c, angle float64 }

// cut returns the section at height z; ok is false where there is none worth drawing.
func (e ellipsoid) cut(z float64) (section ellipse, ok bool) {
	h := (z - e.z) / e.c
	if h*h >= 0.96 {
		return ellipse{}, false
	}
	f := math.Sqrt(1 - h*h)
	return ellipse{e.x, e.y, e.a * f, e.b * f, e.angle}, true
}

// mirror returns the ellipsoid on the other side of the midline.
func (e ellipsoid) mirror() ellipsoid {
	e.x, e.angle = -e.x, -e.angle
	return e
}

// node is a point of a tube, with the tube's radius there, in mm. A negative radius is a gap.
type node struct{ x, y, r float64 }

// segment is a tube between two nodes, its radius changing linearly.
type segment struct{ p, q node }

func (s segment) distance(x, y float64) float64 {
	dx, dy := s.q.x-s.p.x, s.q.y-s.p.y
	px, py := x-s.p.x, y-s.p.y
	t := min(max((px*dx+py*dy)/max(dx*dx+dy*dy, 1e-12), 0), 1)
	px -= t * dx
	py -= t * dy
	return math.Sqrt(px*px+py*py) - lerp(s.p.r, s.q.r, t)
}

func (s segment) bounds() (x0, y0, x1, y1 float64) {
	r := max(s.p.r, s.q.r, 0)
	return min(s.p.x, s.q.x) - r, min(s.p.y, s.q.y) - r, max(s.p.x, s.q.x) + r, max(s.p.y, s.q.y) + r
}

// tube is a chain of segments.
type tube []node

func (t tube) distance(x, y float64) float64 {
	d := math.Inf(1)
	for i := 1; i < len(t); i++ {
		d = min(d, segment{t[i-1], t[i]}.distance(x, y))
	}
	return d
}

func (t tube) bounds() (x0, y0, x1, y1 float64) {
	x0, y0, x1, y1 = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range t {
		r := max(p.r, 0)
		x0, y0, x1, y1 = min(x0, p.x-r), min(y0, p.y-r), max(x1, p.x+r), max(y1, p.y+r)
	}
	return x0, y0, x1, y1
}

// smooth returns the tube with Catmull–Rom points between its nodes, so that few nodes draw a curve.
func (t tube) smooth() tube {
	const parts = 6
	at := func(i int) node { return t[min(max(i, 0), len(t)-1)] }
	spline := func(a, b, c, d, u float64) float64 {
		return 0.5 * (2*b + (c-a)*u + (2*a-5*b+4*c-d)*u*u + (3*b-a-3*c+d)*u*u*u)
	}
	out := tube{t[0]}
	for i := range len(t) - 1 {
		a, b, c, d := at(i-1), at(i), at(i+1), at(i+2)
		for k := 1; k <= parts; k++ {
			u := float64(k) / parts
			out = append(out, node{spline(a.x, b.x, c.x, d.x, u), spline(a.y, b.y, c.y, d.y, u), lerp(b.r, c.r, u)})
		}
	}
	return out
}

// relax takes the kinks out of a tube; its ends stay.
func (t tube) relax() {
	for range 4 {
		for i := 1; i < len(t)-1; i++ {
			t[i].x = (t[i-1].x + 2*t[i].x + t[i+1].x) / 4
			t[i].y = (t[i-1].y + 2*t[i].y + t[i+1].y) / 4
		}
	}
}

// mirror returns the tube on the other side of the midline.
func (t tube) mirror() tube {
	out := make(tube, len(t))
	for i, p := range t {
		out[i] = node{-p.x, p.y, p.r}
	}
	return out
}

// warped bends a shape by a few slow waves of about a millimetre, so that nothing is a perfect ellipse.
type warped struct {
	shape
	amount, phase float64
}

func (w warped) distance(x, y float64) float64 {
	dx := w.amount * (math.Sin(0.21*y+w.phase) + 0.5*math.Sin(0.47*y+0.13*x+2*w.phase))
	dy := w.amount * (math.Sin(0.19*x+1.7*w.phase) + 0.5*math.Sin(0.43*x-0.15*y+w.phase))
	return w.shape.distance(x+dx, y+dy)
}

func (w warped) bounds() (x0, y0, x1, y1 float64) {
	x0, y0, x1, y1 = w.shape.bounds()
	m := 1.5 * w.amount
	return x0 - m, y0 - m, x1 + m, y1 + m
}
