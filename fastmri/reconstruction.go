package fastmri

import (
	"errors"
	"fmt"
	"unsafe"

	"gonum.org/v1/hdf5"
)

// WriteReconstruction writes a volume of magnitude images as the fastMRI evaluation and leaderboard take them: one dataset,
// reconstruction, float32 (S, ny, nx), in the units of the input. Attributes go to the root group. The file at path appears
// whole or not at all, and the same content gives the same bytes.
func WriteReconstruction(path string, slices [][]float32, ny, nx int, attributes ...Attribute) error {
	if len(slices) == 0 || ny < 1 || nx < 1 {
		return fmt.Errorf("write reconstruction: %d slices of %d × %d: nothing to write", len(slices), ny, nx)
	}
	for i, s := range slices {
		if len(s) != ny*nx {
			return fmt.Errorf("write reconstruction: slice %d has %d values, expected %d × %d", i, len(s), ny, nx)
		}
	}
	return writeFile(path, func(f *hdf5.File) (err error) {
		v, err := createVolume(f, "reconstruction", false, len(slices), ny, nx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, v.close()) }()
		for i, s := range slices {
			if err := v.put(i, unsafe.Pointer(&s[0])); err != nil {
				return err
			}
		}
		return writeAttributes(f, attributes)
	})
}
