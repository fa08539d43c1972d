package score

import (
	"context"
	"math"

	"github.com/closer-mri/closer/kspace"
)

// Posterior draws several independent samples of CCDF and reports their mean, which is closer to the truth than any one of them,
// and their spread, which shows where the measurement leaves room (Chung and Ye, MedIA 2022, section 4.4). CCDF.Kind must be one
// that draws noise.
type Posterior struct {
	CCDF
	Samples int // ≥ 2
}

// ReconstructSamples returns the mean image, the pixel-wise standard deviation √(Σ|x_k − mean|²/(K−1)) of the complex samples, and
// the network evaluations of all of them. The mean of consistent samples is consistent.
func (p *Posterior) ReconstructSamples(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (mean kspace.Image, spread []float32, nfe int, err error) {
	_, ny, nx := m.A.Shape()
	mean = kspace.NewImage(ny, nx)
	squares := make([]float64, ny*nx)
	for k := range p.Samples {
		one := p.CCDF
		one.Sample = uint32(k)
		x, n, err := one.Reconstruct(ctx, m, func(step, steps int) {
			if progress != nil {
				progress(k*steps+step, p.Samples*steps)
			}
		})
		nfe += n
		if err != nil {
			return kspace.Image{}, nil, nfe, err
		}
		// Welford's update: the running mean and the sum of squared distances from it.
		for i, v := range x.Pix {
			before := v - mean.Pix[i]
			mean.Pix[i] += before / complex(float32(k+1), 0)
			after := v - mean.Pix[i]
			squares[i] += float64(real(before))*float64(real(after)) + float64(imag(before))*float64(imag(after))
		}
	}
	spread = make([]float32, len(squares))
	for i, s := range squares {
		spread[i] = float32(math.Sqrt(max(s, 0) / float64(max(p.Samples-1, 1))))
	}
	return mean, spread, nfe, nil
}

// Reconstruct is ReconstructSamples without the spread.
func (p *Posterior) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (kspace.Image, int, error) {
	mean, _, nfe, err := p.ReconstructSamples(ctx, m, progress)
	return mean, nfe, err
}
