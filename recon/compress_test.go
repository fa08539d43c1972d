package recon_test

import (
	"context"
	"fmt"
	"math"
	"math/cmplx"
	"strings"
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// mix makes coils of those of a scan that have as much of its signal together.
func (s *memoryScan) mix(coils int) *memoryScan {
	mixed := func(y kspace.Data) kspace.Data {
		out := kspace.NewData(coils, y.Ny, y.Nx)
		for c := range coils {
			for i := range y.Nc {
				by := complex64(cmplx.Rect(1/math.Sqrt(float64(coils)), 2*math.Pi*float64(c*i)/float64(coils)))
				for x, v := range y.Coil(i).Pix {
					out.Coil(c).Pix[x] += by * v
				}
			}
		}
		return out
	}
	s.header.Coils = coils
	for i := range s.slices {
		s.slices[i].KSpace, s.slices[i].Calibration = mixed(s.slices[i].KSpace), mixed(s.slices[i].Calibration)
	}
	return s
}

// counting is a method that notes of how many coils its measurements are.
type counting struct {
	recon.TV
	coils map[int]bool
}

func (c counting) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(step, steps int)) (kspace.Image, int, error) {
	c.coils[m.Y.Nc] = true
	return c.TV.Reconstruct(ctx, m, progress)
}

// Many coils that have the signal of a few make the images of the few, however they were sampled and whatever their maps come from, and
// predict what was held out as well; methods are given no more than sixteen.
func TestManyCoilsAreCompressed(t *testing.T) {
	tv := recon.TV{Lambda: 1e-4, Iterations: 20}
	for name, of := range map[string]func() *memoryScan{
		"columns": func() *memoryScan { return newScan(2, 4) },
		"calibration": func() *memoryScan {
			s := calibrated(4, 12, 3i)
			s.undersample(false)
			return s
		},
		"points": func() *memoryScan {
			s := calibrated(4, 12, 3i)
			s.undersample(true)
			return s
		},
	} {
		reconstruct := func(s *memoryScan) (*recon.Reconstruction, map[int]bool) {
			p := recon.Pipeline{Scan: s, HoldOut: kspace.HoldOut{Fraction: 0.1}}
			if name == "columns" {
				p.Undersampling = heldOutMask
			}
			coils := map[int]bool{}
			p.Methods = []recon.Method{{Name: "tv", Reconstructor: counting{tv, coils}}}
			return run(t, p), coils
		}
		few, _ := reconstruct(of())
		for _, coils := range []int{16, 17, 40} {
			many, given := reconstruct(of().mix(coils))
			if d := distance(many, few); d > 1e-3 {
				t.Errorf("%s, %d coils: images differ by %.5f", name, coils, d)
			}
			if a, b := many.Results[0].Slices[0].HeldOut, few.Results[0].Slices[0].HeldOut; math.Abs(a-b) > 1e-3*b {
				t.Errorf("%s, %d coils: held-out error %g, of the few %g", name, coils, a, b)
			}
			if len(given) != 1 || !given[16] {
				t.Errorf("%s, %d coils: methods were given %v", name, coils, given)
			}
			notes := strings.Join(recon.NewReport(many, recon.Software{}).Notes, " ")
			if told := strings.Contains(notes, fmt.Sprintf("The %d coils were compressed to the 16 combinations of them with most signal, which have 100 %% of it", coils)); told != (coils > 16) {
				t.Errorf("%s, %d coils: notes %q", name, coils, notes)
			}
		}
	}
}

// A report of coils that have more signal than sixteen combinations says how much it leaves out.
func TestCompressionSaysWhatItLeavesOut(t *testing.T) {
	rec := run(t, recon.Pipeline{Scan: newScan(2, 24), Methods: []recon.Method{zeroFilled()}})
	if !(rec.Kept > 0.9 && rec.Kept < 0.9999) {
		t.Errorf("%g is kept", rec.Kept)
	}
	notes := strings.Join(recon.NewReport(rec, recon.Software{}).Notes, " ")
	if want := fmt.Sprintf("which have %.4g %% of it or more", 100*rec.Kept); !strings.Contains(notes, want) {
		t.Errorf("notes %q, want %q", notes, want)
	}
}
