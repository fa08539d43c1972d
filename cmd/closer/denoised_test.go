package main_test

import (
	"path/filepath"
	"testing"
)

// The noise of a scan stays out of what the sampler denoised delivers: it is nearer to the same head without noise than noise-free is, more
// alike in structure, and as far from what was measured as the noise. Noise-free keeps what one coil measured.
func TestDenoisedIsNearerToTheTruth(t *testing.T) {
	needRuntime(t)
	for _, coils := range []string{"1", "4"} {
		scan, truth, out := phantom(t, "--noise", "0.015", "--coils", coils), phantom(t, "--noise", "0", "--coils", coils), t.TempDir()
		python(t, "-c", `import sys, h5py
truth, scan = h5py.File(sys.argv[1]), h5py.File(sys.argv[2], "r+")
for name in truth:
    if name.startswith("reconstruction"): scan[name][...] = truth[name][()]`, truth, scan)
		psnr, ssim, residual := map[string]float64{}, map[string]float64{}, map[string]float64{}
		for _, sampler := range []string{"noise-free", "denoised"} {
			to := filepath.Join(out, sampler)
			closer(t, "recon", scan, "-o", to, "--accel", "2", "--acs", "0.1", "--method", "ccdf", "--sampler", sampler)
			m := readReport(t, to).Methods[0]
			psnr[sampler], ssim[sampler], residual[sampler] = float64(m.Volume.PSNR), float64(m.Volume.SSIM), float64(m.DCResidual.RMS)
		}
		t.Logf("%s coils: PSNR %v, SSIM %v, residual %v", coils, psnr, ssim, residual)
		if gain := psnr["denoised"] - psnr["noise-free"]; gain < 0 || ssim["denoised"] < ssim["noise-free"]+0.05 {
			t.Errorf("%s coils: %.2f dB nearer, SSIM %v", coils, gain, ssim)
		}
		if coils == "1" && (residual["noise-free"] > 1e-5 || residual["denoised"] < 0.02 || residual["denoised"] > 0.08) {
			t.Errorf("residual %v", residual)
		}
	}
}
