package dicomio

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// readback is what testdata/readback.py prints.
type readback struct {
	Rows, Cols, Number                  int
	Bits                                []int
	Study, Series, Instance, Frame      string
	Meta, Description                   string
	SeriesNumber                        int      `json:"series_number"`
	ImageType                           []string `json:"image_type"`
	Spacing, Position, Orientation      []float64
	Thickness, Slope                    float64
	Window                              []float64
	Rescale                             bool
	Derivation, Comments, Qualification string
	Pixels                              string
}

// pydicom reads files with Debian's pydicom.
func pydicom(t *testing.T, files []File) []readback {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import pydicom, numpy").Run(); err != nil {
		t.Skip("pydicom is not installed (Debian packages python3-pydicom and python3-numpy)")
	}
	args := []string{"testdata/readback.py"}
	for _, f := range files {
		args = append(args, f.Path)
	}
	cmd := exec.Command(python, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("pydicom: %v\n%s", err, &stderr)
	}
	var all []readback
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var r readback
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// TestPydicomReadsBack checks the objects through an independent reader, against what went in and against the defects of other
// writers: identifiers that differ between header and file meta information, an invented ImageType, a position that is the
// slice's centre, rows and columns of the spacing exchanged, 32-bit or signed pixels, clipping, and no way back to values.
func TestPydicomReadsBack(t *testing.T) {
	for kind, rec := range kinds() {
		t.Run(kind, func(t *testing.T) {
			g := newGeometry(rec.Header)
			all := writeAll(t, t.TempDir(), rec, testOptions)
			var files []File
			for _, s := range all {
				files = append(files, s.Files...)
			}
			read := pydicom(t, files) // all at once: starting Python costs more than reading
			for _, s := range all {
				for i := range s.Files {
					r := read[0]
					read = read[1:]
					if rows, columns := g.turning.shape(rec.Ny, rec.Nx); r.Rows != rows || r.Cols != columns || !slices.Equal(r.Bits, []int{16, 16, 15, 0}) {
						t.Errorf("%s: %d by %d pixels of %v bits", s.Name, r.Rows, r.Cols, r.Bits)
					}
					if r.Study != s.StudyUID || r.Series != s.SeriesUID || r.Frame != s.FrameUID || r.Instance != s.Files[i].InstanceUID || r.Meta != r.Instance {
						t.Errorf("%s: UIDs differ from those returned: %+v", s.Name, r)
					}
					if want := []string{"DERIVED", "SECONDARY", "OTHER", code(s.Name)}; !slices.Equal(r.ImageType, want) {
						t.Errorf("%s: ImageType %v, want %v", s.Name, r.ImageType, want)
					}
					if r.Number != s.Files[i].Number || r.SeriesNumber != s.Number || r.Description != s.Description {
						t.Errorf("%s: number %d, series %d %q", s.Name, r.Number, r.SeriesNumber, r.Description)
					}
					if !strings.Contains(r.Description, "RESEARCH") || r.Qualification != "RESEARCH" || !strings.Contains(r.Comments, "Not for diagnostic use") || strings.Contains(r.Comments, "Nominal geometry") != (rec.Header.Placement == nil) {
						t.Errorf("%s is not labelled: %q %q %q", s.Name, r.Description, r.Qualification, r.Comments)
					}
					if warned := rec.Warning() != "" && s.Name != "reference"; strings.Contains(r.Comments, "coil maps are unreliable") != warned {
						t.Errorf("%s of %d coils: %q", s.Name, rec.Header.Coils, r.Comments)
					}
					for _, label := range []string{r.Description, r.Comments} {
						if rec.Header.Simulated && !strings.Contains(strings.ToLower(label), "simulated") && !strings.Contains(label, "Phantom") {
							t.Errorf("%s does not say that it is simulated: %q", s.Name, label)
						}
					}
					if !close(r.Spacing, g.Spacing[:]) || r.Thickness != g.Thickness {
						t.Errorf("%s: spacing %v, thickness %g, want %v, %g", s.Name, r.Spacing, r.Thickness, g.Spacing, g.Thickness)
					}
					if p := g.position(rec.Indices[i]%rec.Header.Stack(), rec.Header.Stack(), rec.Ny, rec.Nx); !close(r.Position, p[:]) {
						t.Errorf("%s: position %v, want %v", s.Name, r.Position, p)
					}
					if r.Rescale {
						t.Errorf("%s has a Rescale attribute, which classic MR does not have", s.Name)
					}
					images := seriesImages(rec, s.Name)
					sum := sha256.Sum256(scale{Slope: r.Slope}.store(images[i]))
					if r.Slope != s.Slope || r.Pixels != hex.EncodeToString(sum[:]) {
						t.Errorf("%s: pixels differ", s.Name)
					}
				}
			}
		})
	}
}

// close compares values that went through decimal strings.
func close(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) <= 1e-9*max(1, math.Abs(x)) })
}
