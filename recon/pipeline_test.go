package recon_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// memoryScan is a fully sampled scan in memory: boxes with smooth phase, twice oversampled along the readout.
type memoryScan struct {
	header recon.Header
	slices []recon.Slice
	reads  int
}

const testMatrix = 24

func newScan(slices, coils int) *memoryScan {
	h := recon.Header{
		Format: "test", Slices: slices, Coils: coils, Ny: 2 * testMatrix, Nx: testMatrix + 6, ReconNy: testMatrix, ReconNx: testMatrix,
		Reference: "reconstruction_rss",
	}
	s := &memoryScan{header: h}
	fft := kspace.NewFFT2(h.Ny, h.Nx)
	r := rand.New(rand.NewPCG(uint64(slices), uint64(coils)))
	for range slices {
		images := kspace.NewData(coils, h.Ny, h.Nx)
		for c := range coils {
			x := images.Coil(c)
			for y := h.Ny/2 - 8; y < h.Ny/2+8; y++ {
				for j := 6; j < 24; j++ {
					weight := math.Exp(-math.Pow(float64(j-6-18*c/coils)/12, 2))
					x.Pix[y*h.Nx+j] = complex(float32(1e-4*weight*(1+0.3*float64(j%5))), float32(2e-5*r.Float64()))
				}
			}
		}
		reference := kspace.NewImage(testMatrix, testMatrix)
		sum := kspace.RSS(nil, images)
		whole := kspace.NewImage(h.Ny, h.Nx)
		for i, v := range sum {
			whole.Pix[i] = complex(v, 0)
		}
		kspace.CropImage(reference, whole)
		for c := range coils {
			fft.Forward(images.Coil(c).Pix, images.Coil(c).Pix)
		}
		s.slices = append(s.slices, recon.Slice{KSpace: images, Reference: reference.Magnitude(nil)})
	}
	return s
}

func (s *memoryScan) Header() recon.Header { return s.header }
func (s *memoryScan) Close() error         { return nil }
func (s *memoryScan) ReadSlice(_ context.Context, i int, dst *recon.Slice) error {
	s.reads++
	src := s.slices[i]
	dst.KSpace.Resize(src.KSpace.Nc, src.KSpace.Ny, src.KSpace.Nx)
	copy(dst.KSpace.Val, src.KSpace.Val)
	dst.Calibration.Resize(src.Calibration.Nc, src.Calibration.Ny, src.Calibration.Nx)
	copy(dst.Calibration.Val, src.Calibration.Val)
	dst.Reference = append(dst.Reference[:0], src.Reference...)
	return nil
}

func zeroFilled() recon.Method {
	return recon.Method{Name: "zero-filled", Reconstructor: recon.ZeroFilled{}}
}

