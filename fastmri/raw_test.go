package fastmri

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// rawWants are the sentences for the refused files of testdata/gen_ismrmrd.py, by their beginnings.
var rawWants = map[string]string{
	"bad_step_2":         "acquisition 0 has partition-encode step 1; the header's matrix of 1 steps around 0 has no such step",
	"bad_partitions":     "the header says that 6 partitions were encoded; the central one was not acquired",
	"bad_partitions_few": "2 of 6 partitions were acquired; expected at least 3/8",
	"bad_slabs":          "the acquisitions are of 2 slabs whose partitions were undersampled; only one such slab can be reconstructed",
	"bad_contrast":       "the acquisitions have contrast 64; expected at most 63",
	"bad_echo_missing":   "slice 3 has no acquisition",
	"bad_epi":            "readouts run in both directions, as in EPI",
	"bad_space":          "the acquisitions use several encoding spaces",
	"bad_echo":           "readouts have 9 samples around sample 1; expected at least 5/8 of the header's matrix of 16",
	"bad_echo_centre":    "readouts have 12 samples that are not discarded, the header's matrix has 16, and the sample at the centre of k-space is not told",
	"bad_echo_outside":   "readouts have 12 samples around sample 10",
	"bad_long":           "readouts have 32 samples that are not discarded; the header's matrix has 16",
	"bad_radial":         "the header says that the trajectory is \"radial\"",
	"bad_step":           "acquisition 18 has phase-encode step 10; the header's matrix of 10 steps around 5 has no such step",
	"bad_slab_changing":  "the slab of time 1 was sampled otherwise than that of time 0",
	"bad_missing_slice":  "slice 1 has no acquisition",
	"bad_coils":          "the acquisitions differ in their samples or coils",
	"bad_noise_alone":    "dataset data has no acquisition of an image",
	"bad_matrix":         "the ISMRMRD header does not tell the encoded matrix",
	"bad_xml":            "the ISMRMRD header is not readable XML",
	"bad_nan":            "dataset data has a value that is not finite in slice 0, coil 0, row 0, column 7",
	"bad_separate_nan":   "dataset data has a value that is not finite in the calibration lines of slice 0, coil 0",
	"bad_separate_alone": "dataset data has no acquisition of an image",
	"bad_no_xml":         "group dataset has no dataset xml",
	"bad_no_data":        "group dataset has no dataset data",
	"bad_external":       "dataset data refers to another file, which is refused",
	"bad_length":         "an acquisition of dataset data has the wrong number of values",
	"bad_type":           "dataset data has the wrong datatype",
	"bad_head":           "dataset data has the wrong datatype",
	"bad_huge":           "dataset data has 1099511627776 acquisitions",
}

