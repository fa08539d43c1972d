package recon

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// sampleUnits are three volumes at two accelerations, each a scaled error of sample's, one of them without a reference.
func sampleUnits(t *testing.T) []Unit {
	t.Helper()
	var units []Unit
	for i, accel := range []float64{4, 2, 4, 2, 0} {
		rec := sample()
		rec.Sampling.AccelNominal = accel
		rec.Header.Acquisition = []string{"CORPD_FBK", "CORPDFS_FBK"}[i/2%2]
		for k := range rec.Results {
			for s, slice := range rec.Results[k].Slices {
				for p := range slice.Magnitude {
					slice.Magnitude[p] += float32(i+1) * 0.1 * (slice.Magnitude[p] - rec.References[s][p])
				}
			}
		}
		if accel == 0 {
			rec.References, rec.Header.Reference = nil, ""
		}
		r := new(Report)
		if err := json.Unmarshal(jsonOf(t, NewReport(rec, Software{Version: "test"})), r); err != nil {
			t.Fatal(err)
		}
		units = append(units, Unit{File: fmt.Sprintf("file%d.h5", i/2), Accel: Number(accel), Report: r})
	}
	return units
}

func TestMeanStdIsThatOfEvaluate(t *testing.T) {
	// runstats.Statistics([2, 4, 4, 4, 5, 5, 7, 9]): mean 5, sum of squared deviations 32, stddev √(32/7).
	got := meanStd([]float64{2, 4, 4, 4, 5, 5, 7, 9})
	if got.Mean != 5 || math.Abs(float64(got.TwoStd)-2*math.Sqrt(32.0/7)) > 1e-15 {
		t.Errorf("%v", got)
	}
	if s := got.String(); s != "5 ± 4.276" {
		t.Errorf("written as %q", s)
	}
	if one := meanStd([]float64{3}); one.Mean != 3 || one.TwoStd.Finite() {
		t.Errorf("one volume: %v", one)
	}
	if inf := meanStd([]float64{3, math.Inf(1)}); !math.IsInf(float64(inf.Mean), 1) || inf.TwoStd.Finite() {
		t.Errorf("a perfect volume: %v", inf)
	}
}

// The order in which units finish does not show, and the report keeps to its schema, perfect volumes and failures included.
func TestValidationDependsOnTheUnitsAlone(t *testing.T) {
	units := sampleUnits(t)
	failures := []Failure{{"file9.h5", 4, "the file is not HDF5"}, {"file8.h5", 2, "the file is not HDF5"}}
	units[0].Report.Methods[0].Volume = &ReportQuality{PSNR: Number(math.NaN()), SSIM: 1, NMSE: 0} // as read from JSON
	write := func() (string, string, string) {
		var j, c, h bytes.Buffer
		v := NewValidation("file", units, failures)
		for _, err := range []error{v.WriteJSON(&j), v.WriteCSV(&c), v.WriteHTML(&h, nil)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return j.String(), c.String(), h.String()
	}
	j, c, h := write()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		r.Shuffle(len(units), func(a, b int) { units[a], units[b] = units[b], units[a] })
		r.Shuffle(len(failures), func(a, b int) { failures[a], failures[b] = failures[b], failures[a] })
		if j2, c2, h2 := write(); j2 != j || c2 != c || h2 != h {
			t.Fatal("the order of units shows")
		}
	}
	schema := validationSchema(t)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(j))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Error(err)
	}
	doc.(map[string]any)["units"].([]any)[0].(map[string]any)["report"] = map[string]any{}
	if schema.Validate(doc) == nil {
		t.Error("the schema takes a unit without a report")
	}
}

func validationSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	for id, text := range map[string][]byte{"urn:closer:report:1": ReportSchema, "urn:closer:validation:1": ValidationSchema} {
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(id, schema); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("urn:closer:validation:1")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// Means are taken over the volumes of one acceleration, of all acquisitions and of each; a volume without a reference counts in none.
func TestValidationGroups(t *testing.T) {
	units := sampleUnits(t)
	v := NewValidation("0", units, nil)
	if n := len(v.Groups); n != 2*3*(1+2) { // accelerations, methods, together and each acquisition
		t.Fatalf("%d groups", n)
	}
	for _, g := range v.Groups {
		var want []float64
		for _, u := range units {
			for _, m := range u.Report.Methods {
				if u.Accel == g.Accel && m.Name == g.Method && m.Volume != nil && (g.Acquisition == "" || g.Acquisition == u.Report.Input.Acquisition) {
					want = append(want, float64(m.Volume.NMSE))
				}
			}
		}
		if m := meanStd(want); g.Volumes != len(want) || len(want) == 0 || math.Abs(float64(m.Mean-g.NMSE.Mean)) > 1e-15 {
			t.Errorf("%+v, NMSE of its volumes %v", g, want)
		}
	}
	worst := v.WorstUnits()
	if len(worst) != 4 || v.Units[worst[0]].Accel != 2 || v.Units[worst[0]].File != "file1.h5" || v.Units[worst[2]].File != "file1.h5" {
		t.Errorf("worst units: %v", worst)
	}
	var buf bytes.Buffer
	if err := v.WriteCSV(&buf); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&buf).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 2*len(v.Groups) + 5*3*5; len(rows) != want {
		t.Errorf("%d rows of CSV, expected %d", len(rows), want)
	}
}

