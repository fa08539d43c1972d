package fastmri

// #include <stdlib.h>
// #include "h5.h"
import "C"

import (
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
	rawSliceEnds   = 1 << (8 - 1)
	rawTimeEnds    = 1<<(14-1) | 1<<(25-1) // a repetition, or the measurement
	// rawSkipped are readouts that belong to no image: navigators, phase correction, feedback, dummies, surface coil correction, phase
	// stabilisation.
	rawSkipped = 1<<(23-1) | 1<<(24-1) | 1<<(26-1) | 1<<(27-1) | 1<<(28-1) | 1<<(29-1) | 1<<(30-1) | 1<<(31-1)
)

// rawData are the acquisitions of an ISMRMRD file.
type rawData struct {
	dataset *hdf5.Dataset
	readouts
	calibration *readouts // of the slabs of one repetition and echo, where more than the image of each tells the coils' sensitivities; else nil

	across    bool        // slices lie across the readout; else across the partitions, of which a 2-D slice is one
	whitening []complex64 // of the coils, as kspace.Whitening has it; nil where the file does not tell their noise
}

// readouts are acquisitions of one kind, sorted into slabs.
type readouts struct {
	samples int         // of one coil in each readout
	first   int         // of them, the first that is used
	row     int         // of the matrix, where it belongs
	used    int         // of them, from there on: fewer than the matrix has of a partial echo
	columns [2]int      // [from, to) of the matrix, which are read
	slabs   [][]rawLine // of repetition after repetition, echo after echo; by columns
	block   block
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
// slab. Averages are averaged; repetitions, the heart phases of each and the sets of these, follow one another as slices, so do the echoes of
// each, and slices whose numbers have gaps. Columns that were not acquired, by undersampling, partial Fourier or a phase resolution below 1,
// are the mask, which may differ from time to time. Calibration lines that were acquired as the image was belong to it, others tell the
// coils' sensitivities. A noise scan whitens the coils. The vendor's own readouts that belong to no image are left out.
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
	xml, err := text(header.ID(), false, maxHeader, "dataset xml")
	if err != nil {
		return err
	}
	if r.Protocol, err = parseHeader(xml); err != nil {
		return err
	}
	if err := r.Protocol.cartesian(); err != nil {
		return err
	}
	r.Subject = parseSubject(xml)
	r.Raw, r.raw = true, &rawData{dataset: d}
	part, err := openDataset(group, partName, "a mark")
	if err != nil {
		return err
	}
	if part != nil {
		r.Part = true
		part.Close()
	}
	apart, apartAt, lines, at := withCalibration(lines, at, r.Protocol.Separate)
	if len(lines) == 0 {
		return errNoImage
	}
	lines, at = r.complete(lines, at)
	s, err := r.sort(lines, at)
	if err != nil {
		return err
	}
	r.Unused = len(apart) - r.calibrate(apart, apartAt, s)
	if r.raw.calibration == nil && r.Masks != nil {
		r.average(len(s.slices))
	}
	return r.whiten(noise, noiseAt)
}

const errNoImage = refusal("dataset data has no acquisition of an image: all are noise, calibration or navigators")

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
