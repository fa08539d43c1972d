package dicomio

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
)

// shared is a directory of files written by scanners and other libraries, outside the repository.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../shared/data/dicom")
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		t.Skip("the scanners' files are not here (../shared/data/dicom)")
	}
	return dir
}

func TestReadReturnsWhatWasWritten(t *testing.T) {
	rec := sample("AXFLAIR", 24, 40, nil)
	dir := t.TempDir()
	s, err := WriteSeries(context.Background(), dir, rec, &rec.Results[1], testOptions)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("not an image"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The order of names is not that of slices.
	if err := os.Rename(s.Files[0].Path, filepath.Join(dir, "z.dcm")); err != nil {
		t.Fatal(err)
	}
	v, err := Read(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if v.Rows != 24 || v.Cols != 40 || len(v.Slices) != 3 || v.Thickness != 5 || v.BodyPart != "BRAIN" || v.Sequence != rec.Header.Sequence ||
		v.Field != rec.Header.Field || !close(v.Spacing[:], rec.Header.PixelSpacing[:]) {
		t.Errorf("%d by %d by %d, spacing %v, %+v", len(v.Slices), v.Rows, v.Cols, v.Spacing, v.Sequence)
	}
	for i, pixels := range v.Slices {
		for k, stored := range pixels {
			if want := rec.Results[1].Slices[i].Magnitude[k]; math.Abs(float64(stored)*s.Slope-float64(want)) > s.Slope/2*(1+1e-9) {
				t.Fatalf("slice %d pixel %d: %g, want %g", i, k, float64(stored)*s.Slope, want)
			}
		}
	}
	again, err := Read(context.Background(), dir)
	if err != nil || again.SHA256 != v.SHA256 || len(v.SHA256) != 64 {
		t.Errorf("identity %q, then %q: %v", v.SHA256, again.SHA256, err)
	}
}

// TestScannersFiles reads one image in the encodings that store pixels as they are: all must give the same pixels.
func TestScannersFiles(t *testing.T) {
	dir := shared(t)
	for _, group := range []struct {
		files []string
		n     int
	}{
		{[]string{"siemens_ts_1", "siemens_ts_2", "siemens_ts_3"}, 384},
		{[]string{"pydicom_MR_small", "pydicom_MR_small_implicit", "pydicom_MR_small_bigendian"}, 64},
		{[]string{"ge_rtia_epi"}, 64},
	} {
		var first Volume
		for i, name := range group.files {
			path := filepath.Join(dir, name+".dcm")
			v, err := Read(context.Background(), path)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if v.Rows != group.n || v.Cols != group.n || len(v.Slices) != 1 || v.Spacing[0] == 0 || v.Thickness == 0 {
				t.Errorf("%s: %d images of %d by %d, spacing %v, thickness %g", name, len(v.Slices), v.Rows, v.Cols, v.Spacing, v.Thickness)
			}
			if want := pydicomPixels(t, path); want != "" && want != fmt.Sprint(moments(v.Slices[0])) {
				t.Errorf("%s: pixels %v, pydicom has %s", name, moments(v.Slices[0]), want)
			}
			if i == 0 {
				first = v
				continue
			}
			for k := range first.Slices[0] {
				if v.Slices[0][k] != first.Slices[0][k] {
					t.Fatalf("%s: pixel %d is %g, not %g", name, k, v.Slices[0][k], first.Slices[0][k])
				}
			}
		}
	}
}

// moments are sums over the pixels that depend on every one of them and its place, and are exact in double precision.
func moments(pixels []float32) [4]int {
	m := [4]int{math.MaxInt, math.MinInt, 0, 0}
	for i, p := range pixels {
		v := int(p)
		m[0], m[1], m[2], m[3] = min(m[0], v), max(m[1], v), m[2]+v, m[3]+v*(i%1009)
	}
	return m
}

// pydicomPixels is moments as pydicom sees the file, "" when pydicom is not installed.
func pydicomPixels(t *testing.T, path string) string {
	const script = `
import sys, numpy, pydicom
p = pydicom.dcmread(sys.argv[1]).pixel_array.astype(numpy.int64).ravel()
print("[%d %d %d %d]" % (p.min(), p.max(), p.sum(), (p * (numpy.arange(p.size) % 1009)).sum()))`
	out, err := exec.Command("/usr/bin/python3", "-c", script, path).Output()
	if err != nil {
		t.Logf("pydicom cannot tell: %v", err)
		return ""
	}
	return strings.TrimSpace(string(out))
}

func TestEnhancedMR(t *testing.T) {
	path := filepath.Join(shared(t), "siemens_xa10_enh_6_1.dcm")
	v, err := Read(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Slices) != 6 || v.Rows != 64 || v.Cols != 64 || v.Spacing[0] == 0 || v.Thickness == 0 {
		t.Errorf("%d frames of %d by %d, spacing %v, thickness %g", len(v.Slices), v.Rows, v.Cols, v.Spacing, v.Thickness)
	}
	if want := (recon.Sequence{TR: 500, TE: 30, FlipAngle: 52, EchoTrainLength: 56}); v.Sequence != want || v.Field != 3 {
		t.Errorf("%+v at %g T, not %+v", v.Sequence, v.Field, want)
	}
	in := parseFile(t, path)
	for i, f := range in.Frames {
		if !f.Placed {
			t.Errorf("frame %d has no place", i)
		}
	}
}

// TestTransferSyntaxes converts one of our own files with dcmtk and reads it back.
func TestTransferSyntaxes(t *testing.T) {
	tool(t, "dcmconv", "dcmtk")
	dir := t.TempDir()
	s := writeAll(t, dir, sample("AXT1", 20, 31, nil), testOptions)[1]
	want := parseFile(t, s.Files[0].Path)
	for name, flags := range map[string][]string{
		"explicit little": {"+te"}, "explicit big": {"+tb"}, "implicit": {"+ti"}, "deflated": {"+td"},
		"lengths explicit": {"+te", "+e"}, "lengths undefined": {"+tb", "-e"}, "implicit with lengths": {"+ti", "+e"},
	} {
		path := filepath.Join(dir, "converted.dcm")
		if out, err := exec.Command("dcmconv", append(flags, s.Files[0].Path, path)...).CombinedOutput(); err != nil {
			t.Fatalf("dcmconv %v: %v\n%s", flags, err, out)
		}
		got := parseFile(t, path)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestReadSorts(t *testing.T) {
	place := func(z float64, number int, uid string) source {
		return source{Instance: Instance{UID: uid, Number: number, Rows: 1, Cols: 1, Frames: []Frame{{
			Pixels: []float32{float32(z + 10)}, Placed: true, Row: [3]float64{1, 0, 0}, Col: [3]float64{0, 0, -1}, Position: [3]float64{5, z, -3},
		}}}}
	}
	v, err := assemble([]source{place(4, 1, "a"), place(-2, 2, "b"), place(4, 0, "c"), place(0.5, 9, "d"), place(4, 1, "a")})
	if err != nil || len(v.Slices) != 4 || v.Slices[0][0] != 8 || v.Slices[1][0] != 10.5 || v.Slices[3][0] != 14 {
		t.Errorf("%v: %v", v.Slices, err)
	}
	other := place(1, 1, "e")
	other.Frames[0].Col = [3]float64{0, 1, 0}
	if _, err := assemble([]source{place(0, 0, "a"), other}); recon.CodeOf(err) != recon.Invalid {
		t.Errorf("two planes: %v", err)
	}
	other = place(1, 1, "e")
	other.SeriesUID = "1.2"
	if _, err := assemble([]source{place(0, 0, "a"), other}); recon.CodeOf(err) != recon.Invalid {
		t.Errorf("two series: %v", err)
	}
	other = place(1, 1, "e")
	other.Cols = 2
	if _, err := assemble([]source{place(0, 0, "a"), other}); recon.CodeOf(err) != recon.Invalid {
		t.Errorf("two sizes: %v", err)
	}
}

func TestReadRefusesWhatIsNotThere(t *testing.T) {
	ctx := context.Background()
	if _, err := Read(ctx, filepath.Join(t.TempDir(), "Doe^John.dcm")); recon.CodeOf(err) != recon.NotFound || strings.Contains(err.Error(), "Doe") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Read(ctx, t.TempDir()); recon.CodeOf(err) != recon.Invalid {
		t.Errorf("empty directory: %v", err)
	}
	dir := t.TempDir()
	writeAll(t, dir, sample("AXT1", 8, 8, nil), testOptions)
	if _, err := Read(ctx, dir); recon.CodeOf(err) != recon.Invalid || !strings.Contains(err.Error(), "more than one series") {
		t.Errorf("several series: %v", err)
	}
	if err := os.Truncate(filepath.Join(dir, "ccdf", "0002.dcm"), 900); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(ctx, filepath.Join(dir, "ccdf")); recon.CodeOf(err) != recon.Invalid || !strings.Contains(err.Error(), "file 2 of 3") {
		t.Errorf("truncated file: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Nanosecond)
	defer cancel()
	if _, err := Read(ctx, filepath.Join(dir, "zero-filled")); recon.CodeOf(err) != recon.Canceled {
		t.Errorf("canceled: %v", err)
	}
}
