package recon

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// pythonWith returns a Python that can import module, or skips the test: $CLOSER_PYTHON, else .venv of the repository (made by
// `make test` from requirements-test.txt), else python3.
func pythonWith(t *testing.T, module string) string {
	t.Helper()
	candidates := []string{os.Getenv("CLOSER_PYTHON")}
	if candidates[0] == "" {
		candidates = []string{"../.venv/bin/python", "python3"}
	}
	for _, python := range candidates {
		if exec.Command(python, "-c", "import "+module).Run() == nil {
			return python
		}
	}
	t.Skipf("no Python that can import %s among %v; `make test` installs one", module, candidates)
	return ""
}

// Evaluate gives the numbers of fastMRI's evaluate.py, computed by numpy and scikit-image on the same float32 volumes.
// What deviates is Python's single precision, in NMSE (2e-7 seen) and in SSIM (4e-7 on image-like volumes, 6e-6 where an image is
// bright and nearly flat, so that variances are small differences of large numbers): on doubles SSIM agrees to 1e-10.
func TestEvaluateAgreesWithPython(t *testing.T) {
	type slice struct {
		PSNR, SSIM, NMSE float64
		SSIMDouble       float64 `json:"ssim_double"` // of the pixels converted to double precision
		PSNRSlice        float64 `json:"psnr_slice"`
	}
	type measured struct {
		PSNR, SSIM, NMSE float64
		Slices           []slice
	}

	python := pythonWith(t, "skimage")
	volumes, stdin := parityVolumes(t)
	cmd := exec.Command(python, "testdata/evaluate.py")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	var want []measured
	if err := json.Unmarshal(stdout, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(volumes) {
		t.Fatalf("Python measured %d volumes of %d", len(want), len(volumes))
	}

	worst := map[string]float64{}
	for k, v := range volumes {
		got := mustEvaluate(t, v.r, v.x, v.ny, v.nx)
		check := func(metric string, got, want, tolerance float64) {
			t.Helper()
			d := math.Abs(got-want) / math.Abs(want)
			worst[metric] = max(worst[metric], d)
			if !(d <= tolerance) {
				t.Errorf("%s: %s is %.9g and in Python %.9g: %.1e relative, allowed %.0e", v.name, metric, got, want, d, tolerance)
			}
		}
		check("PSNR", got.PSNR, want[k].PSNR, 1e-6)
		check("SSIM", got.SSIM, want[k].SSIM, 1e-5)
		check("NMSE", got.NMSE, want[k].NMSE, 1e-5)
		for s, w := range want[k].Slices {
			check("slice PSNR", got.Slices[s].PSNR, w.PSNR, 1e-6)
			check("slice SSIM", got.Slices[s].SSIM, w.SSIM, 1e-5)
			check("slice SSIM in double precision", got.Slices[s].SSIM, w.SSIMDouble, 1e-10)
			check("slice NMSE", got.Slices[s].NMSE, w.NMSE, 1e-5)
			check("PSNRSlice", got.Slices[s].PSNRSlice, w.PSNRSlice, 1e-6)
		}
	}
	t.Logf("largest relative deviations from Python: %v", worst)
}

func writeRaw(t *testing.T, path string, volume [][]float32) {
	t.Helper()
	var buf bytes.Buffer
	for _, im := range volume {
		if err := binary.Write(&buf, binary.LittleEndian, im); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// parityVolume is a reference and a reconstruction, slices of (ny, nx).
type parityVolume struct {
	name   string
	ny, nx int
	r, x   [][]float32
}

// parityVolumes are ordinary and adversarial volumes, and the JSON that names them to the scripts in testdata.
func parityVolumes(t *testing.T) (volumes []parityVolume, stdin []byte) {
	t.Helper()
	add := func(name string, n, ny, nx int, scale float32, change func(r, x [][]float32)) {
		r, x := ellipses(n, ny, nx, scale, uint64(len(volumes)))
		if change != nil {
			change(r, x)
		}
		volumes = append(volumes, parityVolume{name, ny, nx, r, x})
	}
	add("square", 3, 64, 64, 1, nil)
	add("fastMRI intensities and size", 2, 320, 320, 3e-4, nil)
	add("tall, even on odd", 2, 40, 33, 1, nil)
	add("tall, odd on even", 2, 41, 32, 1e3, nil)
	add("wide", 2, 32, 48, 1, nil)
	add("one slice of one window", 1, 7, 7, 1, nil)
	add("slices of different brightness", 3, 48, 48, 1, func(r, x [][]float32) {
		for s := range r {
			for i := range r[s] {
				r[s][i] *= float32(s*s + 1)
				x[s][i] *= float32(s*s + 1)
			}
		}
	})
	add("negative values", 2, 32, 32, 1, func(r, x [][]float32) {
		for s := range r {
			for i := range r[s] {
				r[s][i] -= 0.3
				x[s][i] -= 0.35
			}
		}
	})
	add("constant images", 1, 16, 16, 1, func(r, x [][]float32) { r[0], x[0] = flatImage(256, 0.8), flatImage(256, 0.7) })
	add("bright and nearly flat", 1, 64, 64, 1, func(r, x [][]float32) {
		for i := range r[0] {
			r[0][i] = 1 + r[0][i]/1e3
			x[0][i] = 1 + x[0][i]/1e3
		}
	})

	type input struct {
		Reference      string `json:"reference"`
		Reconstruction string `json:"reconstruction"`
		Shape          [3]int `json:"shape"`
	}
	dir := t.TempDir()
	var inputs []input
	for _, v := range volumes {
		base := filepath.Join(dir, v.name)
		in := input{base + ".reference", base + ".reconstruction", [3]int{len(v.r), v.ny, v.nx}}
		writeRaw(t, in.Reference, v.r)
		writeRaw(t, in.Reconstruction, v.x)
		inputs = append(inputs, in)
	}
	stdin, err := json.Marshal(inputs)
	if err != nil {
		t.Fatal(err)
	}
	return volumes, stdin
}

// Evaluate gives the numbers of fastMRI's evaluate.py itself, run from the Python package fastmri, and takes the same volumes but for
// those wider than tall, which evaluate.py refuses.
func TestEvaluateAgreesWithFastMRI(t *testing.T) {
	python := pythonWith(t, "runstats, skimage, importlib.util as u; assert u.find_spec('fastmri')")
	volumes, stdin := parityVolumes(t)
	cmd := exec.Command(python, "testdata/fastmri_evaluate.py")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	var want []*ReportQuality
	if err := json.Unmarshal(stdout, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(volumes) {
		t.Fatalf("fastMRI measured %d volumes of %d", len(want), len(volumes))
	}
	for k, v := range volumes {
		if wide := v.nx > v.ny; wide || want[k] == nil {
			if !wide || want[k] != nil {
				t.Errorf("%s, %d×%d: fastMRI gives %v", v.name, v.ny, v.nx, want[k])
			}
			continue
		}
		got := mustEvaluate(t, v.r, v.x, v.ny, v.nx)
		for metric, pair := range map[string][2]float64{
			"PSNR": {got.PSNR, float64(want[k].PSNR)}, "SSIM": {got.SSIM, float64(want[k].SSIM)}, "NMSE": {got.NMSE, float64(want[k].NMSE)},
		} {
			if d := math.Abs(pair[0]-pair[1]) / math.Abs(pair[1]); !(d <= 1e-5) {
				t.Errorf("%s: %s is %.9g and in fastMRI %.9g: %.1e relative", v.name, metric, pair[0], pair[1], d)
			}
		}
	}
}
