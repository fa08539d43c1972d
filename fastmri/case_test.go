package fastmri

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/sandbox"
	"github.com/closer-mri/closer/recon"
)

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	if w.Type() != g.Type() && w.CanConvert(g.Type()) {
		want = w.Convert(g.Type()).Interface()
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// small returns a small valid file, skipping the test without h5py.
func small(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "base.h5")
	if out, err := exec.Command(python, "testdata/gen.py", "base", path).CombinedOutput(); err != nil {
		t.Skipf("no %s with h5py (python3-h5py): %v: %s", python, err, out)
	}
	return path
}

// readAll opens path and reads every slice, each step within wall.
func readAll(t testing.TB, path string, wall time.Duration) (h recon.Header, slices []recon.Slice, usage sandbox.Usage, err error) {
	t.Helper()
	scan, err := open(t.Context(), path, sandbox.Limits{Memory: testMemory, Wall: wall})
	if err != nil {
		if scan != nil {
			usage = scan.Usage()
		}
		return h, nil, usage, err
	}
	h = scan.Header()
	for i := 0; i < h.Slices && err == nil; i++ {
		var s recon.Slice
		if err = scan.ReadSlice(t.Context(), i, &s); err == nil {
			slices = append(slices, s)
		}
	}
	scan.Close()
	return h, slices, scan.Usage(), err
}

const testMemory = 256 << 20

// secrets are contents of other files and of the patient's name, which no message and no slice may hold.
var secrets = []string{"SECRET", "root:", "DOE", "JANE"}

// chain is everything that err and its causes say: what a log would hold.
func chain(err error) (text string) {
	for ; err != nil; err = errors.Unwrap(err) {
		text += err.Error() + "\n"
	}
	return text
}

// leaks reports what of the secrets is in the outcome.
func leaks(h recon.Header, slices []recon.Slice, err error) string {
	text := strings.Join([]string{h.Acquisition, h.Vendor, h.Model, h.Reference}, " ") + chain(err)
	all := [][]byte{[]byte(text)}
	for _, s := range slices {
		all = append(all, bytesOf(s.KSpace.Val), bytesOf(s.Calibration.Val), bytesOf(s.Reference))
	}
	for _, secret := range secrets {
		for _, b := range all {
			if bytes.Contains(b, []byte(secret)) {
				return secret
			}
		}
	}
	return ""
}

// wants are the sentences for each hostile or foreign file of testdata/gen.py, by their beginnings.
var wants = map[string]string{
	"bad_2d":                               "dataset kspace has 2 dimensions; expected 3 or 4",
	"bad_5d":                               "dataset kspace has 5 dimensions; expected 3 or 4",
	"bad_scalar":                           "dataset kspace has 0 dimensions; expected 3 or 4",
	"bad_float":                            "dataset kspace has the wrong datatype; expected complex numbers",
	"bad_half":                             "dataset kspace has the wrong datatype; expected complex numbers",
	"bad_int_compound":                     "dataset kspace has the wrong datatype; expected complex numbers",
	"bad_three_members":                    "dataset kspace has the wrong datatype; expected complex numbers",
	"bad_strings":                          "dataset kspace has the wrong datatype; expected complex numbers",
	"bad_vlen":                             "dataset kspace has the wrong datatype; expected complex numbers",
	"bad_missing":                          "the file is HDF5 but has neither a dataset kspace nor a group dataset",
	"bad_group":                            "dataset kspace is a group or a named type",
	"bad_ismrmrd":                          "dataset data has the wrong datatype; expected ISMRMRD acquisitions",
	"bad_nan":                              "dataset kspace has a value that is not finite in slice 0, coil 0, row 9, column 9",
	"bad_inf":                              "dataset kspace has a value that is not finite in slice 0, coil 0, row 0, column 0",
	"bad_lzf":                              "dataset kspace is compressed with lzf, which is not supported",
	"bad_huge":                             "dataset kspace has an extent of 1048576 in dimension 0",
	"bad_overflow":                         "dataset kspace has an extent of 2147483648 in dimension 0",
	"bad_wide":                             "dataset kspace has 268435456 samples a slice",
	"bad_unwritten":                        "dataset kspace has a shape but holds no data",
	"bad_unfinished":                       "dataset kspace lacks some of its samples: the file is unfinished",
	"bad_bomb":                             "dataset kspace has 268435456 samples a slice",
	"bad_large_slice":                      "the file could not be read safely: the reader used more than 256 MiB",
	"bad_inflate":                          "the file could not be read safely: the reader used more than 256 MiB",
	"bad_external_storage_secret":          "dataset kspace refers to another file, which is refused",
	"bad_external_storage_passwd":          "dataset kspace refers to another file, which is refused",
	"bad_external_ref":                     "dataset reconstruction_rss refers to another file, which is refused",
	"bad_external_header":                  "dataset ismrmrd_header refers to another file, which is refused",
	"bad_external_mask":                    "dataset mask refers to another file, which is refused",
	"bad_external_link_kspace":             "dataset kspace refers to another file, which is refused",
	"bad_external_link_reconstruction_rss": "dataset reconstruction_rss refers to another file, which is refused",
	"bad_external_link_ismrmrd_header":     "dataset ismrmrd_header refers to another file, which is refused",
	"bad_soft_link":                        "dataset kspace is a soft link",
	"bad_soft_external":                    "dataset kspace is a soft link",
	"bad_virtual":                          "dataset kspace is a virtual dataset, which is refused",
	"bad_mask_length":                      "dataset mask has the wrong number of values; expected 10",
	"bad_points_disagree":                  "dataset kspace has samples in column",
	"bad_points_reference":                 "dataset reconstruction_rss has images of 8 × 8; expected 16 × 10 as kspace",
	"bad_mask_value":                       "dataset mask has the value 7 in column 0; expected 0 or 1",
	"bad_mask_empty":                       "dataset mask marks no column as acquired",
	"bad_mask_absent":                      "dataset kspace is zero in all of column 1 of slice 0 and not around it: the scan is undersampled; expected a dataset mask",
	"bad_mask_disagrees":                   "dataset kspace has samples in column 1 of slice 0, which dataset mask says was not acquired",
	"bad_ref_slices":                       "dataset reconstruction_rss has 3 slices; expected 2 as in kspace",
	"bad_ref_type":                         "dataset reconstruction_rss has the wrong datatype; expected real floats",
	"bad_xml":                              "the ISMRMRD header is not readable XML",
	"bad_trajectory":                       "the header says that the trajectory is \"radial\"",
	"bad_header_type":                      "dataset ismrmrd_header has the wrong datatype; expected one string",
}

