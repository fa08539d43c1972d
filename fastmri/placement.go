package fastmri

// #include "h5.h"
import "C"

import (
	"cmp"
	"math"
	"slices"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/recon"
)

// How far apart, in mm, two acquisitions of a slice or two slices may be taken to lie at one place, and by how much the cosines of one
// plane may differ: headers are rounded.
const (
	samePlace  = 0.01
	sameCosine = 1e-3
	farthest   = 1e4 // from the isocentre
)

// together reports whether two acquisitions are of one place and plane, as those of a slice are unless it was moved meanwhile.
func together(a, b C.fm_line) bool {
	return apart(coordinates(a.position), coordinates(b.position)) <= samePlace && parallel(a, b)
}

func parallel(a, b C.fm_line) bool {
	return apart(coordinates(a.phase_dir), coordinates(b.phase_dir)) <= sameCosine && apart(coordinates(a.read_dir), coordinates(b.read_dir)) <= sameCosine
}

// place finds where the slices of every repetition and echo lie, of each of which heads has one acquisition. An acquisition's header has
// the centre of the field of view and the directions of readout and phase encode, in patient coordinates. They remain unknown where
// writers leave them out, slices are not parallel, or several have one place. Scanners number interleaved slices in the order of their
// excitation: those that go back and forth are put into the order of their places.
func (r *reader) place(s *series, heads []C.fm_line) {
	row, col := coordinates(heads[0].phase_dir), coordinates(heads[0].read_dir)
	if pixel, _ := r.spacing(); pixel == [2]float64{} {
		return
	}
	var p recon.Placement
	for _, head := range heads {
		if !parallel(head, heads[0]) {
			return
		}
		p.Centers = append(p.Centers, coordinates(head.position))
	}
	if !vector.Orthonormal(row, col) {
		return
	}
	p.Row, p.Col = vector.Sharpen(row, col)
	if !placed(&p, len(heads)) {
		return
	}
	r.Placement = &p
	locations := p.Locations()
	if slices.IsSorted(locations) || slices.IsSortedFunc(locations, func(a, b float64) int { return cmp.Compare(b, a) }) {
		return
	}
	order := ascending(locations)
	p.Centers = permuted(p.Centers, order)
	r.reorder(s, order)
	r.Numbers = s.slices
}

// orderSlabs puts slabs into the order of their places, as the slices of each go, and leaves out of each what is nearer to another one. They
// remain as they are numbered where nobody knows how they lie.
func (r *reader) orderSlabs(s *series, heads []C.fm_line) {
	_, _, step := r.slabAxes(heads[0])
	distance := math.Sqrt(vector.Dot(step, step))
	if distance == 0 || slices.ContainsFunc(heads, func(h C.fm_line) bool { return !parallel(h, heads[0]) }) {
		return
	}
	var locations []float64 // in slices
	for _, head := range heads {
		locations = append(locations, vector.Dot(coordinates(head.position), step)/(distance*distance))
	}
	order := ascending(locations)
	copy(heads, permuted(heads, order))
	r.reorder(s, order)
	locations = permuted(locations, order)
	for i, l := range locations[1:] {
		apart := int(math.Round(l - locations[i]))
		if !(l-locations[i] < farthest) || apart < 1 {
			r.Overlap = 0
			return
		}
		r.Overlap = max(r.Overlap, r.inView()-apart)
	}
}

// placeSlabs finds where the slices of slabs lie, of each of which heads has an acquisition, whose position is the centre of its field of view.
func (r *reader) placeSlabs(heads []C.fm_line) {
	row, col, step := r.slabAxes(heads[0])
	if step == (vector.V{}) {
		return
	}
	p := recon.Placement{Row: row, Col: col}
	places := r.places()
	for _, head := range heads {
		if !parallel(head, heads[0]) {
			return
		}
		for i := range places {
			p.Centers = append(p.Centers, vector.Add(coordinates(head.position), vector.Scale(step, float64(i-places/2))))
		}
	}
	if placed(&p, len(p.Centers)) {
		r.Placement = &p
	}
}

// slabAxes are the directions of a slab's rows and columns, and the step in mm from a slice to the next, which is 0 where that is unknown.
func (r *reader) slabAxes(head C.fm_line) (row, col, step vector.V) {
	phase, down, across := coordinates(head.phase_dir), coordinates(head.read_dir), coordinates(head.slice_dir)
	if r.raw.across {
		down, across = across, down
	}
	pixel, distance := r.spacing()
	if pixel == [2]float64{} || distance == 0 || !vector.Orthonormal(phase, down) || !vector.Orthonormal(phase, across) || !vector.Orthonormal(down, across) {
		return row, col, step
	}
	row, col = vector.Sharpen(phase, down)
	normal := vector.Cross(row, col)
	if vector.Dot(normal, across) < 0 {
		distance = -distance
	}
	return row, col, vector.Scale(normal, distance)
}

// ascending is the order of growing locations.
func ascending(locations []float64) []int {
	order := make([]int, len(locations))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(locations[a], locations[b]) })
	return order
}

// reorder puts the slices, or slabs, of every time and echo into another order.
func (r *reader) reorder(s *series, order []int) {
	s.slices = permuted(s.slices, order)
	for stack := range slices.Chunk(r.raw.slabs, len(order)) {
		copy(stack, permuted(stack, order))
	}
}

func permuted[T any](of []T, order []int) []T {
	out := make([]T, len(of))
	for i, from := range order {
		out[i] = of[from]
	}
	return out
}

// coordinates are a vector's of a header, to 10⁻⁵: as many digits as there are in float32, and short to tell.
func coordinates(v [3]C.float) (c vector.V) {
	for k := range c {
		c[k] = math.Round(float64(v[k])*1e5) / 1e5
	}
	return c
}

// apart is the largest difference of two vectors' components, and NaN where one is not a number.
func apart(a, b vector.V) float64 {
	return max(math.Abs(a[0]-b[0]), math.Abs(a[1]-b[1]), math.Abs(a[2]-b[2]))
}

// placed reports whether n slices can lie so: in planes at a right angle to the normal, within reach, each at a place of its own.
func placed(p *recon.Placement, n int) bool {
	if len(p.Centers) != n || !vector.Orthonormal(p.Row, p.Col) {
		return false
	}
	for _, c := range p.Centers {
		if !(apart(c, vector.V{}) < farthest) {
			return false
		}
	}
	locations := p.Locations()
	slices.Sort(locations)
	for i, l := range locations[1:] {
		if l-locations[i] <= samePlace {
			return false
		}
	}
	return true
}
