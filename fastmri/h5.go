package fastmri

// #cgo LDFLAGS: -lhdf5
// #cgo linux,amd64 CFLAGS: -I/usr/lib/x86_64-linux-gnu/hdf5/serial/include
// #cgo linux,amd64 LDFLAGS: -L/usr/lib/x86_64-linux-gnu/hdf5/serial
// #cgo linux,arm64 CFLAGS: -I/usr/lib/aarch64-linux-gnu/hdf5/serial/include
// #cgo linux,arm64 LDFLAGS: -L/usr/lib/aarch64-linux-gnu/hdf5/serial
// #include <stdlib.h>
// #include "h5.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/closer-mri/closer/internal/sandbox"
	"gonum.org/v1/hdf5"
)

// errNoMemory ends a child whose libhdf5 was refused memory.
var errNoMemory = fmt.Errorf("libhdf5: %w", sandbox.ErrMemory)

// refusal is a sentence about the file, made of our own words, numbers and the names that the layout fixes.
type refusal string

func (r refusal) Error() string { return string(r) }

func refusef(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// explain turns an fm_ result about the named object into an error; nil for FM_OK.
func explain(result C.int, what, expected string) error {
	switch result {
	case C.FM_OK:
		return nil
	case C.FM_NO_MEMORY:
		return errNoMemory
	case C.FM_ABSENT:
		return refusef("%s is missing; expected %s", what, expected)
	case C.FM_SOFT:
		return refusef("%s is a soft link; expected %s stored in the file itself", what, expected)
	case C.FM_EXTERNAL:
		return refusef("%s refers to another file, which is refused; expected %s stored in the file itself", what, expected)
	case C.FM_LINK:
		return refusef("%s is a link of an unknown kind; expected %s stored in the file itself", what, expected)
	case C.FM_NOT_DATASET:
		return refusef("%s is a group or a named type; expected %s", what, expected)
	case C.FM_VIRTUAL:
		return refusef("%s is a virtual dataset, which is refused; expected %s stored in the file itself", what, expected)
	case C.FM_EMPTY:
		return refusef("%s has a shape but holds no data; expected %s", what, expected)
	case C.FM_UNFINISHED:
		return refusef("%s lacks some of its %s: the file is unfinished", what, expected)
	case C.FM_TYPE:
		return refusef("%s has the wrong datatype; expected %s", what, expected)
	case C.FM_SHAPE:
		return refusef("%s has the wrong number of values; expected %s", what, expected)
	case C.FM_LARGE:
		return refusef("%s is longer than any real one; expected %s", what, expected)
	default:
		return refusef("%s is damaged; expected %s", what, expected)
	}
}

// container is a group or the file: where names are looked up.
type container interface {
	ID() int64
	OpenDatasetWith(name string, access *hdf5.PropList) (*hdf5.Dataset, error)
}

// chunkCache is how much of a dataset stays decompressed while it is read row by row, in bytes: several chunks of any converter. A chunk
// that does not fit is decompressed again for every row.
const chunkCache = 64 << 20

// openDataset opens a dataset after checking that its name is no link elsewhere and its data are in this file. It returns nil
// without an error when there is none.
func openDataset(at container, name, expected string) (*hdf5.Dataset, error) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	what := "dataset " + name
	switch result := C.fm_link(C.hid_t(at.ID()), cname); result {
	case C.FM_OK:
	case C.FM_ABSENT:
		return nil, nil
	default:
		return nil, explain(result, what, expected)
	}
	access, err := hdf5.NewPropList(hdf5.P_DATASET_ACCESS)
	if err != nil {
		return nil, explain(C.FM_FAILED, what, expected)
	}
	defer access.Close()
	C.H5Pset_chunk_cache(C.hid_t(access.ID()), C.H5D_CHUNK_CACHE_NSLOTS_DEFAULT, chunkCache, 1) // 1: what was read whole goes first
	d, err := at.OpenDatasetWith(name, access)
	if err != nil {
		return nil, explain(C.FM_FAILED, what, expected)
	}
	var filter C.int
	result := C.fm_storage(C.hid_t(d.ID()), &filter)
	if result == C.FM_FILTER {
		return nil, refusef("dataset %s is compressed with %s, which is not supported; expected no compression or gzip", name, filterName(int(filter)))
	}
	return d, explain(result, what, expected)
}

// filterName names the registered HDF5 filters that are seen in practice.
func filterName(id int) string {
	names := map[int]string{4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle",
		32013: "zfp", 32015: "zstd", 32026: "blosc2"}
	if name, ok := names[id]; ok {
		return name
	}
	return fmt.Sprintf("HDF5 filter %d", id)
}

// shape returns the extent of d, which must be of one of the given ranks.
func shape(d *hdf5.Dataset, name string, ranks ...int) ([]int, error) {
	space := d.Space()
	if space == nil {
		return nil, refusef("dataset %s is damaged: it has no shape", name)
	}
	defer space.Close()
	found := space.SimpleExtentNDims()
	for _, rank := range ranks {
		if rank != found {
			continue
		}
		dims, _, err := space.SimpleExtentDims()
		if err != nil {
			return nil, refusef("dataset %s is damaged: its shape cannot be read", name)
		}
		n := make([]int, rank)
		for i, d := range dims {
			if d == 0 || d > maxExtent {
				return nil, refusef("dataset %s has an extent of %d in dimension %d; expected 1 to %d", name, d, i, maxExtent)
			}
			n[i] = int(d)
		}
		return n, nil
	}
	return nil, refusef("dataset %s has %d dimensions; expected %s", name, found, rankWords(ranks))
}

func rankWords(ranks []int) string {
	text := fmt.Sprint(ranks[0])
	for _, r := range ranks[1:] {
		text += fmt.Sprintf(" or %d", r)
	}
	return text
}

// complexType returns the memory type that reads d as complex64.
func complexType(d *hdf5.Dataset, name string) (mem C.hid_t, err error) {
	result := C.fm_complex(C.hid_t(d.ID()), &mem)
	return mem, explain(result, "dataset "+name, "complex numbers (a compound of two floats, r and i)")
}

// numbers reads a dataset or attribute of n numbers or booleans.
func numbers(id int64, attribute bool, n int, what string) ([]float64, error) {
	dst := make([]float64, n)
	result := C.fm_numbers(C.hid_t(id), cbool(attribute), C.hssize_t(n), (*C.double)(unsafe.Pointer(&dst[0])))
	return dst, explain(result, what, fmt.Sprintf("%d numbers or booleans", n))
}

// text reads a dataset or attribute that is one string.
func text(id int64, attribute bool, limit int, what string) (string, error) {
	var out *C.char
	result := C.fm_string(C.hid_t(id), cbool(attribute), C.size_t(limit), &out)
	if result != C.FM_OK {
		return "", explain(result, what, "one string")
	}
	defer C.free(unsafe.Pointer(out))
	return C.GoString(out), nil
}

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// selection is one block of a dataset and the same block in memory.
type selection struct{ memory, file *hdf5.Dataspace }

// selectBlock selects the block of the given extent at start.
func selectBlock(d *hdf5.Dataset, start, extent []uint) (selection, error) {
	file := d.Space()
	if file == nil {
		return selection{}, errors.New("no dataspace")
	}
	if err := file.SelectHyperslab(start, nil, extent, nil); err != nil {
		file.Close()
		return selection{}, err
	}
	memory, err := hdf5.CreateSimpleDataspace(extent, nil)
	if err != nil {
		file.Close()
		return selection{}, err
	}
	return selection{memory, file}, nil
}

func (s selection) close() { s.memory.Close(); s.file.Close() }
