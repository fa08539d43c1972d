package fastmri

import (
	"path/filepath"
	"slices"
	"testing"

	"gonum.org/v1/hdf5"
)

// The slices of a slab are the same whether they come from one block or from several, in any order.
func TestSlabInBlocks(t *testing.T) {
	dir := rawFiles(t)
	libhdf5.Lock()
	defer libhdf5.Unlock()
	defer func(n int) { blockBytes = n }(blockBytes)
	for _, name := range []string{"ok_slab_repeated", "ok_slab_scattered"} {
		file, err := hdf5.OpenFile(filepath.Join(dir, name+".h5"), hdf5.F_ACC_RDONLY)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		read := func(blocks int, order []int) [][]complex64 {
			r, err := newReader(file)
			if err != nil {
				t.Fatal(err)
			}
			blockBytes = 8 * r.Coils * r.Ny * r.Nx * blocks
			out := make([][]complex64, r.Slices)
			for _, i := range order {
				if err := r.read(uint(i)); err != nil {
					t.Fatal(err)
				}
				if most := max(blocks, 1); r.raw.block.to-r.raw.block.from > most {
					t.Errorf("%s: a block of %d slices; expected at most %d", name, r.raw.block.to-r.raw.block.from, most)
				}
				out[i] = slices.Clone(r.samples)
			}
			return out
		}
		want := read(8, []int{0, 1, 2, 3, 4, 5, 6, 7})
		for _, blocks := range []int{0, 1, 3} {
			equal(t, name, read(blocks, []int{0, 5, 1, 6, 2, 3, 4, 7}), want)
		}
	}
}
