package main_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "closer-e2e-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "closer")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// closer runs the program and returns its stdout; a failure ends the test.
func closer(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, err := try(args...)
	if err != nil {
		t.Fatalf("closer %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return stdout
}

func try(args ...string) (stdout, stderr string, err error) {
	cmd := exec.Command(binary, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// needRuntime skips a test that runs networks where ONNX Runtime is not there; make test always has it.
func needRuntime(t *testing.T) {
	t.Helper()
	if os.Getenv("ONNXRUNTIME_SHARED_LIBRARY_PATH") == "" {
		t.Skip("ONNXRUNTIME_SHARED_LIBRARY_PATH is not set: run make test")
	}
}

func readReport(t *testing.T, dir string) *recon.Report {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r recon.Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// Samples kept from every method rank them as the reference does, though they need none.
func TestHeldOutErrorRanksAsTheReferenceDoes(t *testing.T) {
	needRuntime(t)
	scan, out := phantom(t), t.TempDir()
	closer(t, "recon", scan, "-o", out, "--accel", "4", "--acs", "0.08", "--held-out", "0.1",
		"--method", "zero-filled", "--method", "ccdf", "--sampler", "noise-free", "--steps", "3")
	m := readReport(t, out).Methods
	if *m[0].HeldOutError < 0.999 || !(*m[1].HeldOutError < 0.9**m[0].HeldOutError) || !(m[1].Volume.PSNR > m[0].Volume.PSNR) {
		t.Errorf("held-out error %g and %g, PSNR %g and %g dB", *m[0].HeldOutError, *m[1].HeldOutError, m[0].Volume.PSNR, m[1].Volume.PSNR)
	}
}

func phantom(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scan.h5")
	closer(t, append([]string{"phantom", "-o", path, "--matrix", "128", "--slices", "2"}, args...)...)
	return path
}

// The issue of the whole program: a scan in, better images out, with a report and DICOM that say so.
func TestReconOfAPhantom(t *testing.T) {
	needRuntime(t)
	scan, out := phantom(t), t.TempDir()
	closer(t, "recon", scan, "-o", out, "--accel", "4", "--acs", "0.08",
		"--method", "zero-filled", "--method", "tv", "--method", "unet", "--method", "unet-dc", "--method", "ccdf")
	r := readReport(t, out)
	if r.Protocol != recon.ScannerGrid || r.Mask == nil || r.Mask.AccelMeasured < 3.95 || r.Mask.AccelMeasured > 4.05 || !r.Input.Simulated {
		t.Errorf("protocol %s, mask %+v, simulated %v", r.Protocol, r.Mask, r.Input.Simulated)
	}
	psnr := map[string]float64{}
	for _, m := range r.Methods {
		if m.Volume == nil {
			t.Fatalf("%s has no metrics", m.Name)
		}
		psnr[m.Name] = float64(m.Volume.PSNR)
		for i := 1; i <= 2; i++ {
			if _, err := os.Stat(filepath.Join(out, "dicom", m.Name, fmt.Sprintf("%04d.dcm", i))); err != nil {
				t.Error(err)
			}
		}
		switch m.Name {
		case "ccdf":
			if m.NFE != 10 || m.DCResidual.RMS > 1e-5 || len(m.Models) != 2 || m.Sampler != "noise-free" {
				t.Errorf("ccdf: %d NFE, residual %g, %d models, sampler %s", m.NFE, m.DCResidual.RMS, len(m.Models), m.Sampler)
			}
		case "unet-dc":
			if m.DCResidual.RMS > 1e-5 {
				t.Errorf("unet-dc: residual %g", m.DCResidual.RMS)
			}
		}
	}
	if !(psnr["zero-filled"] < psnr["unet"] && psnr["unet"] < psnr["ccdf"]) {
		t.Errorf("PSNR: %v", psnr)
	}
	for _, name := range []string{"report.html", "report.csv", "reconstruction.h5", "reconstruction/ccdf.h5", "dicom/reference/0001.dcm"} {
		if s, err := os.Stat(filepath.Join(out, name)); err != nil || s.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	conform(t, filepath.Join(out, "dicom"))
	agreesWithPython(t, scan, "reconstruction_esc", out, r)
}

// conform expects no finding of dciodvfy on any instance.
func conform(t *testing.T, dir string) {
	t.Helper()
	if _, err := exec.LookPath("dciodvfy"); err != nil {
		t.Log("skipped: dciodvfy (Debian dicom3tools) is not installed")
		return
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*.dcm"))
	if len(files) == 0 {
		t.Fatal("no DICOM files")
	}
	for _, f := range files {
		found, _ := exec.Command("dciodvfy", f).CombinedOutput() // its exit code is no verdict
		if strings.Contains(string(found), "Error") || strings.Contains(string(found), "Warning") {
			t.Errorf("%s:\n%s", f, found)
		}
	}
}

// agreesWithPython compares the report's volume metrics of every method with fastMRI's definitions, run by Python.
func agreesWithPython(t *testing.T, scan, dataset, out string, r *recon.Report) {
	t.Helper()
	python := os.Getenv("CLOSER_PYTHON")
	if python == "" {
		t.Log("skipped: CLOSER_PYTHON names no Python with h5py and scikit-image; make test sets it")
		return
	}
	for _, m := range r.Methods {
		got, err := exec.Command(python, "testdata/evaluate.py", scan, dataset, filepath.Join(out, "reconstruction", m.Name+".h5")).Output()
		if err != nil {
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				t.Fatalf("evaluate.py: %s", exit.Stderr)
			}
			t.Fatal(err)
		}
		var want recon.ReportQuality
		if err := json.Unmarshal(got, &want); err != nil {
			t.Fatal(err)
		}
		for name, pair := range map[string][2]recon.Number{
			"PSNR": {m.Volume.PSNR, want.PSNR}, "SSIM": {m.Volume.SSIM, want.SSIM}, "NMSE": {m.Volume.NMSE, want.NMSE},
		} {
			if a, b := float64(pair[0]), float64(pair[1]); math.Abs(a-b) > 1e-5*math.Abs(b) {
				t.Errorf("%s of %s: %v, Python says %v", name, m.Name, a, b)
			}
		}
	}
}

// Twice the same command: the same pixels, DICOM files and report; another seed: other pixels.
func TestReconIsReproducible(t *testing.T) {
	needRuntime(t)
	scan := phantom(t)
	run := func(seed string) (string, *recon.Report) {
		out := t.TempDir()
		closer(t, "recon", scan, "-o", out, "--accel", "2", "--acs", "0.1", "--slices", "0:1", "--sampler", "ve", "--steps", "3", "--seed", seed, "--method", "ccdf")
		return out, readReport(t, out)
	}
	a, reportA := run("0")
	b, reportB := run("0")
	c, _ := run("1")
	for _, name := range []string{"reconstruction.h5", "dicom/ccdf/0001.dcm"} {
		first, second, other := read(t, a, name), read(t, b, name), read(t, c, name)
		if !bytes.Equal(first, second) {
			t.Errorf("%s differs between two equal runs", name)
		}
		if bytes.Equal(first, other) {
			t.Errorf("%s does not depend on the seed", name)
		}
	}
	jsonA, _ := json.Marshal(reportA.WithoutTimings())
	jsonB, _ := json.Marshal(reportB.WithoutTimings())
	if !bytes.Equal(jsonA, jsonB) {
		t.Errorf("reports differ:\n%s\n%s", jsonA, jsonB)
	}
}

func read(t *testing.T, parts ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// asScanned makes the DICOM images that a run left in out those of a scanner, as closer takes none of its own.
func asScanned(t *testing.T, out string) {
	t.Helper()
	ours, theirs := []byte("\x08\x00\x70\x00LO\x06\x00closer"), []byte("\x08\x00\x70\x00LO\x06\x00camera")
	files, err := filepath.Glob(filepath.Join(out, "dicom", "*", "*.dcm"))
	if err != nil || len(files) == 0 {
		t.Fatal("there are no images", err)
	}
	for _, path := range files {
		if err := os.WriteFile(path, bytes.ReplaceAll(read(t, path), ours, theirs), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReconOfSeveralCoils(t *testing.T) {
	needRuntime(t)
	scan, out := phantom(t, "--coils", "4", "--contrast", "t1"), t.TempDir()
	closer(t, "recon", scan, "-o", out, "--accel", "4", "--acs", "0.12", "--slices", "1:2", "--method", "zero-filled", "--method", "ccdf", "--steps", "5")
	r := readReport(t, out)
	if r.Input.Coils != 4 || r.Reference != "reconstruction_rss" {
		t.Errorf("%d coils, reference %s", r.Input.Coils, r.Reference)
	}
	if zf, ccdf := r.Methods[0].Volume.PSNR, r.Methods[1].Volume.PSNR; ccdf <= zf {
		t.Errorf("ccdf %.2f dB, zero-filled %.2f dB", ccdf, zf)
	}
	conform(t, filepath.Join(out, "dicom"))
}

// CCDF from the U-Net, from total variation and from both: it uses the networks that it names, from the host as in one graph.
func TestWhatCCDFStartsFrom(t *testing.T) {
	needRuntime(t)
	scan := phantom(t, "--coils", "4")
	for initial, networks := range map[string]int{"": 2, "unet": 2, "tv": 1, "unet-tv": 2} {
		psnr := map[string]recon.Number{}
		for _, steps := range []string{"0", "2"} {
			out := t.TempDir()
			args := []string{"recon", scan, "-o", out, "--accel", "4", "--acs", "0.12", "--slices", "1:2", "--method", "zero-filled", "--method", "ccdf", "--steps", "2", "--steps-per-run", steps}
			if initial != "" {
				args = append(args, "--initial", initial)
			}
			closer(t, args...)
			r := readReport(t, out)
			m := r.Methods[1]
			if m.Initial != cmp.Or(initial, "unet") || len(m.Models) != networks || m.NFE != 2 || m.Volume.PSNR <= r.Methods[0].Volume.PSNR {
				t.Errorf("%q: starts from %s, %d networks, %d NFE, %.2f dB", initial, m.Initial, len(m.Models), m.NFE, m.Volume.PSNR)
			}
			psnr[steps] = m.Volume.PSNR
		}
		if d := float64(psnr["0"] - psnr["2"]); math.Abs(d) > 0.01 {
			t.Errorf("%q: the graph is %.3f dB below the host", initial, d)
		}
	}
}

// Several samples: their mean is the image, their spread a series of its own.
func TestUncertainty(t *testing.T) {
	needRuntime(t)
	scan, out := phantom(t), t.TempDir()
	closer(t, "recon", scan, "-o", out, "--slices", "0:1", "--method", "ccdf", "--steps", "3", "--samples", "3")
	m := readReport(t, out).Methods[0]
	if m.Samples != 3 || m.NFE != 9 || m.DCResidual.RMS > 1e-5 {
		t.Errorf("%d samples, %d NFE, residual %g", m.Samples, m.NFE, m.DCResidual.RMS)
	}
	if _, err := os.Stat(filepath.Join(out, "dicom", "ccdf-uncertainty", "0001.dcm")); err != nil {
		t.Error(err)
	}
	conform(t, filepath.Join(out, "dicom"))
}

// The acquired mask of a prospectively undersampled file is used, and there are no metrics to report.
func TestReconOfAnUndersampledFile(t *testing.T) {
	needRuntime(t)
	scan := "../../../shared/data/fastmri/multicoil_test/brain_axt1_mc_undersampled.h5"
	if _, err := os.Stat(scan); err != nil {
		t.Skip("the shared data are not here: ", err)
	}
	out := t.TempDir()
	closer(t, "recon", scan, "-o", out, "--slices", "0:1", "--accel", "8", "--method", "unet")
	r := readReport(t, out)
	if r.Mask.Kind != "acquired" || r.Mask.Lines != 96 || r.Reference != recon.NoReference || r.Methods[0].Volume != nil {
		t.Errorf("mask %s of %d lines, reference %s, metrics %v", r.Mask.Kind, r.Mask.Lines, r.Reference, r.Methods[0].Volume)
	}
	if data := read(t, out, "report.json"); bytes.Contains(data, []byte("psnr")) {
		t.Error("the report speaks of PSNR without a reference")
	}
}

// Every mistake ends with exit code 1 and one plain sentence on what was wrong with what.
func TestMistakes(t *testing.T) {
	scan := phantom(t)
	notHDF5 := filepath.Join(t.TempDir(), "x.h5")
	if err := os.WriteFile(notHDF5, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"unknown method": {"recon", scan, "-o", t.TempDir(), "--method", "magic"},
		"unknown mask":   {"recon", scan, "-o", t.TempDir(), "--mask", "radial", "--method", "tv"},
		"acceleration 0": {"recon", scan, "-o", t.TempDir(), "--accel", "0", "--method", "tv"},
		"slices 5:9":     {"recon", scan, "-o", t.TempDir(), "--slices", "5:9", "--method", "tv"},
		"not a range":    {"recon", scan, "-o", t.TempDir(), "--slices", "abc"},
		"HDF5":           {"recon", notHDF5, "-o", t.TempDir(), "--method", "tv"},
		"e.h5 does not":  {"recon", "/nowhere.h5", "-o", t.TempDir(), "--method", "tv"},
		"its own name":   {"recon", filepath.Dir(scan), "-o", t.TempDir(), "--method", "tv"},
		"unknown flag":   {"recon", scan, "-o", t.TempDir(), "--nonsense"},
		"contrast":       {"phantom", "-o", filepath.Join(t.TempDir(), "p.h5"), "--contrast", "t9"},
		"accepts 1 arg":  {"recon", "-o", t.TempDir()},
		"either t0":      {"recon", scan, "-o", t.TempDir(), "--t0", "0.1", "--steps", "3"},
		"--slices is a":  {"phantom", "-o", filepath.Join(t.TempDir(), "p.h5"), "--slices", "0"},
		"and --coils":    {"simulate", scan, "-o", filepath.Join(t.TempDir(), "s.h5"), "--coils", "0"},
		".npy":           {"simulate", writeTemp(t, "x.npy", "junk"), "-o", filepath.Join(t.TempDir(), "s.h5")},
		"required flag":  {"recon", scan},
		"named twice":    {"recon", scan, "-o", t.TempDir(), "--method", "tv", "--method", "tv"},
		"draws no noise": {"recon", scan, "-o", t.TempDir(), "--samples", "2", "--sampler", "noise-free", "--method", "ccdf"},
		"neither":        {"recon", scan, "-o", t.TempDir(), "--protocol", "other"},
	} {
		_, stderr, err := try(args...)
		lines := strings.Split(strings.TrimSpace(stderr), "\n")
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("%v: %v", args, err)
		}
		if last := lines[len(lines)-1]; !strings.Contains(last, want) || !strings.HasPrefix(last, "closer: ") {
			t.Errorf("%v: said %q, want something about %q", args, last, want)
		}
	}
}

func writeTemp(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A scan that is simulated from DICOM has the pixels of its images in mm, also where they are resampled, and their thickness.
func TestSimulatedScanHasTheSizeOfItsImages(t *testing.T) {
	out := t.TempDir()
	closer(t, "recon", phantom(t, "--matrix", "64"), "-o", out, "--method", "zero-filled")
	images := filepath.Join(out, "dicom", "reference")
	for _, name := range []string{"0001.dcm", "0002.dcm"} {
		file := read(t, images, name)
		for old, other := range map[string]string{"3.4375\\3.4375": "0.5000\\0.2500", "\x18\x00\x50\x00DS\x02\x005 ": "\x18\x00\x50\x00DS\x02\x002 "} {
			if bytes.Count(file, []byte(old)) != 1 {
				t.Fatalf("%s does not have %q once", name, old)
			}
			file = bytes.Replace(file, []byte(old), []byte(other), 1)
		}
		if err := os.WriteFile(filepath.Join(images, name), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for matrix, want := range map[string][2]recon.Number{"64": {0.5, 0.25}, "32": {1, 0.5}} {
		scan, out := filepath.Join(t.TempDir(), "scan.h5"), t.TempDir()
		closer(t, "simulate", images, "-o", scan, "--matrix", matrix)
		closer(t, "recon", scan, "-o", out, "--method", "zero-filled")
		if in := readReport(t, out).Input; in.Spacing == nil || *in.Spacing != want || in.Thickness != 2 {
			t.Errorf("matrix %s: pixels of %v mm, %v thick, want %v and 2", matrix, in.Spacing, in.Thickness, want)
		}
	}
}

// simulate takes what numpy writes, and recon takes what simulate writes.
func TestSimulateFromNumpy(t *testing.T) {
	var npy bytes.Buffer
	header := "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 40, 50), }"
	header += strings.Repeat(" ", 117-len(header)) + "\n"
	npy.WriteString("\x93NUMPY\x01\x00")
	npy.Write([]byte{byte(len(header)), 0})
	npy.WriteString(header)
	for i := range 2 * 40 * 50 {
		npy.WriteByte(byte(i % 251 * (i / 50 % 2)))
	}
	scan, out := filepath.Join(t.TempDir(), "s.h5"), t.TempDir()
	closer(t, "simulate", writeTemp(t, "x.npy", npy.String()), "-o", scan, "--matrix", "64", "--phase", "3")
	closer(t, "recon", scan, "-o", out, "--method", "zero-filled", "--mask", "none")
	r := readReport(t, out)
	if r.Input.Slices != 2 || r.Mask != nil || !r.Input.Simulated || float64(r.Methods[0].Volume.PSNR) < 100 {
		t.Errorf("%d slices, mask %v, simulated %v, PSNR %v", r.Input.Slices, r.Mask, r.Input.Simulated, r.Methods[0].Volume.PSNR)
	}
}

func TestDoctor(t *testing.T) {
	needRuntime(t)
	var checks []struct{ Name, State, Detail string }
	if err := json.Unmarshal([]byte(closer(t, "doctor", "--json", "--device", "cpu")), &checks); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, c := range checks {
		seen[c.Name] = c.State
	}
	if seen["onnxruntime"] != "ok" || seen["phantom"] != "ok" || seen["disk"] == "" || seen["sandbox"] == "failed" ||
		seen["gpu"] == "" || seen["cuda"] == "" || seen["tensorrt"] == "" {
		t.Errorf("%v", seen)
	}
}
