package fastmri

// #include <stdlib.h>
// #include "h5.h"
import "C"

import (
	"slices"
	"unsafe"

	"gonum.org/v1/hdf5"

	"github.com/closer-mri/closer/kspace"
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

// rawData are the acquisitions of an ISMRMRD file, sorted into slices.
type rawData struct {
	dataset *hdf5.Dataset
	samples int         // of one coil in each readout
	first   int         // the sample that is row 0
	slices  [][]rawLine // of repetition after repetition, echo after echo

	whitening []complex64 // of the coils, as kspace.Whitening has it; nil where the file does not tell their noise
}

// rawLine is one readout: its place in the file and its phase-encode column.
type rawLine struct{ at, column int }

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

// openRaw describes ISMRMRD raw data: 2-D Cartesian, where each readout is one phase-encode column of one slice. Averages are
// averaged; repetitions follow one another as slices, so do the echoes of each, and slices whose numbers have gaps. Columns that were
// not acquired, by undersampling, partial Fourier or a phase resolution below 1, are the mask. Calibration lines that were acquired as
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

// sort gives every acquisition its slice and column and completes the layout.
func (r *reader) sort(lines []C.fm_line, at []int) error {
	first := lines[0]
	if r.Protocol.Encoded.X == 0 || r.Protocol.Encoded.Y == 0 {
		return refusal("the ISMRMRD header does not tell the encoded matrix")
	}
	r.Ny, r.Nx, r.Coils = r.Protocol.Encoded.X, r.Protocol.Encoded.Y, int(first.active_channels)
	var numbers, contrasts []int // of the slices and echoes: a part of a scan keeps those of the whole
	earliest, latest := first.idx.repetition, first.idx.repetition
	for _, l := range lines {
		if err := uniform(l, first); err != nil {
			return err
		}
		earliest, latest = min(earliest, l.idx.repetition), max(latest, l.idx.repetition)
		numbers, contrasts = with(numbers, int(l.idx.slice)), with(contrasts, int(l.idx.contrast))
	}
	if last := contrasts[len(contrasts)-1]; last >= maxEchoes {
		return refusef("the acquisitions have contrast %d; expected at most %d", last, maxEchoes-1)
	}
	slicesOf := len(numbers)
	r.Repetitions, r.Contrasts = int(latest-earliest)+1, contrasts
	if numbers[slicesOf-1]-numbers[0] >= slicesOf {
		r.Numbers = numbers
	}
	if r.Protocol.Encoded.Z > 1 {
		return refusef("the header says that %d partitions were encoded; only 2-D acquisitions can be reconstructed", r.Protocol.Encoded.Z)
	}
	if r.Slices = slicesOf * r.stacks(); r.Slices > maxExtent {
		return refusef("dataset data has %d slices in %d repetitions of %d contrasts; expected at most %d together",
			slicesOf, r.Repetitions, len(contrasts), maxExtent)
	}
	if err := r.check(); err != nil {
		return err
	}
	raw := r.raw
	raw.samples, raw.first = int(first.number_of_samples), int(first.center_sample)-r.Ny/2
	if first.center_sample == 0 { // many writers leave it out
		raw.first = (raw.samples - r.Ny) / 2
	}
	if raw.first < int(first.discard_pre) || raw.first+r.Ny > raw.samples-int(first.discard_post) {
		return refusef("readouts have %d samples, of which the header's matrix needs %d around sample %d: partial echoes cannot be reconstructed",
			raw.samples, r.Ny, first.center_sample)
	}
	// Cropping k-space would stretch the image in a field of view that is not the header's.
	if used := raw.samples - int(first.discard_pre) - int(first.discard_post); used > r.Ny {
		return refusef("readouts have %d samples that are not discarded; the header's matrix has %d", used, r.Ny)
	}
	if raw.samples*r.Coils > maxSlice {
		return refusef("readouts have %d samples of %d coils; expected at most %d together", raw.samples, r.Coils, maxSlice)
	}
	raw.slices = make([][]rawLine, r.Slices)
	heads, met, agree := make([]C.fm_line, slicesOf), make([]bool, slicesOf), true
	for i, l := range lines {
		column := int(l.idx.kspace_encode_step_1) + r.Nx/2 - r.Protocol.Center
		if column < 0 || column >= r.Nx {
			return refusef("acquisition %d has phase-encode step %d; the header's matrix of %d steps around %d has no such step",
				at[i], l.idx.kspace_encode_step_1, r.Nx, r.Protocol.Center)
		}
		place, _ := slices.BinarySearch(numbers, int(l.idx.slice))
		echo, _ := slices.BinarySearch(contrasts, int(l.idx.contrast))
		index := (int(l.idx.repetition-earliest)*len(contrasts)+echo)*slicesOf + place
		if !met[place] {
			heads[place], met[place] = l, true
		}
		agree = agree && together(l, heads[place])
		raw.slices[index] = append(raw.slices[index], rawLine{at[i], column})
	}
	if err := r.sampled(); err != nil {
		return err
	}
	if agree {
		r.place(numbers, heads)
	}
	return nil
}

// with returns a growing list with a number that it may have already.
func with(list []int, number int) []int {
	if i, known := slices.BinarySearch(list, number); !known {
		return slices.Insert(list, i, number)
	}
	return list
}

// uniform refuses what an acquisition has and 2-D Cartesian imaging has not.
func uniform(l, first C.fm_line) error {
	switch {
	case l.encoding_space_ref != 0:
		return refusal("the acquisitions use several encoding spaces; only one can be reconstructed")
	case l.flags&rawReverse != 0:
		return refusal("readouts run in both directions, as in EPI, which cannot be reconstructed")
	case l.idx.kspace_encode_step_2 != 0:
		return refusal("the acquisitions encode partitions (3-D); only 2-D acquisitions can be reconstructed")
	case l.idx.phase != first.idx.phase || l.idx.set != first.idx.set:
		return refusal("the acquisitions have several phases or sets; only one can be reconstructed")
	case l.number_of_samples != first.number_of_samples || l.active_channels != first.active_channels ||
		l.discard_pre != first.discard_pre || l.discard_post != first.discard_post || l.center_sample != first.center_sample:
		return refusal("the acquisitions differ in their samples or coils; expected the same of all")
	}
	return nil
}

// sampled finds the mask, which must be the same for every slice.
func (r *reader) sampled() error {
	for i, lines := range r.raw.slices {
		if len(lines) == 0 {
			return refusef("slice %d has no acquisition", i)
		}
		mask := make([]byte, r.Nx)
		for _, l := range lines {
			mask[l.column] = 1
		}
		if i > 0 && !slices.Equal(mask, r.Mask) {
			return refusef("slice %d was sampled in other columns than slice 0; expected the same of all slices", i)
		}
		r.Mask = mask
	}
	if !slices.Contains(r.Mask, 0) {
		r.Mask = nil
	}
	return nil
}

// readRaw reads slice i into samples; of columns acquired several times it takes the mean.
func (r *reader) readRaw(i uint) error {
	clear(r.samples)
	times := make([]int, r.Nx)
	readout := make([]complex64, r.Coils*r.raw.samples)
	for _, l := range r.raw.slices[i] {
		result := C.fm_samples(C.hid_t(r.raw.dataset.ID()), C.hsize_t(l.at), C.size_t(2*len(readout)), (*C.float)(unsafe.Pointer(&readout[0])))
		if err := explain(result, "an acquisition of dataset data", "the samples that its header tells"); err != nil {
			return err
		}
		times[l.column]++
		share := complex(1/float32(times[l.column]), 0)
		for c := range r.Coils {
			coil := readout[c*r.raw.samples+r.raw.first:]
			for row := range r.Ny {
				k := &r.samples[(c*r.Ny+row)*r.Nx+l.column]
				*k += (coil[row] - *k) * share
			}
		}
	}
	if r.raw.whitening != nil {
		kspace.Whiten(r.raw.whitening, r.samples, r.Coils)
	}
	return nil
}
