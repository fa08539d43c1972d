package fastmri

// #include "h5.h"
import "C"

import (
	"bytes"
	"cmp"
	"slices"
)

// sort gives every acquisition its slab, partition and column and completes the layout.
func (r *reader) sort(lines []C.fm_line, at []int) (*series, error) {
	first, encoded, raw := lines[0], r.Protocol.Encoded, r.raw
	if encoded.X == 0 || encoded.Y == 0 {
		return nil, refusal("the ISMRMRD header does not tell the encoded matrix")
	}
	r.Ny, r.Nx, r.Coils = encoded.X, encoded.Y, int(first.active_channels)
	r.Partitions = max(1, encoded.Z)
	s := &series{}
	for _, l := range lines {
		if err := uniform(l, first); err != nil {
			return nil, err
		}
		s.add(l)
	}
	if err := r.stack(s); err != nil {
		return nil, err
	}
	if err := raw.window(first, encoded.X); err != nil {
		return nil, err
	}
	if 8*raw.used < 5*encoded.X { // at 5/8 and more the centre is among them
		return nil, outside(raw.used, raw.row, encoded.X)
	}
	r.Missing, raw.columns = encoded.X-raw.used, [2]int{0, r.Nx}
	raw.slabs = make([][]rawLine, r.Slices)
	heads, met, agree := make([]C.fm_line, len(s.slices)), make([]bool, len(s.slices)), true
	for i, l := range lines {
		column, err := step(int(l.idx.kspace_encode_step_1), r.Protocol.Center, r.Nx, at[i], "phase-encode")
		if err != nil {
			return nil, err
		}
		partition, err := step(int(l.idx.kspace_encode_step_2), r.Protocol.CenterZ, r.Partitions, at[i], "partition-encode")
		if err != nil {
			return nil, err
		}
		slab, place := s.find(l)
		if !met[place] {
			heads[place], met[place] = l, true
		}
		agree = agree && together(l, heads[place])
		raw.slabs[slab] = append(raw.slabs[slab], rawLine{at: int32(at[i]), column: uint16(column), partition: uint16(partition)})
	}
	switch { // which may change their order
	case agree && r.Partitions == 1:
		r.place(s, heads)
	case agree && len(heads) > 1:
		r.orderSlabs(s, heads)
	}
	masks, err := raw.sampled(r.Partitions, r.Nx)
	if err != nil {
		return nil, err
	}
	if err := r.slice(masks[0]); err != nil {
		return nil, err
	}
	if agree && r.Partitions > 1 {
		r.placeSlabs(heads)
	}
	return s, r.vary(masks)
}

// vary keeps the masks of slices that were sampled in different columns.
func (r *reader) vary(masks [][]byte) error {
	other := slices.IndexFunc(masks, func(m []byte) bool { return !bytes.Equal(m, masks[0]) })
	switch {
	case other < 0:
		return nil
	case r.Partitions > 1:
		return refusef("the slab of time %d was sampled otherwise than that of time 0; expected the same of all", other)
	}
	r.Mask = masks[0]
	if n := len(masks) * r.Nx; n > maxMasks {
		return refusef("the slices were sampled in different columns, %d together; expected at most %d", n, maxMasks)
	}
	number := map[string]int{}
	for _, m := range masks {
		n, known := number[string(m)]
		if !known {
			n = len(r.Masks)
			number[string(m)] = n
			r.Masks = append(r.Masks, m)
		}
		r.MaskOf = append(r.MaskOf, n)
	}
	return r.check()
}

// series are the numbers that the acquisitions have for what follows one another: a part of a scan keeps those of the whole.
type series struct {
	slices, contrasts, sets, phases, repetitions []int // growing
}

func (s *series) add(l C.fm_line) {
	s.slices, s.contrasts = with(s.slices, int(l.idx.slice)), with(s.contrasts, int(l.idx.contrast))
	s.sets, s.phases, s.repetitions = with(s.sets, int(l.idx.set)), with(s.phases, int(l.idx.phase)), with(s.repetitions, int(l.idx.repetition))
}

// find returns the slab of an acquisition, repetition after repetition, phase after phase, set after set, echo after echo, and its place among
// the slices.
func (s *series) find(l C.fm_line) (slab, place int) {
	phase, _ := slices.BinarySearch(s.phases, int(l.idx.phase))
	set, _ := slices.BinarySearch(s.sets, int(l.idx.set))
	echo, _ := slices.BinarySearch(s.contrasts, int(l.idx.contrast))
	place, _ = slices.BinarySearch(s.slices, int(l.idx.slice))
	time := ((int(l.idx.repetition)-s.repetitions[0])*len(s.phases)+phase)*len(s.sets) + set
	return (time*len(s.contrasts)+echo)*len(s.slices) + place, place
}

