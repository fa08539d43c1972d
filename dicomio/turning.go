package dicomio

import (
	"math"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/recon"
)

// turning is what brings an image, whose axes are the scanner's, into the orientation that readers expect: exchanged axes, then each
// mirrored.
type turning struct {
	transposed, upsideDown, mirrored bool
}

// turningOf is the turning of a scan whose place in the patient is known, and none of others. Whatever is nearest to axial is shown from
// the feet with the front on top, and what is nearest to coronal or sagittal with the head on top, from the front or from the left.
func turningOf(h *recon.Header) turning {
	if h.Placement == nil {
		return turning{}
	}
	row, col := h.Placement.Row, h.Placement.Col
	right, down := vector.V{1, 0, 0}, vector.V{0, 1, 0} // where rows and columns are to go
	normal := vector.Cross(row, col)
	switch x, y, z := math.Abs(normal[0]), math.Abs(normal[1]), math.Abs(normal[2]); {
	case x > y && x > z:
		right, down = vector.V{0, 1, 0}, vector.V{0, 0, -1}
	case y > z:
		down = vector.V{0, 0, -1}
	}
	t := turning{transposed: math.Abs(vector.Dot(col, right)) > math.Abs(vector.Dot(row, right))}
	if t.transposed {
		row, col = col, row
	}
	t.mirrored, t.upsideDown = vector.Dot(row, right) < 0, vector.Dot(col, down) < 0
	return t
}

// shape is that of a turned image of (ny, nx).
func (t turning) shape(ny, nx int) (int, int) {
	if t.transposed {
		return nx, ny
	}
	return ny, nx
}

// from is the row and column, in an image of (ny, nx), of a pixel of the turned one.
func (t turning) from(row, col, ny, nx int) (int, int) {
	h, w := t.shape(ny, nx)
	if t.upsideDown {
		row = h - 1 - row
	}
	if t.mirrored {
		col = w - 1 - col
	}
	if t.transposed {
		return col, row
	}
	return row, col
}

// image turns an image of (ny, nx).
func (t turning) image(src []float32, ny, nx int) []float32 {
	if t == (turning{}) {
		return src
	}
	h, w := t.shape(ny, nx)
	dst := make([]float32, 0, len(src))
	for row := range h {
		for col := range w {
			y, x := t.from(row, col, ny, nx)
			dst = append(dst, src[y*nx+x])
		}
	}
	return dst
}

// axes turns the directions of growing column and row index, and the distances between rows and columns.
func (t turning) axes(row, col vector.V, spacing [2]float64) (vector.V, vector.V, [2]float64) {
	if t.transposed {
		row, col, spacing = col, row, [2]float64{spacing[1], spacing[0]}
	}
	if t.mirrored {
		row = vector.Scale(row, -1)
	}
	if t.upsideDown {
		col = vector.Scale(col, -1)
	}
	return row, col, spacing
}
