package fastmri

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// sharedFiles lie beside the repository: real fastMRI layout, written by h5py.
const sharedFiles = "../../shared/data/fastmri"

// python is Debian's: python3-h5py is not installed for others.
const python = "/usr/bin/python3"

// needPython skips the test where h5py is missing.
func needPython(t *testing.T) {
	t.Helper()
	if err := exec.Command(python, "-c", "import h5py").Run(); err != nil {
		t.Skipf("no %s with h5py (python3-h5py): %v", python, err)
	}
}

// The three shared files against h5py: shapes, attributes, hash, and per slice the sums that testdata/gen.py summary computes.
// Sums are of float64, in another order than numpy's pairwise one: 1e-9 relative.
func TestSharedFilesAgreeWithH5py(t *testing.T) {
	files, _ := filepath.Glob(sharedFiles + "/*/*.h5")
	if len(files) == 0 {
		t.Skipf("no files under %s", sharedFiles)
	}
	needPython(t)
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			out, err := exec.Command(python, "testdata/gen.py", "summary", path).Output()
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				SHA256, Acquisition, Reference string
				Shape, RefShape                []int
				Mask                           []bool
				Max, Norm, Acceleration        float64
				Low                            int
				Slices                         []struct{ Re, Im, Abs2, Last, Ref, RefFirst float64 }
			}
			if err := json.Unmarshal(out, &want); err != nil {
				t.Fatal(err)
			}
			opened, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			h, a := opened.Header(), opened.(*Scan).Attributes()
			shape := []int{h.Slices, h.Coils, h.Ny, h.Nx}
			if len(want.Shape) == 3 {
				shape = []int{h.Slices, h.Ny, h.Nx}
			}
			equal(t, "shape", shape, want.Shape)
			equal(t, "sha", h.SHA256, want.SHA256)
			equal(t, "acquisition", h.Acquisition, want.Acquisition)
			equal(t, "reference", h.Reference, want.Reference)
			equal(t, "mask", h.Mask, kspace.Mask(want.Mask))
			equal(t, "attributes", a, Attributes{want.Acquisition, want.Max, want.Norm, want.Acceleration, want.Low})
			equal(t, "recon", [2]int{h.ReconNy, h.ReconNx}, [2]int{320, 320})
			equal(t, "spacing", h.PixelSpacing, [2]float64{230. / 320, 230. / 320})
			equal(t, "thickness", h.Thickness, 3)
			equal(t, "field", h.Field, 3)
			equal(t, "simulated", h.Simulated, true)
			var s recon.Slice
			for i, w := range want.Slices {
				if err := opened.ReadSlice(t.Context(), i, &s); err != nil {
					t.Fatal(err)
				}
				var re, im, abs2, ref float64
				for _, c := range s.KSpace.Val {
					r, i := float64(real(c)), float64(imag(c))
					re, im, abs2 = re+r, im+i, abs2+r*r+i*i
				}
				for _, v := range s.Reference {
					ref += float64(v)
				}
				scale := math.Sqrt(abs2 * float64(len(s.KSpace.Val)))
				near(t, "sum of real parts", re, w.Re, 1e-9*scale)
				near(t, "sum of imaginary parts", im, w.Im, 1e-9*scale)
				near(t, "energy", abs2, w.Abs2, 1e-9*abs2)
				near(t, "last value", float64(real(s.KSpace.Val[len(s.KSpace.Val)-1])), w.Last, 0)
				near(t, "reference", ref, w.Ref, 1e-9*math.Abs(ref))
				if len(s.Reference) > 0 {
					near(t, "first pixel", float64(s.Reference[0]), w.RefFirst, 0)
				} else if h.Reference != "" {
					t.Error("no reference")
				}
			}
		})
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %g, want %g ± %g", what, got, want, tolerance)
	}
}

func BenchmarkReadSlice(b *testing.B) {
	path := filepath.Join(sharedFiles, "multicoil_val/brain_axt2_mc.h5")
	if _, err := os.Stat(path); err != nil {
		b.Skip(err)
	}
	scan, err := Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer scan.Close()
	var s recon.Slice
	i := 0
	for b.Loop() {
		if err := scan.ReadSlice(b.Context(), i%2, &s); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.SetBytes(int64(len(s.KSpace.Val)*8 + len(s.Reference)*4))
}

func BenchmarkOpen(b *testing.B) {
	path := small(b)
	for b.Loop() {
		scan, err := Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		scan.Close()
	}
}
