package score

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// blind denoises everything to nothing: all that is delivered is what the measurement says against it.
type blind struct{}

func (blind) Denoise(_ context.Context, dst, _ kspace.Image, _ float64) error {
	clear(dst.Pix)
	return nil
}

func (blind) Initial(_ context.Context, dst, _ kspace.Image) error {
	clear(dst.Pix)
	return nil
}

// noisy measures x with noise of σ in each channel, drawn with another seed than the replica's.
func noisy(a kspace.Operator, x kspace.Image, sigma float32, seed uint64) kspace.Measurement {
	m := kspace.Measurement{Y: kspace.NewData(a.Shape()), A: a}
	a.Forward(m.Y, x)
	z := kspace.NewData(a.Shape())
	for c := range z.Nc {
		Noise{Seed: seed}.Fill(z.Coil(c), c)
	}
	a.(interface{ Mask() kspace.Mask }).Mask().Apply(z)
	kspace.Add(m.Y.Val, sigma, z.Val)
	return m
}

// What the network missed is delivered as it was measured, but for noise, and where nothing is little noise is left.
func TestDenoisedKeepsWhatTheNetworkMissed(t *testing.T) {
	const ny, nx, sigma = 160, 96, 0.02
	truth, inside, air := kspace.NewImage(ny, nx), []int{}, []int{}
	for i := range truth.Pix {
		switch y, x := i/nx, i%nx; {
		case y >= 60 && y < 100 && x >= 30 && x < 60:
			truth.Pix[i] = 0.5
			inside = append(inside, i)
		case y < 50 || y >= 110 || x < 20 || x >= 70:
			air = append(air, i)
		}
	}
	all := make(kspace.Mask, nx)
	for i := range all {
		all[i] = true
	}
	for coils, a := range map[int]kspace.Operator{1: kspace.NewCartesian(ny, all), 3: kspace.NewSense(Waves(3, ny, nx), all)} {
		m := noisy(a, truth, sigma, 9)
		off := map[string]map[string]float64{}
		for _, name := range []string{"noise-free", "denoised"} {
			k, err := Lookup(name)
			if err != nil {
				t.Fatal(err)
			}
			c := CCDF{Initial: blind{}, Denoiser: blind{}, Kind: k, Sigmas: []float64{0.3, 0.01, 0}, Lambda: 1, Seed: 3}
			x, _, err := c.Reconstruct(t.Context(), m, nil)
			if err != nil {
				t.Fatal(err)
			}
			kspace.Add(x.Pix, -1, truth.Pix)
			off[name] = map[string]float64{"inside": rms(x, inside), "air": rms(x, air)}
		}
		t.Logf("%d coils: off by %v, noise-free by %v", coils, off["denoised"], off["noise-free"])
		if in := off["denoised"]["inside"] / off["noise-free"]["inside"]; in > 1.05 {
			t.Errorf("%d coils: what the network missed is off by %.2f of the noise", coils, in)
		}
		if out := off["denoised"]["air"] / off["noise-free"]["air"]; out > 0.25 {
			t.Errorf("%d coils: %.2f of the noise is left where there is nothing", coils, out)
		}
	}
}

// A network that says nothing leaves what several coils tell of the image: all of it once it is settled, of which the last estimate of
// noise-free is one step.
func TestDenoisedSettlesTheLastEstimate(t *testing.T) {
	const ny, nx = 16, 24
	mask, truth := make(kspace.Mask, nx), kspace.NewImage(ny, nx)
	for i := range mask {
		mask[i] = i%3 != 1
	}
	Noise{Seed: 9}.Fill(truth, 0)
	m := noisy(kspace.NewSense(Waves(4, ny, nx), mask), truth, 0, 0)
	missing := func(sampler Sampler) float64 {
		c := CCDF{Initial: blind{}, Denoiser: blind{}, Kind: Kind{Sampler: sampler, Clean: true}, Sigmas: []float64{0.3, 0}, Lambda: 1}
		x, _, err := c.Reconstruct(t.Context(), m, nil)
		if err != nil {
			t.Fatal(err)
		}
		kspace.Add(x.Pix, -1, truth.Pix)
		return kspace.Norm(x.Pix) / kspace.Norm(truth.Pix)
	}
	if settled, once := missing(Denoised), missing(NoiseFree); settled > once/4 {
		t.Errorf("%.4f of the image is missing, %.4f of noise-free's", settled, once)
	}
}

// levels keeps those that it is asked at.
type levels struct {
	blind
	at *[]float64
}

func (d levels) Denoise(ctx context.Context, dst, x kspace.Image, sigma float64) error {
	*d.at = append(*d.at, sigma)
	return d.blind.Denoise(ctx, dst, x, sigma)
}

