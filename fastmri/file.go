package fastmri

// #include <stdlib.h>
// #include "h5.h"
import "C"

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"unsafe"

	"gonum.org/v1/hdf5"

	"github.com/closer-mri/closer/internal/durable"
)

// libhdf5 is held by whoever is inside that library in this process: Debian builds it without locks of its own.
var libhdf5 sync.Mutex

// Unfinished matches the names of files that were being written when their program was killed.
const Unfinished = ".closer-*.h5.tmp"

// writeFile makes the HDF5 file at path with what fill puts into it. The file appears whole or not at all: it is written
// beside its place, synced and renamed.
func writeFile(path string, fill func(f *hdf5.File) error) (err error) {
	libhdf5.Lock()
	defer libhdf5.Unlock()
	runtime.LockOSThread() // libhdf5's silence is per thread
	defer runtime.UnlockOSThread()
	hdf5.DisplayErrors(false)

	temp, err := durable.Create(path, Unfinished, 0o644) // takes the name; libhdf5 opens it again
	if err != nil {
		return fmt.Errorf("write HDF5 file: %w", err)
	}
	defer temp.Discard()
	f, err := hdf5.CreateFile(temp.Name(), hdf5.F_ACC_TRUNC)
	if err != nil {
		return fmt.Errorf("write HDF5 file: %w", err)
	}
	err = fill(f)
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("write HDF5 file: %w", closeErr)
	}
	if err != nil {
		return err
	}
	if err := temp.Commit(); err != nil {
		return fmt.Errorf("write HDF5 file: %w", err)
	}
	if err := durable.Sync(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write HDF5 file: %w", err)
	}
	return nil
}

// volume is a dataset that is written one slice (the first index) at a time.
type volume struct {
	name string
	id   C.hid_t
	dims []uint
}

// createVolume makes a dataset of complex64 or float32.
func createVolume(f *hdf5.File, name string, isComplex bool, dims ...int) (*volume, error) {
	v := &volume{name: name}
	extent := make([]C.hsize_t, len(dims))
	for i, n := range dims {
		extent[i] = C.hsize_t(n)
		v.dims = append(v.dims, uint(n))
	}
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	v.id = C.fm_create(C.hid_t(f.ID()), cname, cbool(isComplex), C.int(len(dims)), &extent[0])
	if v.id < 0 {
		return nil, fmt.Errorf("write HDF5 file: dataset %s could not be created", name)
	}
	return v, nil
}

// put writes slice i, which the caller has checked to have as many values as a slice of the volume.
func (v *volume) put(i int, values unsafe.Pointer) error {
	start, extent := make([]uint, len(v.dims)), append([]uint{1}, v.dims[1:]...)
	start[0] = uint(i)
	file, err := hdf5.CreateSimpleDataspace(v.dims, nil)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.SelectHyperslab(start, nil, extent, nil); err != nil {
		return err
	}
	memory, err := hdf5.CreateSimpleDataspace(extent, nil)
	if err != nil {
		return err
	}
	defer memory.Close()
	if C.fm_write(v.id, C.hid_t(memory.ID()), C.hid_t(file.ID()), values) != C.FM_OK {
		return fmt.Errorf("write HDF5 file: slice %d of dataset %s could not be written (disk full?)", i, v.name)
	}
	return nil
}

// close must precede the file's: libhdf5 flushes nothing of a file with open datasets.
func (v *volume) close() error {
	if C.H5Dclose(v.id) < 0 {
		return fmt.Errorf("write HDF5 file: dataset %s could not be completed (disk full?)", v.name)
	}
	return nil
}

// Attribute is one scalar attribute of the root group. Value is a string, an int or a float64.
type Attribute struct {
	Name  string
	Value any
}

func writeAttributes(f *hdf5.File, attributes []Attribute) error {
	id := C.hid_t(f.ID())
	for _, a := range attributes {
		name := C.CString(a.Name)
		var result C.int
		switch v := a.Value.(type) {
		case string:
			value := C.CString(v)
			result = C.fm_attr_text(id, name, value)
			C.free(unsafe.Pointer(value))
		case int:
			result = C.fm_attr_int(id, name, C.longlong(v))
		case float64:
			result = C.fm_attr_double(id, name, C.double(v))
		default:
			C.free(unsafe.Pointer(name))
			return fmt.Errorf("attribute %s: %T is neither string, int nor float64", a.Name, a.Value)
		}
		C.free(unsafe.Pointer(name))
		if result != C.FM_OK {
			return fmt.Errorf("write HDF5 file: attribute %s could not be written", a.Name)
		}
	}
	return nil
}

// writeText writes a dataset of one string: a scalar, or a list of one.
func writeText(at container, name, value string, list bool) error {
	cname, cvalue := C.CString(name), C.CString(value)
	defer C.free(unsafe.Pointer(cname))
	defer C.free(unsafe.Pointer(cvalue))
	if C.fm_write_text(C.hid_t(at.ID()), cname, cvalue, cbool(list)) != C.FM_OK {
		return errors.New("write HDF5 file: dataset " + name + " could not be written")
	}
	return nil
}

func writeMask(f *hdf5.File, mask []bool) error {
	cname := C.CString("mask")
	defer C.free(unsafe.Pointer(cname))
	values := make([]C.schar, len(mask))
	for i, on := range mask {
		if on {
			values[i] = 1
		}
	}
	if C.fm_write_mask(C.hid_t(f.ID()), cname, C.hsize_t(len(mask)), &values[0]) != C.FM_OK {
		return errors.New("write HDF5 file: dataset mask could not be written")
	}
	return nil
}