// Where samples were held out, their error is a metric like the others, and the only one of volumes without a reference.
func TestValidationOfSamplesHeldOut(t *testing.T) {
	units := sampleUnits(t)
	if v := NewValidation("0", units, nil); v.HoldsOut() {
		t.Error("a sweep that held nothing out has an error of it")
	}
	for i := range units {
		for k := range units[i].Report.Methods {
			e := Number(0.1*float64(i) + 0.01*float64(k))
			units[i].Report.Methods[k].HeldOutError = &e
		}
	}
	v := NewValidation("0", units, nil)
	first := v.Groups[slices.IndexFunc(v.Groups, func(g ValidationMean) bool { return g.Accel == 4 && g.Method == "unet" })]
	if first.Volumes != 2 || math.Abs(float64(first.HeldOutError.Mean)-0.11) > 1e-12 { // units 0 and 2: 0.01, 0.21
		t.Errorf("%d volumes, held-out error %+v", first.Volumes, first.HeldOutError)
	}
	last := v.Groups[slices.IndexFunc(v.Groups, func(g ValidationMean) bool { return g.Reference == NoReference && g.Method == "ccdf" })]
	if last.Volumes != 1 || last.PSNR.Mean.Finite() || math.Abs(float64(last.HeldOutError.Mean)-0.42) > 1e-12 || last.PSNR.String() != "–" {
		t.Errorf("without a reference: %+v, held-out error %+v", last, last.HeldOutError)
	}
	var table, page bytes.Buffer
	if err := v.WriteCSV(&table); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := slices.Index(rows[0], "held_out_error")
	if mean, spread := rows[1][column], rows[2][column]; mean != csvNumber(v.Groups[0].HeldOutError.Mean) || spread != csvNumber(v.Groups[0].HeldOutError.TwoStd) {
		t.Errorf("CSV says %s ± %s of %+v", mean, spread, v.Groups[0].HeldOutError)
	}
	if err := v.WriteHTML(&page, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">Held-out error<", ">" + first.HeldOutError.String() + "<"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	var report bytes.Buffer
	if err := v.WriteJSON(&report); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&report)
	if err != nil {
		t.Fatal(err)
	}
	if err := validationSchema(t).Validate(doc); err != nil {
		t.Error(err)
	}
}

func TestBoxIsTukeys(t *testing.T) {
	sorted := []float64{1, 2, 3, 4, 5, 100}
	for q, want := range map[float64]float64{0: 1, 0.25: 2.25, 0.5: 3.5, 0.75: 4.75, 1: 100} { // numpy.quantile
		if got := quantile(sorted, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %g is %g, expected %g", q, got, want)
		}
	}
	b := newBox(0, 1, 0, "m", sorted, func(v float64) float64 { return v })
	if b.Low != 1 || b.High != 5 || len(b.Outliers) != 1 || b.Outliers[0].Y != 100 {
		t.Errorf("%+v", b)
	}
	one := newBox(0, 1, 0, "m", []float64{7}, func(v float64) float64 { return v })
	if one.Low != 7 || one.Q2 != 7 || one.High != 7 || len(one.Outliers) != 0 {
		t.Errorf("one volume: %+v", one)
	}
}

// A picture survives being stored, and nothing but PNG data gets from a stored one into a page.
func TestPictureIsStored(t *testing.T) {
	p, err := NewReport(sample(), Software{}).WorstSlice()
	if err != nil || p == nil || !strings.Contains(p.Title, "Slice 18") || len(p.Tiles) != 4 {
		t.Fatalf("%v, %+v", err, p)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var again Picture
	if err := json.Unmarshal(data, &again); err != nil || again.Title != p.Title || !slices.Equal(again.Tiles, p.Tiles) {
		t.Errorf("%v", err)
	}
	forged := bytes.Replace(data, []byte("data:image/png;base64,"), []byte("https://example.org/"), 1)
	if json.Unmarshal(forged, &again) == nil {
		t.Error("a picture from elsewhere was taken")
	}
	v := NewValidation("0", sampleUnits(t), nil)
	var page bytes.Buffer
	if err := v.WriteHTML(&page, []*Picture{p}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h2 id=\"worst\">", string(p.Tiles[3].ErrorSrc), "PSNR of the volumes", `class="box"`} {
		if !strings.Contains(html.UnescapeString(page.String()), want) {
			t.Errorf("the page lacks %.60s", want)
		}
	}
}
