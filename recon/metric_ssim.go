package recon

import "math"

const (
	ssimWindow = 7    // pixels on a side, uniform weights
	ssimK1     = 0.01 // C1 = (K1 R)²
	ssimK2     = 0.03 // C2 = (K2 R)²
)

// SSIM returns the structural similarity of x and the reference r, images of shape (ny, nx), for data range R = peak:
//
//	mean of (2 r̄x̄ + C1)(2 cov(r,x) + C2) / ((r̄² + x̄² + C1)(var r + var x + C2))
//
// over all windows of 7×7 pixels that lie inside the image, with uniform weights and sample (n−1) covariance. These are the defaults
// of scikit-image's structural_similarity, which evaluate.py uses; the windows that would cross the border, which scikit-image
// computes by reflection, it leaves out of the mean, and so they are not computed here. Wang et al. 2004, doi 10.1109/TIP.2003.819861,
// weights the window by a Gaussian instead. The result is NaN below 7×7 pixels and for peak 0.
//
// Every window is summed afresh in double precision, first down its columns: running sums are faster still but spread the rounding
// error of one very bright pixel over everything to its right and below.
func SSIM(r, x []float32, ny, nx int, peak float64) float64 {
	if ny < ssimWindow || nx < ssimWindow || peak == 0 {
		return math.NaN()
	}
	c1, c2 := ssimK1*peak*ssimK1*peak, ssimK2*peak*ssimK2*peak
	const n = ssimWindow * ssimWindow
	columns := make([]moments, nx)
	var total float64
	for y := 0; y+ssimWindow <= ny; y++ {
		clear(columns)
		for dy := range ssimWindow {
			row := (y + dy) * nx
			rr, xr := r[row:row+nx], x[row:row+nx]
			for i := range columns {
				a, b := float64(rr[i]), float64(xr[i])
				columns[i].add(moments{a, b, a * a, b * b, a * b})
			}
		}
		for i := 0; i+ssimWindow <= nx; i++ {
			var w moments
			for _, c := range columns[i : i+ssimWindow] {
				w.add(c)
			}
			mr, mx := w.r/n, w.x/n
			vr := (w.rr - n*mr*mr) / (n - 1)
			vx := (w.xx - n*mx*mx) / (n - 1)
			cov := (w.rx - n*mr*mx) / (n - 1)
			total += (2*mr*mx + c1) * (2*cov + c2) / ((mr*mr + mx*mx + c1) * (vr + vx + c2))
		}
	}
	return total / float64((ny-ssimWindow+1)*(nx-ssimWindow+1))
}

// moments are the sums Σr, Σx, Σr², Σx², Σrx over some pixels.
type moments struct{ r, x, rr, xx, rx float64 }

func (m *moments) add(o moments) {
	m.r += o.r
	m.x += o.x
	m.rr += o.rr
	m.xx += o.xx
	m.rx += o.rx
}