// The network is not asked at a level below the noise of the image: of half of the columns with noise of σ √½ σ in each channel.
func TestDenoisedAsksAtTheNoise(t *testing.T) {
	const ny, nx, sigma = 320, 96, 0.04
	mask := make(kspace.Mask, nx)
	for i := range mask {
		mask[i] = i%2 == 0
	}
	k, err := Lookup("denoised")
	if err != nil {
		t.Fatal(err)
	}
	var at []float64
	c := CCDF{Initial: blind{}, Denoiser: levels{at: &at}, Kind: k, Sigmas: []float64{0.3, 0.05, 0.01, 0}, Lambda: 1}
	if _, _, err := c.Reconstruct(t.Context(), noisy(kspace.NewCartesian(ny, mask), kspace.NewImage(ny, nx), sigma, 9), nil); err != nil {
		t.Fatal(err)
	}
	if want := sigma / math.Sqrt2; at[0] != 0.3 || at[1] != 0.05 || math.Abs(at[2]/want-1) > 0.1 {
		t.Errorf("asked at %.4f, want 0.3, 0.05 and the noise, %.4f", at, want)
	}
}

// Of a correction of power P everywhere 1 − v/P is left, of less than the noise nothing.
func TestWiener(t *testing.T) {
	x, got := kspace.NewImage(20, 30), kspace.NewImage(20, 30)
	for i := range x.Pix {
		x.Pix[i] = 2i
	}
	for v, want := range map[float32]complex64{0: 2i, 1: 1.5i, 3: 0.5i, 4: 0, 9: 0} {
		wiener(got, x, slices.Repeat([]float32{v}, len(x.Pix)))
		for i, g := range got.Pix {
			if g != want {
				t.Fatalf("variance %g: pixel %d is %v, want %v", v, i, g, want)
			}
		}
	}
}

// rms is that of some pixels, both channels together.
func rms(x kspace.Image, some []int) float64 {
	sum := 0.0
	for _, i := range some {
		re, im := float64(real(x.Pix[i])), float64(imag(x.Pix[i]))
		sum += re*re + im*im
	}
	return math.Sqrt(sum / float64(len(some)))
}

// The variance that one replica tells is that of many measurements of noise, settled each, at every place.
func TestVarianceIsThatOfManyMeasurements(t *testing.T) {
	const ny, nx, sigma, measurements = 320, 96, 0.02, 30
	mask := make(kspace.Mask, nx)
	for i := range mask {
		mask[i] = i%2 == 0 || i > 40 && i < 56
	}
	maps := Waves(3, ny, nx)
	for i := range maps.Val { // fading from left to right
		maps.Val[i] *= complex(1-float32(i%nx)/(1.5*nx), 0)
	}
	for coils, a := range map[int]kspace.Operator{1: kspace.NewCartesian(ny, mask), 3: kspace.NewSense(maps, mask)} {
		empty := kspace.NewImage(ny, nx)
		v := variance(noisy(a, empty, sigma, 9), 1)
		mean := make([]float64, len(v))
		for k := range measurements {
			m := noisy(a, empty, sigma, uint64(100+k))
			h := &host{ny: ny, nx: nx, opt: Options{Consistency: kspace.Project(m, 1), Coils: coils}}
			for i, s := range settle(h, empty).(kspace.Image).Pix {
				mean[i] += (float64(real(s))*float64(real(s)) + float64(imag(s))*float64(imag(s))) / measurements
			}
		}
		for _, from := range []int{0, nx / 2} { // of each half
			var told, want float64
			for i := range v {
				if i%nx >= from && i%nx < from+nx/2 {
					told, want = told+float64(v[i]), want+mean[i]
				}
			}
			if math.Abs(told/want-1) > 0.12 {
				t.Errorf("%d coils, columns from %d: variance %.3g, want %.3g", coils, from, told/(ny*nx/2), want/(ny*nx/2))
			}
		}
	}
}

// The mean power around a pixel is over those pixels of the square that are in the image.
func TestPower(t *testing.T) {
	x := kspace.NewImage(3, 5)
	for i := range x.Pix {
		x.Pix[i] = complex(0, float32(i))
	}
	got := make([]float32, 15)
	power(x, 3, func(i int, mean float32) { got[i] = mean })
	for i, want := range map[int]float32{0: (0 + 1 + 25 + 36) / 4., 7: (1 + 4 + 9 + 36 + 49 + 64 + 121 + 144 + 169) / 9., 14: (64 + 81 + 169 + 196) / 4.} {
		if math.Abs(float64(got[i]-want)) > 1e-3 {
			t.Errorf("around pixel %d %g, want %g", i, got[i], want)
		}
	}
}
