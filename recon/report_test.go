package recon

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/kspace"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	sampleNy = 64
	sampleNx = 56
)

// sample is a run of three methods on four slices of ellipses, as a pipeline would leave it.
func sample() *Reconstruction {
	reference, _ := ellipses(4, sampleNy, sampleNx, 2e-3, 1)
	rec := &Reconstruction{
		Header: Header{
			Format: "fastmri", Acquisition: "CORPD_FBK", Slices: 36, Coils: 1, Ny: 128, Nx: 60, ReconNy: sampleNy, ReconNx: sampleNx,
			PixelSpacing: [2]float64{0.5, 0.5}, Thickness: 3, Reference: "reconstruction_esc", Simulated: true,
			SHA256: strings.Repeat("1f", 32), Field: 2.89, Vendor: "Example", Model: "Phantom",
		},
		Ny: sampleNy, Nx: sampleNx, Indices: []int{16, 17, 18, 19}, Protocol: ScannerGrid, References: reference, Intensity: 1.6e-3,
		Sampling: &Sampling{Kind: "gaussian1d", Mode: "exact", AccelNominal: 4, ACSFraction: 0.08, Seed: 3, Columns: make(kspace.Mask, 60)},
		Timing:   Timing{Ingest: time.Second / 4, Recon: 9 * time.Second, Export: time.Second, Total: 11 * time.Second},
	}
	for _, i := range []int{2, 9, 17, 23, 26, 27, 28, 29, 30, 31, 32, 33, 36, 44, 59} {
		rec.Sampling.Columns[i] = true
	}
	unet := Model{Name: "unet-demo", SHA256: strings.Repeat("ab", 32)}
	prior := Model{Name: "score-demo", SHA256: strings.Repeat("cd", 32)}
	for k, m := range []Method{
		{Name: "zero-filled", Device: "cpu"},
		{Name: "unet", Device: "cpu", Models: []Model{unet}},
		{
			Name: "ccdf", Sampler: "ddim", SigmaStart: 0.04, Steps: 10, Seed: 7, Device: "cpu", Models: []Model{unet, prior},
			Theory: &Theory{Lambda: 0.78, InitialErrorFactor: 0.007},
		},
	} {
		res := Result{Method: m, Network: time.Duration(k) * time.Second}
		_, noisy := ellipses(4, sampleNy, sampleNx, 2e-3, uint64(k))
		for s, x := range noisy {
			noise := float32(3-k) * []float32{0.5, 4, 0.75, 1}[s] // less from method to method, most in the second slice
			for i := range x {
				x[i] = reference[s][i] + (x[i]-reference[s][i])*noise
			}
			res.Slices = append(res.Slices, SliceResult{
				Magnitude: x, Residual: Residual{RMS: 1e-4 * float64(s+1), Max: 1e-3 * float64(s+1)},
				NFE: []int{0, 1, 11}[k], Elapsed: time.Duration(1+k*k) * 100 * time.Millisecond,
			})
		}
		rec.Results = append(rec.Results, res)
	}
	return rec
}

