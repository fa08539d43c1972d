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
func (r *reader) place(numbers []int, heads []C.fm_line) {
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
	order := make([]int, len(locations))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(locations[a], locations[b]) })
	r.Numbers, p.Centers = permuted(numbers, order), permuted(p.Centers, order)
	for stack := range slices.Chunk(r.raw.slabs, len(order)) {
		copy(stack, permuted(stack, order))
	}
}

// placeSlab finds where the slices of a slab lie, of which head is an acquisition, whose position is the centre of the field of view.
func (r *reader) placeSlab(head C.fm_line) {
	phase, down, across := coordinates(head.phase_dir), coordinates(head.read_dir), coordinates(head.slice_dir)
	if r.raw.across {
		down, across = across, down
	}
	pixel, distance := r.spacing()
	if pixel == [2]float64{} || distance == 0 || !vector.Orthonormal(phase, down) || !vector.Orthonormal(phase, across) || !vector.Orthonormal(down, across) {
		return
	}
	var p recon.Placement
	p.Row, p.Col = vector.Sharpen(phase, down)
	normal := vector.Cross(p.Row, p.Col)
	if vector.Dot(normal, across) < 0 {
		distance = -distance
	}
	places := r.Slices / r.stacks()
	for i := range places {
		p.Centers = append(p.Centers, vector.Add(coordinates(head.position), vector.Scale(normal, float64(i-places/2)*distance)))
	}
	if placed(&p, places) {
		r.Placement = &p
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
