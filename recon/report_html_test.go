package recon

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"image"
	"image/png"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func htmlOf(t *testing.T, r *Report) string {
	t.Helper()
	var buf bytes.Buffer
	if err := r.WriteHTML(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// withoutPictures removes the base64 of the pictures, in which any word may occur.
func withoutPictures(page string) string {
	return regexp.MustCompile(`base64,[^"]*`).ReplaceAllString(page, "")
}

// element is one element of a page.
type element struct {
	name  string
	attrs map[string]string
}

// elements parses a page, failing on unbalanced tags.
func elements(t *testing.T, page string) []element {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict, dec.AutoClose, dec.Entity = false, []string{"meta", "img", "br"}, xml.HTMLEntity
	var out []element
	var open []string
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in %.3000s", err, page)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			e := element{tok.Name.Local, map[string]string{}}
			for _, a := range tok.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			out, open = append(out, e), append(open, e.name)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != tok.Name.Local {
				t.Fatalf("</%s> closes %v", tok.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Fatalf("%v left open", open)
	}
	return out
}

// checkPage checks what holds for every page: it parses, is complete in itself, runs nothing, names its pictures and table headers,
// says that it is not for diagnosis, and shows no value that is not one.
func checkPage(t *testing.T, page string) []element {
	t.Helper()
	all := elements(t, page)
	ids := map[string]bool{}
	for _, e := range all {
		if id := e.attrs["id"]; id != "" {
			if ids[id] {
				t.Errorf("two elements with id %q", id)
			}
			ids[id] = true
		}
	}
	for _, e := range all {
		for name, v := range e.attrs {
			if strings.HasPrefix(name, "on") || strings.Contains(v, "javascript:") {
				t.Errorf("<%s %s=%q> would run", e.name, name, v)
			}
			if strings.Contains(v, "://") || (name == "src" || name == "href") && !strings.HasPrefix(v, "data:image/png;base64,") {
				t.Errorf("<%s %s=%.60q> leaves the page", e.name, name, v)
			}
		}
		switch e.name {
		case "script", "link", "iframe", "object", "base", "form":
			t.Errorf("<%s> in a report", e.name)
		case "img":
			if e.attrs["alt"] == "" {
				t.Errorf("picture without a text: %v", e.attrs["alt"])
			}
		case "th":
			if e.attrs["scope"] == "" {
				t.Error("table header without scope")
			}
		case "svg":
			if e.attrs["aria-label"] == "" && e.attrs["aria-hidden"] == "" {
				t.Error("drawing without a text")
			}
		}
		if label := e.attrs["aria-labelledby"]; label != "" && !ids[label] {
			t.Errorf("no element has id %q", label)
		}
	}
	page = withoutPictures(page)
	for _, bad := range []string{"NaN", "Inf", "ZgotmplZ", "%!", "<nil>", "url(", "@import"} {
		if strings.Contains(page, bad) {
			t.Errorf("page holds %q", bad)
		}
	}
	if n := strings.Count(page, "Not for diagnosis"); n < 2 {
		t.Errorf("page says %d times that it is not for diagnosis, want at its top and bottom", n)
	}
	return all
}

func count(all []element, name string) int {
	n := 0
	for _, e := range all {
		if e.name == name {
			n++
		}
	}
	return n
}

func TestWriteHTML(t *testing.T) {
	page := htmlOf(t, NewReport(sample(), Software{Version: "1.2.3", Commit: "abcdef0", ONNXRuntime: "1.27"}))
	all := checkPage(t, page)
	for _, want := range []string{
		"Simulated acquisition", "CORPD_FBK", "17–20 of 36", "scanner-grid", "15 of 60 phase-encode columns, acceleration ×4.00", "gaussian1d", "reconstruction_esc",
		"unet-demo", strings.Repeat("cd", 32), "closer 1.2.3 (abcdef0), ONNX Runtime 1.27", "σ = 0.04", "λ = 0.78", strings.Repeat("1f", 32),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	if n := strings.Count(page, strings.Repeat("ab", 32)); n != 1 {
		t.Errorf("a network of two methods is listed %d times, want once", n)
	}
	// Slice 17 is the best, 18 the worst, 19 in the middle: each a reference and three methods with error maps; one color bar, the mask.
	if n := count(all, "img"); n != 3*(1+3*2)+2 {
		t.Errorf("%d pictures, want %d", n, 3*(1+3*2)+2)
	}
	if !strings.Contains(page, "Slice 18 (lowest PSNR of ccdf)") || !strings.Contains(page, "Slice 17 (highest PSNR of ccdf)") {
		t.Error("the best and the worst slice are not named")
	}
}

// The recipe says how many samples a method averaged.
func TestPageTellsSamples(t *testing.T) {
	rec := sample()
	rec.Results[2].Method.Samples = 3
	_, recipe, _ := strings.Cut(htmlOf(t, NewReport(rec, Software{})), `id="recipe"`)
	_, ccdf, _ := strings.Cut(recipe, `<th scope="row">ccdf</th>`)
	if want := `<td class="n">10</td><td class="n">3</td><td class="n">7</td>`; !strings.Contains(recipe, "Samples averaged") || !strings.Contains(ccdf, want) {
		t.Errorf("no steps, samples and seed %s in %s", want, ccdf)
	}
}

// The page gives NMSE with significant digits, and no seed of a mask that the scanner made.
func TestPageTellsWhatTheNumbersAre(t *testing.T) {
	rec := sample()
	rec.Sampling.Kind, rec.Sampling.Mode, rec.Sampling.AccelNominal = "acquired", "", 0
	for i := range rec.References { // 0.0002 would be taken for anything from 0.00015 to 0.00025
		for k := range rec.Results[2].Slices[i].Magnitude {
			rec.Results[2].Slices[i].Magnitude[k] = rec.References[i][k] * 1.0125
		}
	}
	page := htmlOf(t, NewReport(rec, Software{}))
	if want := "1.6×10⁻⁴"; strings.Count(page, want) != 1+4 { // the volume and its slices
		t.Errorf("NMSE %s is there %d times, want 5", want, strings.Count(page, want))
	}
	if strings.Contains(page, "seed 3") || !strings.Contains(page, "Pattern acquired") {
		t.Error("an acquired mask has a seed")
	}
}

// Pages of every shape of run hold together.
func TestWriteHTMLOfUnusualRuns(t *testing.T) {
	for name, change := range map[string]func(*Reconstruction){
		"no methods":    func(r *Reconstruction) { r.Results = nil },
		"fully sampled": func(r *Reconstruction) { r.Sampling = nil },
		"perfect":       func(r *Reconstruction) { copy(r.Results[2].Slices[1].Magnitude, r.References[1]) },
		"blank reference": func(r *Reconstruction) {
			clear(r.References[0])
			clear(r.References[1])
			clear(r.References[2])
			clear(r.References[3])
		},
		"no intensity":    func(r *Reconstruction) { r.Intensity = 0 },
		"NaN intensity":   func(r *Reconstruction) { r.Intensity = math.NaN() },
		"NaN pixel":       func(r *Reconstruction) { r.Results[0].Slices[0].Magnitude[9*sampleNx+9] = float32(math.NaN()) },
		"NaN in the file": func(r *Reconstruction) { r.Header.Field, r.Header.PixelSpacing[0] = math.NaN(), math.NaN() },
		"NaN residual":    func(r *Reconstruction) { r.Results[0].Slices[0].Residual = Residual{math.NaN(), math.Inf(1)} },
		"one slice": func(r *Reconstruction) {
			r.Indices, r.References = r.Indices[:1], r.References[:1]
			for i := range r.Results {
				r.Results[i].Slices = r.Results[i].Slices[:1]
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			rec := sample()
			change(rec)
			checkPage(t, htmlOf(t, NewReport(rec, Software{})))
		})
	}
}

// Without a reference the page shows images and no errors; a difference to another method is not an error.
func TestWriteHTMLWithoutReference(t *testing.T) {
	rec := sample()
	rec.References, rec.Header.Simulated = nil, false
	page := htmlOf(t, NewReport(rec, Software{}))
	all := checkPage(t, page)
	page = withoutPictures(page)
	if n := count(all, "img"); n != 3*3+1 {
		t.Errorf("%d pictures, want three slices of three methods, and the mask", n)
	}
	for _, word := range []string{"PSNR", "SSIM", "Error", "Simulated"} {
		if strings.Contains(page, word) {
			t.Errorf("page without reference says %q", word)
		}
	}
}

// A report that was read from JSON has a page without pictures of slices.
func TestWriteHTMLOfStoredReport(t *testing.T) {
	var r Report
	if err := json.Unmarshal(jsonOf(t, NewReport(sample(), Software{})), &r); err != nil {
		t.Fatal(err)
	}
	page := htmlOf(t, &r)
	if all := checkPage(t, page); count(all, "img") != 1 || !strings.Contains(page, "15 of 60") {
		t.Error("want the mask and no other picture")
	}
}

// Text of files and models is shown as text.
func TestWriteHTMLEscapes(t *testing.T) {
	rec := sample()
	const attack = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`
	h := &rec.Header
	h.Acquisition, h.Reference, h.Vendor, h.Model, h.Format, h.SHA256 = attack, attack, attack, attack, attack, attack
	rec.Sampling.Kind, rec.Sampling.Mode = attack, attack
	m := &rec.Results[2].Method
	m.Name, m.Sampler, m.Device, m.Models = attack, attack, attack, []Model{{attack, attack}}
	r := NewReport(rec, Software{attack, attack, attack})
	r.Notes = []string{attack}
	page := htmlOf(t, r)
	checkPage(t, page)
	if strings.Contains(page, "<script") || strings.Contains(page, "<img src=x") {
		t.Error("markup of the input reached the page")
	}
	if !strings.Contains(page, "alert(1)") {
		t.Error("the text was lost")
	}
}

func TestWriteHTMLIsDeterministicButForTimings(t *testing.T) {
	a, b := sample(), sample()
	b.Timing.Total *= 3
	b.Results[1].Network *= 2
	b.Results[2].Slices[0].Elapsed *= 5
	if htmlOf(t, NewReport(a, Software{}).WithoutTimings()) != htmlOf(t, NewReport(b, Software{}).WithoutTimings()) {
		t.Error("pages without timings differ")
	}
}

// A report that is brought up to date with each result is the one that is made of all of them at once.
func TestUpdatedReportIsTheWhole(t *testing.T) {
	rec := sample()
	results := rec.Results
	for n, result := range results { // the last so bad that the errors of all are amplified less
		for i, s := range result.Slices {
			copy(s.Magnitude, rec.References[i])
			for j := range s.Magnitude {
				s.Magnitude[j] *= []float32{1.001, 3}[n/(len(results)-1)]
			}
		}
	}
	var growing *Report
	for n := 1; n <= len(results); n++ {
		rec.Results = results[:n]
		rec.Timing.Total += time.Second
		if growing == nil {
			growing = NewReport(rec, Software{})
		} else {
			growing.Update(rec)
		}
		whole := NewReport(rec, Software{})
		if !bytes.Equal(jsonOf(t, growing), jsonOf(t, whole)) {
			t.Errorf("report.json after %d results differs", n)
		}
		if htmlOf(t, growing) != htmlOf(t, whole) {
			t.Errorf("report.html after %d results differs", n)
		}
	}
}

// decode returns the picture in a data URI.
func decode(t *testing.T, uri string) image.Image {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(uri, "data:image/png;base64,"))
	if err != nil {
		t.Fatal(err)
	}
	im, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// Pictures have the window and the gain that the page states.
func TestPictures(t *testing.T) {
	rec := sample()
	rec.Header.PixelSpacing = [2]float64{1, 0.5}
	for k := range rec.Results {
		for s := range rec.References { // errors so small that they need a gain
			for i, v := range rec.References[s] {
				x := rec.Results[k].Slices[s].Magnitude
				x[i] = v + (x[i]-v)/20
			}
		}
	}
	r := NewReport(rec, Software{})
	g, err := r.gallery()
	if err != nil {
		t.Fatal(err)
	}
	// The largest 1 % of errors, of zero-filled in slice 18, begin at 2.58·3·4·0.03·2e-3/20 = 9.3e-5, a 17th of white.
	const pos = 2
	tiles := g.Strips[2].Tiles // the first two are those of slices 17 and 18
	if g.Strips[2].Title != "Slice 19 (middle)" || g.Gain != 10 || g.Full != "10 %" {
		t.Fatalf("%s, gain %d, white at %s", g.Strips[2].Title, g.Gain, g.Full)
	}
	if n := len(tiles); n != 4 || tiles[0].ErrorSrc != "" || tiles[3].Name != "ccdf" {
		t.Fatalf("%d tiles, want the reference and three methods", n)
	}
	if tiles[0].Width != sampleNx || tiles[0].Height != 2*sampleNy {
		t.Errorf("tile %d×%d, want pixels twice as high as wide", tiles[0].Width, tiles[0].Height)
	}
	ref, ccdf, errs := decode(t, string(tiles[0].Src)), decode(t, string(tiles[3].Src)), decode(t, string(tiles[3].ErrorSrc))
	if b := ref.Bounds(); b.Dx() != sampleNx || b.Dy() != sampleNy {
		t.Fatalf("picture of %v", b)
	}
	level := func(v float64) uint8 { return uint8(min(255, math.Round(255*v/rec.Intensity))) }
	for _, p := range []image.Point{{0, 0}, {28, 20}, {30, 40}, {55, 63}, {20, 30}} {
		i := p.Y*sampleNx + p.X
		a, b := float64(rec.References[pos][i]), float64(rec.Results[2].Slices[pos].Magnitude[i])
		if got := ref.(*image.Gray).GrayAt(p.X, p.Y).Y; got != level(a) {
			t.Errorf("reference at %v is %d, want %d", p, got, level(a))
		}
		if got := ccdf.(*image.Gray).GrayAt(p.X, p.Y).Y; got != level(b) {
			t.Errorf("ccdf at %v is %d, want %d", p, got, level(b))
		}
		if got, want := errs.(*image.Paletted).ColorIndexAt(p.X, p.Y), level(float64(g.Gain)*math.Abs(a-b)); got != want {
			t.Errorf("error at %v is %d, want %d", p, got, want)
		}
	}
}

// Values that no window holds are drawn where they mislead least: no signal black, no error value as the largest error.
func TestWindowOfUnusualValues(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	im := window{2}.gray([]float32{-1, nan, 1, 2, inf}, 1, 5).(*image.Gray)
	if want := []byte{0, 0, 128, 255, 255}; !bytes.Equal(im.Pix, want) {
		t.Errorf("gray levels %v, want %v", im.Pix, want)
	}
	errs := window{2}.errors([]float32{0, 0, 3, inf}, []float32{-1, nan, 3, inf}, 1, 4).(*image.Paletted)
	if want := []byte{128, 255, 0, 255}; !bytes.Equal(errs.Pix, want) {
		t.Errorf("error levels %v, want %v", errs.Pix, want)
	}
	for _, intensity := range []float64{0, math.NaN(), math.Inf(1)} {
		rec := sample()
		rec.Intensity = intensity
		if g, err := NewReport(rec, Software{}).gallery(); err != nil || g.Top != "1" {
			t.Errorf("intensity %v: white at %s, error %v", intensity, g.Top, err)
		}
	}
}

// The worst and the best slice are found among those that have a PSNR; a slice that is chosen twice is shown once.
func TestChooseSlices(t *testing.T) {
	positions := func(rec *Reconstruction) (out []int) {
		for _, c := range NewReport(rec, Software{}).chooseSlices() {
			out = append(out, c.pos)
		}
		return out
	}
	rec := sample()
	if got := positions(rec); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("positions %v, want the best 0, the worst 1, the middle 2", got)
	}
	clear(rec.References[0]) // now the last is the best
	if got := positions(rec); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("positions %v with a blank first slice, want 1, 2, 3", got)
	}
	rec.References = nil
	if got := positions(rec); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("positions %v without a reference, want 1, 2, 3", got)
	}
	rec = sample()
	for s := range rec.References {
		if s != 2 { // the middle slice is then the best, too
			for i, v := range rec.References[s] {
				rec.Results[2].Slices[s].Magnitude[i] = v + 5e-4
			}
		}
	}
	if got := positions(rec); len(got) != 2 {
		t.Errorf("positions %v, want two", got)
	}
}

// The best of each column is marked, ties all of them, and a single method not at all.
func TestMethodRows(t *testing.T) {
	rec := sample()
	rec.Results = append(rec.Results, rec.Results[2])
	for i, m := range NewReport(rec, Software{}).methodRows() {
		if best := i >= 2; m.BestPSNR != best || m.BestSSIM != best || m.BestNMSE != best || m.BestSlicePSNR != best {
			t.Errorf("%s: %v, want all %v", m.Name, m, best)
		}
	}
	rec.Results = rec.Results[:1]
	if NewReport(rec, Software{}).methodRows()[0].BestPSNR {
		t.Error("the only method is called the best")
	}
}

// Brightness of the error colors rises from one to the next, up to rounding: the map reads without color.
func TestErrorColors(t *testing.T) {
	last := -1.0
	for i, c := range errorColors {
		r, g, b, _ := c.RGBA()
		luma := 0.2126*float64(r) + 0.7152*float64(g) + 0.0722*float64(b)
		if luma < last {
			t.Errorf("color %d is darker than the one before", i)
		}
		last = luma
	}
}

func TestErrorGain(t *testing.T) {
	errs := make([]float64, 1000)
	for i := range errs {
		errs[i] = float64(i%100) / 1000 // up to 0.099
	}
	for top, want := range map[float64]int{0.01: 1, 0.1: 1, 0.2: 2, 0.5: 5, 0.99: 10, 1e9: 100} {
		if got := errorGain(append([]float64(nil), errs...), top); got != want {
			t.Errorf("gain %d for errors up to 0.099 and white at %g, want %d", got, top, want)
		}
	}
	if got := errorGain(append([]float64{1e6, 1e6}, errs...), 0.99); got != 10 {
		t.Errorf("gain %d, want 10 in spite of two outliers in a thousand", got)
	}
	if got := errorGain(nil, 1); got != 1 {
		t.Errorf("gain %d of nothing", got)
	}
}