// rawNotes are what the report says of the files that are read.
var rawNotes = map[string]string{
	"ok_echoes":             "The 8 slices are 2 repetitions of 2 echoes of 2 slices, one after the other.",
	"ok_phases":             "The 12 slices are 2 repetitions of 3 heart phases of 2 slices, one after the other.",
	"ok_stopped":            "The last repetition is incomplete: its 7 readouts were left out. The 4 slices are 2 repetitions of 2 slices, one after the other.",
	"ok_stopped_slice":      "The last repetition is incomplete: its 10 readouts were left out.",
	"ok_stopped_not":        "The 4 slices are 2 repetitions of 2 slices, one after the other.",
	"ok_stopped_later":      "The 4 slices are 2 repetitions of 2 slices, one after the other.",
	"ok_stopped_slices":     "Less than half was acquired of slices 1, 3 (from 0), which were left out. The scanner numbers the slices 0, 2 (from 0): distances across a gap are larger than the images say.",
	"ok_sets":               "The 16 slices are 2 repetitions of 2 heart phases of 2 sets of 2 slices, one after the other.",
	"ok_sets_integrated":    "The 4 slices are 2 sets of 2 slices, one after the other.",
	"ok_partial_echo":       "4 samples at one end of each readout were not acquired (partial echo): images are less sharp along it than their pixels.",
	"ok_partial_echo_after": "6 samples at one end of each readout were not acquired (partial echo): images are less sharp along it than their pixels.",
	"ok_slab_partial_echo": "The partitions of the 3-D acquisition were undersampled: the slices lie across its readout. " +
		"4 samples at one end of each readout were not acquired (partial echo): images are less sharp along it than their pixels.",
	"ok_repetitions":    "The 4 slices are 2 repetitions of 2 slices, one after the other.",
	"ok_place_wandered": "The 4 slices are 2 repetitions of 2 slices, one after the other.",
	"ok_placed_repeated": "The 10 slices are 2 repetitions of 5 slices, one after the other. " +
		"The scanner numbers the slices 4, 1, 3, 0, 2 (from 0); here they are in the order of their positions.",
	"ok_gaps":                    "The 8 slices are 2 repetitions of 4 slices, one after the other. The scanner numbers the slices 1, 3–4, 6 (from 0): distances across a gap are larger than the images say.",
	"ok_whitened":                "1 calibration lines that were acquired apart from the image were not used. The coils were whitened by the noise scan, 40 samples of each.",
	"ok_whitened_mask":           "The coils were whitened by the noise scan, 40 samples of each.",
	"ok_noise_short":             "The noise scan was not used: its 29 samples of each coil do not tell how the coils share noise.",
	"ok_noise_of_a_dead_coil":    "The noise scan was not used: its 64 samples of each coil do not tell how the coils share noise.",
	"ok_noise_nan":               "The noise scan was not used: its 64 samples of each coil do not tell how the coils share noise.",
	"ok_separate_one_coil":       "8 calibration lines that were acquired apart from the image were not used.",
	"ok_separate_other_coils":    "8 calibration lines that were acquired apart from the image were not used.",
	"ok_separate_one_slice":      "4 calibration lines that were acquired apart from the image were not used.",
	"ok_separate_other_slices":   "16 calibration lines that were acquired apart from the image were not used.",
	"ok_separate_gap":            "8 calibration lines that were acquired apart from the image were not used.",
	"ok_separate_wide":           "6 calibration lines that were acquired apart from the image were not used.",
	"ok_separate_outside":        "8 calibration lines that were acquired apart from the image were not used.",
	"ok_separate_before_centre":  "8 calibration lines that were acquired apart from the image were not used.",
	"ok_separate_after_centre":   "8 calibration lines that were acquired apart from the image were not used.",
	"ok_separate_long":           "8 calibration lines that were acquired apart from the image were not used.",
	"ok_separate_reversed":       "8 calibration lines that were acquired apart from the image were not used.",
	"ok_separate_uneven":         "3 calibration lines that were acquired apart from the image were not used.",
	"ok_changing":                "The 8 slices are 4 repetitions of 2 slices, one after the other.",
	"ok_changing_coil":           "The 8 slices are 4 repetitions of 2 slices, one after the other.",
	"ok_changing_separate":       "The 8 slices are 4 repetitions of 2 slices, one after the other.",
	"ok_changing_sets":           "The 12 slices are 3 repetitions of 2 sets of 2 slices, one after the other.",
	"ok_changing_sets_once":      "The 4 slices are 2 sets of 2 slices, one after the other.",
	"ok_changing_echoes":         "The 8 slices are 2 repetitions of 2 echoes of 2 slices, one after the other.",
	"ok_changing_slices":         "The scanner numbers the slices 4, 1, 3, 0, 2 (from 0); here they are in the order of their positions.",
	"ok_separate_placed":         "The scanner numbers the slices 4, 1, 3, 0, 2 (from 0); here they are in the order of their positions.",
	"ok_separate_repetitions":    "8 calibration lines that were acquired apart from the image were not used. The 4 slices are 2 repetitions of 2 slices, one after the other.",
	"ok_noise_of_other_coils":    "The noise scan was not used: it has 4 coils and the image 3.",
	"ok_separate_whitened":       "The coils were whitened by the noise scan, 40 samples of each.",
	"ok_slab_scattered_separate": "The partitions of the 3-D acquisition were undersampled: the slices lie across its readout. 12 calibration lines that were acquired apart from the image were not used.",
	"ok_slab_skipping_separate":  "The partitions of the 3-D acquisition were undersampled: the slices lie across its readout. 12 calibration lines that were acquired apart from the image were not used.",
	"ok_skipped":                 "1 calibration lines that were acquired apart from the image were not used.",
	"ok_slabs":                   "The slices are of 2 slabs, one after the other; 1 slices of each, where it is nearer to another one, were left out.",
	"ok_slabs_separate":          "The slices are of 2 slabs, one after the other; 1 slices of each, where it is nearer to another one, were left out.",
	"ok_slabs_apart":             "The slices are of 2 slabs, one after the other.",
	"ok_slabs_at_one_place":      "The slices are of 2 slabs, one after the other.",
	"ok_slabs_nowhere":           "The slices are of 2 slabs, one after the other.",
	"ok_slab_repeated":           "The 8 slices are 2 repetitions of 4 slices, one after the other.",
	"ok_slab_partial":            "4 of 6 partitions were acquired: the slices are thicker than they lie apart.",
	"ok_slab_scattered":          "The partitions of the 3-D acquisition were undersampled: the slices lie across its readout.",
	"ok_slab_skipping":           "The partitions of the 3-D acquisition were undersampled: the slices lie across its readout.",
	"ok_placed_interleaved":      "The scanner numbers the slices 4, 1, 3, 0, 2 (from 0); here they are in the order of their positions.",
}

