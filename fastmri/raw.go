package fastmri

// #include <stdlib.h>
// #include "h5.h"
import "C"

import (
	"cmp"
	"slices"
	"unsafe"

	"gonum.org/v1/hdf5"
)

// maxLines bounds the acquisitions of a file; 50 slices of 512 lines in 100 repetitions are 2.6 million.
const maxLines = 1 << 22

// Bits of an acquisition's flags, which the standard counts from 1.
const (
	rawCalibration = 1 << (20 - 1) // of parallel imaging
	rawShared      = 1 << (21 - 1) // calibration that belongs to the image whatever else is said
	rawReverse     = 1 << (22 - 1)
	rawNoise       = 1 << (19 - 1)
	// rawSkipped are readouts that belong to no image: navigators, phase correction, feedback, dummies, surface coil correction, phase
	// stabilisation.
	rawSkipped = 1<<(23-1) | 1<<(24-1) | 1<<(26-1) | 1<<(27-1) | 1<<(28-1) | 1<<(29-1) | 1<<(30-1) | 1<<(31-1)
)

// rawData are the acquisitions of an ISMRMRD file, sorted into slabs.
type rawData struct {
	dataset *hdf5.Dataset
	samples int         // of one coil in each readout
	first   int         // of them, the first that is used
	row     int         // of the matrix, where it belongs
	used    int         // of them, from there on: fewer than the matrix has of a partial echo
	matrix  int         // samples of a whole readout
	slabs   [][]rawLine // of repetition after repetition, echo after echo; by columns

	partitions int  // in each slab; 1 of a 2-D slice
	across     bool // slices lie across the readout; else across the partitions
	block      block

	whitening []complex64 // of the coils, as kspace.Whitening has it; nil where the file does not tell their noise
}

// rawLine is one readout: its place in the file, its phase-encode column and partition, and its share in the mean of all that have them.
type rawLine struct {
	at                int32
	column, partition uint16
	share             float32
}

// rawGroup opens the group of ISMRMRD data; it is nil in files of another kind.
func rawGroup(file *hdf5.File) (*hdf5.Group, error) {
	kspace, group := C.CString("kspace"), C.CString("dataset")
	defer C.free(unsafe.Pointer(kspace))
	defer C.free(unsafe.Pointer(group))
	if C.fm_link(C.hid_t(file.ID()), kspace) != C.FM_ABSENT || C.fm_link(C.hid_t(file.ID()), group) != C.FM_NOT_DATASET {
		return nil, nil
	}
	g, err := file.OpenGroup("dataset")
	if err != nil {
		return nil, refusal("group dataset is damaged; expected ISMRMRD raw data")
	}
	return g, nil
}

// openRaw describes ISMRMRD raw data: Cartesian, where each readout is one phase-encode column of one slice, or of one partition of a
// slab. Averages are averaged; repetitions, and the heart phases of each, follow one another as slices, so do the echoes of each, and slices whose numbers have gaps.
// Columns that were not acquired, by undersampling, partial Fourier or a phase resolution below 1, are the mask. Calibration lines that were acquired as
// the image was belong to it. A noise scan whitens the coils. The vendor's own readouts that belong to no image are left out.
func (r *reader) openRaw(group *hdf5.Group) error {
	const expected = "ISMRMRD acquisitions (head and data)"
	d, err := openDataset(group, "data", expected)
	if err != nil {
		return err
	}
	if d == nil {
		return refusal("group dataset has no dataset data; expected ISMRMRD raw data")
	}
	var n C.hsize_t
	if err := explain(C.fm_raw(C.hid_t(d.ID()), &n), "dataset data", expected); err != nil {
		return err
	}
	if n < 1 || n > maxLines {
		return refusef("dataset data has %d acquisitions; expected 1 to %d", n, maxLines)
	}
	all, places, err := usedLines(d, int(n))
	if err != nil {
		return err
	}
	noise, noiseAt, lines, at := parted(all, places, func(l C.fm_line) bool { return l.flags&rawNoise != 0 })
	if len(lines) == 0 {
		return errNoImage
	}
	header, err := openDataset(group, "xml", "the text of an ISMRMRD header")
	if err != nil {
		return err
	}
	if header == nil {
		return refusal("group dataset has no dataset xml; expected the text of an ISMRMRD header")
	}
	defer header.Close()
	s, err := text(header.ID(), false, maxHeader, "dataset xml")
	if err != nil {
		return err
	}
	if r.Protocol, err = parseHeader(s); err != nil {
		return err
	}
	if err := r.Protocol.cartesian(); err != nil {
		return err
	}
	r.Subject = parseSubject(s)
	r.Raw, r.raw = true, &rawData{dataset: d}
	if lines, at = r.withCalibration(lines, at, r.Protocol.Separate); len(lines) == 0 {
		return errNoImage
	}
	if err := r.sort(lines, at); err != nil {
		return err
	}
	return r.whiten(noise, noiseAt)
}

