package score_test

import (
	"math"
	"testing"

	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/score"
)

// With a white Gaussian prior the posterior is known: measured columns are certain, the others keep the prior, mean 0 and
// standard deviation √2·S of a complex value, which appears in the image in the ratio of unmeasured columns.
func TestPosteriorOfAGaussianPrior(t *testing.T) {
	const ny, nx, s, samples = 24, 16, 0.5, 40
	mask := make(kspace.Mask, nx)
	for i := range mask {
		mask[i] = i%2 == 0
	}
	m := kspace.Measurement{Y: kspace.NewData(1, ny, nx), A: kspace.NewCartesian(ny, mask)}
	k, err := score.Lookup("ve")
	if err != nil {
		t.Fatal(err)
	}
	p := score.Posterior{Samples: samples, CCDF: score.CCDF{
		Denoiser: testkit.Gaussian{S: s}, Kind: k, Sigmas: sigmas(t, 10, 0.005, 100), Lambda: 1,
	}}
	calls := 0
	mean, spread, nfe, err := p.ReconstructSamples(t.Context(), m, func(step, steps int) { calls = step })
	if err != nil {
		t.Fatal(err)
	}
	if nfe != samples*100 || calls != samples*100 {
		t.Errorf("%d NFE, progress to %d, want %d", nfe, calls, samples*100)
	}
	if rms, _ := m.Relative(mean); rms > 1e-6 {
		t.Errorf("the mean leaves a residual of %g", rms)
	}
	var variance float64
	for _, v := range spread {
		variance += float64(v) * float64(v) / float64(len(spread))
	}
	// Half of the columns vary, each with variance 2S²: 384 pixels × 40 samples, standard error about 1 %; 100 levels: bias a few.
	if got, want := math.Sqrt(variance), math.Sqrt(0.5*2)*s; math.Abs(got/want-1) > 0.08 {
		t.Errorf("spread %.4f, want %.4f", got, want)
	}
	if n, limit := kspace.Norm(mean.Pix)/math.Sqrt(ny*nx), 2*math.Sqrt(variance/samples); n > limit {
		t.Errorf("RMS of the mean %.4f, want below %.4f", n, limit)
	}
}
