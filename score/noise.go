package score

import (
	"math"
	"math/bits"

	"github.com/closer-mri/closer/kspace"
)

// Noise is counter-based standard normal noise: each value is a function of (Seed, Slice, Sample, draw, pixel) alone, so that
// a result does not depend on batch size, worker or order.
type Noise struct {
	Seed          uint64
	Slice, Sample uint32
}

// Fill overwrites dst with the noise of one draw: unit variance in the real and in the imaginary part.
func (n Noise) Fill(dst kspace.Image, draw int) {
	key := [2]uint32{uint32(n.Seed), uint32(n.Seed >> 32)}
	kspace.Parallel(kspace.Processors(), (len(dst.Pix)+1)/2, func(_, from, to int) {
		for pair := from; pair < to; pair++ {
			r := philox([4]uint32{uint32(pair), uint32(draw), n.Slice, n.Sample}, key)
			dst.Pix[2*pair] = boxMuller(r[0], r[1])
			if 2*pair+1 < len(dst.Pix) {
				dst.Pix[2*pair+1] = boxMuller(r[2], r[3])
			}
		}
	})
}

// boxMuller maps two uniform words to a complex normal.
func boxMuller(a, b uint32) complex64 {
	radius := math.Sqrt(-2 * math.Log((float64(a)+0.5)/(1<<32)))
	sin, cos := math.Sincos(2 * math.Pi * float64(b) / (1 << 32))
	return complex(float32(radius*cos), float32(radius*sin))
}

// philox is Philox4x32-10 (Salmon et al., SC 2011): a bijection of the counter that passes BigCrush for any key.
func philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	c := counter
	for range 10 {
		hi0, lo0 := bits.Mul32(0xD2511F53, c[0])
		hi1, lo1 := bits.Mul32(0xCD9E8D57, c[2])
		c = [4]uint32{hi1 ^ c[1] ^ key[0], lo1, hi0 ^ c[3] ^ key[1], lo0}
		key[0] += 0x9E3779B9
		key[1] += 0xBB67AE85
	}
	return c
}