const errNoImage = refusal("dataset data has no acquisition of an image: all are noise, calibration or navigators")

// withCalibration leaves out the calibration lines that were acquired otherwise than the image, and counts them.
func (r *reader) withCalibration(lines []C.fm_line, at []int, separate bool) (kept []C.fm_line, keptAt []int) {
	alone := func(l C.fm_line) bool { return l.flags&(rawCalibration|rawShared) == rawCalibration }
	first := slices.IndexFunc(lines, func(l C.fm_line) bool { return !alone(l) })
	if first < 0 {
		return nil, nil
	}
	unused, _, kept, keptAt := parted(lines, at, func(l C.fm_line) bool { return alone(l) && (separate || uniform(l, lines[first]) != nil) })
	r.Unused = len(unused)
	return kept, keptAt
}

// parted separates the acquisitions that are of a kind from the others.
func parted(lines []C.fm_line, at []int, kind func(C.fm_line) bool) (are []C.fm_line, areAt []int, others []C.fm_line, othersAt []int) {
	for i, l := range lines {
		if kind(l) {
			are, areAt = append(are, l), append(areAt, at[i])
		} else {
			others, othersAt = append(others, l), append(othersAt, at[i])
		}
	}
	return are, areAt, others, othersAt
}

// usedLines returns the headers of the acquisitions that make images, calibrate them or tell their noise, and where they are.
func usedLines(d *hdf5.Dataset, n int) (lines []C.fm_line, at []int, err error) {
	block := make([]C.fm_line, min(n, 1024))
	for start := 0; start < n; start += len(block) {
		count := min(len(block), n-start)
		if err := explain(C.fm_lines(C.hid_t(d.ID()), C.hsize_t(start), C.hsize_t(count), &block[0]), "dataset data", "acquisition headers"); err != nil {
			return nil, nil, err
		}
		for i, line := range block[:count] {
			if line.flags&rawSkipped == 0 {
				lines, at = append(lines, line), append(at, start+i)
			}
		}
	}
	return lines, at, nil
}