// Every layout variant is read as h5py reads it; every foreign or hostile file is refused with its own sentence.
func TestCases(t *testing.T) {
	needPython(t)
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/gen.py", "cases", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	files, _ := filepath.Glob(dir + "/*.h5")
	seen := 0
	_, plainSlices, _, err := readAll(t, filepath.Join(dir, "ok_plain.h5"), 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".h5")
		t.Run(name, func(t *testing.T) {
			h, slices, usage, err := readAll(t, path, 20*time.Second)
			if secret := leaks(h, slices, err); secret != "" {
				t.Errorf("leaks %q", secret)
			}
			if strings.HasPrefix(name, "ok_") {
				if err != nil {
					t.Fatal(err)
				}
				checkVariant(t, name, h, slices, plainSlices)
				return
			}
			seen++
			if recon.CodeOf(err) != recon.Invalid || !strings.HasPrefix(err.Error(), wants[name]) || wants[name] == "" {
				t.Errorf("got %s: %q (%v), want %q", recon.CodeOf(err), err, errors.Unwrap(err), wants[name])
			}
			if strings.Contains(chain(err), dir) {
				t.Errorf("message holds the path: %v", err)
			}
			if usage.MaxRSS > testMemory+256<<20 {
				t.Errorf("child used %d MiB", usage.MaxRSS>>20)
			}
		})
	}
	equal(t, "number of refused files", seen, len(wants))
}

// checkVariant checks a readable variant against the plain file, whose values it shares.
func checkVariant(t *testing.T, name string, h recon.Header, slices, plain []recon.Slice) {
	t.Helper()
	switch {
	case strings.HasPrefix(name, "ok_single"):
		equal(t, "coils", h.Coils, 1)
		want := "reconstruction_esc"
		if name == "ok_single_rss" {
			want = "reconstruction_rss"
		}
		equal(t, "reference", h.Reference, want)
	case strings.HasPrefix(name, "ok_mask"):
		equal(t, "lines", h.Mask.Lines(), 5)
		equal(t, "length", len(h.Mask), 10)
		equal(t, "first columns", []bool{h.Mask[0], h.Mask[1]}, []bool{true, false})
		equal(t, "reference", h.Reference, "")
	case name == "ok_padded":
		equal(t, "no mask", h.Mask == nil, true)
		equal(t, "padding", slices[0].KSpace.Val[1] == 0, true)
	case name == "ok_points":
		if h.Mask != nil || len(h.Points) != h.Ny*h.Nx {
			t.Fatalf("mask of %d columns, %d points", len(h.Mask), len(h.Points))
		}
		for i, v := range slices[0].KSpace.Coil(0).Pix {
			if h.Points[i] != (v != 0) {
				t.Errorf("point %d is %v, its sample %v", i, h.Points[i], v)
			}
		}
		equal(t, "image", [2]int{h.ReconNy, h.ReconNx}, [2]int{h.Ny, h.Nx})
		return
	default:
		for i := range slices {
			equal(t, "k-space", slices[i].KSpace, plain[i].KSpace)
			equal(t, "reference", slices[i].Reference, plain[i].Reference)
		}
	}
	equal(t, "slices", len(slices), 2)
	equal(t, "acquisition", h.Acquisition, "CORPD_FBK")
	equal(t, "simulated", h.Simulated, false)
	equal(t, "recon", [2]int{h.ReconNy, h.ReconNx}, map[bool][2]int{true: {8, 8}, false: {10, 10}}[name != "ok_no_header" || h.Reference != ""])
	if name == "ok_no_header" {
		equal(t, "spacing", h.PixelSpacing, [2]float64{})
		return
	}
	equal(t, "spacing", h.PixelSpacing, [2]float64{2.5, 2.5})
	equal(t, "thickness", h.Thickness, 4.5)
	equal(t, "field", h.Field, 2.89)
	equal(t, "scanner", h.Vendor+" "+h.Model, "SIEMENS Prisma_fit")
	equal(t, "sequence", h.Sequence, recon.Sequence{TR: 2800, TE: 27, FlipAngle: 150, EchoTrainLength: 4})
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	empty, text := filepath.Join(dir, "empty"), filepath.Join(dir, "text")
	os.WriteFile(empty, nil, 0o600)
	os.WriteFile(text, []byte(strings.Repeat("not HDF5 ", 1000)), 0o600)
	for path, want := range map[string]string{
		filepath.Join(dir, "absent"): "the file does not exist",
		dir:                          "the input is not a regular file",
		"/dev/zero":                  "the input is not a regular file",
		empty:                        "the file is empty",
		text:                         "the file is not readable HDF5",
	} {
		_, err := Open(t.Context(), path)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(chain(err), dir) {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}