// rawFiles makes the files of testdata/gen_ismrmrd.py with the Python package ismrmrd.
func rawFiles(t *testing.T) string {
	t.Helper()
	python := os.Getenv("CLOSER_PYTHON")
	if python == "" {
		t.Skip("CLOSER_PYTHON is not set: run make test")
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/gen_ismrmrd.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// Raw data that the ISMRMRD package wrote are read as NumPy has them; what cannot be reconstructed is refused with its sentence.
func TestISMRMRDCases(t *testing.T) {
	dir := rawFiles(t)
	files, _ := filepath.Glob(dir + "/*.h5")
	refused := 0
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".h5")
		t.Run(name, func(t *testing.T) {
			h, read, _, err := readAll(t, path, 20*time.Second)
			if secret := leaks(h, read, err); secret != "" {
				t.Errorf("leaks %q", secret)
			}
			if strings.HasPrefix(name, "ok_") {
				if err != nil {
					t.Fatal(err)
				}
				checkRaw(t, strings.TrimSuffix(path, ".h5"), h, read)
				equal(t, "notes", strings.Join(h.Notes, " "), rawNotes[name])
				return
			}
			refused++
			if recon.CodeOf(err) != recon.Invalid || !strings.HasPrefix(err.Error(), rawWants[name]) || rawWants[name] == "" {
				t.Errorf("got %s: %v, want %q", recon.CodeOf(err), err, rawWants[name])
			}
		})
	}
	equal(t, "number of refused files", refused, len(rawWants))
}

