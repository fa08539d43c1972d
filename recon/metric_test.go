package recon

import (
	"math"
	"math/rand/v2"
	"testing"
)

// ellipses returns n slices of an image-like volume (smooth ellipses, a dark background, values up to about scale) and a noisy copy.
func ellipses(n, ny, nx int, scale float32, seed uint64) (reference, noisy [][]float32) {
	rng := rand.New(rand.NewPCG(seed, 7))
	for s := range n {
		r, x := make([]float32, ny*nx), make([]float32, ny*nx)
		for y := range ny {
			for i := range nx {
				u, v := 2*float64(i)/float64(nx)-1, 2*float64(y)/float64(ny)-1
				var p float64
				for e := range 5 {
					cx, cy := 0.5*math.Sin(float64(3*e+s)), 0.5*math.Cos(float64(2*e-s))
					if d := (u-cx)*(u-cx)/0.2 + (v-cy)*(v-cy)/0.1; d < 1 {
						p += 0.25 * (1 - 0.3*d)
					}
				}
				r[y*nx+i] = scale * float32(p)
				x[y*nx+i] = scale * float32(math.Abs(p+0.03*rng.NormFloat64()))
			}
		}
		reference, noisy = append(reference, r), append(noisy, x)
	}
	return reference, noisy
}

func mustEvaluate(t *testing.T, r, x [][]float32, ny, nx int) VolumeQuality {
	t.Helper()
	q, err := Evaluate(r, x, ny, nx)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func wantNear(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want))) {
		t.Errorf("%s = %.12g, want %.12g to %g", what, got, want, tolerance)
	}
}

func flatImage(n int, v float32) []float32 {
	im := make([]float32, n)
	for i := range im {
		im[i] = v
	}
	return im
}

// Two constant images have known metrics: MSE d², zero variances, so SSIM = (2ab + C1)/(a² + b² + C1).
func TestEvaluateConstantImages(t *testing.T) {
	a, b := 2.0, 1.5
	q := mustEvaluate(t, [][]float32{flatImage(100, 2)}, [][]float32{flatImage(100, 1.5)}, 10, 10)
	c1 := (0.01 * a) * (0.01 * a)
	wantNear(t, "PSNR", q.PSNR, 20*math.Log10(a/(a-b)), 1e-12)
	wantNear(t, "NMSE", q.NMSE, (a-b)*(a-b)/(a*a), 1e-12)
	wantNear(t, "SSIM", q.SSIM, (2*a*b+c1)/(a*a+b*b+c1), 1e-12)
	wantNear(t, "PSNRSlice", q.Slices[0].PSNRSlice, q.PSNR, 0)
}

// The direct sum over one window, written from the formula of SSIM's doc comment with centred moments.
func TestSSIMOfOneWindow(t *testing.T) {
	r, x := ellipses(1, 7, 7, 3, 1)
	var mr, mx, vr, vx, cov float64
	for i := range r[0] {
		mr += float64(r[0][i]) / 49
		mx += float64(x[0][i]) / 49
	}
	for i := range r[0] {
		a, b := float64(r[0][i])-mr, float64(x[0][i])-mx
		vr, vx, cov = vr+a*a/48, vx+b*b/48, cov+a*b/48
	}
	const peak = 3.0
	c1, c2 := 0.0001*peak*peak, 0.0009*peak*peak
	want := (2*mr*mx + c1) * (2*cov + c2) / ((mr*mr + mx*mx + c1) * (vr + vx + c2))
	wantNear(t, "SSIM", SSIM(r[0], x[0], 7, 7, peak), want, 1e-12)
}

func TestEvaluateIdenticalVolumes(t *testing.T) {
	r, _ := ellipses(2, 20, 16, 1, 2)
	q := mustEvaluate(t, r, r, 20, 16)
	if !math.IsInf(q.PSNR, 1) || q.NMSE != 0 || !math.IsInf(q.SlicePSNRMean, 1) {
		t.Errorf("PSNR %v, NMSE %v, slice PSNR %v of identical volumes, want +Inf, 0, +Inf", q.PSNR, q.NMSE, q.SlicePSNRMean)
	}
	wantNear(t, "SSIM", q.SSIM, 1, 1e-12)
}

// Metrics do not depend on the unit of intensity.
func TestEvaluateIsScaleInvariant(t *testing.T) {
	r, x := ellipses(3, 24, 24, 1, 3)
	a := mustEvaluate(t, r, x, 24, 24)
	const k = 1 << 20 // a power of two, so that scaling is exact; fastMRI's intensities are 1e-4…1e-2 instead
	for s := range r {
		for i := range r[s] {
			r[s][i], x[s][i] = r[s][i]/k, x[s][i]/k
		}
	}
	b := mustEvaluate(t, r, x, 24, 24)
	wantNear(t, "PSNR", b.PSNR, a.PSNR, 1e-12)
	wantNear(t, "SSIM", b.SSIM, a.SSIM, 1e-12)
	wantNear(t, "NMSE", b.NMSE, a.NMSE, 1e-12)
}

// SSIM is symmetric in its images, at most 1, and falls with noise, as PSNR does.
func TestSSIMProperties(t *testing.T) {
	r, x := ellipses(1, 40, 32, 1, 4)
	wantNear(t, "SSIM(x, r)", SSIM(x[0], r[0], 40, 32, 1), SSIM(r[0], x[0], 40, 32, 1), 1e-12)
	last := 1.0
	for _, sigma := range []float32{0.5, 1, 2, 4} {
		y := make([]float32, len(x[0]))
		for i := range y {
			y[i] = r[0][i] + sigma*(x[0][i]-r[0][i])
		}
		s := SSIM(r[0], y, 40, 32, 1)
		if s >= last {
			t.Errorf("SSIM %v with %v times the noise, not below %v", s, sigma, last)
		}
		last = s
	}
}

