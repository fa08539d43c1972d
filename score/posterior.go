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
	CCDF    CCDF
	Samples int // ≥ 2
	Batch   int // samples drawn at once; 0 is one
}

// ReconstructSamples returns the mean image, the pixel-wise standard deviation √(Σ|x_k − mean|²/(K−1)) of the complex samples, and
// the network evaluations of all of them. The mean of consistent samples is consistent.
func (p *Posterior) ReconstructSamples(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (mean kspace.Image, spread []float32, nfe int, err error) {
	initial, err := p.CCDF.start(ctx, m)
	if err != nil {
		return kspace.Image{}, nil, 0, err
	}
	if p.CCDF.startsFromInitial() {
		if _, err := p.CCDF.backend().SampleBatch(ctx, Kind{Sampler: initialAlone}, []Item{{X: initial}}, nil, 1, nil); err != nil {
			return kspace.Image{}, nil, 0, err
		}
	}
	mean = kspace.NewImage(initial.Ny, initial.Nx)
	squares := make([]float64, len(mean.Pix))
	for drawn := 0; drawn < p.Samples; {
		var batch []Item
		for len(batch) < max(p.Batch, 1) && drawn+len(batch) < p.Samples {
			batch = append(batch, p.CCDF.item(m, initial.Clone(), uint32(drawn+len(batch))))
		}
		n, err := p.CCDF.backend().SampleBatch(ctx, p.CCDF.from(false), batch, p.CCDF.Sigmas, p.CCDF.Lambda, func(step, steps int) {
			if progress != nil { // of the batch
				progress(drawn*steps+len(batch)*step, p.Samples*steps)
			}
		})
		nfe += n
		if err != nil {
			return kspace.Image{}, nil, nfe, err
		}
		for _, item := range batch {
			drawn++
			// Welford's update: the running mean and the sum of squared distances from it.
			for i, v := range item.X.Pix {
				before := v - mean.Pix[i]
				mean.Pix[i] += before / complex(float32(drawn), 0)
				after := v - mean.Pix[i]
				squares[i] += float64(real(before))*float64(real(after)) + float64(imag(before))*float64(imag(after))
			}
		}
	}
	spread = make([]float32, len(squares))
	for i, s := range squares {
		spread[i] = float32(math.Sqrt(max(s, 0) / float64(max(p.Samples-1, 1))))
	}
	return mean, spread, nfe, nil
}

// initialAlone is the initial reconstruction, which all samples start from.
func initialAlone(m Machine, x Array, _ []float64) (Array, error) {
	x = m.Initial(x)
	err := m.Step(1, 1, &x)
	return x, err
}

// Reconstruct is ReconstructSamples without the spread.
func (p *Posterior) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (kspace.Image, int, error) {
	mean, _, nfe, err := p.ReconstructSamples(ctx, m, progress)
	return mean, nfe, err
}
