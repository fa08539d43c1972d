package phantom

import "math"

// cortex grows the sulci of one slice: paths that start at the brain's surface or at the midline, wander inwards, keep their
// distance from each other, and branch. Grey matter is what lies within a few millimetres of the surface or of a sulcus.
type cortex struct {
	seed  uint64
	z     float64
	shell *outline
	paths []tube
	taken []mark // where sulci are
}

// mark is a point of a path.
type mark struct {
	x, y float64
	path int
}

const (
	stride    = 1.2 // mm between the nodes of a path
	clearance = 6.9 // mm between neighbouring sulci: two ribbons of grey matter and a blade of white
	ribbon    = 2.6 // mm of grey matter
	fillers   = 60  // places per hemisphere that are tried last
)

func growCortex(seed uint64, z float64, shell *outline) *cortex {
	g := &cortex{seed: seed, z: z, shell: shell}
	front, back := g.midline()
	for _, side := range []float64{1, -1} {
		g.sylvian(side)
	}
	key := 1000
	for _, long := range []bool{true, false} { // long sulci take their room first
		for hemisphere, side := range []float64{1, -1} {
			for k := range 20 {
				key++
				if (k%2 == 0) == long {
					g.convexity(key, side, (float64(k)+0.75+0.22*along(seed, 2000+k, hemisphere, z))/20, long)
				}
			}
		}
	}
	for hemisphere, side := range []float64{1, -1} {
		for k := range 14 {
			key++
			y := -80 + 12.2*(float64(k)+0.2*along(seed, 2100+k, hemisphere, z))
			if y < front-2 || y > back+2 {
				g.medial(key, side, y)
			}
		}
	}
	g.branches()
	for k := range 2 * fillers { // short sulci wherever the surface is still bare
		side := float64(1 - 2*(k%2))
		g.convexity(8000+k, side, float64(k/2)/fillers, false)
	}
	g.branches()
	return g
}

// midline adds the fissure between the hemispheres; the corpus callosum, between front and back, bridges it in lower slices.
func (g *cortex) midline() (front, back float64) {
	open := smoothstep(21, 31, g.z)
	front, back = lerp(-41, -1, open), lerp(36, 1, open)
	sway := func(y float64) float64 { return 0.7 * math.Sin(y/17+along(g.seed, 31, 0, g.z)) }
	_, top := g.shell.brain(-math.Pi/2, 0)
	_, bottom := g.shell.brain(math.Pi/2, 0)
	line := func(from, to float64) {
		var t tube
		n := int(math.Abs(to-from) / stride)
		for i := range n + 1 {
			y := lerp(from, to, float64(i)/float64(n))
			t = append(t, node{sway(y), y, 0.8 + 0.25*math.Sin(y/6+along(g.seed, 32, 0, g.z))})
		}
		g.add(t)
	}
	line(top, front)
	line(bottom, back)
	return front, back
}

// sylvian adds the lateral fissure, which opens over the insula in lower slices.
func (g *cortex) sylvian(side float64) {
	depth := smoothstep(24, 8, g.z)
	if depth == 0 {
		return
	}
	jitter := func(k int) float64 { return 0.8 * along(g.seed, 40+k, int(side), g.z) }
	theta := -0.12 + 0.05*jitter(0)
	if side < 0 {
		theta = math.Pi - theta
	}
	mx, my := g.shell.brain(theta, -0.5)
	ix := side * lerp(math.Abs(mx)-8, 36.5+jitter(1), depth)
	g.add(tube{{mx, my, 1.6}, {(mx + ix) / 2, my - 2 + jitter(2), 1.2}, {ix, my - 3, 1.3}}.smooth())
	if depth > 0.5 {
		g.add(tube{{ix, my - 3, 1.2}, {ix - side*1.5, my - 13, 1.1}, {ix - side*6, my - 21 + jitter(3), 0.6}}.smooth())
		g.add(tube{{ix, my - 3, 1.2}, {ix + side*1, my + 10, 1.0}, {ix - side*1, my + 20 + jitter(4), 0.6}}.smooth())
	}
}

// convexity adds a sulcus of the outer surface; at runs from 0, the front pole, to 1, the back.
func (g *cortex) convexity(key int, side, at float64, long bool) {
	if at < 0.04 || at > 0.97 {
		return
	}
	theta := (at - 0.5) * math.Pi
	if side < 0 {
		theta = math.Pi - theta
	}
	x, y := g.shell.brain(theta, -0.3)
	length := 9 + 2.5*along(g.seed, key, 0, g.z)
	width := 0.5
	if long {
		length = 27 + 6*along(g.seed, key, 0, g.z)
		width = 0.65
	}
	heading := math.Atan2(-y, -x) + 0.3*along(g.seed, key, 1, g.z)
	g.grow(key, -1, x, y, heading, length, width*math.Exp(0.4*along(g.seed, key, 2, g.z)))
}

