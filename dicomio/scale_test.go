package dicomio

import (
	"testing"

	"github.com/closer-mri/closer/recon"
)

func TestScale(t *testing.T) {
	for _, c := range []struct {
		name               string
		brightest          float32
		intensity          float64
		slope              float64
		brightestAs, white float64 // stored
	}{
		{"usual", 2, 1, 1.0 / 16384, 32768, 18022},
		{"just fits", 65535.0 / 16384, 1, 1.0 / 16384, 65535, 18022},
		{"doubled once", 65536.0 / 16384, 1, 2.0 / 16384, 32768, 9011},
		{"doubled often", 4000, 1, 1024.0 / 16384, 64000, 18},
		{"zeros of a bright scan", 0, 1, 1.0 / 16384, 0, 18022},
		{"no intensity", 3, 0, 3.0 / 16384, 16384, 18022},
		{"nothing at all", 0, 0, 1, 0, 1},
		{"denormal", 1e-45, 0, 0, 16384, 18022},
	} {
		s, err := newScale(c.name, [][]float32{{0, c.brightest}}, c.intensity)
		if err != nil || c.slope != 0 && s.Slope != c.slope {
			t.Errorf("%s: slope %g, want %g: %v", c.name, s.Slope, c.slope, err)
		}
		raw := s.store([]float32{c.brightest})
		if got := float64(raw[0]) + 256*float64(raw[1]); got != c.brightestAs {
			t.Errorf("%s: stored %g, want %g", c.name, got, c.brightestAs)
		}
		if center, width := s.window(); width != c.white+1 || center != (c.white+1)/2 {
			t.Errorf("%s: window %g %g", c.name, center, width)
		}
	}
}

func TestZeroImagesAreValidObjects(t *testing.T) {
	tool(t, "dciodvfy", "dicom3tools")
	rec := sample("AXT1", 8, 8, func(r *recon.Reconstruction) {
		r.Intensity = 0
		for i := range r.Results {
			for k := range r.Results[i].Slices {
				clear(r.Results[i].Slices[k].Magnitude)
			}
		}
	})
	for _, s := range writeAll(t, t.TempDir(), rec, testOptions) {
		if lines := complaints(t, "dciodvfy", s.Files[0].Path); lines != nil {
			t.Errorf("%s: %v", s.Name, lines)
		}
	}
}