// checkRaw compares with what Python expects: base.json and base.c64.
func checkRaw(t *testing.T, base string, h recon.Header, read []recon.Slice) {
	t.Helper()
	var want struct {
		Shape []int
		Mask  []bool

		Masks       [][]bool
		Calibration [2]int
		Centers     []vector.V // nil when nobody knows where the slices lie
	}
	text, err := os.ReadFile(base + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	samples, err := os.ReadFile(base + ".c64")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "format", h.Format, "ismrmrd")
	equal(t, "shape", []int{h.Slices, h.Coils, h.Ny, h.Nx}, want.Shape)
	image, spacing, thickness := [2]int{8, 8}, [2]float64{2.5, 2.5}, 5.0
	row, col := vector.V{0, 1, 0}, vector.V{0.8, 0, -0.6}
	mask := slices.Clone(h.Mask)
	switch name := filepath.Base(base); {
	case strings.HasPrefix(name, "ok_slab_scattered"), strings.HasPrefix(name, "ok_slab_skipping"), name == "ok_slab_partial_echo":
		image, spacing, thickness = [2]int{4, 8}, [2]float64{2, 2.5}, 2.5
		col, mask = vector.V{0.6, 0, 0.8}, kspace.Mask(h.Points)
	case strings.HasPrefix(name, "ok_slab"):
		thickness = 2
	}
	equal(t, "image", [2]int{h.ReconNy, h.ReconNx}, image)
	equal(t, "spacing", h.PixelSpacing, spacing)
	equal(t, "thickness", h.Thickness, thickness)
	equal(t, "scanner", h.Vendor, "SIEMENS")
	switch filepath.Base(base) {
	case "ok_echoes", "ok_changing_echoes":
		equal(t, "echo times", h.Echoes, []float64{10, 170})
		equal(t, "echo time of all", h.Sequence.TE, 0.0)
	case "ok_later_echo":
		equal(t, "echo time", h.Sequence.TE, 90.0)
	default:
		equal(t, "number of echoes", len(h.Echoes), 0)
	}
	if !slices.Equal(mask, want.Mask) {
		t.Errorf("mask: got %v, want %v", mask, want.Mask)
	}
	switch p := h.Placement; {
	case p == nil || want.Centers == nil:
		equal(t, "placed", p != nil, want.Centers != nil)
	default:
		equal(t, "rows and columns", [2]vector.V{p.Row, p.Col}, [2]vector.V{row, col})
		for i, c := range p.Centers {
			if apart(c, want.Centers[i]) > 1e-5 {
				t.Errorf("slice %d lies at %v, want %v", i, c, want.Centers[i])
			}
		}
		equal(t, "slices of a repetition", h.Stack(), len(want.Centers))
	}
	var got []complex64
	for _, s := range read {
		got = append(got, s.KSpace.Val...)
	}
	tolerance := 0.0
	if strings.HasSuffix(base, "averages") || strings.Contains(base, "changing") || strings.Contains(base, "stopped") || strings.Contains(base, "whitened") || strings.Contains(base, "ok_slab") {
		tolerance = 2e-6 // means and sums are rounded
	}
	sameSamples(t, "samples", got, samples, tolerance)
	var masks [][]bool
	for _, m := range h.Masks {
		masks = append(masks, m)
	}
	equal(t, "masks", masks, want.Masks)
	c := h.Calibration
	equal(t, "calibration", [2]int{c.From, c.To}, want.Calibration)
	equal(t, "calibration by the mean over time", c.Mean, want.Masks != nil && c.Width() > 0 && !strings.HasSuffix(base, "separate"))
	if c.Width() == 0 {
		return
	}
	if samples, err = os.ReadFile(base + ".calibration"); err != nil {
		t.Fatal(err)
	}
	got = nil
	for _, s := range read {
		got = append(got, s.Calibration.Val...)
	}
	sameSamples(t, "calibration", got, samples, 9*tolerance)
}

// sameSamples compares with the bytes of others, which may differ by so much.
func sameSamples(t *testing.T, what string, got []complex64, want []byte, tolerance float64) {
	t.Helper()
	reference := make([]complex64, len(got))
	if copy(bytesOf(reference), want) != len(want) || len(want) != 8*len(got) {
		t.Fatalf("%s: %d are read, of %d", what, len(got), len(want)/8)
	}
	for i, v := range got {
		if d := v - reference[i]; real(d)*real(d)+imag(d)*imag(d) > float32(tolerance*tolerance) {
			t.Fatalf("%s: %d is %v, want %v", what, i, v, reference[i])
		}
	}
}

// Images of raw data hold the recon field of view in measured pixels, of a size that is not the recon matrix's.
func TestRawPixels(t *testing.T) {
	for _, c := range []struct {
		name           string
		encoded, recon Space
		image          [2]int
		spacing        [2]float64
	}{
		{"phase resolution", Space{640, 200, 1, 460, 230, 5}, Space{320, 320, 1, 230, 230, 5}, [2]int{320, 200}, [2]float64{0.71875, 1.15}},
		{"interpolated", Space{320, 160, 1, 460, 230, 5}, Space{320, 320, 1, 230, 230, 5}, [2]int{160, 160}, [2]float64{1.4375, 1.4375}},
		{"oversampled", Space{640, 368, 1, 460, 264.5, 5}, Space{320, 320, 1, 230, 230, 5}, [2]int{320, 320}, [2]float64{0.71875, 0.71875}},
		{"without recon space", Space{64, 32, 1, 64, 64, 5}, Space{}, [2]int{64, 32}, [2]float64{1, 2}},
		{"without field of view", Space{X: 64, Y: 32}, Space{X: 32, Y: 48, FOVx: 32, FOVy: 48}, [2]int{32, 32}, [2]float64{}},
	} {
		l := layout{Raw: true, Slices: 1, Coils: 1, Ny: c.encoded.X, Nx: c.encoded.Y, Protocol: protocol{Encoded: c.encoded, Recon: c.recon}}
		h := l.header("")
		equal(t, c.name+": image", [2]int{h.ReconNy, h.ReconNx}, c.image)
		equal(t, c.name+": spacing", h.PixelSpacing, c.spacing)
	}
}
