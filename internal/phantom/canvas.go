package phantom

import "math"

// canvas is a slice while it is being drawn: n × n pixels of pitch mm over the field of view. Later shapes cover earlier ones;
// a pixel that an edge crosses takes its share of both (partial volume).
type canvas struct {
	n      int
	pitch  float64
	ink    intensity
	value  []float32
	tissue []Tissue // what covers most of each pixel
}

func newCanvas(n int, ink intensity) *canvas {
	return &canvas{n, FOV / float64(n), ink, make([]float32, n*n), make([]Tissue, n*n)}
}

// coordinate returns the position in mm of row or column i.
func (c *canvas) coordinate(i int) float64 { return float64(i-c.n/2) * c.pitch }

// index returns the row or column nearest to v mm, inside the canvas.
func (c *canvas) index(v float64) int {
	return min(max(int(math.Round(v/c.pitch))+c.n/2, 0), c.n-1)
}

// blend lays tissue t over pixel i, where d is the signed distance in mm to its edge (negative inside) and soft the width of
// the edge.
func (c *canvas) blend(i int, t Tissue, d, soft float64) {
	cover := 0.5 - d/max(soft, c.pitch)
	switch {
	case cover <= 0:
	case cover >= 1:
		c.value[i], c.tissue[i] = c.ink[t], t
	default:
		c.value[i] += float32(cover) * (c.ink[t] - c.value[i])
		if cover >= 0.5 {
			c.tissue[i] = t
		}
	}
}

// shape is a region of the plane.
type shape interface {
	// distance returns the distance from (x, y) to the edge in mm, negative inside; exact near the edge.
	distance(x, y float64) float64
	// bounds returns a box that contains the shape.
	bounds() (x0, y0, x1, y1 float64)
}

// fill paints s with tissue t; the edge is soft mm wide.
func (c *canvas) fill(s shape, t Tissue, soft float64) {
	c.each(s, soft+c.pitch, func(i int, d float64) { c.blend(i, t, d, soft) })
}

// each calls f with every pixel within margin mm of s, and its distance.
func (c *canvas) each(s shape, margin float64, f func(i int, d float64)) {
	x0, y0, x1, y1 := s.bounds()
	left, right := c.index(x0-margin), c.index(x1+margin)
	for row := c.index(y0 - margin); row <= c.index(y1+margin); row++ {
		y := c.coordinate(row)
		for col := left; col <= right; col++ {
			if d := s.distance(c.coordinate(col), y); d < margin {
				f(row*c.n+col, d)
			}
		}
	}
}
