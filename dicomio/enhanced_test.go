package dicomio

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// writeEnhanced writes every series of rec as enhanced objects.
func writeEnhanced(t *testing.T, rec *recon.Reconstruction) []Series {
	t.Helper()
	opts := testOptions
	opts.Enhanced = true
	return writeAll(t, t.TempDir(), rec, opts)
}

// An enhanced object shows the same pixels at the same places as the classic ones, and is not of their series.
func TestEnhancedShowsWhatClassicShows(t *testing.T) {
	for kind, rec := range kinds() {
		classic := writeAll(t, t.TempDir(), rec, testOptions)
		for i, s := range writeEnhanced(t, rec) {
			if len(s.Files) != 1 || s.SeriesUID == classic[i].SeriesUID || s.StudyUID != classic[i].StudyUID || s.Slope != classic[i].Slope {
				t.Errorf("%s %s: %+v", kind, s.Name, s)
			}
			object := parseFile(t, s.Files[0].Path)
			if object.Class != enhancedMRImageStorage || len(object.Frames) != len(rec.Indices) {
				t.Fatalf("%s %s: %d frames of class %s", kind, s.Name, len(object.Frames), object.Class)
			}
			for k, f := range classic[i].Files {
				want, got := parseFile(t, f.Path).Frames[0], object.Frames[k]
				if !slices.Equal(got.Pixels, want.Pixels) || got.Spacing != want.Spacing || got.Position != want.Position || got.Row != want.Row || got.Col != want.Col {
					t.Errorf("%s %s: frame %d differs", kind, s.Name, k)
				}
			}
		}
	}
}

func TestEnhancedConforms(t *testing.T) {
	tool(t, "dciodvfy", "dicom3tools")
	for kind, rec := range kinds() {
		var files []string
		for _, s := range writeEnhanced(t, rec) {
			files = append(files, s.Files[0].Path)
			for _, line := range complaints(t, "dciodvfy", s.Files[0].Path) {
				t.Errorf("%s %s: %s", kind, s.Name, line)
			}
		}
		for _, line := range complaints(t, "dcentvfy", files...) {
			t.Errorf("%s: %s", kind, line)
		}
	}
}

// dcm2niix finds an enhanced object where its source is.
func TestEnhancedLiesWhereItsSourceDoes(t *testing.T) {
	tool(t, "dcm2niix", "dcm2niix")
	path := obliqueSeries(t, 24, 16)
	_, s := carriedSeries(t, path, false, true)
	want, size := affine(t, path)
	got, gotSize := affine(t, filepath.Dir(s.Files[0].Path))
	if size != gotSize {
		t.Errorf("size %v, want %v", gotSize, size)
	}
	for i := range want {
		for j := range want[i] {
			if math.Abs(got[i][j]-want[i][j]) > 1e-3 {
				t.Fatalf("affine %v, want %v", got, want)
			}
		}
	}
}
