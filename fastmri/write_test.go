package fastmri

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/quick"
	"time"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// simulated returns a random small file and the slices it will hold.
func simulated(rng *rand.Rand) (Simulated, []recon.Slice) {
	s := Simulated{
		Acquisition: "AXT2", Slices: 1 + rng.IntN(3), Coils: 1 + rng.IntN(3), Ny: 2 + rng.IntN(20), Nx: 2 + rng.IntN(20),
		Field: 1.5, Sequence: recon.Sequence{TR: 500, TE: 12.5, TI: 100, FlipAngle: 90, EchoTrainLength: 3},
	}
	s.Recon = Space{1 + rng.IntN(s.Ny), 1 + rng.IntN(s.Nx), 1, 200, 180, 3}
	s.Encoded = Space{s.Ny, s.Nx, 1, 200 * float64(s.Ny) / float64(s.Recon.X), 180 * float64(s.Nx) / float64(s.Recon.Y), 3}
	if rng.IntN(2) == 0 {
		s.Mask = make(kspace.Mask, s.Nx)
		s.Mask[rng.IntN(s.Nx-1)] = true
		s.NumLowFrequency = 1
	}
	slices := make([]recon.Slice, s.Slices)
	for i := range slices {
		slices[i].KSpace = kspace.NewData(s.Coils, s.Ny, s.Nx)
		for j := range slices[i].KSpace.Val {
			if s.Mask == nil || s.Mask[j%s.Nx] {
				slices[i].KSpace.Val[j] = complex(float32(rng.NormFloat64()), float32(rng.NormFloat64()))
			}
		}
		if s.Mask == nil {
			slices[i].Reference = make([]float32, s.Recon.X*s.Recon.Y)
			for j := range slices[i].Reference {
				slices[i].Reference[j] = float32(rng.ExpFloat64())
			}
		}
	}
	s.Slice = func(i int, dst *recon.Slice) error {
		dst.KSpace.Resize(s.Coils, s.Ny, s.Nx)
		copy(dst.KSpace.Val, slices[i].KSpace.Val)
		dst.Reference = append(dst.Reference[:0], slices[i].Reference...)
		return nil
	}
	return s, slices
}

// What WriteSimulated writes, Open reads back bit for bit, and says that it is simulated.
func TestSimulatedRoundTrip(t *testing.T) {
	dir := t.TempDir()
	property := func(seed uint64) bool {
		s, want := simulated(rand.New(rand.NewPCG(seed, 0)))
		path := filepath.Join(dir, "s.h5")
		if err := WriteSimulated(path, s); err != nil {
			t.Fatal(err)
		}
		opened, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		h, a := opened.Header(), opened.(*Scan).Attributes()
		equal(t, "shape", []int{h.Slices, h.Coils, h.Ny, h.Nx, h.ReconNy, h.ReconNx},
			[]int{s.Slices, s.Coils, s.Ny, s.Nx, s.Recon.X, s.Recon.Y})
		equal(t, "mask", h.Mask, s.Mask)
		equal(t, "simulated", h.Simulated, true)
		equal(t, "labels", []string{h.Format, h.Acquisition, h.Vendor}, []string{"fastmri", "AXT2", "SIMULATED"})
		equal(t, "sequence", h.Sequence, s.Sequence)
		equal(t, "spacing", h.PixelSpacing, [2]float64{200 / float64(s.Recon.X), 180 / float64(s.Recon.Y)})
		equal(t, "thickness, field", []float64{h.Thickness, h.Field}, []float64{3, 1.5})
		var got recon.Slice
		var sum summary
		for i := range want {
			if err := opened.ReadSlice(t.Context(), i, &got); err != nil {
				t.Fatal(err)
			}
			equal(t, "k-space", got.KSpace, want[i].KSpace)
			equal(t, "reference", got.Reference, want[i].Reference)
			for _, v := range want[i].Reference {
				sum.max, sum.squares = max(sum.max, float64(v)), sum.squares+float64(v)*float64(v)
			}
		}
		wantAttributes := Attributes{Acquisition: "AXT2", Max: sum.max, Norm: math.Sqrt(sum.squares)}
		if s.Mask != nil {
			wantAttributes = Attributes{Acquisition: "AXT2", Acceleration: s.Mask.Acceleration(), NumLowFrequency: 1}
		}
		equal(t, "attributes", a, wantAttributes)
		return !t.Failed()
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 30}); err != nil {
		t.Error(err)
	}
}

