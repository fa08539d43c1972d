package fastmri

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"unsafe"

	"github.com/closer-mri/closer/internal/sandbox"
	"gonum.org/v1/hdf5"
)

// #include <stdlib.h>
// #include "h5.h"
import "C"

const readTask = "fastmri"

func init() { sandbox.RegisterOpener(readTask, serveFile) }

// serveFile is the child: it describes the file and then answers requests for slices until stdin ends.
func serveFile(in *os.File, stdin io.Reader, stdout io.Writer) error {
	runtime.LockOSThread() // libhdf5 keeps its error stack, and gonum its silence, per thread
	hdf5.DisplayErrors(false)

	file, err := hdf5.OpenFile(sandbox.InputPath, hdf5.F_ACC_RDONLY)
	sandbox.Seal()
	if err != nil {
		return answer(stdout, nil, refusal("the file is not readable HDF5: it is of another kind, damaged or cut short"))
	}
	r, err := newReader(file)
	if err != nil {
		return answer(stdout, nil, err)
	}
	description, err := json.Marshal(&r.layout)
	if err != nil {
		return err
	}
	if err := answer(stdout, description, nil); err != nil {
		return err
	}
	for {
		var index uint32
		if err := binary.Read(stdin, binary.LittleEndian, &index); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := answer(stdout, nil, r.read(uint(index))); err != nil {
			return err
		}
		if r.fresh {
			for _, bytes := range [][]byte{bytesOf(r.samples), bytesOf(r.calibration), bytesOf(r.pixels)} {
				if _, err := stdout.Write(bytes); err != nil {
					return err
				}
			}
		}
	}
}

// answer sends a payload, or err where it is about the file. Other errors end the child.
func answer(w io.Writer, payload []byte, err error) error {
	var about refusal
	switch {
	case err == nil:
		return writeFrame(w, frameOK, payload)
	case errors.As(err, &about):
		return writeFrame(w, frameRefused, []byte(about))
	default:
		return err
	}
}

// reader reads slices of one open file.
type reader struct {
	layout
	kspace    *hdf5.Dataset
	complex   C.hid_t // memory type of complex64
	reference *hdf5.Dataset
	raw       *rawData // of an ISMRMRD file, which has neither of them

	samples     []complex64 // (C, H, W) of the slice read last
	calibration []complex64 // (C, H, columns of Calibration)
	pixels      []float32   // (h, w)
	fresh       bool        // the last read succeeded
}

// newReader checks everything that can be checked before a slice is read. Strings of variable length come last: of all that
// libhdf5 reads, they crash it most easily.
func newReader(file *hdf5.File) (*reader, error) {
	r := &reader{}
	if group, err := rawGroup(file); err != nil {
		return nil, err
	} else if group != nil {
		defer group.Close()
		return r, r.openRaw(group)
	}
	if err := r.openKSpace(file); err != nil {
		return nil, err
	}
	if err := r.openReference(file); err != nil {
		return nil, err
	}
	if err := r.readMask(file); err != nil {
		return nil, err
	}
	if err := r.readAttributes(file); err != nil {
		return nil, err
	}
	if err := r.readHeader(file); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *reader) openKSpace(file *hdf5.File) (err error) {
	r.kspace, err = openDataset(file, "kspace", "complex k-space (slices, [coils,] rows, columns)")
	if err != nil {
		return err
	}
	if r.kspace == nil {
		return refusal("the file is HDF5 but has neither a dataset kspace nor a group dataset; expected the fastMRI layout or ISMRMRD raw data")
	}
	if r.complex, err = complexType(r.kspace, "kspace"); err != nil {
		return err
	}
	dims, err := shape(r.kspace, "kspace", 3, 4)
	if err != nil {
		return err
	}
	r.Slices, r.Coils, r.Ny, r.Nx = dims[0], 1, dims[len(dims)-2], dims[len(dims)-1]
	if len(dims) == 4 {
		r.Coils = dims[1]
	}
	if err := r.check(); err != nil {
		return err
	}
	return explain(C.fm_stored(C.hid_t(r.kspace.ID())), "dataset kspace", "samples")
}