// stack says how many slices there are of each place, and how they follow one another.
func (r *reader) stack(s *series) error {
	of := len(s.slices)
	r.Phases, r.Sets, r.Contrasts = len(s.phases), len(s.sets), s.contrasts
	r.Repetitions = (s.repetitions[len(s.repetitions)-1] - s.repetitions[0] + 1) * r.Phases * r.Sets
	if r.Partitions > 1 {
		r.Slabs = of
	} else if s.slices[of-1]-s.slices[0] >= of {
		r.Numbers = s.slices
	}
	if last := s.contrasts[len(s.contrasts)-1]; last >= maxEchoes {
		return refusef("the acquisitions have contrast %d; expected at most %d", last, maxEchoes-1)
	}
	if r.Slices = of * r.stacks(); r.Slices > maxExtent {
		return refusef("dataset data has %d slices at %d times in %d contrasts; expected at most %d together", of, r.Repetitions, len(s.contrasts), maxExtent)
	}
	return r.check()
}

// window finds the samples of a readout that belong to the header's matrix of n. Of a partial echo some are missing at one end.
func (raw *readouts) window(first C.fm_line, n int) error {
	raw.samples = int(first.number_of_samples)
	from, to, centre := int(first.discard_pre), raw.samples-int(first.discard_post), int(first.center_sample)
	if centre == 0 { // many writers leave it out
		centre = raw.samples / 2
		if to-from < n {
			return refusef("readouts have %d samples that are not discarded, the header's matrix has %d, and the sample at the centre of k-space is not told", to-from, n)
		}
	}
	// Cropping k-space would stretch the image in a field of view that is not the header's.
	if to-from > n {
		return refusef("readouts have %d samples that are not discarded; the header's matrix has %d", to-from, n)
	}
	raw.first, raw.used, raw.row = from, to-from, from-centre+n/2
	if raw.row < 0 || raw.row+raw.used > n {
		return outside(raw.used, raw.row, n)
	}
	if coils := int(first.active_channels); raw.samples*coils > maxSlice {
		return refusef("readouts have %d samples of %d coils; expected at most %d together", raw.samples, coils, maxSlice)
	}
	return nil
}

// outside refuses readouts of samples that begin at row of a matrix of n.
func outside(samples, row, n int) error {
	return refusef("readouts have %d samples around sample %d; expected at least 5/8 of the header's matrix of %d", samples, n/2-row, n)
}

// step returns the place among n of a step that is counted so that centre is at the centre of k-space.
func step(number, centre, n, at int, what string) (int, error) {
	place := number + n/2 - centre
	if place < 0 || place >= n {
		return 0, refusef("acquisition %d has %s step %d; the header's matrix of %d steps around %d has no such step", at, what, number, n, centre)
	}
	return place, nil
}

// with returns a growing list with a number that it may have already.
func with(list []int, number int) []int {
	if i, known := slices.BinarySearch(list, number); !known {
		return slices.Insert(list, i, number)
	}
	return list
}

// uniform refuses what an acquisition has and Cartesian imaging of one kind has not.
func uniform(l, first C.fm_line) error {
	switch {
	case l.encoding_space_ref != 0:
		return refusal("the acquisitions use several encoding spaces; only one can be reconstructed")
	case l.flags&rawReverse != 0:
		return refusal("readouts run in both directions, as in EPI, which cannot be reconstructed")
	case l.number_of_samples != first.number_of_samples || l.active_channels != first.active_channels ||
		l.discard_pre != first.discard_pre || l.discard_post != first.discard_post || l.center_sample != first.center_sample:
		return refusal("the acquisitions differ in their samples or coils; expected the same of all")
	}
	return nil
}

// sampled finds which samples of each slab (partitions, columns) were acquired, 1 or 0. It sorts the lines by their columns and gives each its
// share.
func (raw *readouts) sampled(partitions, columns int) (masks [][]byte, err error) {
	for i, lines := range raw.slabs {
		if len(lines) == 0 {
			return nil, refusef("slice %d has no acquisition", i)
		}
		slices.SortStableFunc(lines, func(a, b rawLine) int { return cmp.Compare(a.column, b.column) })
		times, mask := make([]float32, partitions*columns), make([]byte, partitions*columns)
		for _, l := range lines {
			at := int(l.partition)*columns + int(l.column)
			times[at]++
			mask[at] = 1
		}
		for k := range lines {
			lines[k].share = 1 / times[int(lines[k].partition)*columns+int(lines[k].column)]
		}
		masks = append(masks, mask)
	}
	return masks, nil
}
