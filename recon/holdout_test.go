package recon_test

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

var (
	heldOutMask = &kspace.Undersampling{Kind: kspace.Gaussian1D, Accel: 2, ACS: 0.2, Seed: 1}
	holdOut     = kspace.HoldOut{Fraction: 0.1, Seed: 5}
)

// What is held out must not reach coil maps, scale or data consistency: changing it changes no pixel, but changes the error.
func TestHeldOutSamplesReachNoResult(t *testing.T) {
	for _, coils := range []int{1, 3} {
		clean, dirty := newScan(1, coils), newScan(1, coils)
		methods := []recon.Method{zeroFilled(), {Name: "tv", Reconstructor: recon.TV{Iterations: 5}}}
		a := run(t, recon.Pipeline{Scan: clean, Methods: methods, Undersampling: heldOutMask, HoldOut: holdOut})
		k := dirty.slices[0].KSpace
		for i := range k.Val {
			if a.Sampling.HeldOut[i%k.Nx] {
				k.Val[i] *= 3
			}
		}
		b := run(t, recon.Pipeline{Scan: dirty, Methods: methods, Undersampling: heldOutMask, HoldOut: holdOut})
		for m := range methods {
			x, y := a.Results[m].Slices[0], b.Results[m].Slices[0]
			if !slices.Equal(x.Magnitude, y.Magnitude) {
				t.Errorf("%d coils, %s depends on samples held out", coils, methods[m].Name)
			}
			if methods[m].Name == "tv" && x.HeldOut == y.HeldOut {
				t.Errorf("%d coils, %s: the error %g does not depend on samples held out", coils, methods[m].Name, x.HeldOut)
			}
		}
	}
}

// share returns a share of the image itself.
type share struct {
	scan *memoryScan
	of   float64
}

func (r share) Reconstruct(ctx context.Context, m kspace.Measurement, _ func(int, int)) (kspace.Image, int, error) {
	h := r.scan.header
	k := r.scan.slices[m.Slice].KSpace.Coil(0)
	whole, x := kspace.NewImage(h.Ny, h.Nx), kspace.NewImage(m.Y.Ny, m.Y.Nx)
	kspace.NewFFT2(h.Ny, h.Nx).Inverse(whole.Pix, k.Pix)
	kspace.CropImage(x, whole)
	ax := kspace.NewData(1, x.Ny, x.Nx) // of the kept samples, to find the scale that m was normalised by
	m.A.Forward(ax, x)
	kspace.Scale(x.Pix, float32(r.of*kspace.Norm(m.Y.Val)/kspace.Norm(ax.Val)))
	return x, 0, nil
}

// Zero filling predicts nothing of one coil, the true image everything, and 0.7 of it all but 0.3.
func TestHeldOutErrorInClosedForm(t *testing.T) {
	scan := newScan(2, 1)
	rec := run(t, recon.Pipeline{Scan: scan, Undersampling: heldOutMask, HoldOut: holdOut, Methods: []recon.Method{
		zeroFilled(), {Name: "part", Reconstructor: share{scan, 0.7}}, {Name: "truth", Reconstructor: share{scan, 1}},
	}})
	r := recon.NewReport(rec, recon.Software{})
	for i, want := range []float64{1, 0.3, 0} {
		m := r.Methods[i]
		for _, got := range []*recon.Number{m.HeldOutError, m.Slices[0].HeldOutError, m.Slices[1].HeldOutError} {
			if math.Abs(float64(*got)-want) > 1e-5 {
				t.Errorf("%s: %g, want %g", m.Name, *got, want)
			}
		}
	}
	var csv, html bytes.Buffer
	if err := r.WriteCSV(&csv); err != nil {
		t.Fatal(err)
	}
	if head, _, _ := strings.Cut(csv.String(), "\n"); !strings.HasSuffix(head, ",held_out_error") {
		t.Errorf("CSV columns are %s", head)
	}
	if err := r.WriteHTML(&html); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(html.String(), "Held-out error<br>"); got != 1 {
		t.Errorf("the page's table has %d columns for the error", got)
	}
}

// Without the flag nothing of it is in a report.
func TestNothingIsHeldOutByDefault(t *testing.T) {
	rec := run(t, recon.Pipeline{Scan: newScan(1, 1), Undersampling: heldOutMask, Methods: []recon.Method{zeroFilled()}})
	r := recon.NewReport(rec, recon.Software{})
	var html bytes.Buffer
	if err := r.WriteHTML(&html); err != nil {
		t.Fatal(err)
	}
	if rec.Sampling.HeldOut != nil || r.Mask.HeldOut != nil || r.Methods[0].HeldOutError != nil || strings.Contains(html.String(), "Held-out") {
		t.Error("a report of a run that held nothing out speaks of it")
	}
}

// A fully sampled scan has no column outside its centre.
func TestHoldingOutOfEverythingIsRefused(t *testing.T) {
	p := recon.Pipeline{Scan: newScan(1, 1), Methods: []recon.Method{zeroFilled()}, HoldOut: holdOut}
	if _, err := p.Run(t.Context()); recon.CodeOf(err) != recon.Invalid {
		t.Errorf("got %v", err)
	}
}

// Where both axes are phase encode, single samples are used, held out and counted.
func TestPointsAreHeldOutOneByOne(t *testing.T) {
	for _, coils := range []int{1, 3} {
		scan := newScan(1, coils)
		h := &scan.header
		h.ReconNy, h.ReconNx, h.Reference, scan.slices[0].Reference = h.Ny-8, h.Nx-6, "", nil // oversampled in both, and cropped in the image alone
		r := rand.New(rand.NewPCG(7, 7))
		h.Points = make(kspace.Points, h.Ny*h.Nx)
		for i := range h.Points {
			y, x := i/h.Nx-h.Ny/2, i%h.Nx-h.Nx/2
			h.Points[i] = r.Float64() < 0.4 || y >= -6 && y < 6 && x >= -6 && x < 6
		}
		h.Points.Apply(scan.slices[0].KSpace)
		methods := []recon.Method{zeroFilled(), {Name: "tv", Reconstructor: recon.TV{Iterations: 30}}}
		rec := run(t, recon.Pipeline{Scan: scan, Methods: methods, HoldOut: holdOut})
		none, tv := rec.Results[0].Slices[0], rec.Results[1].Slices[0]
		if coils == 1 && (math.Abs(none.HeldOut-1) > 1e-6 || none.Residual.RMS > 1e-5) || !(tv.HeldOut < 0.9*none.HeldOut) {
			t.Errorf("%d coils: errors %g and %g, residual %g", coils, none.HeldOut, tv.HeldOut, none.Residual.RMS)
		}
		report := recon.NewReport(rec, recon.Software{})
		if !strings.Contains(strings.Join(report.Notes, " "), "closer's networks have seen masks of whole columns alone") {
			t.Errorf("%d coils: notes %q", coils, report.Notes)
		}
		m := report.Mask
		kept, held := rec.Sampling.Points.Count(), rec.Sampling.HeldOutPoints.Count()
		if kept+held != h.Points.Count() || held == 0 || math.Abs(float64(m.AccelMeasured)*float64(kept)/float64(len(h.Points))-1) > 1e-9 || len(m.Points) != (len(h.Points)+7)/8 {
			t.Errorf("%d of %d samples kept, %d held out, acceleration %g, bit map of %d bytes", kept, h.Points.Count(), held, m.AccelMeasured, len(m.Points))
		}
	}
}
