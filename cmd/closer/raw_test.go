package main_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// python runs a script in the Python that make test sets up, and skips the test without it.
func python(t *testing.T, args ...string) string {
	t.Helper()
	interpreter := os.Getenv("CLOSER_PYTHON")
	if interpreter == "" {
		t.Skip("CLOSER_PYTHON is not set: run make test")
	}
	text, err := exec.Command(interpreter, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return string(text)
}

// Raw data as a scanner's converter writes it: undersampled, several coils, no reference.
func TestReconOfISMRMRD(t *testing.T) {
	out := t.TempDir()
	closer(t, "recon", rawData(t)("ok_accelerated"), "-o", out, "--method", "zero-filled", "--method", "tv")
	r := readReport(t, out)
	if r.Input.Format != "ismrmrd" || r.Input.Simulated || r.Reference != recon.NoReference || r.Mask.Kind != "acquired" || r.Mask.Lines != 6 {
		t.Errorf("input %+v, reference %s, mask %+v", r.Input, r.Reference, r.Mask)
	}
}

// Raw data whose columns differ from time to time go through every method, and what is told of the mask is of all times.
func TestReconOfChangingColumns(t *testing.T) {
	out := t.TempDir()
	closer(t, "recon", rawData(t)("ok_changing"), "-o", out, "--method", "zero-filled", "--method", "tv", "--method", "unet", "--method", "ccdf", "--num-scales", "2",
		"--slices", "2:8", "--held-out", "0.3")
	r := readReport(t, out)
	if m := r.Mask; m.Kind != "acquired" || m.Lines != 2 || m.HeldOut == nil || math.Abs(float64(m.AccelMeasured)-4) > 1e-3 {
		t.Errorf("mask %+v", m)
	}
	notes := strings.Join(r.Notes, " ")
	for _, want := range []string{
		"sampled in different columns, on average 2.5 of 10", "estimated from 10 central columns of the mean over time",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q lack %q", notes, want)
		}
	}
	for _, m := range r.Methods {
		if m.HeldOutError == nil || !(*m.HeldOutError > 0) || len(m.Slices) != 6 {
			t.Errorf("%s: held-out error %v, %d slices", m.Name, m.HeldOutError, len(m.Slices))
		}
	}
}

// 3-D raw data go through every method, undersampled in one phase encode or in both.
func TestReconOfSlabs(t *testing.T) {
	raw := rawData(t)
	for name, want := range map[string]struct{ slices, lines, rows int }{"slab_accelerated": {4, 6, 16}, "slab_scattered": {8, 7, 6}} {
		out := t.TempDir()
		closer(t, "recon", raw("ok_"+name), "-o", out, "--method", "zero-filled", "--method", "tv", "--method", "unet", "--method", "ccdf", "--num-scales", "2")
		r := readReport(t, out)
		if r.Mask.Kind != "acquired" || r.Mask.Lines != want.lines || r.Input.Matrix[0] != want.rows {
			t.Errorf("%s: input %+v, mask %+v", name, r.Input, r.Mask)
		}
		for _, m := range r.Methods {
			images, _ := filepath.Glob(filepath.Join(out, "dicom", m.Name, "*.dcm"))
			if len(images) != want.slices {
				t.Errorf("%s: %s has %d images, want %d", name, m.Name, len(images), want.slices)
			}
		}
	}
}

// The tools of ISMRMRD make raw data and reconstruct it: our zero-filled image of it is theirs, transposed, to the scale.
func TestReconAgreesWithISMRMRDTools(t *testing.T) {
	if _, err := exec.LookPath("ismrmrd_recon_cartesian_2d"); err != nil {
		t.Skip("ismrmrd-tools is not installed: run make test")
	}
	scan, out := filepath.Join(t.TempDir(), "raw.h5"), t.TempDir()
	for _, args := range [][]string{
		{"ismrmrd_generate_cartesian_shepp_logan", "-m", "64", "-c", "4", "-O", "2", "-n", "0", "-o", scan}, {"ismrmrd_recon_cartesian_2d", scan},
	} {
		if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", args[0], err, text)
		}
	}
	closer(t, "recon", scan, "-o", out, "--method", "zero-filled", "--mask", "none")
	script := `import sys, h5py, numpy as np
theirs = np.squeeze(h5py.File(sys.argv[1])["dataset/cpp/data"][()]).T
ours = h5py.File(sys.argv[2])["reconstruction"][0]
ours *= (ours * theirs).sum() / (ours ** 2).sum()
print(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))`
	text := python(t, "-c", script, scan, filepath.Join(out, "reconstruction.h5"))
	var difference float64
	if _, err := fmt.Sscan(text, &difference); err != nil || !(difference < 1e-3) {
		t.Errorf("differs by %s", text)
	}
}

// What a scanner measured at a place in the patient is at that place in the DICOM images of both kinds.
func TestImagesLieWhereTheRawDataSay(t *testing.T) {
	scan := filepath.Join(t.TempDir(), "raw.h5")
	python(t, "testdata/points.py", "write", scan)
	for kind, flags := range map[string][]string{"classic": nil, "enhanced": {"--enhanced"}} {
		out := t.TempDir()
		closer(t, append([]string{"recon", scan, "-o", out, "--method", "zero-filled"}, flags...)...)
		files, _ := filepath.Glob(filepath.Join(out, "dicom", "*", "*.dcm"))
		text := python(t, append([]string{"testdata/points.py", "find"}, files...)...)
		var distance float64
		if _, err := fmt.Sscan(text, &distance); err != nil || !(distance < 1e-3) {
			t.Errorf("%s: %d files, off by %s", kind, len(files), text)
		}
	}
}

// A noise scan brings every method nearer to the truth where coils share noise.
func TestNoiseScanHelps(t *testing.T) {
	needRuntime(t)
	scan, dir := phantom(t, "--coils", "8"), t.TempDir()
	python(t, "testdata/noise.py", "write", scan, dir)
	var outs []string
	for _, name := range []string{"with", "without"} {
		outs = append(outs, filepath.Join(dir, name))
		closer(t, "recon", filepath.Join(dir, name+".h5"), "-o", outs[len(outs)-1], "--accel", "2", "--acs", "0.1", "--method", "zero-filled", "--method", "tv", "--method", "unet-dc", "--method", "ccdf")
	}
	gains := python(t, "testdata/noise.py", "compare", scan, outs[0], outs[1])
	t.Log(gains)
	for line := range strings.Lines(gains) {
		var method string
		var gain float64
		if _, err := fmt.Sscan(line, &method, &gain); err != nil || gain < 2 {
			t.Errorf("%s: %v", strings.TrimSpace(line), err)
		}
	}
	if n := strings.Count(gains, "\n"); n != 4 {
		t.Errorf("%d methods", n)
	}
	notes := readReport(t, outs[0]).Notes
	if len(notes) != 2 || notes[0] != "The coils were whitened by the noise scan, 4096 samples of each." || !strings.Contains(notes[1], "has noise of up to 1.5 %") {
		t.Errorf("the report says %q", notes)
	}
}
