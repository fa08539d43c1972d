package fastmri

// #include "h5.h"
import "C"

import "slices"

// complete leaves out what a scan lacks much of that was stopped: the last repetition, when it has less than half of what the one before has
// or lacks a slice, heart phase, set or echo of it; and of a scan without any of these the slices that have less than half of what others have.
// What the scanner flags as ended is complete, however little that is.
func (r *reader) complete(lines []C.fm_line, at []int) ([]C.fm_line, []int) {
	s := &series{}
	for _, l := range lines {
		s.add(l)
	}
	if n := len(s.repetitions); n > 1 {
		last, before := uint16(s.repetitions[n-1]), uint16(s.repetitions[n-2])
		of := func(l C.fm_line) bool { return uint16(l.idx.repetition) == last }
		is, was := acquired(lines, of), acquired(lines, func(l C.fm_line) bool { return uint16(l.idx.repetition) == before })
		ended := slices.ContainsFunc(lines, func(l C.fm_line) bool { return of(l) && l.flags&rawTimeEnds != 0 })
		if !ended && (2*len(is.steps) < len(was.steps) || len(is.images) < len(was.images)) {
			left, _, kept, keptAt := parted(lines, at, of)
			r.Stopped = len(left)
			return kept, keptAt
		}
	}
	if len(s.repetitions)*len(s.phases)*len(s.sets)*len(s.contrasts) > 1 {
		return lines, at
	}
	most, steps := 0, map[int]int{}
	for i := range acquired(lines, func(C.fm_line) bool { return true }).steps {
		steps[int(i.slice)]++
		most = max(most, steps[int(i.slice)])
	}
	for _, l := range lines {
		if l.flags&rawSliceEnds != 0 {
			steps[int(l.idx.slice)] = most
		}
	}
	left, _, kept, keptAt := parted(lines, at, func(l C.fm_line) bool { return 2*steps[int(l.idx.slice)] < most })
	for _, l := range left {
		r.StoppedSlices = with(r.StoppedSlices, int(l.idx.slice))
	}
	return kept, keptAt
}

// places are what lines were acquired of: steps of phase and partition encode, and the images that these belong to.
type places struct{ steps, images map[C.fm_index]bool }

// acquired collects what those lines are of that are chosen.
func acquired(lines []C.fm_line, chosen func(C.fm_line) bool) places {
	p := places{map[C.fm_index]bool{}, map[C.fm_index]bool{}}
	for _, l := range lines {
		if chosen(l) {
			i := l.idx
			p.steps[i] = true
			i.kspace_encode_step_1, i.kspace_encode_step_2 = 0, 0
			p.images[i] = true
		}
	}
	return p
}
