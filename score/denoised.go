package score

import (
	"math"

	"github.com/closer-mri/closer/kspace"
)

func init() { register("denoised", Kind{Sampler: Denoised, Clean: true, Denoises: true}) }

// Denoised is NoiseFree, which leaves the noise of the measurement out of what it delivers: the last estimate x̂ is moved towards the
// measurement as far as the two differ by more than noise,
//
//	x̂ + w (settle(x̂) − x̂),  w = max(0, 1 − v/P),
//
// where P is the mean power of the correction around a pixel and v that of the noise in it: the adaptive Wiener filter (Lim,
// Two-dimensional signal and image processing, 1990, equations 9.44 to 9.46). What was measured stands where the network missed it; where the two
// differ by noise alone the network's estimate stands. Since w holds back the noise, all estimates are settled. The network is never asked
// at a level below the noise of the image, √(v̄/2), where it would take noise for signal. Without noise in the measurement w is 1.
func Denoised(m Machine, x Array, sigmas []float64) (Array, error) {
	return noiseFree(m, x, sigmas, func(estimate Array) Array {
		correction := m.Sum(Term{1, settle(m, estimate)}, Term{-1, estimate})
		return m.Sum(Term{1, estimate}, Term{1, m.Wiener(correction)})
	})
}

// Sides of the squares of pixels over which Denoised averages power: of the correction, and of the noise, which varies less.
const (
	WienerWindow = 7
	noiseWindow  = 15
)

// variance estimates the v of Denoised at each pixel from one replica of the noise alone, settled as an estimate is (Robson et al., Magn
// Reson Med 60:895, 2008, pseudo multiple replica).
func variance(m kspace.Measurement, lambda float64) []float32 {
	replica := kspace.Measurement{Y: kspace.NewData(m.Y.Nc, m.Y.Ny, m.Y.Nx), A: m.A}
	for c, power := range kspace.NoisePower(m.Y) {
		n := replica.Y.Coil(c)
		Noise{}.Fill(n, c)
		kspace.Scale(n.Pix, float32(math.Sqrt(power/2)))
	}
	h := &host{ny: m.Y.Ny, nx: m.Y.Nx, opt: Options{Consistency: kspace.Project(replica, lambda), Coils: m.Y.Nc}}
	settled := settle(h, kspace.NewImage(m.Y.Ny, m.Y.Nx)).(kspace.Image)
	v := make([]float32, len(settled.Pix))
	power(settled, noiseWindow, func(i int, mean float32) { v[i] = mean })
	return v
}

// Floor is the noise of an image in each channel, the least level at which it is denoised: √(v̄/2) of its variance, 0 without.
func Floor(variance []float32) float64 {
	var sum float64
	for _, v := range variance {
		sum += float64(v)
	}
	return math.Sqrt(sum / float64(2*max(1, len(variance))))
}

// wiener is Machine.Wiener of one image.
func wiener(dst, x kspace.Image, variance []float32) {
	power(x, WienerWindow, func(i int, mean float32) {
		w := complex64(0)
		if mean > variance[i] {
			w = complex(1-variance[i]/mean, 0)
		}
		dst.Pix[i] = w * x.Pix[i]
	})
}

// power calls f with the mean of |x|² around each pixel, over those pixels of the square that are in the image.
func power(x kspace.Image, side int, f func(i int, mean float32)) {
	ny, nx := x.Ny, x.Nx
	beside := make([]float32, len(x.Pix)) // sums along rows
	around := func(i, n int) (from, to int) { return max(i-side/2, 0), min(i+side/2+1, n) }
	kspace.Parallel(kspace.Processors(), ny, func(_, first, last int) {
		for y := first; y < last; y++ {
			row, sums := x.Pix[y*nx:][:nx], beside[y*nx:][:nx]
			for i := range sums {
				from, to := around(i, nx)
				for _, v := range row[from:to] {
					sums[i] += real(v)*real(v) + imag(v)*imag(v)
				}
			}
		}
	})
	kspace.Parallel(kspace.Processors(), ny, func(_, first, last int) {
		for y := first; y < last; y++ {
			top, bottom := around(y, ny)
			for i := range nx {
				var sum float32
				for j := top; j < bottom; j++ {
					sum += beside[j*nx+i]
				}
				from, to := around(i, nx)
				f(y*nx+i, sum/float32((bottom-top)*(to-from)))
			}
		}
	})
}