func (r *reader) openReference(file *hdf5.File) error {
	names := []string{"reconstruction_rss"}
	if r.rank() == 3 {
		names = []string{"reconstruction_esc", "reconstruction_rss"}
	}
	for _, name := range names {
		d, err := openDataset(file, name, "reference images (slices, rows, columns)")
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		if err := explain(C.fm_float(C.hid_t(d.ID())), "dataset "+name, "real floats"); err != nil {
			return err
		}
		dims, err := shape(d, name, 3)
		if err != nil {
			return err
		}
		if dims[0] != r.Slices {
			return refusef("dataset %s has %d slices; expected %d as in kspace", name, dims[0], r.Slices)
		}
		r.reference, r.Reference, r.RefNy, r.RefNx = d, name, dims[1], dims[2]
		if err := r.check(); err != nil {
			return err
		}
		return explain(C.fm_stored(C.hid_t(d.ID())), "dataset "+name, "images")
	}
	return nil
}

// rank returns the number of dimensions of kspace.
func (r *reader) rank() int {
	space := r.kspace.Space()
	defer space.Close()
	return space.SimpleExtentNDims()
}

func (r *reader) readMask(file *hdf5.File) error {
	d, err := openDataset(file, "mask", "one value for each column of kspace")
	if err != nil || d == nil {
		return err
	}
	defer d.Close()
	count, twoAxes := r.Nx, false
	if dims, err := shape(d, "mask", 2); err == nil && r.Ny > 1 && dims[0] == r.Ny && dims[1] == r.Nx {
		count, twoAxes = r.Ny*r.Nx, true // both axes are phase encode
	}
	values, err := numbers(d.ID(), false, count, "dataset mask")
	if err != nil {
		return err
	}
	mask, acquired := make([]byte, count), 0
	for i, v := range values {
		switch v {
		case 0:
		case 1:
			mask[i] = 1
			acquired++
		default:
			return refusef("dataset mask has the value %g in column %d; expected 0 or 1", v, i%r.Nx)
		}
	}
	if twoAxes && !slices.ContainsFunc(slices.Collect(slices.Chunk(mask, r.Nx)), func(row []byte) bool { return !slices.Equal(row, mask[:r.Nx]) }) {
		mask, twoAxes = mask[:r.Nx], false // columns, repeated for each row
	}
	switch {
	case acquired == 0:
		return refusal("dataset mask marks no column as acquired; expected at least one")
	case acquired == count:
	case twoAxes:
		r.Points = mask
	default:
		r.Mask = mask
	}
	return r.check()
}

func (r *reader) readAttributes(file *hdf5.File) error {
	root, err := file.OpenGroup("/")
	if err != nil {
		return refusal("the file is damaged: its root group cannot be read")
	}
	defer root.Close()
	a := &r.Attributes
	if a.Max, err = numberAttribute(root, "max"); err != nil {
		return err
	}
	if a.Norm, err = numberAttribute(root, "norm"); err != nil {
		return err
	}
	if a.Acceleration, err = numberAttribute(root, "acceleration"); err != nil {
		return err
	}
	low, err := numberAttribute(root, "num_low_frequency")
	if err != nil {
		return err
	}
	if low >= 0 && low <= float64(r.Nx) {
		a.NumLowFrequency = int(low)
	}
	simulated, err := numberAttribute(root, "simulated")
	if err != nil {
		return err
	}
	r.Simulated = simulated != 0
	a.Acquisition, err = textAttribute(root, "acquisition")
	a.Acquisition = plain(a.Acquisition)
	return err
}

