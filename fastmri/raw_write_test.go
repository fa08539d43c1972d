package fastmri

import (
	"encoding/binary"
	"errors"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// acquisitions are the readouts of k-space (slices, coils, ny, nx) as a scanner sends them.
func acquisitions(scan []recon.Slice) iter.Seq2[Acquisition, error] {
	return func(yield func(Acquisition, error) bool) {
		for i, s := range scan {
			k := s.KSpace
			for column := range k.Nx {
				a := Acquisition{Head: make([]byte, 340), Trajectory: make([]byte, 4*(column%2))}
				field := func(at int, v uint16) { binary.LittleEndian.PutUint16(a.Head[at:], v) }
				field(34, uint16(k.Ny)) // number_of_samples, active_channels, center_sample, then the counters of steps and slices
				field(38, uint16(k.Nc))
				field(172, uint16(k.Ny/2))
				field(242, uint16(column))
				field(248, uint16(i))
				for c := range k.Nc {
					for row := range k.Ny {
						v := k.Val[(c*k.Ny+row)*k.Nx+column]
						a.Samples, _ = binary.Append(a.Samples, binary.LittleEndian, v)
					}
				}
				if !yield(a, nil) {
					return
				}
			}
		}
	}
}

const rawHeader = `<?xml version="1.0"?><ismrmrdHeader><encoding><encodedSpace><matrixSize><x>16</x><y>300</y><z>1</z></matrixSize></encodedSpace></encoding></ismrmrdHeader>`

// Raw data are read as they were written, and the same gives the same file.
func TestWrittenRawDataAreRead(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	want := make([]recon.Slice, 2)
	for i := range want {
		want[i].KSpace.Resize(3, 16, 300)
		for j := range want[i].KSpace.Val {
			want[i].KSpace.Val[j] = complex(random.Float32(), random.Float32())
		}
	}
	path, again := filepath.Join(t.TempDir(), "raw.h5"), filepath.Join(t.TempDir(), "again.h5")
	for _, p := range []string{path, again} {
		if err := WriteRaw(p, rawHeader, acquisitions(want)); err != nil {
			t.Fatal(err)
		}
	}
	h, got, _, err := readAll(t, path, 0)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "shape", []int{h.Slices, h.Coils, h.Ny, h.Nx}, []int{2, 3, 16, 300})
	if h.Part {
		t.Error("the whole scan says that it broke off")
	}
	for i := range want {
		equal(t, "k-space", got[i].KSpace, want[i].KSpace)
	}
	a, _ := os.ReadFile(path)
	b, _ := os.ReadFile(again)
	if string(a) != string(b) {
		t.Error("the same acquisitions made another file")
	}
}

// What came of a scan that broke off is read as any other, and says so.
func TestPartOfAScan(t *testing.T) {
	want := make([]recon.Slice, 2)
	for i := range want {
		want[i].KSpace.Resize(1, 16, 300)
	}
	for lines, slices := range map[int]int{600: 2, 500: 2, 310: 1} { // of 300 each; of the second 10 are less than half
		path := filepath.Join(t.TempDir(), "raw.h5")
		err := WriteRaw(path, rawHeader, func(yield func(Acquisition, error) bool) {
			n := 0
			for a := range acquisitions(want) {
				if n == lines {
					break
				}
				n++
				yield(a, nil)
			}
			yield(Acquisition{}, ErrBrokeOff)
		})
		if err != nil {
			t.Fatal(err)
		}
		h, _, _, err := readAll(t, path, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !h.Part || h.Slices != slices {
			t.Errorf("%d readouts: %d slices, part %v", lines, h.Slices, h.Part)
		}
	}
}

// What cannot be written leaves no file.
func TestRawDataThatBreakOff(t *testing.T) {
	broken := errors.New("broken")
	for name, a := range map[string]Acquisition{
		"short header":    {Head: make([]byte, 339)},
		"part of a value": {Head: make([]byte, 340), Samples: make([]byte, 9)},
		"error":           {},
	} {
		path := filepath.Join(t.TempDir(), "raw.h5")
		err := WriteRaw(path, rawHeader, func(yield func(Acquisition, error) bool) {
			if name == "error" {
				yield(a, broken)
			} else {
				yield(a, nil)
			}
		})
		if err == nil || name == "error" && !errors.Is(err, broken) {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: there is a file", name)
		}
	}
}
