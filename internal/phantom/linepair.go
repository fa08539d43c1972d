package phantom

// LinePair is one group of bright bars on dark ground, all of one width and as far apart, in a resolution insert. Positions are in
// pixels of the (Matrix, Matrix) reference.
type LinePair struct {
	Width    float64 // of a bar, and of a gap, in pixels; the period is twice that. Below 1 no scan of this matrix resolves it
	Vertical bool    // the bars run along columns: resolution along x, the phase-encode direction
	Row, Col float64 // centre of the group
	Length   float64 // of the bars
	Bars     int
}

// Extent returns the size of the group across its bars.
func (l LinePair) Extent() float64 { return float64(2*l.Bars-1) * l.Width }

const bars = 3

// insertLayout is the place of each group in an insert, in pixels from its centre: along the direction across the bars, and along
// the bars.
var insertLayout = []struct{ width, across, along float64 }{
	{3, -8, -8}, {2, 9, -8}, {1.5, -10.5, 7.5}, {1, 1, 7.5}, {0.75, 10.5, 7.5},
}

const (
	insertPlace  = 84.0 // mm from the centre along both axes
	insertRadius = 23.0 // pixels
)

// linePairPixel returns the pixel in mm that widths refer to. Below a matrix of 220 the inserts would not fit beside the head, and
// the bars are drawn narrower than nominal; LinePair.Width says so.
func (h Head) linePairPixel() float64 { return FOV / float64(max(h.Matrix, 220)) }

// LinePairs returns the resolution inserts' groups, the same in every slice: vertical bars at the lower right of the picture,
// horizontal bars at the lower left; bars of 3, 2, 1.5, 1 and 0.75 pixels. It returns nil when h is not valid.
func (h Head) LinePairs() []LinePair {
	h, err := h.Defaults()
	if err != nil {
		return nil
	}
	pitch := FOV / float64(h.Matrix)
	f := h.linePairPixel() / pitch
	centre := float64(h.Matrix / 2)
	var groups []LinePair
	for _, vertical := range []bool{true, false} {
		for _, g := range insertLayout {
			l := LinePair{Width: f * g.width, Vertical: vertical, Bars: bars, Length: f * max(7, 5*g.width)}
			if vertical {
				l.Row, l.Col = centre+insertPlace/pitch+f*g.along, centre+insertPlace/pitch+f*g.across
			} else {
				l.Row, l.Col = centre+insertPlace/pitch+f*g.across, centre-insertPlace/pitch+f*g.along
			}
			groups = append(groups, l)
		}
	}
	return groups
}

// drawInserts paints two cylinders of gel beside the head, with the bars in them.
func (h Head) drawInserts(c *canvas) {
	r := insertRadius * h.linePairPixel()
	for _, side := range []float64{1, -1} {
		c.fill(ellipse{side * insertPlace, insertPlace, r, r, 0}, Gel, 0)
	}
	pitch, centre := FOV/float64(h.Matrix), float64(h.Matrix/2)
	for _, l := range h.LinePairs() {
		for k := range l.Bars {
			shift := (2*float64(k) - float64(l.Bars-1)) * l.Width
			b := rectangle{(l.Col - centre) * pitch, (l.Row - centre) * pitch, l.Width / 2 * pitch, l.Length / 2 * pitch}
			if l.Vertical {
				b.x += shift * pitch
			} else {
				b.y += shift * pitch
				b.a, b.b = b.b, b.a
			}
			c.fill(b, Bar, 0)
		}
	}
}

// rectangle has centre (x, y) and half sides a and b in mm.
type rectangle struct{ x, y, a, b float64 }

func (r rectangle) distance(x, y float64) float64 {
	return max(max(x-r.x, r.x-x)-r.a, max(y-r.y, r.y-y)-r.b)
}

func (r rectangle) bounds() (x0, y0, x1, y1 float64) {
	return r.x - r.a, r.y - r.b, r.x + r.a, r.y + r.b
}