// medial adds a sulcus of the inner surface, starting at the midline.
func (g *cortex) medial(key int, side, y float64) {
	heading := 0.5 * along(g.seed, key, 1, g.z)
	if side < 0 {
		heading = math.Pi - heading
	}
	g.grow(key, 0, side*0.4, y, heading, 11+3.5*along(g.seed, key, 0, g.z), 0.55)
}

// branches gives the existing sulci side arms where there is room.
func (g *cortex) branches() {
	for p, n := 0, len(g.paths); p < n; p++ {
		path := g.paths[p]
		for i := 5; i < len(path)-1; i += 4 {
			key := 10000 + 100*p + i
			turn := 1.15 + 0.3*uniform(g.seed, key, 0, 0)
			if uniform(g.seed, key, 1, 0) < 0.5 {
				turn = -turn
			}
			heading := math.Atan2(path[i].y-path[i-1].y, path[i].x-path[i-1].x)
			for _, turn := range []float64{turn, -turn} {
				g.grow(key, p, path[i].x, path[i].y, heading+turn, 6+9*uniform(g.seed, key, 2, 0), 0.4)
			}
		}
	}
}

// grow lets a path wander from (x, y) until it has its length or no room. It may be near its parent path only while it leaves it.
func (g *cortex) grow(key, parent int, x, y, heading, length, width float64) {
	t := tube{{x, y, 1.5 * width}}
	bend := 0.05 * along(g.seed, key, 3, g.z)
	for walked := 0.0; walked < length; walked += stride {
		bend = 0.8*bend + 0.075*along(g.seed, key, 10+int(walked/stride), g.z)
		heading += bend
		ok := false
		for _, swerve := range []float64{0, 0.15, -0.15, 0.3, -0.3, 0.45, -0.45} {
			s, c := math.Sincos(heading + swerve)
			nx, ny := x+stride*c, y+stride*s
			if g.free(nx, ny, parent, walked) {
				x, y, heading, ok = nx, ny, heading+swerve, true
				break
			}
		}
		if !ok {
			break
		}
		left := 1 - walked/length
		mouth := 0.0
		if parent < 0 {
			mouth = 0.7 * math.Exp(-walked/1.5) // gyri are rounded
		}
		t = append(t, node{x, y, max(width*(0.45+0.55*left*left), 0.22) + mouth})
	}
	if len(t) > 4 { // shorter ones are dents, not sulci
		t.relax()
		g.add(t)
	}
}

// free says whether a sulcus may pass (x, y) after walking that many mm away from parent.
func (g *cortex) free(x, y float64, parent int, walked float64) bool {
	if g.core(x, y) < 0 {
		return false
	}
	for _, m := range g.taken {
		need := clearance
		if m.path == parent {
			need = min(0.75*(walked+stride)-0.3, clearance)
		} else if walked < 4 {
			need = clearance - 2 // mouths may be close
		}
		if dx, dy := m.x-x, m.y-y; dx*dx+dy*dy < need*need {
			return false
		}
	}
	return walked < 5 || g.depth(x, y) > 4.5
}

// depth returns how deep (x, y) lies below the brain's surface in mm.
func (g *cortex) depth(x, y float64) float64 {
	radius, shell := g.shell.at(x, y)
	return radius - shell[shells-1] - math.Hypot(x, y)
}

// core is the signed distance to the central white matter and nuclei, where no sulcus goes: one region in low slices, one for
// each hemisphere (the centrum semiovale) in high ones.
func (g *cortex) core(x, y float64) float64 {
	t := smoothstep(6, 34, g.z)
	e := ellipse{lerp(0, 24, t), 1, lerp(36, 6, t), lerp(46, 31, t), 0}
	if t > 0 {
		x = math.Abs(x)
	}
	return e.distance(x, y)
}

func (g *cortex) add(t tube) {
	for _, p := range t {
		g.taken = append(g.taken, mark{p.x, p.y, len(g.paths)})
	}
	g.paths = append(g.paths, t)
}

// draw paints grey matter and the fluid in the sulci. depth is what outline.draw returned.
func (g *cortex) draw(c *canvas, depth []float32) {
	const far = 6
	near := make([]float32, len(depth)) // distance to the nearest sulcus
	for i := range near {
		near[i] = far
	}
	for _, path := range g.paths {
		for i := 1; i < len(path); i++ {
			c.each(segment{path[i-1], path[i]}, 4, func(i int, d float64) { near[i] = min(near[i], float32(d)) })
		}
	}
	uneven := newTexture(g.seed^0x5eed, 11)
	for i, below := range depth {
		if below < -1 {
			continue
		}
		d := math.Min(float64(near[i]), float64(below))
		if d > 4 {
			continue
		}
		x, y := c.coordinate(i%c.n), c.coordinate(i/c.n)
		thick := ribbon * (1 + 0.35*uneven.at(x, y))
		if below > 0 {
			c.blend(i, Grey, d-thick, 1.2)
			c.blend(i, CSF, float64(near[i]), 0.5)
		}
	}
}