// The data range is the volume's maximum in PSNR and SSIM, and the slice's in PSNRSlice.
func TestEvaluateDataRanges(t *testing.T) {
	r, x := ellipses(2, 32, 32, 1, 5)
	for i := range r[1] {
		r[1][i], x[1][i] = r[1][i]/8, x[1][i]/8
	}
	q := mustEvaluate(t, r, x, 32, 32)
	top, dark := maximum(r[0]), maximum(r[1])
	wantNear(t, "slice 1's PSNRSlice − PSNR", q.Slices[1].PSNRSlice-q.Slices[1].PSNR, 20*math.Log10(dark/top), 1e-9)
	wantNear(t, "slice 1's SSIM", q.Slices[1].SSIM, SSIM(r[1], x[1], 32, 32, top), 0)
	wantNear(t, "SlicePSNRMean", q.SlicePSNRMean, (q.Slices[0].PSNRSlice+q.Slices[1].PSNRSlice)/2, 1e-12)
	wantNear(t, "SSIM", q.SSIM, (q.Slices[0].SSIM+q.Slices[1].SSIM)/2, 1e-12)
}

// Only the central (nx, nx) of tall images counts, as in evaluate.py; wide ones count whole.
func TestEvaluateCrops(t *testing.T) {
	for _, c := range []struct{ ny, nx, y0, rows int }{{20, 16, 2, 16}, {21, 16, 2, 16}, {20, 15, 2, 15}, {16, 20, 0, 16}} {
		r, x := ellipses(1, c.ny, c.nx, 1, 6)
		want := mustEvaluate(t, r, x, c.ny, c.nx)
		for i := range x[0] {
			if y := i / c.nx; y < c.y0 || y >= c.y0+c.rows {
				r[0][i], x[0][i] = 1e6, -1e6
			}
		}
		if got := mustEvaluate(t, r, x, c.ny, c.nx); got.Quality != want.Quality {
			t.Errorf("%d×%d: pixels outside the crop changed %v to %v", c.ny, c.nx, want.Quality, got.Quality)
		}
		r[0][c.y0*c.nx] += 0.5
		if got := mustEvaluate(t, r, x, c.ny, c.nx); got.NMSE == want.NMSE {
			t.Errorf("%d×%d: a pixel in the crop's first row did not count", c.ny, c.nx)
		}
	}
}

// What has no meaning is NaN and does not spoil the rest.
func TestEvaluateUndefined(t *testing.T) {
	r, x := ellipses(2, 12, 12, 1, 7)
	clear(r[0])
	q := mustEvaluate(t, r, x, 12, 12)
	blank := q.Slices[0]
	if !math.IsNaN(blank.PSNRSlice) || !math.IsNaN(blank.NMSE) || math.IsNaN(blank.PSNR) || math.IsNaN(blank.SSIM) {
		t.Errorf("blank slice in a volume: %+v, want PSNRSlice and NMSE alone NaN", blank)
	}
	wantNear(t, "SlicePSNRMean", q.SlicePSNRMean, q.Slices[1].PSNRSlice, 0)

	clear(r[1])
	q = mustEvaluate(t, r, x, 12, 12)
	if !math.IsNaN(q.PSNR) || !math.IsNaN(q.SSIM) || !math.IsNaN(q.NMSE) || !math.IsNaN(q.SlicePSNRMean) {
		t.Errorf("blank reference: %+v, want NaN throughout", q)
	}

	r, x = ellipses(1, 6, 30, 1, 8)
	if q = mustEvaluate(t, r, x, 6, 30); !math.IsNaN(q.SSIM) || math.IsNaN(q.PSNR) {
		t.Errorf("6 rows: SSIM %v, PSNR %v, want NaN and a number", q.SSIM, q.PSNR)
	}
}

// A reconstruction with one wild pixel is bad, but only in the windows that see it.
func TestSSIMContainsOutliers(t *testing.T) {
	r, _ := ellipses(1, 64, 64, 1, 9)
	x := append([]float32(nil), r[0]...)
	x[5*64+5] = 1e12 // 81·(windows that hold it) = 36 of 58² lie at corner offsets 0…5 in both axes
	wantNear(t, "SSIM", SSIM(r[0], x, 64, 64, 1), 1-36.0/(58*58), 1e-6)
}

func TestEvaluateRefusesMismatch(t *testing.T) {
	r, x := ellipses(2, 8, 8, 1, 10)
	for name, f := range map[string]func() (VolumeQuality, error){
		"no slices":         func() (VolumeQuality, error) { return Evaluate(nil, nil, 8, 8) },
		"fewer slices":      func() (VolumeQuality, error) { return Evaluate(r, x[:1], 8, 8) },
		"wrong shape":       func() (VolumeQuality, error) { return Evaluate(r, x, 8, 9) },
		"no pixels":         func() (VolumeQuality, error) { return Evaluate(r, x, 0, 8) },
		"one short slice":   func() (VolumeQuality, error) { return Evaluate(r, [][]float32{x[0], x[1][1:]}, 8, 8) },
		"missing reference": func() (VolumeQuality, error) { return Evaluate([][]float32{r[0], nil}, x, 8, 8) },
	} {
		if _, err := f(); CodeOf(err) != Invalid {
			t.Errorf("%s: error %v, want code %q", name, err, Invalid)
		}
	}
}

func BenchmarkSSIM(b *testing.B) {
	r, x := ellipses(1, 320, 320, 1, 11)
	for b.Loop() {
		SSIM(r[0], x[0], 320, 320, 1)
	}
}
