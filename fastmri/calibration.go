package fastmri

// #include "h5.h"
import "C"

import (
	"slices"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// withCalibration separates the calibration lines that were acquired otherwise than the image from those of the image.
func withCalibration(lines []C.fm_line, at []int, separate bool) (apart []C.fm_line, apartAt []int, kept []C.fm_line, keptAt []int) {
	alone := func(l C.fm_line) bool { return l.flags&(rawCalibration|rawShared) == rawCalibration }
	first := slices.IndexFunc(lines, func(l C.fm_line) bool { return !alone(l) })
	if first < 0 {
		return lines, at, nil, nil
	}
	var sets []int
	for _, l := range lines {
		if !alone(l) {
			sets = with(sets, int(l.idx.set))
		}
	}
	return parted(lines, at, func(l C.fm_line) bool {
		return alone(l) && (separate || uniform(l, lines[first]) != nil || !slices.Contains(sets, int(l.idx.set)))
	})
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
	for i, l := range lines {
		slab := slices.Index(s.slices, int(l.idx.slice))
		if slab < 0 || uniform(l, first) != nil {
			return 0
		}
		set.slabs[slab] = append(set.slabs[slab], rawLine{at: int32(at[i]), column: uint16(columns[i]), partition: uint16(partitions[i])})
	}
	return r.calibrateFrom(set, r.Nx)
}

// How much of the image tells its sensitivities by a mean over time: more columns say nothing new of what is smooth, and more times, which
// are spread over the whole scan, only take time to read.
const (
	mostMean  = 32 // columns
	mostTimes = 8  // of each
)

// average makes calibration of the image itself, of n slices at a time, whose columns differ from time to time: of the mean of the first echo
// and set over all times (Breuer et al., Magn Reson Med 53:981, 2005, dynamic autocalibration).
func (r *reader) average(n int) {
	if r.Coils == 1 || r.Repetitions == r.Sets {
		return
	}
	set := r.raw.readouts
	set.slabs, set.block = make([][]rawLine, n), block{}
	for i, lines := range r.raw.slabs {
		if i/n%(len(r.Contrasts)*r.Sets) == 0 {
			set.slabs[i%n] = append(set.slabs[i%n], lines...)
		}
	}
	for i, lines := range set.slabs {
		set.slabs[i] = spread(lines)
	}
	if r.calibrateFrom(&set, mostMean) > 0 {
		r.Calibration.Mean = true
	}
}

// spread keeps at most mostTimes lines of each column, evenly spaced among those that it has.
func spread(lines []rawLine) (kept []rawLine) {
	count, seen := map[uint16]int{}, map[uint16]int{}
	for _, l := range lines {
		count[l.column]++
	}
	for _, l := range lines {
		n, k := max(count[l.column], mostTimes), seen[l.column]
		if seen[l.column]++; (k+1)*mostTimes/n > k*mostTimes/n {
			kept = append(kept, l)
		}
	}
	return kept
}

// calibrateFrom takes at most so many central columns of a set that every slab of it has, and returns how many lines those are: 0 where
// it has none, and is not taken.
func (r *reader) calibrateFrom(set *readouts, most int) (n int) {
	masks, err := set.sampled(r.Partitions, r.Nx)
	if err != nil {
		return 0
	}
	common := masks[0]
	for _, m := range masks[1:] {
		for i := range common {
			common[i] &= m[i]
		}
	}
	lo, hi := r.centre(common)
	lo, hi = max(lo, r.Nx/2-most/2), min(hi, r.Nx/2-most/2+most)
	if lo >= hi {
		return 0
	}
	set.columns = [2]int{lo, hi}
	for i, lines := range set.slabs {
		set.slabs[i] = slices.DeleteFunc(lines, func(l rawLine) bool { return int(l.column) < lo || int(l.column) >= hi })
		n += len(set.slabs[i])
	}
	r.raw.calibration, r.Calibration = set, recon.Calibration{From: lo, To: hi}
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

// centre returns the columns [lo, hi) around the centre of the points (partitions, columns) from which sensitivities can be told: of a
// slab that is sampled throughout, those that all of its acquired partitions have, else those of the largest full square.
func (r *reader) centre(points []byte) (lo, hi int) {
	sampled := marked(points)
	if r.raw.across {
		return kspace.Points(sampled).Centre(r.Nx)
	}
	rows := slices.Collect(slices.Chunk(sampled, r.Nx))
	common := slices.Clone(rows[len(rows)/2])
	for _, row := range rows {
		for x := range row {
			common[x] = common[x] && (row[x] || row.Lines() == 0)
		}
	}
	return common.ACS()
}
