package recon_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// calibrated is a scan whose calibration lines, the central n columns, were acquired apart from its image in another contrast and in
// units of their own.
func calibrated(coils, n int, unit complex64) *memoryScan {
	s := newScan(2, coils)
	h := &s.header
	h.Calibration = recon.Calibration{From: h.Nx/2 - n/2, To: h.Nx/2 - n/2 + n}
	fft := kspace.NewFFT2(h.Ny, h.Nx)
	for i := range s.slices {
		lines := kspace.NewData(coils, h.Ny, n)
		for c := range coils {
			x := kspace.NewImage(h.Ny, h.Nx)
			fft.Inverse(x.Pix, s.slices[i].KSpace.Coil(c).Pix)
			for j := range x.Pix {
				x.Pix[j] *= unit * complex(1+float32(j%h.Nx)/10, float32(j/h.Nx)/20)
			}
			fft.Forward(x.Pix, x.Pix)
			for row := range h.Ny {
				copy(lines.Coil(c).Pix[row*n:(row+1)*n], x.Pix[row*h.Nx+h.Calibration.From:])
			}
		}
		s.slices[i].Calibration = lines
	}
	return s
}

// undersample leaves every second column, or in both axes of every second row too, without a centre.
func (s *memoryScan) undersample(both bool) {
	h := &s.header
	if both {
		h.Points, h.ReconNy = make(kspace.Points, h.Ny*h.Nx), h.Ny
		for i := range h.Points {
			h.Points[i] = (i/h.Nx+i%h.Nx)%2 == 1
		}
	} else {
		h.Mask = make(kspace.Mask, h.Nx)
		for x := range h.Mask {
			h.Mask[x] = x%2 == 1
		}
	}
	for _, slice := range s.slices {
		if both {
			h.Points.Apply(slice.KSpace)
		} else {
			h.Mask.Apply(slice.KSpace)
		}
	}
}

// distance is the relative difference of the last method's images.
func distance(a, b *recon.Reconstruction) float64 {
	var d, norm float64
	for i, s := range a.Results[len(a.Results)-1].Slices {
		for j, v := range b.Results[len(b.Results)-1].Slices[i].Magnitude {
			d += math.Pow(float64(v-s.Magnitude[j]), 2)
			norm += math.Pow(float64(v), 2)
		}
	}
	return math.Sqrt(d / norm)
}

// Calibration lines that were acquired apart tell the coils' sensitivities where the image has no centre of its own, whatever their contrast
// and units: images come near to those of a full acquisition, and without the lines they do not.
func TestCalibrationApart(t *testing.T) {
	tv := []recon.Method{{Name: "tv", Reconstructor: recon.TV{Lambda: 1e-4, Iterations: 200}}}
	for _, both := range []bool{false, true} {
		of := func(s *memoryScan, undersampled bool) *recon.Reconstruction {
			if undersampled {
				s.undersample(both)
			} else if both {
				s.header.ReconNy = s.header.Ny
			}
			s.header.Reference = ""
			for i := range s.slices {
				s.slices[i].Reference = nil
			}
			return run(t, recon.Pipeline{Scan: s, Methods: tv})
		}
		full := of(newScan(2, 4), false)
		rec := of(calibrated(4, 12, 1), true)
		if d := distance(rec, full); d > 0.1 {
			t.Errorf("both axes %v: with calibration lines off by %.3f", both, d)
		}
		if d := distance(of(calibrated(4, 12, 300i), true), rec); d > 1e-3 {
			t.Errorf("both axes %v: other units of the calibration change the image by %.5f", both, d)
		}
		notes := strings.Join(recon.NewReport(rec, recon.Software{}).Notes, " ")
		if want := map[bool]string{false: "has next to no sampled centre of its own", true: "Both axes are phase encode"}[both]; !strings.Contains(notes, want) {
			t.Errorf("notes %q", notes)
		}
		if !strings.Contains(notes, "estimated from 12 calibration lines that were acquired apart") || rec.Warning() != "" {
			t.Errorf("both axes %v: notes %q, warning %q", both, notes, rec.Warning())
		}
		if rec := of(calibrated(4, 6, 1), true); !strings.Contains(rec.Warning(), "has 6 columns") {
			t.Errorf("both axes %v: warning of 6 lines %q", both, rec.Warning())
		}
		broken := calibrated(4, 6, 1)
		broken.header.Part = true
		if w := of(broken, true).Warning(); !strings.HasPrefix(w, "The scan broke off before its end") || !strings.Contains(w, "has 6 columns") {
			t.Errorf("both axes %v: warning of a part of a scan %q", both, w)
		}
		without := newScan(2, 4)
		without.undersample(both)
		switch _, err := (&recon.Pipeline{Scan: without, Methods: tv}).Run(t.Context()); {
		case both && (recon.CodeOf(err) != recon.Invalid || !strings.Contains(err.Error(), "centre of k-space was not acquired")):
			t.Errorf("points without a centre: %v", err)
		case !both && err != nil:
			t.Error(err)
		case !both:
			if d := distance(of(newScan(2, 4), true), full); d < 0.2 {
				t.Errorf("without calibration lines off by %.3f only", d)
			}
		}
	}
}

