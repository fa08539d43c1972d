package main_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/closer-mri/closer/unet"
)

// Without the device that was asked for, the scan is reconstructed on the CPU, and the user and the report are told in one line.
func TestMissingDeviceIsSaid(t *testing.T) {
	needRuntime(t)
	out := t.TempDir()
	_, stderr, err := try("recon", phantom(t), "-o", out, "--device", "cuda", "--method", "unet", "--method", "unet-dc")
	if err != nil {
		t.Fatal(err, stderr)
	}
	r := readReport(t, out)
	if r.Methods[0].Device != "cpu" {
		t.Skip("this machine has the device")
	}
	const said = "The networks run on the CPU: device cuda cannot be used"
	if strings.Count(stderr, said) != 1 || len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], said) {
		t.Errorf("standard error %q, notes %q", stderr, r.Notes)
	}
	out = t.TempDir() // half precision is for devices that compute in it: the report says nothing of it
	closer(t, "recon", phantom(t), "-o", out, "--device", "cpu", "--precision", "fp16", "--method", "unet")
	if precision := readReport(t, out).Methods[0].Precision; precision != "" {
		t.Errorf("the CPU is said to run in %s", precision)
	}
	if _, stderr, err := try("recon", phantom(t), "-o", out, "--device", "tpu", "--method", "unet"); err == nil || !strings.Contains(stderr, "tensorrt") {
		t.Errorf("an unknown device: %q", stderr)
	}
}

// Slices, and samples of a slice, are the same however many a graph takes at once.
func TestBatchDoesNotChangeTheResult(t *testing.T) {
	needRuntime(t)
	scan := phantom(t, "--slices", "3", "--matrix", "64")
	for _, args := range [][]string{nil, {"--samples", "3"}} {
		one, three := t.TempDir(), t.TempDir()
		for out, batch := range map[string]string{one: "1", three: "3"} {
			closer(t, append([]string{"recon", scan, "-o", out, "--accel", "2", "--acs", "0.1", "--steps", "2", "--method", "ccdf",
				"--method", "unet-dc", "--steps-per-run", "2", "--batch", batch}, args...)...)
		}
		want, got := readReport(t, one).Methods, readReport(t, three).Methods
		for m := range got {
			for i, s := range got[m].Slices {
				if w := want[m].Slices[i]; s.NFE != w.NFE || math.Abs(float64(s.PSNR-w.PSNR)) > 1e-4 {
					t.Errorf("%v: %s of slice %d: %d NFE, %g dB; %d NFE, %g dB alone", args, got[m].Name, i, s.NFE, s.PSNR, w.NFE, w.PSNR)
				}
			}
		}
	}
	if _, stderr, err := try("recon", scan, "-o", t.TempDir(), "--batch", "0"); err == nil || !strings.Contains(stderr, "batch") {
		t.Errorf("a batch of none: %q", stderr)
	}
}

// A network that was exported for one image at a time is run so, whatever --batch says; one for more is refused.
func TestNetworkOfFixedBatch(t *testing.T) {
	needRuntime(t)
	scan := phantom(t, "--slices", "2", "--matrix", "64")
	fixed := func(n byte) string { // the open dimension "n" of every input and output, as n in a varint of two bytes
		file := filepath.Join(t.TempDir(), "unet.onnx")
		model := bytes.ReplaceAll(unet.Weights, []byte{0x0a, 3, 0x12, 1, 'n'}, []byte{0x0a, 3, 0x08, 0x80 | n, 0})
		if err := os.WriteFile(file, model, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	args := []string{"recon", scan, "-o", t.TempDir(), "--accel", "2", "--acs", "0.1", "--method", "unet", "--method", "ccdf", "--steps", "2", "--batch", "2"}
	if _, stderr, err := try(append(args, "--unet-network", fixed(1))...); err != nil {
		t.Errorf("a U-Net for one image: %v, %s", err, stderr)
	}
	if _, stderr, err := try(append(args, "--unet-network", fixed(2))...); err == nil || !strings.Contains(stderr, "batches of 2 images only") {
		t.Errorf("a U-Net for two images: %v, %q", err, stderr)
	}
}

// Networks in each other's place are told apart before anything is reconstructed.
func TestNetworkOfTheOtherKind(t *testing.T) {
	needRuntime(t)
	scan, out := phantom(t, "--matrix", "64"), filepath.Join(t.TempDir(), "out")
	for flag, c := range map[string]struct{ file, want string }{
		"--unet-network":  {"../../score/score.onnx", "network unet: the model takes a noise level, as a score network; a U-Net is x → image"},
		"--score-network": {"../../unet/unet.onnx", "network score: the model takes no noise level, as a U-Net; a score network is (x, sigma) → denoised"},
	} {
		if _, stderr, err := try("recon", scan, "-o", out, flag, c.file); err == nil || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: %v, %q", flag, err, stderr)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: something was made before", flag)
		}
	}
}

// The sampler as graphs and from the host gives the same report, and consistent images, for one coil and several.
func TestStepsPerRunDoesNotChangeTheResult(t *testing.T) {
	needRuntime(t)
	for _, coils := range []string{"1", "4"} {
		scan := phantom(t, "--coils", coils)
		host, graph := t.TempDir(), t.TempDir()
		for out, steps := range map[string]string{host: "0", graph: "3"} {
			closer(t, "recon", scan, "-o", out, "--accel", "4", "--acs", "0.08", "--sampler", "ve", "--steps", "4", "--method", "ccdf", "--steps-per-run", steps)
		}
		want, got := readReport(t, host).Methods[0], readReport(t, graph).Methods[0]
		if got.NFE != want.NFE || math.Abs(float64(got.Volume.PSNR-want.Volume.PSNR)) > 1e-3 {
			t.Errorf("%s coils: %d NFE, %g dB; %d NFE, %g dB on the host", coils, got.NFE, got.Volume.PSNR, want.NFE, want.Volume.PSNR)
		}
		if d := got.DCResidual.RMS - want.DCResidual.RMS; math.Abs(float64(d)) > 1e-5 {
			t.Errorf("%s coils: residual %g, %g on the host", coils, got.DCResidual.RMS, want.DCResidual.RMS)
		}
		if share := float64(got.NetworkSeconds); share <= 0 {
			t.Errorf("%g s in networks", share)
		}
	}
}
