package fastmri

// #include "h5.h"
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"unsafe"

	"gonum.org/v1/hdf5"
)

// Acquisition is one readout of raw data as ISMRMRD lays it out in memory, little-endian.
type Acquisition struct {
	Head       []byte // its header, 340 bytes
	Trajectory []byte // float32
	Samples    []byte // complex64 (coils, samples)
}

// What is written at a time.
const (
	appended      = 256      // acquisitions
	appendedBytes = 16 << 20 // of samples, unless one has more
)

// ErrBrokeOff, instead of an acquisition, ends the file of a scan that had more of them. It says so, and so do its images.
var ErrBrokeOff = errors.New("the scan broke off")

// partName is the dataset that marks the file of a scan that broke off.
const partName = "broke_off"

// WriteRaw writes ISMRMRD raw data, as openRaw reads them, at path, whole or not at all; the same content gives the same bytes. header is the
// XML. An acquisition is asked for after the one before was copied. Errors of acquisitions other than ErrBrokeOff are returned as they are.
func WriteRaw(path, header string, acquisitions iter.Seq2[Acquisition, error]) error {
	return writeFile(path, func(f *hdf5.File) error {
		group, err := f.CreateGroup("dataset")
		if err != nil {
			return fmt.Errorf("write HDF5 file: %w", err)
		}
		defer group.Close()
		if err := writeText(group, "xml", header, true); err != nil {
			return err
		}
		w := rawWriter{dataset: C.fm_raw_create(C.hid_t(group.ID()))}
		if w.dataset < 0 {
			return errors.New("write HDF5 file: dataset data could not be created")
		}
		err = w.writeAll(acquisitions)
		if errors.Is(err, ErrBrokeOff) {
			err = errors.Join(w.flush(), writeText(group, partName, err.Error(), false))
		}
		return errors.Join(err, w.close())
	})
}

// rawWriter gathers acquisitions and writes many at a time.
type rawWriter struct {
	dataset              C.hid_t
	written              int
	heads                []byte
	trajectory, samples  []float32
	trajectories, counts []C.size_t // of values in each
}

func (w *rawWriter) writeAll(acquisitions iter.Seq2[Acquisition, error]) error {
	for a, err := range acquisitions {
		if err != nil {
			return err
		}
		if len(a.Head) != C.FM_HEAD || len(a.Trajectory)%4 != 0 || len(a.Samples)%4 != 0 {
			return fmt.Errorf("write HDF5 file: acquisition %d has a header of %d bytes, %d of trajectory and %d of samples",
				w.written+len(w.counts), len(a.Head), len(a.Trajectory), len(a.Samples))
		}
		w.heads = append(w.heads, a.Head...)
		w.trajectory, w.trajectories = appendFloats(w.trajectory, a.Trajectory), append(w.trajectories, C.size_t(len(a.Trajectory)/4))
		w.samples, w.counts = appendFloats(w.samples, a.Samples), append(w.counts, C.size_t(len(a.Samples)/4))
		if len(w.counts) == appended || 4*len(w.samples) >= appendedBytes {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return w.flush()
}

func (w *rawWriter) flush() error {
	n := len(w.counts)
	if n == 0 {
		return nil
	}
	result := C.fm_raw_append(w.dataset, C.hsize_t(w.written), C.size_t(n), unsafe.Pointer(&w.heads[0]),
		(*C.float)(unsafe.SliceData(w.trajectory)), &w.trajectories[0], (*C.float)(unsafe.SliceData(w.samples)), &w.counts[0])
	if result != C.FM_OK {
		return fmt.Errorf("write HDF5 file: acquisitions from %d on could not be written (disk full?)", w.written)
	}
	w.written += n
	w.heads, w.trajectory, w.trajectories = w.heads[:0], w.trajectory[:0], w.trajectories[:0]
	w.samples, w.counts = w.samples[:0], w.counts[:0]
	return nil
}

func (w *rawWriter) close() error {
	if C.H5Dclose(w.dataset) < 0 {
		return errors.New("write HDF5 file: dataset data could not be completed (disk full?)")
	}
	return nil
}

// appendFloats appends the little-endian values of b.
func appendFloats(to []float32, b []byte) []float32 {
	at := len(to)
	to = append(to, make([]float32, len(b)/4)...)
	_, _ = binary.Decode(b, binary.LittleEndian, to[at:])
	return to
}