// An image whose own centre is no narrower does without the lines, and so does one coil, and score-MRI's grid.
func TestCalibrationNotNeeded(t *testing.T) {
	methods := []recon.Method{zeroFilled()}
	undersampled := &kspace.Undersampling{Kind: kspace.Gaussian1D, Mode: kspace.Exact, Accel: 2, ACS: 0.3}
	for _, c := range []struct {
		name     string
		coils    int
		pipeline recon.Pipeline
		note     string
	}{
		{"as wide", 4, recon.Pipeline{Undersampling: undersampled}, "no narrower than the 9 calibration lines"},
		{"full", 4, recon.Pipeline{}, "no narrower than the 9 calibration lines"},
		{"score-MRI", 4, recon.Pipeline{Protocol: recon.ScoreMRI320}, ""},
		{"one coil", 1, recon.Pipeline{Undersampling: undersampled}, ""},
	} {
		c.pipeline.Methods = methods
		with := c.pipeline
		c.pipeline.Scan, with.Scan = newScan(2, c.coils), calibrated(c.coils, 9, 1)
		want, got := run(t, c.pipeline), run(t, with)
		if d := distance(got, want); d != 0 {
			t.Errorf("%s: calibration lines change the image by %g", c.name, d)
		}
		notes := recon.NewReport(got, recon.Software{}).Notes
		told := slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "calibration lines") })
		if told != (c.note != "") || c.note != "" && !strings.Contains(strings.Join(notes, " "), c.note) {
			t.Errorf("%s: notes %q", c.name, notes)
		}
	}
}

// Slices that were sampled in different columns are each reconstructed from their own, and predict those that are held out of their own.
func TestMasksOfEachSlice(t *testing.T) {
	for _, coils := range []int{1, 4} {
		s := newScan(2, coils)
		h := &s.header
		centre := func(x int) bool { return x >= 10 && x < 20 }
		for i := range 2 {
			mask := make(kspace.Mask, h.Nx)
			for x := range mask {
				mask[x] = x%2 == i && (x < 9 || x > 20) || centre(x)
			}
			h.Masks = append(h.Masks, mask)
			mask.Apply(s.slices[i].KSpace)
		}
		h.Mask = h.Masks[0]
		both := run(t, recon.Pipeline{Scan: s, Methods: []recon.Method{zeroFilled()}, HoldOut: kspace.HoldOut{Fraction: 0.2}})
		for i := range 2 {
			alone := newScan(2, coils)
			alone.header.Mask = h.Masks[i]
			for k := range alone.slices {
				h.Masks[i].Apply(alone.slices[k].KSpace)
			}
			one := run(t, recon.Pipeline{Scan: alone, Slices: []int{i}, Methods: []recon.Method{zeroFilled()}, HoldOut: kspace.HoldOut{Fraction: 0.2}})
			got, want := both.Results[0].Slices[i], one.Results[0].Slices[0]
			if !slices.Equal(got.Magnitude, want.Magnitude) || got.HeldOut != want.HeldOut || got.Residual != want.Residual {
				t.Errorf("%d coils, slice %d differs from that of a scan with its mask: held-out error %g, want %g", coils, i, got.HeldOut, want.HeldOut)
			}
		}
		if n := both.Sampling.Fraction() * float64(h.Nx); n != 15 {
			t.Errorf("%g columns on average, want 15", n)
		}
		if w := both.Warning(); w != "" {
			t.Errorf("%d coils: %s", coils, w)
		}
	}
	s := newScan(2, 4)
	for i := range 2 { // centres of ten columns that have six in common
		mask := make(kspace.Mask, s.header.Nx)
		for x := range mask {
			mask[x] = x >= 10+2*i && x < 18+2*i
		}
		s.header.Masks = append(s.header.Masks, mask)
	}
	s.header.Mask = s.header.Masks[0]
	if w := run(t, recon.Pipeline{Scan: s, Methods: []recon.Method{zeroFilled()}}).Warning(); !strings.Contains(w, "has 6 columns") {
		t.Errorf("warning %q", w)
	}
}

// norm is a reconstruction that keeps the norm of the normalised k-space that it is given.
type norm struct{ of *float64 }

func (r norm) Reconstruct(_ context.Context, m kspace.Measurement, _ func(int, int)) (kspace.Image, int, error) {
	*r.of = kspace.Norm(m.Y.Val)
	return kspace.NewImage(m.Y.Ny, m.Y.Nx), 0, nil
}

// Bright tissue is near 1 also where a zero-filled image without a centre of its own shows it darker than it is.
func TestScaleWithoutACentre(t *testing.T) {
	of := func(s *memoryScan) (scale, intensity float64) {
		rec := run(t, recon.Pipeline{Scan: s, Slices: []int{0}, Methods: []recon.Method{{Name: "norm", Reconstructor: norm{&scale}}}})
		return kspace.Norm(s.slices[0].KSpace.Val) / scale, rec.Intensity
	}
	half := calibrated(4, 12, 1)
	half.undersample(false)
	scale, intensity := of(newScan(2, 4))
	if s, i := of(half); math.Abs(s/scale-1) > 0.1 || math.Abs(i/intensity-1) > 0.1 {
		t.Errorf("half of the columns are divided by %g and as bright as %g, all by %g and as %g", s, i, scale, intensity)
	}
}

// With a centre of its own, though a narrower one, an image is normalised as any other, and the networks have seen such masks.
func TestCalibrationWiderThanACentre(t *testing.T) {
	const name = "next to no sampled centre"
	for columns, want := range map[int]bool{7: true, 8: false} {
		s := calibrated(4, 12, 1)
		s.header.Mask = make(kspace.Mask, s.header.Nx)
		for x := range s.header.Mask {
			s.header.Mask[x] = x%3 == 0 && (x < 10 || x > 20) || x >= 15-columns/2 && x < 15-columns/2+columns
		}
		for _, slice := range s.slices {
			s.header.Mask.Apply(slice.KSpace)
		}
		rec := run(t, recon.Pipeline{Scan: s, Methods: []recon.Method{zeroFilled()}})
		notes := strings.Join(recon.NewReport(rec, recon.Software{}).Notes, " ")
		if strings.Contains(notes, name) != want || !strings.Contains(notes, "estimated from 12 calibration lines") {
			t.Errorf("%d columns: notes %q", columns, notes)
		}
	}
}
