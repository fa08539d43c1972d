package recon

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The percentile is the one that sorting finds, whatever the magnitudes: equal ones, zeros, subnormals, +Inf.
func TestPercentileIsTheSortedOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		v := make([]float32, n+1)
		for i := range v {
			switch rng.IntN(4) {
			case 0:
				v[i] = float32(rng.IntN(3))
			case 1:
				v[i] = rng.Float32()
			default: // any magnitude but NaN
				v[i] = math.Float32frombits(rng.Uint32N(0x7f800001))
			}
		}
		sorted := slices.Sorted(slices.Values(v))
		for _, p := range []float64{0.1, 50, 99, 99.5, 100} {
			want := float64(sorted[int(math.Ceil(p/100*float64(len(v))))-1])
			if got := percentile(v, p); got != want {
				t.Fatalf("percentile %v of %d magnitudes is %v, want %v", p, len(v), got, want)
			}
		}
	}
	if got := percentile(nil, 50); got != 0 {
		t.Errorf("percentile of nothing is %v, want 0", got)
	}
}
