package score

import (
	"math"
	"math/bits"
	"math/cmplx"
	"runtime"
	"slices"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// Known answers of Random123 (kat_vectors, philox4x32 10).
func TestPhiloxKnownAnswers(t *testing.T) {
	const f = 0xffffffff
	for _, k := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{f, f, f, f}, [2]uint32{f, f}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := philox(k.counter, k.key); got != k.want {
			t.Errorf("philox(%x, %x) = %x, want %x", k.counter, k.key, got, k.want)
		}
	}
}

// philox is the generator, plainly.
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

// boxMuller maps two uniform words to a complex normal, in double precision.
func boxMuller(a, b uint32) complex64 {
	radius := math.Sqrt(-2 * math.Log((float64(a)+0.5)/(1<<32)))
	sin, cos := math.Sincos(2 * math.Pi * float64(b) / (1 << 32))
	return complex(float32(radius*cos), float32(radius*sin))
}

// The values are Box and Muller's of Philox's words. Among two million, the smallest and largest radii are those of probability 1e-6.
func TestNoiseIsBoxMullerOfPhilox(t *testing.T) {
	n, x := Noise{Seed: 3<<32 | 7, Slice: 2, Sample: 3}, kspace.NewImage(1001, 2001)
	n.Fill(x, 5)
	var worst float64
	for i, got := range x.Pix {
		r := philox([4]uint32{uint32(i / 2), 5, 2, 3}, [2]uint32{7, 3})
		want := complex128(boxMuller(r[i%2*2], r[i%2*2+1]))
		worst = max(worst, cmplx.Abs(complex128(got)-want)/cmplx.Abs(want))
	}
	if worst > 5e-7 {
		t.Errorf("relative error %.2g", worst)
	}
}

func TestNoiseIsStandardNormalAndKeyed(t *testing.T) {
	base := kspace.NewImage(101, 99)
	Noise{Seed: 1, Slice: 2, Sample: 3}.Fill(base, 4)
	var re, im, cross, fourth float64
	n := float64(len(base.Pix))
	for _, v := range base.Pix {
		a, b := float64(real(v)), float64(imag(v))
		re, im, cross, fourth = re+a*a/n, im+b*b/n, cross+a*b/n, fourth+a*a*a*a/n
	}
	// 9,999 values: standard errors 0.014, 0.014, 0.01, 0.1.
	if math.Abs(re-1) > 0.05 || math.Abs(im-1) > 0.05 || math.Abs(cross) > 0.04 || math.Abs(fourth-3) > 0.4 {
		t.Errorf("variances %.3f %.3f, covariance %.3f, fourth moment %.3f", re, im, cross, fourth)
	}
	for _, other := range []struct {
		Noise
		draw int
	}{{Noise{2, 2, 3}, 4}, {Noise{1, 3, 3}, 4}, {Noise{1, 2, 4}, 4}, {Noise{1, 2, 3}, 5}, {Noise{1 << 40, 2, 3}, 4}} {
		x := kspace.NewImage(101, 99)
		other.Fill(x, other.draw)
		if x.Pix[17] == base.Pix[17] {
			t.Errorf("%+v repeats the noise of another key", other)
		}
	}
	small := kspace.NewImage(1, 7) // a value depends on its pixel, not on the size of the image
	Noise{Seed: 1, Slice: 2, Sample: 3}.Fill(small, 4)
	if small.Pix[6] != base.Pix[6] {
		t.Error("noise depends on the image size")
	}
}

// The noise is the same on any number of processors, and for images with an odd number of pixels.
func TestNoiseDoesNotDependOnProcessors(t *testing.T) {
	for _, ny := range []int{1, 2, 7, 31} {
		want, n := kspace.NewImage(ny, 13), Noise{Seed: 5, Slice: 2}
		before := runtime.GOMAXPROCS(1)
		n.Fill(want, 3)
		for _, processors := range []int{2, 3, 16} {
			runtime.GOMAXPROCS(processors)
			got := kspace.NewImage(ny, 13)
			n.Fill(got, 3)
			if !slices.Equal(got.Pix, want.Pix) {
				t.Errorf("%d rows on %d processors differ", ny, processors)
			}
		}
		runtime.GOMAXPROCS(before)
	}
}
