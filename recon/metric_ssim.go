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
// Every window is summed afresh in double precision, from sums of two neighbours: running sums are faster still but spread the
// rounding error of one very bright pixel over everything to its right and below.
func SSIM(r, x []float32, ny, nx int, peak float64) float64 {
	if ny < ssimWindow || nx < ssimWindow || peak == 0 {
		return math.NaN()
	}
	c1, c2 := ssimK1*peak*ssimK1*peak, ssimK2*peak*ssimK2*peak
	const n = ssimWindow * ssimWindow
	row := newWindowSums(nx)
	wide := nx - ssimWindow + 1
	var rows, pairs [ssimWindow][]moments // of the last rows, and of each with the one below it
	for i := range rows {
		rows[i], pairs[i] = make([]moments, wide), make([]moments, wide)
	}
	var total float64
	for y := range ny {
		now, above := rows[y%ssimWindow], rows[(y+ssimWindow-1)%ssimWindow]
		row.fill(now, r[y*nx:][:nx], x[y*nx:][:nx])
		pair := pairs[(y+ssimWindow-1)%ssimWindow]
		for i := range pair {
			pair[i] = above[i].plus(now[i])
		}
		if y < ssimWindow-1 {
			continue
		}
		first, third, fifth := pairs[(y-6)%ssimWindow], pairs[(y-4)%ssimWindow], pairs[(y-2)%ssimWindow]
		for i := range now {
			w := first[i].plus(third[i]).plus(fifth[i].plus(now[i]))
			mr, mx := w.r/n, w.x/n
			squares := mr*mr + mx*mx
			variances := (w.squares - n*squares) / (n - 1)
			cov := (w.product - n*mr*mx) / (n - 1)
			total += (2*mr*mx + c1) * (2*cov + c2) / ((squares + c1) * (variances + c2))
		}
	}
	return total / float64((ny-ssimWindow+1)*wide)
}

// moments are the sums Σr, Σx, Σ(r² + x²), Σrx over some pixels.
type moments struct{ r, x, squares, product float64 }

func (m moments) plus(o moments) moments {
	return moments{m.r + o.r, m.x + o.x, m.squares + o.squares, m.product + o.product}
}

// windowSums sums the pixels of a row over windows of 7.
type windowSums struct{ pixels, pairs []moments }

func newWindowSums(nx int) windowSums { return windowSums{make([]moments, nx), make([]moments, nx-1)} }

func (s windowSums) fill(dst []moments, r, x []float32) {
	for i := range s.pixels {
		a, b := float64(r[i]), float64(x[i])
		s.pixels[i] = moments{a, b, a*a + b*b, a * b}
	}
	for i := range s.pairs {
		s.pairs[i] = s.pixels[i].plus(s.pixels[i+1])
	}
	for i := range dst {
		dst[i] = s.pairs[i].plus(s.pairs[i+2]).plus(s.pairs[i+4].plus(s.pixels[i+6]))
	}
}
