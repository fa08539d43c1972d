package dicomio

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/recon"
)

// Whichever way the scanner's axes go, each pixel that is stored lies where it was measured, and readers find the patient as they expect.
func TestTurnedImagesLieWhereTheyWereMeasured(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	unit := func() vector.V {
		v := vector.V{random.NormFloat64(), random.NormFloat64(), random.NormFloat64()}
		return vector.Scale(v, 1/math.Sqrt(vector.Dot(v, v)))
	}
	var planes [][2]vector.V
	for _, a := range []vector.V{{1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, -1, 0}, {0, 0, 1}, {0, 0, -1}} {
		for range 3 {
			row, col := vector.Sharpen(a, unit())
			planes = append(planes, [2]vector.V{row, col})
		}
	}
	for range 50 {
		row, col := vector.Sharpen(unit(), unit())
		planes = append(planes, [2]vector.V{row, col})
	}
	const ny, nx = 5, 3
	for _, plane := range planes {
		h := recon.Header{Ny: 9, Nx: 4, PixelSpacing: [2]float64{2, 0.7}, Placement: &recon.Placement{
			Row: plane[0], Col: plane[1], Centers: []vector.V{vector.Scale(unit(), 50), vector.Scale(unit(), 50)}}}
		image := make([]float32, ny*nx)
		for i := range image {
			image[i] = float32(i)
		}
		g := newGeometry(h)
		turned := g.turning.image(image, ny, nx)
		rows, columns := g.turning.shape(ny, nx)
		first, seen := g.position(1, 2, ny, nx), map[float32]bool{}
		for i, v := range turned {
			seen[v] = true
			at := vector.Add(first, vector.Add(vector.Scale(g.Row, float64(i%columns)*g.Spacing[1]), vector.Scale(g.Col, float64(i/columns)*g.Spacing[0])))
			y, x := int(v)/nx-centerOf(9, ny), int(v)%nx-centerOf(4, nx) // from the centre, as it was acquired
			want := vector.Add(h.Placement.Centers[1], vector.Add(vector.Scale(plane[0], float64(x)*0.7), vector.Scale(plane[1], float64(y)*2)))
			if !close(at[:], want[:]) {
				t.Fatalf("%v: pixel %g lies at %v, want %v", plane, v, at, want)
			}
		}
		if len(seen) != ny*nx || rows*columns != ny*nx {
			t.Fatalf("%v: %d of %d pixels", plane, len(seen), ny*nx)
		}
		// Of the three axes of the patient, that along which the slices follow one another says what the others are to be.
		normal := vector.Cross(plane[0], plane[1])
		axis := 0
		for k := range normal {
			if math.Abs(normal[k]) > math.Abs(normal[axis]) {
				axis = k
			}
		}
		right, down := [3]int{1, 0, 0}[axis], [3]int{2, 2, 1}[axis]
		sign := [3]float64{-1, -1, 1}[axis] // the head is up, the back is down
		if g.Row[right] < 0 || sign*g.Col[down] < 0 || math.Abs(g.Row[right]) < math.Abs(g.Col[right])-1e-9 {
			t.Errorf("%v becomes %v and %v", plane, g.Row, g.Col)
		}
	}
}

// Without a place in the patient nothing is turned.
func TestNominalImagesAreNotTurned(t *testing.T) {
	if got := turningOf(&recon.Header{Ny: 3, Nx: 4}); got != (turning{}) {
		t.Errorf("turned by %+v", got)
	}
}