func run(t *testing.T, p recon.Pipeline) *recon.Reconstruction {
	t.Helper()
	rec, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// Fully sampled, every linear step undoes the acquisition: readout crop, transform, coil combination, scale, delivery.
func TestPipelineIsExactWhenFullySampled(t *testing.T) {
	for _, coils := range []int{1, 4} {
		scan := newScan(3, coils)
		rec := run(t, recon.Pipeline{Scan: scan, Methods: []recon.Method{zeroFilled()}})
		if rec.Sampling != nil {
			t.Error("a fully sampled run reports a mask")
		}
		for i, s := range rec.Results[0].Slices {
			// Several coils: maps from a neighbourhood are not exact, and RSS of the images is what they must come near to.
			tolerance := 1e-9
			if coils > 1 {
				tolerance = 6e-6
			}
			for j, want := range rec.References[i] {
				if d := math.Abs(float64(s.Magnitude[j] - want)); d > tolerance {
					t.Fatalf("%d coils, slice %d, pixel %d: %g, want %g", coils, i, j, s.Magnitude[j], want)
				}
			}
		}
	}
}

// An image delivered from k-space of even sides has fastMRI's pixels, abs(center_crop(ifft2c(k))), on odd sides too.
func TestDeliveredPixelsAreFastMRIs(t *testing.T) {
	const ny, nx = 24, 18
	for _, side := range [][2]int{{12, 12}, {13, 12}, {12, 13}, {13, 13}, {13, nx}, {ny, 13}} {
		for _, protocol := range []recon.Protocol{recon.ScannerGrid, recon.ScoreMRI320} {
			x := kspace.NewImage(ny, nx)
			r := rand.New(rand.NewPCG(5, 5))
			for i := range x.Pix {
				x.Pix[i] = complex(r.Float32(), r.Float32())
			}
			k := kspace.NewData(1, ny, nx)
			kspace.NewFFT2(ny, nx).Forward(k.Val, x.Pix)
			scan := &memoryScan{
				header: recon.Header{Slices: 1, Coils: 1, Ny: ny, Nx: nx, ReconNy: side[0], ReconNx: side[1]},
				slices: []recon.Slice{{KSpace: k}},
			}
			rec := run(t, recon.Pipeline{Scan: scan, Methods: []recon.Method{zeroFilled()}, Protocol: protocol})
			whole, top, left := x.Magnitude(nil), (ny-side[0])/2, (nx-side[1])/2
			for i, got := range rec.Results[0].Slices[0].Magnitude {
				if want := whole[(i/side[1]+top)*nx+i%side[1]+left]; math.Abs(float64(got-want)) > 1e-5 {
					t.Fatalf("%v, %s, pixel %d: %g, want %g", side, protocol, i, got, want)
				}
			}
		}
	}
}

// The intensity of a scan is the 99.5th percentile of all its zero-filled images, whatever their order of brightness.
func TestIntensityIsOfTheVolume(t *testing.T) {
	scan := newScan(5, 1)
	for i, gain := range []float32{1, 9, 5, 3, 2} {
		kspace.Scale(scan.slices[i].KSpace.Val, gain)
	}
	rec := run(t, recon.Pipeline{Scan: scan, Methods: []recon.Method{zeroFilled()}})
	all := slices.Concat(rec.Results[0].Magnitudes()...)
	slices.Sort(all)
	want := float64(all[int(math.Ceil(0.995*float64(len(all))))-1])
	if math.Abs(rec.Intensity-want) > 1e-5*want {
		t.Errorf("intensity %g, want %g", rec.Intensity, want)
	}
}

// The noise is that of the middle one of the wanted slices, in units of its bright tissue, whatever is undersampled.
func TestNoiseIsOfTheMiddleSlice(t *testing.T) {
	const n, sigma = 96, 0.02
	scan := &memoryScan{header: recon.Header{Slices: 4, Coils: 1, Ny: 2 * n, Nx: n, ReconNy: n, ReconNx: n}}
	fft, r := kspace.NewFFT2(2*n, n), rand.New(rand.NewPCG(1, 2))
	for slice := range 4 {
		k := kspace.NewData(1, 2*n, n)
		for i := range k.Val {
			if y, x := i/n, i%n; y > n*3/4 && y < n*5/4 && x > n/4 && x < n*3/4 {
				k.Val[i] = 7
			}
		}
		fft.Forward(k.Val, k.Val)
		level := 7 * sigma * float64(slice)
		for i := range k.Val {
			k.Val[i] += complex64(complex(level*r.NormFloat64(), level*r.NormFloat64()))
		}
		scan.slices = append(scan.slices, recon.Slice{KSpace: k})
	}
	every := &kspace.Undersampling{Kind: kspace.Equispaced, Accel: 2, ACS: 0.2}
	for _, c := range []struct {
		wanted []int
		want   float64
	}{{nil, 2 * sigma}, {[]int{0, 1}, sigma}, {[]int{3}, 3 * sigma}} {
		rec := run(t, recon.Pipeline{Scan: scan, Slices: c.wanted, Methods: []recon.Method{zeroFilled()}, Undersampling: every})
		if math.Abs(rec.Noise/c.want-1) > 0.25 { // the 99.5th percentile is no exact measure of brightness
			t.Errorf("slices %v: noise %.4f, want %.4f", c.wanted, rec.Noise, c.want)
		}
	}
}

// Samples that single precision cannot hold the image or the scale of are refused before there is any result, those near them and
// blank slices are not.
func TestExtremeSamples(t *testing.T) {
	for _, coils := range []int{1, 3} {
		for _, c := range []struct {
			gain float32
			want string
		}{{1, ""}, {1e30, ""}, {1e-30, ""}, {0, ""}, {1e37, "slice 1: its samples are too large"}, {1e-40, "slice 1: its samples are too small"}} {
			scan := newScan(2, coils)
			largest := float32(0)
			for _, v := range scan.slices[1].KSpace.Val {
				largest = max(largest, real(v))
			}
			kspace.Scale(scan.slices[1].KSpace.Val, 30/largest)
			kspace.Scale(scan.slices[1].KSpace.Val, c.gain)
			started := false
			method := recon.Method{Name: "seen", Reconstructor: seen{&started}}
			rec, err := (&recon.Pipeline{Scan: scan, Methods: []recon.Method{method}}).Run(t.Context())
			if c.want != "" {
				var shown *recon.Error
				if !errors.As(err, &shown) || shown.Code != recon.Invalid || !strings.HasPrefix(shown.Message, c.want) || started {
					t.Errorf("%d coils, gain %g: %v, want %q; a method ran: %v", coils, c.gain, err, c.want, started)
				}
				continue
			}
			if err != nil {
				t.Errorf("%d coils, gain %g: %v", coils, c.gain, err)
				continue
			}
			for i, v := range rec.Results[0].Slices[1].Magnitude {
				if !(v <= math.MaxFloat32) {
					t.Fatalf("%d coils, gain %g: pixel %d is %v", coils, c.gain, i, v)
				}
			}
		}
	}
}

// seen is zero filling that notes that it ran.
type seen struct{ ran *bool }

func (s seen) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(int, int)) (kspace.Image, int, error) {
	*s.ran = true
	return recon.ZeroFilled{}.Reconstruct(ctx, m, progress)
}

