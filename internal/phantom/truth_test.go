package phantom

import (
	"fmt"
	"math"
	"testing"

	"github.com/closer-mri/closer/kspace"
)

// Every documented lesion can be measured in a noisy reference, with the documented sign and, where it is large enough not to
// be blurred away, the documented contrast.
func TestLesionsAreWhereTheyAreDocumented(t *testing.T) {
	const noise = 0.005
	for _, contrast := range []Contrast{T1, T2, FLAIR} {
		h := Head{Slices: 1, Matrix: 320, Contrast: contrast, Seed: 5}
		for _, s := range acquire(t, h, Acquisition{Noise: noise, NoiseSeed: 1, PhaseSeed: 1}) {
			lesions := h.Lesions(s.Index)
			if len(lesions) < 5 {
				t.Errorf("%s slice %d has %d lesions", contrast, s.Index, len(lesions))
			}
			for _, l := range lesions {
				inside := ringMean(s.Reference, h.Matrix, l, 0, max(0.6*l.Radius, 0.8))
				around := ringMean(s.Reference, h.Matrix, l, l.Radius+1, l.Radius+2)
				got, name := inside-around, fmt.Sprintf("%s slice %d lesion %+v", contrast, s.Index, l)
				if ratio := got / l.Contrast; ratio < 0.35 || l.Radius > 2 && (ratio < 0.7 || ratio > 1.3) {
					t.Errorf("%s measures %.3f", name, got)
				}
				if cnr := math.Abs(got) / noise; cnr < 5 {
					t.Errorf("%s: contrast to noise %.1f", name, cnr)
				}
			}
		}
	}
}

// ringMean returns the mean between two radii around a lesion in units of the brightest tissue.
func ringMean(reference []float32, n int, l Lesion, from, to float64) float64 {
	var sum, count float64
	for i, v := range reference {
		if d := math.Hypot(float64(i/n)-l.Row, float64(i%n)-l.Col); d >= from && d <= to {
			sum += float64(v) / RawScale
			count++
		}
	}
	return sum / max(count, 1)
}

// Bars wider than a pixel are seen; bars beyond the resolution are not, however one interpolates.
func TestLinePairsShowTheResolution(t *testing.T) {
	const fine = 4 // samples per pixel, by zero-filling k-space: exact for a band-limited image
	h := Head{Slices: 1, Matrix: 224}
	k := acquire(t, h, Acquisition{Matrix: h.Matrix})[0].K
	x := kspace.NewImage(fine*k.Ny, fine*k.Nx)
	kspace.CenterCrop(x, k.Coil(0))
	kspace.NewFFT2(x.Ny, x.Nx).Inverse(x.Pix, x.Pix)
	at := func(row, col float64) float64 {
		r := int(math.Round(fine*(row-float64(h.Matrix/2)))) + x.Ny/2
		c := int(math.Round(fine*(col-float64(h.Matrix/2)))) + x.Nx/2
		return fine * float64(real(x.Pix[r*x.Nx+c])) / RawScale
	}
	groups := h.LinePairs()
	if len(groups) != 10 {
		t.Fatalf("%d groups, want 10", len(groups))
	}
	bar, _ := T2.Intensity(Bar)
	gel, _ := T2.Intensity(Gel)
	for _, g := range groups {
		across := func(at func(across, along float64) float64, shift float64) (mean float64) {
			const samples = 9
			for i := range samples {
				mean += at(shift, g.Length*(float64(i)/(samples-1)-0.5)/2) / samples
			}
			return mean
		}
		place := func(a, b float64) float64 { return at(g.Row+a, g.Col+b) }
		if g.Vertical {
			place = func(a, b float64) float64 { return at(g.Row+b, g.Col+a) }
		}
		bars := (across(place, -2*g.Width) + across(place, 0) + across(place, 2*g.Width)) / 3
		gaps := (across(place, -g.Width) + across(place, g.Width)) / 2
		modulation := (bars - gaps) / (bar - gel)
		t.Logf("bars of %.2f px, vertical %v: modulation %.2f", g.Width, g.Vertical, modulation)
		if g.Width >= 1.5 && (modulation < 0.95 || modulation > 1.6) {
			t.Errorf("bars of %.2f px (vertical %v) have modulation %.2f, should be seen", g.Width, g.Vertical, modulation)
		}
		if g.Width < 1 && math.Abs(modulation) > 0.15 {
			t.Errorf("bars of %.2f px (vertical %v) have modulation %.2f, must not be seen", g.Width, g.Vertical, modulation)
		}
	}
}

// Inserts stay clear of the head and inside the reference.
func TestLinePairsLieBesideTheHead(t *testing.T) {
	for _, n := range []int{64, 128, 240} {
		h := Head{Slices: 1, Matrix: n}.withDefaults(t)
		c, _ := h.paint(0)
		for _, l := range h.LinePairs() {
			if right := l.Col > float64(n/2); l.Vertical != right {
				t.Errorf("matrix %d: %+v is in the other insert", n, l)
			}
			reach := max(l.Extent(), l.Length) / 2
			for _, v := range []float64{l.Row - reach, l.Row + reach, l.Col - reach, l.Col + reach} {
				if v < 0 || v > float64(n-1) {
					t.Errorf("matrix %d: %+v leaves the image", n, l)
				}
			}
		}
		for i := range c.value { // a ring of air around each insert
			x, y := math.Abs(c.coordinate(i%c.n)), c.coordinate(i/c.n)
			d := math.Hypot(x-insertPlace, y-insertPlace) - insertRadius*h.linePairPixel()
			if d > 1 && d < 3 && c.tissue[i] != Air {
				t.Fatalf("matrix %d: the insert touches the head", n)
			}
		}
	}
}
