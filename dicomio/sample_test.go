package dicomio

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

// now is the clock of the tests.
var now = time.Date(2026, 11, 24, 12, 30, 15, 0, time.UTC)

var testOptions = Options{Software: "closer test", Now: now}

// sample returns a made-up run of two methods over 3 of 4 slices of ny by nx pixels: smooth values of the order of 1e-4, as
// fastMRI files have, asymmetric in every direction. change may be nil.
func sample(acquisition string, ny, nx int, change func(*recon.Reconstruction)) *recon.Reconstruction {
	columns := make(kspace.Mask, 368)
	for i := range columns {
		columns[i] = i%4 == 0
	}
	rec := &recon.Reconstruction{
		Header: recon.Header{
			Format: "fastmri", Acquisition: acquisition, Slices: 4, Coils: 8, Ny: 2 * ny, Nx: 368, ReconNy: ny, ReconNx: nx,
			PixelSpacing: [2]float64{0.6875, 0.4375000000000001}, Thickness: 5, Reference: "reconstruction_rss",
			SHA256: strings.Repeat("0123456789abcdef", 4), Field: 2.893620, Vendor: "SIEMENS", Model: "Prisma_fit",
			Sequence: recon.Sequence{TR: 9000, TE: 81.4, TI: 2500, FlipAngle: 150, EchoTrainLength: 16},
		},
		Ny: ny, Nx: nx, Indices: []int{0, 1, 2},
		Sampling:  &recon.Sampling{Kind: "gaussian1d", Mode: "exact", AccelNominal: 4, ACSFraction: 0.08, Seed: 7, Columns: columns},
		Protocol:  recon.ScannerGrid,
		Intensity: 3.1e-4,
	}
	image := func(slice int, brightness float64) []float32 {
		pixels := make([]float32, ny*nx)
		for y := range ny {
			for x := range nx {
				v := 1 + math.Sin(float64(x)/7+float64(slice))*math.Cos(float64(y)/11)
				pixels[y*nx+x] = float32(brightness * (v + float64(x)/float64(nx) + 2*float64(y)/float64(ny)))
			}
		}
		return pixels
	}
	for i := range rec.Indices {
		rec.References = append(rec.References, image(i, 1.1e-4))
	}
	methods := []recon.Method{
		{Name: "zero-filled", Device: "cpu"},
		{Name: "ccdf", Sampler: "pc", T0: 0.02, NumScales: 1000, Steps: 20, Seed: 3, Device: "cuda",
			Models: []recon.Model{{Name: "unet-small", SHA256: strings.Repeat("ab", 32)}, {Name: "score-small", SHA256: strings.Repeat("cd", 32)}}},
	}
	for k, method := range methods {
		result := recon.Result{Method: method}
		for i := range rec.Indices {
			result.Slices = append(result.Slices, recon.SliceResult{Magnitude: image(i, 1e-4*(1+0.03*float64(k))), NFE: 41 * k})
		}
		rec.Results = append(rec.Results, result)
	}
	if change != nil {
		change(rec)
	}
	return rec
}

// writeAll writes every series of rec below dir and returns them.
func writeAll(t testing.TB, dir string, rec *recon.Reconstruction, opts Options) []Series {
	t.Helper()
	var all []Series
	add := func(s Series, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	ctx := context.Background()
	for i := range rec.Results {
		name := rec.Results[i].Method.Name
		add(WriteSeries(ctx, filepath.Join(dir, name), rec, &rec.Results[i], opts))
	}
	if rec.References != nil {
		add(WriteReference(ctx, filepath.Join(dir, "reference"), rec, opts))
	}
	add(WriteMap(ctx, filepath.Join(dir, "uncertainty"), rec, Map{
		Name: "uncertainty", Description: "Standard deviation of 4 samples", Images: images(&rec.Results[0]), White: 1e-4, AI: true,
	}, opts))
	return all
}

func images(result *recon.Result) [][]float32 {
	var all [][]float32
	for _, slice := range result.Slices {
		all = append(all, slice.Magnitude)
	}
	return all
}

// seriesImages are the images that the series of a name shows.
func seriesImages(rec *recon.Reconstruction, name string) [][]float32 {
	of := images(&rec.Results[0]) // the map
	if name == "reference" {
		of = rec.References
	}
	for i := range rec.Results {
		if rec.Results[i].Method.Name == name {
			of = images(&rec.Results[i])
		}
	}
	turned := make([][]float32, len(of))
	for i, image := range of {
		turned[i] = turningOf(&rec.Header).image(image, rec.Ny, rec.Nx)
	}
	return turned
}

// kinds are the inputs whose objects must be valid, by name.
func kinds() map[string]*recon.Reconstruction {
	plain := func(rec *recon.Reconstruction) {}
	return map[string]*recon.Reconstruction{
		"brain": sample("AXFLAIR", 96, 80, plain),
		"knee":  sample("CORPDFS_FBK", 96, 80, plain),
		"phantom": sample("PHANTOM", 64, 64, func(rec *recon.Reconstruction) {
			rec.Header.Simulated, rec.Header.Vendor, rec.Header.Model, rec.Header.Field = true, "", "", 0
			rec.Header.Sequence, rec.References = recon.Sequence{}, nil
		}),
		"simulated from DICOM": sample("AXT1", 33, 47, func(rec *recon.Reconstruction) {
			rec.Header.Simulated, rec.Header.Format = true, "dicom"
		}),
		"unknown": sample("", 1, 1, func(rec *recon.Reconstruction) {
			rec.Header = recon.Header{Format: "ismrmrd", Slices: 3, Coils: 1, SHA256: rec.Header.SHA256}
			rec.Sampling, rec.Protocol = nil, ""
		}),
		"acquired": sample("AXT2", 20, 30, func(rec *recon.Reconstruction) {
			rec.Sampling = &recon.Sampling{Kind: "acquired", Columns: rec.Sampling.Columns}
			rec.Header.Vendor = "Ünïcode \\ Vendor" + strings.Repeat("x", 80)
			rec.Results[1].Method.Name = "a-method-with-a-name-longer-than-code-strings"
		}),
		"placed raw data": sample("AXT2", 32, 20, func(rec *recon.Reconstruction) {
			rec.Header.Format, rec.Header.Patient = "ismrmrd", "FFP"
			rec.Header.Placement = &recon.Placement{Row: vector.V{0, 1, 0}, Col: vector.V{0.8, 0, -0.6},
				Centers: []vector.V{{40, -20, 60}, {37, -20, 56}, {34, -20, 52}, {31, -20, 48}}}
		}),
		"raw data of two echoes": sample("AXT2", 32, 20, func(rec *recon.Reconstruction) {
			rec.Header.Format, rec.Header.Repetitions, rec.Header.Echoes = "ismrmrd", 2, []float64{15, 90}
			rec.Header.Sequence.TE = 0
		}),
		"repeated raw data": sample("AXT2", 32, 20, func(rec *recon.Reconstruction) {
			rec.Header.Format, rec.Header.Repetitions = "ismrmrd", 2
			rec.Header.Placement = &recon.Placement{Row: vector.V{0, 1, 0}, Col: vector.V{0.8, 0, -0.6}, Centers: []vector.V{{40, -20, 60}, {37, -20, 56}}}
		}),
	}
}
