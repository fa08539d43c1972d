package main_test

import (
	"math"
	"strings"
	"testing"
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
	if _, stderr, err := try("recon", phantom(t), "-o", out, "--device", "tpu", "--method", "unet"); err == nil || !strings.Contains(stderr, "tensorrt") {
		t.Errorf("an unknown device: %q", stderr)
	}
}

// The sampler as graphs and from the host gives the same report, and consistent images, for one coil and several.
func TestStepsPerRunDoesNotChangeTheResult(t *testing.T) {
	needRuntime(t)
	for _, coils := range []string{"1", "4"} {
		scan := phantom(t, "--coils", coils)
		host, graph := t.TempDir(), t.TempDir()
		for out, steps := range map[string]string{host: "0", graph: "3"} {
			closer(t, "recon", scan, "-o", out, "--accel", "4", "--acs", "0.08", "--steps", "4", "--method", "ccdf", "--steps-per-run", steps)
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
