package fastmri

// #include "h5.h"
import "C"

import (
	"slices"

	"github.com/closer-mri/closer/kspace"
)

// withCalibration separates the calibration lines that were acquired otherwise than the image from those of the image.
func withCalibration(lines []C.fm_line, at []int, separate bool) (apart []C.fm_line, apartAt []int, kept []C.fm_line, keptAt []int) {
	alone := func(l C.fm_line) bool { return l.flags&(rawCalibration|rawShared) == rawCalibration }
	first := slices.IndexFunc(lines, func(l C.fm_line) bool { return !alone(l) })
	if first < 0 {
		return lines, at, nil, nil
	}
	return parted(lines, at, func(l C.fm_line) bool { return alone(l) && (separate || uniform(l, lines[first]) != nil) })
}

// calibrate sorts lines that were acquired apart from the image, from which the coils' sensitivities can be told, and returns how many of
// them are read. Their contrast may be another one: sensitivities are ratios. They are taken to have the image's field of view and, being
// numbered by themselves on some scanners, to lie around the centre of k-space. None are read of one coil, or where they lack a slice or
// the centre, or differ among themselves; what is acquired in later repetitions and echoes is left out.
func (r *reader) calibrate(lines []C.fm_line, at []int, s *series) (n int) {
	if len(lines) == 0 || r.Coils == 1 {
		return 0
	}
	first, readout := lines[0], r.Ny
	if r.raw.across {
		readout = r.depth()
	}
	set := &readouts{slabs: make([][]rawLine, len(s.slices))}
	if int(first.active_channels) != r.Coils || set.window(first, readout) != nil || set.row > readout/2 || set.row+set.used <= readout/2 {
		return 0
	}
	lines, at, _, _ = parted(lines, at, func(l C.fm_line) bool {
		return l.idx.contrast == first.idx.contrast && l.idx.phase == first.idx.phase && l.idx.repetition == first.idx.repetition && l.idx.set == first.idx.set
	})
	var columns, partitions []int
	for _, l := range lines {
		columns, partitions = append(columns, int(l.idx.kspace_encode_step_1)), append(partitions, int(l.idx.kspace_encode_step_2))
	}
	if !centred(columns, r.Nx) || !centred(partitions, r.Partitions) {
		return 0
	}
	numbers := s.slices
	if r.Numbers != nil {
		numbers = r.Numbers // in the order of their places
	}
	for i, l := range lines {
		slab := slices.Index(numbers, int(l.idx.slice))
		if slab < 0 || uniform(l, first) != nil {
			return 0
		}
		set.slabs[slab] = append(set.slabs[slab], rawLine{at: int32(at[i]), column: uint16(columns[i]), partition: uint16(partitions[i])})
	}
	points, err := set.sampled(r.Partitions, r.Nx)
	if err != nil {
		return 0
	}
	if set.columns = r.centre(points); set.columns[0] == set.columns[1] {
		return 0
	}
	for i, lines := range set.slabs {
		set.slabs[i] = slices.DeleteFunc(lines, func(l rawLine) bool {
			return int(l.column) < set.columns[0] || int(l.column) >= set.columns[1]
		})
		n += len(set.slabs[i])
	}
	r.raw.calibration, r.Calibration = set, set.columns
	return n
}

// centred counts steps anew so that the middle of those that occur is at the centre of n; false where there are more than n.
func centred(steps []int, n int) bool {
	first, last := slices.Min(steps), slices.Max(steps)
	count := last - first + 1
	for i := range steps {
		steps[i] += n/2 - count/2 - first
	}
	return count <= n
}

// centre returns the columns [from, to) around the centre of the points (partitions, columns) from which sensitivities can be told: of a
// slab that is sampled throughout, those that all of its acquired partitions have, else those of the largest full square.
func (r *reader) centre(points []byte) [2]int {
	sampled := make(kspace.Points, len(points))
	for i, on := range points {
		sampled[i] = on != 0
	}
	if r.raw.across {
		lo, hi := sampled.Centre(r.Nx)
		return [2]int{lo, hi}
	}
	rows := slices.Collect(slices.Chunk(kspace.Mask(sampled), r.Nx))
	common := slices.Clone(rows[len(rows)/2])
	for _, row := range rows {
		for x := range row {
			common[x] = common[x] && (row[x] || row.Lines() == 0)
		}
	}
	lo, hi := common.ACS()
	return [2]int{lo, hi}
}
