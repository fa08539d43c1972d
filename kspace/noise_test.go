package kspace

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The noise of a coil is told by the ends of k-space where anatomy fills the field of view, by air where sharp edges reach to the ends, of
// what was acquired alone.
func TestNoisePower(t *testing.T) {
	const ny, nx, sigma = 160, 96, 0.02
	smooth := func(y, x int) float64 { return (1.5 + math.Cos(2*math.Pi*float64(y)/ny)) * float64(x*x*7%13) } // along the readout
	small := func(y, x int) float64 { return math.Exp(-float64((y-ny/2)*(y-ny/2))/32) * float64(x%7) }
	sharp := func(y, x int) float64 {
		if y/3%2 == 0 && y > ny/4 && y < ny*3/4 {
			return float64(x % 7)
		}
		return 0
	}
	random := rand.New(rand.NewPCG(1, 2))
	fft := NewFFT2(ny, nx)
	for name, c := range map[string]struct {
		object   func(y, x int) float64
		acquired func(y, x int) bool
		want     float64 // of σ
	}{
		"fills the field of view": {smooth, func(_, x int) bool { return x%3 == 0 }, 1},
		"sharp edges and air":     {sharp, func(_, x int) bool { return x%3 == 0 }, 1},
		"all acquired":            {sharp, func(int, int) bool { return true }, 1},
		"filled up with zeros":    {sharp, func(y, _ int) bool { return y >= ny/4 && y < ny*3/4 }, math.Sqrt(0.5)}, // as much as is in the image
		"points":                  {small, func(y, x int) bool { return (y+x)%2 == 0 }, 1},
		"next to nothing":         {smooth, func(y, x int) bool { return y == 0 && x < 7 }, 0},
	} {
		y := NewData(2, ny, nx) // of which the second has twice the noise
		for coil := range y.Nc {
			k := y.Coil(coil).Pix
			for i := range k {
				k[i] = complex(float32(c.object(i/nx, i%nx)), 0)
			}
			fft.Forward(k, k)
			for i := range k {
				n := complex(random.NormFloat64(), random.NormFloat64())
				k[i] += complex64(n * complex(sigma*float64(coil+1), 0))
				if !c.acquired(i/nx, i%nx) {
					k[i] = 0
				}
			}
		}
		for coil, power := range NoisePower(y) {
			want := c.want * sigma * float64(coil+1)
			if got := math.Sqrt(power / 2); math.Abs(got-want) > 0.15*want {
				t.Errorf("%s, coil %d: noise %.4f, want %.4f", name, coil, got, want)
			}
		}
	}
}
