package recon

import (
	"math"
	"slices"
)

// nearestRank returns the place of the p-th percentile among n sorted values.
func nearestRank(n int, p float64) int { return max(0, int(math.Ceil(p/100*float64(n)))-1) }

// percentile returns the p-th percentile of magnitudes (nearest rank), 0 for none. Numbers that are not negative are in the order of
// their bits, so that counting finds it: the upper half of its bits first, then the lower half.
func percentile(magnitudes []float32, p float64) float64 {
	if len(magnitudes) == 0 {
		return 0
	}
	rank := nearestRank(len(magnitudes), p)
	counts := make([]int, 1<<16)
	pick := func() uint32 {
		for half, n := range counts {
			if rank < n {
				return uint32(half)
			}
			rank -= n
		}
		panic("recon: the percentile is not among the values")
	}
	for _, v := range magnitudes {
		counts[math.Float32bits(v)>>16]++
	}
	upper := pick()
	clear(counts)
	for _, v := range magnitudes {
		if b := math.Float32bits(v); b>>16 == upper {
			counts[b&0xffff]++
		}
	}
	return float64(math.Float32frombits(upper<<16 | pick()))
}

// upperTail finds a high percentile of magnitudes that come one part after the other. It keeps no more of them than twice those that
// lie above it, and gives what percentile does of all together.
type upperTail struct {
	keep  int      // the percentile is the smallest of so many largest values
	bits  []uint32 // of values among which these are
	floor uint32   // the smallest of them when they were counted last
}

// newUpperTail is for the p-th percentile of n magnitudes.
func newUpperTail(n int, p float64) *upperTail {
	keep := n - nearestRank(n, p)
	return &upperTail{keep: keep, bits: make([]uint32, 0, 2*keep)}
}

func (t *upperTail) add(magnitudes []float32) {
	for _, v := range magnitudes {
		if b := math.Float32bits(v); b > t.floor || len(t.bits) < t.keep {
			if len(t.bits) == cap(t.bits) {
				t.trim()
			}
			t.bits = append(t.bits, b)
		}
	}
}

// trim forgets all but the largest.
func (t *upperTail) trim() {
	slices.Sort(t.bits)
	t.bits = t.bits[:copy(t.bits, t.bits[len(t.bits)-t.keep:])]
	t.floor = t.bits[0]
}

// percentile returns it once all n magnitudes were added.
func (t *upperTail) percentile() float64 {
	t.trim()
	return float64(math.Float32frombits(t.floor))
}