// h5py reads both kinds of files that we write, and sees the types that fastMRI's own code expects.
func TestH5pyReadsOurFiles(t *testing.T) {
	needPython(t)
	dir := t.TempDir()
	s, _ := simulated(rand.New(rand.NewPCG(3, 1)))
	if err := WriteSimulated(filepath.Join(dir, "s.h5"), s); err != nil {
		t.Fatal(err)
	}
	slices := [][]float32{{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}}
	if err := WriteReconstruction(filepath.Join(dir, "r.h5"), slices, 2, 3, Attribute{"method", "ccdf"}, Attribute{"nfe", 20}, Attribute{"t0", 0.02}); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", `
import h5py, json, sys
s, r = h5py.File(sys.argv[1] + "/s.h5"), h5py.File(sys.argv[1] + "/r.h5")
plain = lambda v: v.item() if hasattr(v, "item") else v
print(json.dumps(dict(
  s={k: [str(v.dtype), v.ndim] for k, v in s.items()}, header=s["ismrmrd_header"][()].decode()[:21],
  sattrs={k: plain(v) for k, v in s.attrs.items() if k in ("patient_id", "simulated", "acquisition")},
  r={k: [str(v.dtype), v[()].tolist()] for k, v in r.items()}, rattrs={k: plain(v) for k, v in r.attrs.items()})))`, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got, want any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	expected := `{"s": {"kspace": ["complex64", 4], "reconstruction_rss": ["float32", 3], "ismrmrd_header": ["object", 0]},
		"header": "<?xml version=\"1.0\"?>", "sattrs": {"patient_id": "simulated", "simulated": 1, "acquisition": "AXT2"},
		"r": {"reconstruction": ["float32", [[[1,2,3],[4,5,6]],[[7,8,9],[10,11,12]]]]}, "rattrs": {"method": "ccdf", "nfe": 20, "t0": 0.02}}`
	if s.Mask != nil || s.Coils == 1 {
		t.Fatalf("seed gives another layout than this test describes: %d coils, mask %v", s.Coils, s.Mask)
	}
	if err := json.Unmarshal([]byte(expected), &want); err != nil {
		t.Fatal(err)
	}
	equal(t, "as h5py sees it", got, want)
}

func TestSameContentSameBytes(t *testing.T) {
	dir := t.TempDir()
	var files [2][]byte
	for i := range files {
		if i > 0 {
			time.Sleep(1100 * time.Millisecond) // HDF5 would note the time, in seconds
		}
		s, _ := simulated(rand.New(rand.NewPCG(11, 0)))
		path := filepath.Join(dir, "s.h5")
		if err := WriteSimulated(path, s); err != nil {
			t.Fatal(err)
		}
		files[i], _ = os.ReadFile(path)
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two writes of the same content differ")
	}
}

// A write that fails leaves what was there, and no temporary file.
func TestFailedWriteLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s.h5")
	os.WriteFile(path, []byte("old"), 0o600)
	s, _ := simulated(rand.New(rand.NewPCG(5, 0)))
	s.Slices = 3
	s.Slice = func(i int, _ *recon.Slice) error { return errors.New("no more") }
	if err := WriteSimulated(path, s); err == nil || err.Error() != "simulated file: slice 0: no more" {
		t.Errorf("got %v", err)
	}
	if err := WriteReconstruction(path, [][]float32{{1}}, 1, 1, Attribute{"bad", []int{1}}); err == nil {
		t.Error("an attribute of an unknown type was accepted")
	}
	if err := WriteReconstruction(path, [][]float32{{1}}, 1, 2); err == nil {
		t.Error("a slice of the wrong size was accepted")
	}
	if text, _ := os.ReadFile(path); string(text) != "old" {
		t.Errorf("file now holds %d bytes", len(text))
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}