func jsonOf(t *testing.T, r *Report) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := r.WriteJSON(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// validate checks a report against ReportSchema.
func validate(t *testing.T, report []byte) error {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(ReportSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("report-1.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("report-1.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report))
	if err != nil {
		t.Fatalf("%v in %s", err, report)
	}
	return compiled.Validate(doc)
}

// Reports of every shape of run keep to the schema and to finite numbers.
func TestReportKeepsToSchema(t *testing.T) {
	for name, change := range map[string]func(*Reconstruction){
		"plain":            func(*Reconstruction) {},
		"no reference":     func(r *Reconstruction) { r.References = nil },
		"unnamed":          func(r *Reconstruction) { r.Header.Reference = "" },
		"fully sampled":    func(r *Reconstruction) { r.Sampling = nil },
		"score-mri-320":    func(r *Reconstruction) { r.Protocol = ScoreMRI320 },
		"no methods":       func(r *Reconstruction) { r.Results = nil },
		"no theory":        func(r *Reconstruction) { r.Results[2].Method.Theory = nil },
		"perfect":          func(r *Reconstruction) { copy(r.Results[2].Slices[1].Magnitude, r.References[1]) },
		"blank slice":      func(r *Reconstruction) { clear(r.References[0]) },
		"NaN pixel":        func(r *Reconstruction) { r.Results[0].Slices[0].Magnitude[9*sampleNx+9] = float32(math.NaN()) },
		"infinite pixel":   func(r *Reconstruction) { r.Results[0].Slices[0].Magnitude[9*sampleNx+9] = float32(math.Inf(1)) },
		"NaN in the file":  func(r *Reconstruction) { r.Header.Field = math.NaN() },
		"NaN residual":     func(r *Reconstruction) { r.Results[0].Slices[0].Residual = Residual{math.NaN(), math.NaN()} },
		"wild acquisition": func(r *Reconstruction) { r.Header.Acquisition = "</script>\xff\x00\"" },
		"each": func(r *Reconstruction) {
			r.Sampling.Each = []kspace.Mask{r.Sampling.Columns, make(kspace.Mask, len(r.Sampling.Columns))}
		},
		"points": func(r *Reconstruction) {
			r.Sampling.Points = make(kspace.Points, r.Header.Ny*r.Header.Nx)
		},
		"held out": func(r *Reconstruction) { r.Sampling.HeldOut = make(kspace.Mask, 60) },
		"NaN predicted": func(r *Reconstruction) {
			r.Sampling.HeldOut, r.Results[0].Slices[0].HeldOut = make(kspace.Mask, 60), math.NaN()
		},
		"large seed": func(r *Reconstruction) { r.Results[2].Method.Seed = math.MaxUint64 },
	} {
		rec := sample()
		change(rec)
		if err := validate(t, jsonOf(t, NewReport(rec, Software{Version: "1.2.3", Commit: "abc"}))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The schema refuses what is not a report, in particular metrics without a reference and a reference without metrics.
func TestReportSchemaRefuses(t *testing.T) {
	method := func(r map[string]any) map[string]any { return r["methods"].([]any)[0].(map[string]any) }
	slice := func(r map[string]any) map[string]any { return method(r)["slices"].([]any)[0].(map[string]any) }
	for name, change := range map[string]func(map[string]any){
		"another schema":            func(r map[string]any) { r["schema"] = "closer.report/2" },
		"no input":                  func(r map[string]any) { delete(r, "input") },
		"no mask field":             func(r map[string]any) { delete(r, "mask") },
		"a short hash":              func(r map[string]any) { r["input"].(map[string]any)["sha256"] = "abc" },
		"an unknown protocol":       func(r map[string]any) { r["protocol"] = "cropped" },
		"matrix of one axis":        func(r map[string]any) { r["input"].(map[string]any)["matrix"] = []any{320} },
		"columns as a list":         func(r map[string]any) { r["mask"].(map[string]any)["columns"] = []any{1, 0} },
		"no NFE":                    func(r map[string]any) { delete(method(r), "nfe") },
		"PSNR as text":              func(r map[string]any) { method(r)["volume"].(map[string]any)["psnr"] = "inf" },
		"SSIM above 1":              func(r map[string]any) { slice(r)["ssim"] = 1.5 },
		"negative seconds":          func(r map[string]any) { slice(r)["seconds"] = -1 },
		"reference, no volume":      func(r map[string]any) { delete(method(r), "volume") },
		"reference, no slice PSNR":  func(r map[string]any) { delete(slice(r), "psnr") },
		"metrics, but no reference": func(r map[string]any) { r["reference"] = "none" },
	} {
		var r map[string]any
		if err := json.Unmarshal(jsonOf(t, NewReport(sample(), Software{})), &r); err != nil {
			t.Fatal(err)
		}
		change(r)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if validate(t, b) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	rec := sample()
	rec.References = nil
	for _, field := range []string{"psnr", "ssim", "nmse", "psnr_slice"} {
		var r map[string]any
		if err := json.Unmarshal(jsonOf(t, NewReport(rec, Software{})), &r); err != nil {
			t.Fatal(err)
		}
		slice(r)[field] = 0.5
		b, _ := json.Marshal(r)
		if validate(t, b) == nil {
			t.Errorf("slice %s without a reference: accepted", field)
		}
		delete(slice(r), field)
		method(r)["volume"] = map[string]any{"psnr": 30, "ssim": 0.9, "nmse": 0.01}
		b, _ = json.Marshal(r)
		if validate(t, b) == nil {
			t.Error("volume metrics without a reference: accepted")
		}
	}
}

// The numbers in the report are those of Evaluate and of the run.
func TestNewReport(t *testing.T) {
	rec := sample()
	r := NewReport(rec, Software{Version: "1.2.3", Commit: "abc", ONNXRuntime: "1.27"})
	if r.Reference != "reconstruction_esc" || r.Input.Slices != 36 || r.Input.Matrix != [2]int{128, 60} || !r.Input.Simulated {
		t.Errorf("input %+v, reference %q", r.Input, r.Reference)
	}
	if m := r.Mask; m.Lines != 15 || m.AccelMeasured != 4 || m.Width != 60 {
		t.Errorf("mask %+v, want 15 lines of 60", m)
	}
	ccdf := r.Methods[2]
	if ccdf.NFE != 11 || ccdf.NFETotal != 44 || ccdf.Steps != 10 || ccdf.Sampler != "ddim" || ccdf.Seed != 7 || len(ccdf.Models) != 2 {
		t.Errorf("ccdf %+v", ccdf)
	}
	wantNear(t, "seconds", float64(ccdf.Seconds), 2, 1e-12)
	wantNear(t, "seconds per slice", float64(ccdf.SecondsPerSlice), 0.5, 1e-12)
	wantNear(t, "network seconds", float64(ccdf.NetworkSeconds), 2, 0)
	wantNear(t, "residual", float64(ccdf.DCResidual.RMS), 1e-4*math.Sqrt((1+4+9+16)/4.0), 1e-12)
	wantNear(t, "largest residual", float64(ccdf.DCResidual.Max), 4e-3, 0)
	if ccdf.Slices[2].Index != 18 {
		t.Errorf("third slice has index %d, want 18", ccdf.Slices[2].Index)
	}
	var images [][]float32
	for _, s := range rec.Results[2].Slices {
		images = append(images, s.Magnitude)
	}
	q := mustEvaluate(t, rec.References, images, sampleNy, sampleNx)
	if got := *ccdf.Volume; got != reportQuality(q.Quality) || *ccdf.SlicePSNRMean != Number(q.SlicePSNRMean) {
		t.Errorf("volume %+v and %v, want %+v", got, *ccdf.SlicePSNRMean, q)
	}
	if got := *ccdf.Slices[3].ReportSliceQuality; got.ReportQuality != reportQuality(q.Slices[3].Quality) || got.PSNRSlice != Number(q.Slices[3].PSNRSlice) {
		t.Errorf("slice %+v, want %+v", got, q.Slices[3])
	}
}

func TestNewReportPanicsOnMissingSlices(t *testing.T) {
	rec := sample()
	rec.References = nil // else Evaluate notices too
	rec.Results[1].Slices = rec.Results[1].Slices[:3]
	defer func() {
		if recover() == nil {
			t.Error("three slices of four: no panic")
		}
	}()
	NewReport(rec, Software{})
}

// Nothing that needs a reference is in the report of a run without one.
func TestReportWithoutReference(t *testing.T) {
	rec := sample()
	rec.References = nil // though the header names one
	b := jsonOf(t, NewReport(rec, Software{}))
	for _, word := range []string{`"psnr`, `"ssim"`, `"nmse"`, `"volume"`, `"slice_psnr_mean"`} {
		if bytes.Contains(b, []byte(word)) {
			t.Errorf("report without reference holds %s", word)
		}
	}
	if !bytes.Contains(b, []byte(`"reference": "none"`)) {
		t.Error(`reference is not "none"`)
	}
}

// References that do not fit are no reference: no metrics, no error maps, and a note.
func TestReportOfUnfitReference(t *testing.T) {
	for name, references := range map[string][][]float32{
		"fewer slices": sample().References[:3],
		"empty":        {},
		"other size":   {make([]float32, 9), make([]float32, 9), make([]float32, 9), make([]float32, 9)},
		"one missing":  {sample().References[0], nil, sample().References[2], sample().References[3]},
	} {
		rec := sample()
		rec.References = references
		r := NewReport(rec, Software{})
		if r.Reference != NoReference || r.Methods[0].Volume != nil || len(r.Notes) != 1 || validate(t, jsonOf(t, r)) != nil {
			t.Errorf("%s: reference %q, notes %q, volume %v", name, r.Reference, r.Notes, r.Methods[0].Volume)
		}
		if page := htmlOf(t, r); strings.Contains(withoutPictures(page), "Error maps") || !strings.Contains(page, "does not have the size") {
			t.Errorf("%s: page shows errors or lacks the note", name)
		}
	}
}

// Timings are all that two runs of one recipe differ in.
func TestReportIsDeterministicButForTimings(t *testing.T) {
	a, b := sample(), sample()
	b.Timing = Timing{1, 2, 4, 3, 5, 6, 7}
	for i := range b.Results {
		b.Results[i].Network++
		for s := range b.Results[i].Slices {
			b.Results[i].Slices[s].Elapsed *= 2
		}
	}
	ra, rb := NewReport(a, Software{}), NewReport(b, Software{})
	if bytes.Equal(jsonOf(t, ra), jsonOf(t, rb)) {
		t.Error("timings do not show")
	}
	before := jsonOf(t, ra)
	if !bytes.Equal(jsonOf(t, ra.WithoutTimings()), jsonOf(t, rb.WithoutTimings())) {
		t.Error("reports without timings differ")
	}
	if !bytes.Equal(jsonOf(t, ra), before) {
		t.Error("WithoutTimings changed its receiver")
	}
	if !bytes.Equal(before, jsonOf(t, NewReport(sample(), Software{}))) {
		t.Error("the same run gave other bytes")
	}
}

// A report that was read back writes the same bytes.
func TestReportRoundTrip(t *testing.T) {
	rec := sample()
	clear(rec.References[0])                                             // null NMSE
	copy(rec.Results[2].Slices[1].Magnitude, rec.References[1])          // null PSNR
	rec.Results[0].Slices[2].Residual = Residual{math.NaN(), math.NaN()} // null residual
	want := jsonOf(t, NewReport(rec, Software{}))
	var r Report
	if err := json.Unmarshal(want, &r); err != nil {
		t.Fatal(err)
	}
	r.Methods[2].SlicePSNRMean = NewReport(rec, Software{}).Methods[2].SlicePSNRMean // null and absent are one to encoding/json
	if got := jsonOf(t, &r); !bytes.Equal(got, want) {
		t.Errorf("read and written again:\n%s\nwant\n%s", got, want)
	}
}

// The bit map is the one that the schema describes and numpy.packbits makes: numpy.packbits([1,0,1,1,0,0,0,1, 0,1]) is [0xb1, 0x40].
func TestMaskBits(t *testing.T) {
	m := kspace.Mask{true, false, true, true, false, false, false, true, false, true}
	r := reportMask(&Sampling{Columns: m})
	if got := base64.StdEncoding.EncodeToString(r.Columns); got != base64.StdEncoding.EncodeToString([]byte{0xb1, 0x40}) {
		t.Errorf("columns %s, want sUA=", got)
	}
	if got := unpackMask(r.Columns, r.Width); !reflect.DeepEqual(got, m) {
		t.Errorf("unpacked %v, want %v", got, m)
	}
}

// Noise that will be seen in the images is told, and how to be rid of it; less is a figure in the report.
func TestReportOfNoise(t *testing.T) {
	for noise, want := range map[float64]string{0: "", 0.009: "", 0.0153: "noise of up to 1.5 % of bright tissue", 0.2: "noise of up to 20 %", math.NaN(): ""} {
		rec := sample()
		rec.Noise = noise
		r := NewReport(rec, Software{})
		if notes := strings.Join(r.Notes, " "); strings.Contains(notes, "noise") != (want != "") || !strings.Contains(notes, want) {
			t.Errorf("noise %g: %q", noise, notes)
		}
		if err := validate(t, jsonOf(t, r)); err != nil {
			t.Errorf("noise %g: %v", noise, err)
		}
		if page := htmlOf(t, r); strings.Contains(page, "of bright tissue</dd>") != (noise != 0) {
			t.Errorf("noise %g: the page does not say it as it is", noise)
		}
	}
}

// A reference in other units than the k-space is told: its figures look like those of a bad reconstruction.
func TestReportOfOtherUnits(t *testing.T) {
	for factor, want := range map[float32]bool{1: false, 2: false, 0.5: false, 1e6: true, 20: true, 0.05: true, 0: false} {
		rec := sample()
		for _, im := range rec.References {
			for i := range im {
				im[i] *= factor
			}
		}
		notes := strings.Join(NewReport(rec, Software{}).Notes, " ")
		if strings.Contains(notes, "not in the units of the k-space") != want {
			t.Errorf("reference × %g: %q", factor, notes)
		}
	}
}