// sort gives every acquisition its slab, partition and column and completes the layout.
func (r *reader) sort(lines []C.fm_line, at []int) error {
	first, encoded, raw := lines[0], r.Protocol.Encoded, r.raw
	if encoded.X == 0 || encoded.Y == 0 {
		return refusal("the ISMRMRD header does not tell the encoded matrix")
	}
	r.Ny, r.Nx, r.Coils = encoded.X, encoded.Y, int(first.active_channels)
	raw.partitions = max(1, encoded.Z)
	var numbers, contrasts, phases []int // of the slices, echoes and heart phases: a part of a scan keeps those of the whole
	earliest, latest := first.idx.repetition, first.idx.repetition
	for _, l := range lines {
		if err := uniform(l, first); err != nil {
			return err
		}
		earliest, latest = min(earliest, l.idx.repetition), max(latest, l.idx.repetition)
		numbers, contrasts, phases = with(numbers, int(l.idx.slice)), with(contrasts, int(l.idx.contrast)), with(phases, int(l.idx.phase))
	}
	if last := contrasts[len(contrasts)-1]; last >= maxEchoes {
		return refusef("the acquisitions have contrast %d; expected at most %d", last, maxEchoes-1)
	}
	slicesOf := len(numbers)
	r.Phases, r.Contrasts = len(phases), contrasts
	r.Repetitions = (int(latest-earliest) + 1) * r.Phases
	if numbers[slicesOf-1]-numbers[0] >= slicesOf {
		r.Numbers = numbers
	}
	if raw.partitions > 1 && slicesOf > 1 {
		return refusef("the acquisitions are of %d slabs of %d partitions; only one slab can be reconstructed", slicesOf, raw.partitions)
	}
	if r.Slices = slicesOf * r.stacks(); r.Slices > maxExtent {
		return refusef("dataset data has %d slices in %d repetitions of %d contrasts; expected at most %d together",
			slicesOf, r.Repetitions, len(contrasts), maxExtent)
	}
	if err := r.check(); err != nil {
		return err
	}
	if err := raw.window(first, encoded.X); err != nil {
		return err
	}
	r.Missing = raw.matrix - raw.used
	raw.slabs = make([][]rawLine, r.Slices)
	heads, met, agree := make([]C.fm_line, slicesOf), make([]bool, slicesOf), true
	for i, l := range lines {
		column, err := step(int(l.idx.kspace_encode_step_1), r.Protocol.Center, r.Nx, at[i], "phase-encode")
		if err != nil {
			return err
		}
		partition, err := step(int(l.idx.kspace_encode_step_2), r.Protocol.CenterZ, raw.partitions, at[i], "partition-encode")
		if err != nil {
			return err
		}
		place, _ := slices.BinarySearch(numbers, int(l.idx.slice))
		echo, _ := slices.BinarySearch(contrasts, int(l.idx.contrast))
		phase, _ := slices.BinarySearch(phases, int(l.idx.phase))
		index := ((int(l.idx.repetition-earliest)*len(phases)+phase)*len(contrasts)+echo)*slicesOf + place
		if !met[place] {
			heads[place], met[place] = l, true
		}
		agree = agree && together(l, heads[place])
		raw.slabs[index] = append(raw.slabs[index], rawLine{at: int32(at[i]), column: uint16(column), partition: uint16(partition)})
	}
	points, err := r.sampled()
	if err != nil {
		return err
	}
	if raw.partitions > 1 {
		err = r.slice(points)
	} else if r.Mask = points; !slices.Contains(points, 0) {
		r.Mask = nil
	}
	if err != nil {
		return err
	}
	switch {
	case agree && raw.partitions > 1:
		r.placeSlab(heads[0])
	case agree:
		r.place(numbers, heads)
	}
	return nil
}

// window finds the samples of a readout that belong to the header's matrix of n. Of a partial echo some are missing at one end.
func (raw *rawData) window(first C.fm_line, n int) error {
	raw.samples, raw.matrix = int(first.number_of_samples), n
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
	if raw.row < 0 || raw.row+raw.used > n || 8*raw.used < 5*n { // at 5/8 and more the centre is among them
		return refusef("readouts have %d samples around sample %d; expected at least 5/8 of the header's matrix of %d", raw.used, centre-from, n)
	}
	if coils := int(first.active_channels); raw.samples*coils > maxSlice {
		return refusef("readouts have %d samples of %d coils; expected at most %d together", raw.samples, coils, maxSlice)
	}
	return nil
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
	case l.idx.set != first.idx.set:
		return refusal("the acquisitions have several sets; only one can be reconstructed")
	case l.number_of_samples != first.number_of_samples || l.active_channels != first.active_channels ||
		l.discard_pre != first.discard_pre || l.discard_post != first.discard_post || l.center_sample != first.center_sample:
		return refusal("the acquisitions differ in their samples or coils; expected the same of all")
	}
	return nil
}

// sampled finds which samples of a slab (partitions, columns) were acquired, 1 or 0, which must be the same of every one. It sorts the lines
// by their columns and gives each its share.
func (r *reader) sampled() ([]byte, error) {
	raw := r.raw
	var points []byte
	for i, lines := range raw.slabs {
		if len(lines) == 0 {
			return nil, refusef("slice %d has no acquisition", i)
		}
		slices.SortStableFunc(lines, func(a, b rawLine) int { return cmp.Compare(a.column, b.column) })
		times, mask := make([]float32, raw.partitions*r.Nx), make([]byte, raw.partitions*r.Nx)
		for _, l := range lines {
			at := int(l.partition)*r.Nx + int(l.column)
			times[at]++
			mask[at] = 1
		}
		for k := range lines {
			lines[k].share = 1 / times[int(lines[k].partition)*r.Nx+int(lines[k].column)]
		}
		if i > 0 && !slices.Equal(mask, points) {
			return nil, refusef("slice %d was sampled in other columns than slice 0; expected the same of all slices", i)
		}
		points = mask
	}
	return points, nil
}
