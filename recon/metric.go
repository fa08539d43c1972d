package recon

import (
	"math"

	"github.com/closer-mri/closer/kspace"
)

// Quality compares a reconstruction with its reference as fastMRI's evaluate.py does, on magnitude images. A value that has no
// meaning is NaN: everything but NMSE where the reference's maximum is 0, NMSE where the reference is all 0, SSIM below 7×7 pixels.
type Quality struct {
	PSNR float64 // dB, 10 log10(R²/mean (x−r)²), R = max of the reference volume; +Inf when the two are equal
	SSIM float64 // −1…1, data range R = max of the reference volume; 1 when the two are equal
	NMSE float64 // ‖x−r‖²/‖r‖², ≥ 0
}

// SliceQuality is the Quality of one slice; its data range is still the maximum of the volume.
type SliceQuality struct {
	Quality
	// PSNRSlice is the PSNR in dB with R = max of the reference slice: the convention of the CCDF paper (arXiv 2112.05146,
	// Table 5), who treat slices as separate images. Not comparable with Quality.PSNR. NaN for a blank reference slice.
	PSNRSlice float64
}

// VolumeQuality is the Quality of a volume and of each of its slices. PSNR and NMSE are taken over all pixels of the volume;
// SSIM is the mean of the slices'.
type VolumeQuality struct {
	Quality
	SlicePSNRMean float64 // mean of PSNRSlice over the slices where it is defined; NaN when there are none
	Slices        []SliceQuality
}

// Evaluate compares the volume x with the reference volume r, slices of shape (ny, nx), after the crop of evaluate.py: both are cut
// to their central (nx, nx). Images wider than tall, which evaluate.py refuses, are compared whole. Sums are in double precision;
// evaluate.py's are in single, so that the two agree to about 1e-6 relative (TestEvaluateAgreesWithPython). Volumes that do not fit
// each other are an *Error with code Invalid.
func Evaluate(r, x [][]float32, ny, nx int) (VolumeQuality, error) {
	if err := checkVolumes(r, x, ny, nx); err != nil {
		return VolumeQuality{}, err
	}
	// Rows are contiguous, so the crop of whole rows is a slice of each image.
	rows := min(ny, nx)
	y0 := (ny - rows) / 2 // as kspace.CropImage
	crop := func(im []float32) []float32 { return im[y0*nx : (y0+rows)*nx] }

	peak := math.Inf(-1)
	for _, im := range r {
		peak = max(peak, maximum(crop(im)))
	}

	q, sums := VolumeQuality{Slices: make([]SliceQuality, len(r))}, make([]errorSums, len(r))
	kspace.Parallel(kspace.Processors(), len(r), func(_, from, to int) {
		for i := from; i < to; i++ {
			ri, xi := crop(r[i]), crop(x[i])
			sums[i] = sumErrors(ri, xi)
			q.Slices[i] = SliceQuality{
				Quality:   Quality{PSNR: sums[i].psnr(peak), SSIM: SSIM(ri, xi, rows, nx, peak), NMSE: sums[i].nmse()},
				PSNRSlice: sums[i].psnr(maximum(ri)),
			}
		}
	})
	var all errorSums
	var ssim, slicePSNR float64
	var nSlicePSNR int
	for i, s := range q.Slices {
		all.add(sums[i])
		ssim += s.SSIM
		if !math.IsNaN(s.PSNRSlice) {
			slicePSNR += s.PSNRSlice
			nSlicePSNR++
		}
	}
	q.Quality = Quality{PSNR: all.psnr(peak), SSIM: ssim / float64(len(r)), NMSE: all.nmse()}
	q.SlicePSNRMean = slicePSNR / float64(nSlicePSNR)
	return q, nil
}

// checkVolumes says what keeps two volumes from being compared.
func checkVolumes(r, x [][]float32, ny, nx int) error {
	switch {
	case ny < 1 || nx < 1:
		return Errorf(Invalid, "images of %d×%d pixels cannot be compared", ny, nx)
	case len(r) == 0:
		return Errorf(Invalid, "the reference has no slices")
	case len(r) != len(x):
		return Errorf(Invalid, "the reference has %d slices and the reconstruction %d", len(r), len(x))
	}
	for i := range r {
		if len(r[i]) != ny*nx || len(x[i]) != ny*nx {
			return Errorf(Invalid, "slice %d has %d reference and %d reconstructed pixels instead of %d×%d", i, len(r[i]), len(x[i]), ny, nx)
		}
	}
	return nil
}

// errorSums holds what PSNR and NMSE are made of: Σ(x−r)², Σr² and the number of pixels.
type errorSums struct {
	err, ref float64
	n        int
}

func sumErrors(r, x []float32) errorSums {
	s := errorSums{n: len(r)}
	for i, v := range r {
		d := float64(v) - float64(x[i])
		s.err += d * d
		s.ref += float64(v) * float64(v)
	}
	return s
}

func (s *errorSums) add(t errorSums) { s.err, s.ref, s.n = s.err+t.err, s.ref+t.ref, s.n+t.n }

func (s errorSums) psnr(peak float64) float64 {
	if peak == 0 {
		return math.NaN()
	}
	return 10 * math.Log10(peak*peak/(s.err/float64(s.n)))
}

func (s errorSums) nmse() float64 {
	if s.ref == 0 {
		return math.NaN()
	}
	return s.err / s.ref
}

// maximum returns the largest pixel; NaN pixels are passed over (the error sums carry them).
func maximum(im []float32) float64 {
	m := float32(math.Inf(-1))
	for _, v := range im {
		if v > m {
			m = v
		}
	}
	return float64(m)
}
