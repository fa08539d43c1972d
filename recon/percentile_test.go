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

// A volume's percentile, taken slice by slice, is the one of all its magnitudes together to the bit, in little memory.
func TestUpperTailIsThePercentile(t *testing.T) {
	const parts, size = 7, 600
	rng := rand.New(rand.NewPCG(3, 4))
	for name, magnitude := range map[string]func(i int) float32{
		"random":     func(int) float32 { return rng.Float32() },
		"any bits":   func(int) float32 { return math.Float32frombits(rng.Uint32N(0x7f800001)) },
		"few values": func(int) float32 { return float32(rng.IntN(3)) },
		"zeros":      func(int) float32 { return 0 },
		"one":        func(i int) float32 { return float32(i / (parts*size - 1)) },
		"rising":     func(i int) float32 { return float32(i) },
		"falling":    func(i int) float32 { return float32(parts*size - i) },
	} {
		all := make([]float32, parts*size)
		for i := range all {
			all[i] = magnitude(i)
		}
		for _, p := range []float64{50, 99.5, 100} {
			tail := newUpperTail(len(all), p)
			for part := range slices.Chunk(all, size) {
				tail.add(part)
			}
			if got, want := tail.percentile(), percentile(all, p); math.Float64bits(got) != math.Float64bits(want) {
				t.Errorf("%s: percentile %v is %v, want %v", name, p, got, want)
			}
			if most := 2 * (len(all) - nearestRank(len(all), p)); cap(tail.bits) > most {
				t.Errorf("%s: percentile %v keeps %d values, want at most %d", name, p, cap(tail.bits), most)
			}
		}
	}
	few := newUpperTail(2, 99.5)
	few.add([]float32{3, 5})
	if got := few.percentile(); got != 5 {
		t.Errorf("percentile of 3 and 5 is %v", got)
	}
}