// attribute opens an attribute and gives it to f; a missing one is skipped.
func attribute(root *hdf5.Group, name string, f func(id int64) error) error {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	if C.H5Aexists(C.hid_t(root.ID()), cname) <= 0 {
		return nil
	}
	a, err := root.OpenAttribute(name)
	if err != nil {
		return refusef("attribute %s is damaged", name)
	}
	defer a.Close()
	return f(a.ID())
}

// numberAttribute returns a numeric attribute, 0 when it is missing or not finite. Some files hold numbers as text.
func numberAttribute(root *hdf5.Group, name string) (float64, error) {
	var value float64
	err := attribute(root, name, func(id int64) error {
		v, err := numbers(id, true, 1, "attribute "+name)
		if err == nil {
			value = v[0]
			return nil
		}
		s, textErr := text(id, true, 64, "attribute "+name)
		if textErr != nil {
			return err
		}
		value, _ = strconv.ParseFloat(s, 64)
		return nil
	})
	if value-value != 0 { // NaN or infinite
		value = 0
	}
	return value, err
}

func textAttribute(root *hdf5.Group, name string) (s string, err error) {
	err = attribute(root, name, func(id int64) error {
		s, err = text(id, true, 4096, "attribute "+name)
		return err
	})
	return s, err
}

func (r *reader) readHeader(file *hdf5.File) error {
	d, err := openDataset(file, "ismrmrd_header", "the text of an ISMRMRD header")
	if err != nil || d == nil {
		return err
	}
	defer d.Close()
	s, err := text(d.ID(), false, maxHeader, "dataset ismrmrd_header")
	if err != nil {
		return err
	}
	if r.Protocol, err = parseHeader(s); err != nil {
		return err
	}
	return r.Protocol.cartesian()
}

// read reads slice i into samples and pixels.
func (r *reader) read(i uint) error {
	r.fresh = false
	if i >= uint(r.Slices) {
		return refusef("slice %d does not exist; the file has %d", i, r.Slices)
	}
	read := r.readDatasets
	if r.raw != nil {
		read = r.readRaw
	}
	if err := read(i); err != nil {
		return err
	}
	r.fresh = true
	return nil
}

func (r *reader) readDatasets(i uint) error {
	r.samples, r.pixels = resize(r.samples, r.Coils*r.Ny*r.Nx), resize(r.pixels, r.RefNy*r.RefNx)
	start, extent := []uint{i, 0, 0}, []uint{1, uint(r.Ny), uint(r.Nx)}
	if r.rank() == 4 {
		start, extent = []uint{i, 0, 0, 0}, []uint{1, uint(r.Coils), uint(r.Ny), uint(r.Nx)}
	}
	if err := readBlock(r.kspace, "kspace", r.complex, start, extent, unsafe.Pointer(&r.samples[0])); err != nil {
		return err
	}
	if r.reference != nil {
		start, extent := []uint{i, 0, 0}, []uint{1, uint(r.RefNy), uint(r.RefNx)}
		if err := readBlock(r.reference, r.Reference, C.fm_native_float(), start, extent, unsafe.Pointer(&r.pixels[0])); err != nil {
			return err
		}
	}
	return nil
}

// readBlock reads one block of d as memory type mem to dst, which has room for the extent.
func readBlock(d *hdf5.Dataset, name string, mem C.hid_t, start, extent []uint, dst unsafe.Pointer) error {
	s, err := selectBlock(d, start, extent)
	if err != nil {
		return refusef("slice %d of dataset %s cannot be selected: the file is damaged", start[0], name)
	}
	defer s.close()
	switch C.fm_read(C.hid_t(d.ID()), mem, C.hid_t(s.memory.ID()), C.hid_t(s.file.ID()), dst) {
	case C.FM_OK:
		return nil
	case C.FM_NO_MEMORY:
		return errNoMemory
	default:
		return refusef("slice %d of dataset %s cannot be read: the file is damaged or cut short", start[0], name)
	}
}