// What was not acquired must not matter, and the reference must not either.
func TestNothingUnacquiredReachesTheResult(t *testing.T) {
	u := &kspace.Undersampling{Kind: kspace.Gaussian1D, Accel: 2, ACS: 0.2, Seed: 1}
	for _, coils := range []int{1, 3} {
		clean, dirty := newScan(2, coils), newScan(2, coils)
		mask, err := u.Mask(dirty.header.Nx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range dirty.slices {
			for i := range s.KSpace.Val {
				if !mask[i%s.KSpace.Nx] {
					s.KSpace.Val[i] = 1e6
				}
			}
			for i := range s.Reference {
				s.Reference[i] = 1e6
			}
		}
		methods := []recon.Method{zeroFilled(), {Name: "tv", Reconstructor: recon.TV{Iterations: 5}}}
		a := run(t, recon.Pipeline{Scan: clean, Methods: methods, Undersampling: u})
		b := run(t, recon.Pipeline{Scan: dirty, Methods: methods, Undersampling: u})
		for m := range a.Results {
			for i := range a.Results[m].Slices {
				if !slices.Equal(a.Results[m].Slices[i].Magnitude, b.Results[m].Slices[i].Magnitude) {
					t.Errorf("%d coils, %s, slice %d depends on samples outside the mask or on the reference", coils, methods[m].Name, i)
				}
			}
		}
		if got := a.Sampling.Columns.Acceleration(); got != 2 {
			t.Errorf("measured acceleration %v", got)
		}
	}
}

// The scan's own mask is used, whatever the recipe asks.
func TestOwnMaskWins(t *testing.T) {
	scan := newScan(1, 1)
	scan.header.Mask = make(kspace.Mask, scan.header.Nx)
	for i := 10; i < 20; i++ {
		scan.header.Mask[i] = true
	}
	rec := run(t, recon.Pipeline{Scan: scan, Methods: []recon.Method{zeroFilled()}, Undersampling: &kspace.Undersampling{Kind: "random", Accel: 2}})
	if rec.Sampling.Kind != "acquired" || rec.Sampling.Columns.Lines() != 10 {
		t.Errorf("%+v", rec.Sampling)
	}
}

func TestPipelineUsesTheWantedSlicesInOrder(t *testing.T) {
	scan := newScan(4, 1)
	rec := run(t, recon.Pipeline{Scan: scan, Methods: []recon.Method{zeroFilled()}, Slices: []int{2, 3}})
	if !slices.Equal(rec.Indices, []int{2, 3}) || len(rec.References) != 2 || !slices.Equal(rec.References[0], scan.slices[2].Reference) {
		t.Errorf("indices %v, %d references", rec.Indices, len(rec.References))
	}
	if scan.reads != 2 {
		t.Errorf("%d reads for 2 slices", scan.reads)
	}
}

func TestPipelineErrors(t *testing.T) {
	fails := recon.Method{Name: "fails", Reconstructor: failing{}}
	undersampled := newScan(1, 1)
	undersampled.header.Mask = make(kspace.Mask, undersampled.header.Nx)
	hollow := func(coils int) *memoryScan { // every column but the central one
		s := newScan(1, coils)
		s.header.Mask = make(kspace.Mask, s.header.Nx)
		for i := range s.header.Mask {
			s.header.Mask[i] = i != s.header.Nx/2
		}
		return s
	}
	hollowPoints := newScan(1, 4)
	hollowPoints.header.Points = make(kspace.Points, hollowPoints.header.Ny*hollowPoints.header.Nx)
	hollowPoints.header.Points[0] = true
	for name, c := range map[string]struct {
		p    recon.Pipeline
		code recon.Code
	}{
		"no slices":        {recon.Pipeline{Scan: newScan(2, 1), Slices: []int{}}, recon.Invalid},
		"slice too high":   {recon.Pipeline{Scan: newScan(2, 1), Slices: []int{2}}, recon.Invalid},
		"bad mask":         {recon.Pipeline{Scan: newScan(2, 1), Undersampling: &kspace.Undersampling{Kind: "radial", Accel: 4}}, recon.Invalid},
		"method fails":     {recon.Pipeline{Scan: newScan(2, 1), Methods: []recon.Method{fails}}, recon.Internal},
		"no centre":        {recon.Pipeline{Scan: hollow(4)}, recon.Invalid},
		"no central point": {recon.Pipeline{Scan: hollowPoints}, recon.Invalid},
		"masked score-mri": {recon.Pipeline{Scan: undersampled, Protocol: recon.ScoreMRI320}, recon.Invalid},
	} {
		if _, err := c.p.Run(t.Context()); recon.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&recon.Pipeline{Scan: hollow(1)}).Run(t.Context()); err != nil { // one coil needs no map
		t.Error(err)
	}
}

type failing struct{}

func (failing) Reconstruct(context.Context, kspace.Measurement, func(int, int)) (kspace.Image, int, error) {
	return kspace.Image{}, 0, errors.New("out of memory")
}

// The score-MRI protocol masks the transform of the cropped image: another width, and still exact without undersampling.
func TestScoreMRIProtocol(t *testing.T) {
	scan := newScan(1, 1)
	u := &kspace.Undersampling{Kind: kspace.Gaussian1D, Accel: 1}
	rec := run(t, recon.Pipeline{Scan: scan, Methods: []recon.Method{zeroFilled()}, Protocol: recon.ScoreMRI320, Undersampling: u})
	if len(rec.Sampling.Columns) != testMatrix {
		t.Errorf("mask of %d columns", len(rec.Sampling.Columns))
	}
	for j, want := range rec.References[0] {
		if d := math.Abs(float64(rec.Results[0].Slices[0].Magnitude[j] - want)); d > 1e-9 {
			t.Fatalf("pixel %d differs by %g", j, d)
		}
	}
}

func TestProgressReachesTheEnd(t *testing.T) {
	var last recon.Progress
	run(t, recon.Pipeline{Scan: newScan(3, 1), Methods: []recon.Method{zeroFilled()}, Progress: func(p recon.Progress) { last = p }})
	if last.Slice != 3 || last.Of != 3 || last.Method != "zero-filled" {
		t.Errorf("%+v", last)
	}
}

// slowly is a method whose network takes 2 ms of the 4 ms that a slice takes, and a checkpoint that takes 3 ms to save one.
type slowly struct {
	recon.Checkpoint
	network time.Duration
}

func (s *slowly) Reconstruct(ctx context.Context, m kspace.Measurement, progress func(int, int)) (kspace.Image, int, error) {
	time.Sleep(4 * time.Millisecond)
	s.network += 2 * time.Millisecond
	return recon.ZeroFilled{}.Reconstruct(ctx, m, progress)
}

func (s *slowly) Save(ctx context.Context, method recon.Method, index int, result recon.SliceResult) error {
	time.Sleep(3 * time.Millisecond)
	return s.Checkpoint.Save(ctx, method, index, result)
}

// Each stage of a run has its own time; a run that goes on has only what it did itself.
func TestTiming(t *testing.T) {
	const slices = 5
	s := &slowly{Checkpoint: recon.JobCheckpoint{Blobs: openBlobs(t), Job: "job"}}
	p := recon.Pipeline{Scan: newScan(slices, 2), Checkpoint: s, Methods: []recon.Method{{
		Name: "slow", Reconstructor: s, NetworkTime: func() time.Duration { return s.network },
	}}}
	rec, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := rec.Timing
	if first.Network != slices*2*time.Millisecond || first.Recon < slices*4*time.Millisecond || first.Publish < slices*3*time.Millisecond || first.Ingest <= 0 {
		t.Errorf("%+v", first)
	}
	report := recon.NewReport(rec, recon.Software{}).Timing
	if sum := report.Network + report.Physics; math.Abs(float64(sum-report.Recon)) > 1e-9 || report.Network != recon.Number(first.Network.Seconds()) {
		t.Errorf("%+v", report)
	}
	if rec, err = p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rec.Timing.Network != 0 || rec.Timing.Recon != 0 || rec.Timing.Publish <= 0 || rec.Results[0].Network != first.Network {
		t.Errorf("resumed: %+v, network %v", rec.Timing, rec.Results[0].Network)
	}
}
