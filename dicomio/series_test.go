package dicomio

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
)

// parseFile parses a file that must be readable.
func parseFile(t *testing.T, path string) Instance {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestStoredTimesSlopeIsTheValue(t *testing.T) {
	for kind, rec := range kinds() {
		for _, s := range writeAll(t, t.TempDir(), rec, testOptions) {
			for i, f := range s.Files {
				got, want := parseFile(t, f.Path).Frames[0].Pixels, seriesImages(rec, s.Name)[i]
				for k := range want {
					if diff := math.Abs(float64(got[k])*s.Slope - float64(want[k])); diff > s.Slope/2*(1+1e-9) {
						t.Fatalf("%s %s slice %d pixel %d: %g is off by %g, step %g", kind, s.Name, i, k, want[k], diff, s.Slope)
					}
				}
			}
		}
	}
}

func TestSeriesOfAScanShareScaleAndWindow(t *testing.T) {
	rec := sample("AXFLAIR", 32, 40, nil)
	all := writeAll(t, t.TempDir(), rec, testOptions)
	for _, s := range all {
		if want := rec.Intensity / 16384; s.Slope != want {
			t.Errorf("%s has slope %g, want %g", s.Name, s.Slope, want)
		}
	}
	r := pydicom(t, []File{all[0].Files[0], all[1].Files[0]})
	for _, w := range r {
		low, high := w.Window[0]-0.5-(w.Window[1]-1)/2, w.Window[0]-0.5+(w.Window[1]-1)/2
		if low != 0 || math.Abs(high*w.Slope/rec.Intensity-1.1) > 1e-4 {
			t.Errorf("window %v shows %g to %g", w.Window, low*w.Slope, high*w.Slope)
		}
	}
}

func TestUIDs(t *testing.T) {
	valid := regexp.MustCompile(`^2\.25\.(0|[1-9][0-9]*)$`)
	write := func(change func(*recon.Reconstruction), opts Options) []Series {
		return writeAll(t, t.TempDir(), sample("AXT2", 16, 16, change), opts)
	}
	base := write(nil, testOptions)
	owner := map[string]string{}
	for _, s := range base {
		if s.StudyUID != base[0].StudyUID || s.FrameUID != base[0].FrameUID {
			t.Errorf("%s does not share the study or the frame of reference", s.Name)
		}
		uids := map[string]string{s.SeriesUID: s.Name}
		for _, f := range s.Files {
			uids[f.InstanceUID] = f.Path
		}
		for uid, name := range uids {
			if !valid.MatchString(uid) || len(uid) > 64 {
				t.Errorf("%s: %q is not a valid UID", name, uid)
			}
			if other, taken := owner[uid]; taken {
				t.Errorf("%s and %s share a UID", name, other)
			}
			owner[uid] = name
		}
	}
	for _, c := range []struct {
		name   string
		change func(*recon.Reconstruction)
		opts   Options
		same   bool // as base, for the method ccdf
		study  bool
	}{
		{"another time", nil, Options{Software: testOptions.Software, Now: now.Add(time.Hour)}, true, true},
		{"another program", nil, Options{Software: "closer 2", Now: now}, false, true},
		{"another seed", func(r *recon.Reconstruction) { r.Results[1].Method.Seed++ }, testOptions, false, true},
		{"another mask", func(r *recon.Reconstruction) { r.Sampling.Columns[1] = true }, testOptions, false, true},
		{"another network", func(r *recon.Reconstruction) { r.Results[1].Method.Models[0].SHA256 = strings.Repeat("0", 64) }, testOptions, false, true},
		{"another pixel", func(r *recon.Reconstruction) { r.Results[1].Slices[0].Magnitude[5] *= 1.01 }, testOptions, false, true},
		{"another scale", func(r *recon.Reconstruction) { r.Intensity *= 2 }, testOptions, false, true},
		{"another input", func(r *recon.Reconstruction) { r.Header.SHA256 = strings.Repeat("9", 64) }, testOptions, false, false},
	} {
		s := write(c.change, c.opts)[1]
		if (s.SeriesUID == base[1].SeriesUID) != c.same || (s.Files[0].InstanceUID == base[1].Files[0].InstanceUID) != c.same {
			t.Errorf("%s: same series %v, want %v", c.name, !c.same, c.same)
		}
		if (s.StudyUID == base[1].StudyUID) != c.study || (s.FrameUID == base[1].FrameUID) != c.study {
			t.Errorf("%s: same study %v, want %v", c.name, !c.study, c.study)
		}
	}
}

func TestSameInputGivesSameBytes(t *testing.T) {
	for _, opts := range []Options{testOptions, {}} {
		a := writeAll(t, t.TempDir(), sample("CORPD_FBK", 24, 20, nil), opts)
		b := writeAll(t, t.TempDir(), sample("CORPD_FBK", 24, 20, nil), opts)
		for i := range a {
			for k := range a[i].Files {
				x, _ := os.ReadFile(a[i].Files[k].Path)
				y, err := os.ReadFile(b[i].Files[k].Path)
				if err != nil || !bytes.Equal(x, y) {
					t.Errorf("%s file %d differs: %v", a[i].Name, k, err)
				}
				// Two runs within a second would not show a clock that is not the caller's.
				if dated := bytes.Contains(x, []byte("\x08\x00\x33\x00TM\x06\x00"+now.Format("150405"))); dated == opts.Now.IsZero() {
					t.Errorf("%s file %d: ContentTime is the caller's: %v", a[i].Name, k, dated)
				}
			}
		}
	}
}

func TestFilesAreNamedByInstance(t *testing.T) {
	dir := t.TempDir()
	rec := sample("AXT1", 8, 8, func(r *recon.Reconstruction) { r.Indices, r.Header.Slices = []int{4, 5, 6}, 12 })
	s, err := WriteSeries(context.Background(), dir, rec, &rec.Results[0], testOptions)
	if err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(names) != 3 || len(hidden) != 0 || filepath.Base(names[0]) != "0005.dcm" || s.Files[2].Number != 7 {
		t.Errorf("files %v %v of %+v", names, hidden, s.Files)
	}
}

// A folder is one series, whatever was in it; what is not ours stays.
func TestFolderIsOneSeries(t *testing.T) {
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes.dcm")
	if err := os.WriteFile(notes, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		indices  []int
		enhanced bool
		want     []string
	}{
		{[]int{4, 5, 6}, false, []string{"0005.dcm", "0006.dcm", "0007.dcm"}},
		{[]int{5, 7, 8}, false, []string{"0006.dcm", "0008.dcm", "0009.dcm"}},
		{[]int{5, 7, 8}, true, []string{"0001.dcm"}},
	} {
		rec := sample("AXT1", 8, 8, func(r *recon.Reconstruction) { r.Indices, r.Header.Slices = c.indices, 12 })
		opts := testOptions
		opts.Enhanced = c.enhanced
		if _, err := WriteSeries(t.Context(), dir, rec, &rec.Results[0], opts); err != nil {
			t.Fatal(err)
		}
		found, _ := filepath.Glob(filepath.Join(dir, "*"))
		for i := range found {
			found[i] = filepath.Base(found[i])
		}
		if want := append(c.want, "notes.dcm"); !slices.Equal(found, want) {
			t.Errorf("%v, want %v", found, want)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for name, change := range map[string]func(*recon.Reconstruction){
		"NaN":        func(r *recon.Reconstruction) { r.Results[0].Slices[1].Magnitude[3] = nan },
		"infinity":   func(r *recon.Reconstruction) { r.Results[0].Slices[1].Magnitude[3] = float32(math.Inf(1)) },
		"negative":   func(r *recon.Reconstruction) { r.Results[0].Slices[1].Magnitude[3] = -1e-9 },
		"size":       func(r *recon.Reconstruction) { r.Results[0].Slices[1].Magnitude = make([]float32, 3) },
		"no slices":  func(r *recon.Reconstruction) { r.Results[0].Slices = nil },
		"no digest":  func(r *recon.Reconstruction) { r.Header.SHA256 = "" },
		"no indices": func(r *recon.Reconstruction) { r.Indices = nil },
		"no name":    func(r *recon.Reconstruction) { r.Results[0].Method.Name = "" },
	} {
		dir := filepath.Join(t.TempDir(), "series")
		rec := sample("AXT1", 8, 8, change)
		_, err := WriteSeries(context.Background(), dir, rec, &rec.Results[0], testOptions)
		if recon.CodeOf(err) != recon.Internal {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: something was written", name)
		}
	}
	rec := sample("AXT1", 8, 8, func(r *recon.Reconstruction) { r.References = nil })
	if _, err := WriteReference(context.Background(), t.TempDir(), rec, testOptions); recon.CodeOf(err) != recon.NotFound {
		t.Errorf("no reference: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := WriteSeries(ctx, t.TempDir(), rec, &rec.Results[0], testOptions); err != context.Canceled {
		t.Errorf("canceled: %v", err)
	}
}

// TestProvenanceIsComplete reads the longest story that a run can have: it must not lose its end, where the networks are.
func TestProvenanceIsComplete(t *testing.T) {
	rec := sample("AXFLAIR", 8, 8, func(r *recon.Reconstruction) { r.Header.Simulated = true })
	story := methodStory(rec, &rec.Results[1])
	for _, want := range []string{"ccdf", "sampler pc", "20 steps", "t0 0.02 of 1000", "seed 3", "41 network evaluations", "92 of 368",
		"acceleration 4", "nominal 4", "gaussian1d", "scanner-grid", "unet-small", strings.Repeat("ab", 32), strings.Repeat("cd", 32), "simulated"} {
		if !strings.Contains(story, want) {
			t.Errorf("%q is not in %q", want, story)
		}
	}
	if text(story, maxST) != story {
		t.Errorf("%d bytes are too many", len(story))
	}
}

// Who reads a series is told, in its name too, that noise was filtered out of it.
func TestDenoisedIsSaid(t *testing.T) {
	rec := sample("AXFLAIR", 8, 8, nil)
	for _, denoised := range []bool{false, true} {
		rec.Results[1].Method.Denoised = denoised
		title, story := methodTitle(rec, &rec.Results[1]), methodStory(rec, &rec.Results[1])
		if strings.Contains(title, "denoised") != denoised || strings.Contains(story, "noise of the measurement filtered out") != denoised {
			t.Errorf("denoised %v: %q, %q", denoised, title, story)
		}
	}
}
