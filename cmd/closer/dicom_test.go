package main_test

import (
	"bytes"
	le "encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/closer-mri/closer/dicomio"
)

// oblong returns a scanner's file with its image cut to the given number of rows.
func oblong(t *testing.T, rows int) []byte {
	t.Helper()
	file, err := os.ReadFile("../../../shared/data/dicom/ge_rtia_epi.dcm")
	if err != nil {
		t.Skip("the scanners' files are not here (../shared/data/dicom)")
	}
	at := bytes.Index(file, []byte("\x28\x00\x10\x00US\x02\x00"))
	le.LittleEndian.PutUint16(file[at+8:], uint16(rows))
	pixels := bytes.LastIndex(file, []byte("\xe0\x7f\x10\x00OW\x00\x00"))
	size := rows * 64 * 2
	le.LittleEndian.PutUint32(file[pixels+8:], uint32(size))
	return file[:pixels+12+size]
}

func parse(t *testing.T, path string) dicomio.Instance {
	t.Helper()
	in, err := dicomio.Parse(read(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// TestReconOfDICOM follows a patient's image through the program: the pixels stay where they are in the patient, the patient
// stays in the objects, and nothing of the patient gets into the rest of the output.
func TestReconOfDICOM(t *testing.T) {
	dir := t.TempDir()
	input := filepath.Join(dir, "in.dcm")
	if err := os.WriteFile(input, oblong(t, 47), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	stdout, stderr, err := try("recon", input, "-o", out, "--method", "zero-filled", "--accel", "2")
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	hidden := filepath.Join(dir, "hidden")
	closer(t, "recon", input, "-o", hidden, "--method", "zero-filled", "--accel", "2", "--deidentify")
	for _, name := range []string{"reference", "zero-filled"} {
		if object := read(t, hidden, "dicom", name, "0001.dcm"); bytes.Contains(object, []byte("Phantom^GE")) || bytes.Contains(object, []byte("Test01")) {
			t.Errorf("%s tells the patient although it should not", name)
		}
	}
	source, result := parse(t, input), parse(t, filepath.Join(out, "dicom", "reference", "0001.dcm"))
	from, to := source.Frames[0], result.Frames[0]
	if result.Rows != 64 || result.Cols != 64 || from.Spacing != to.Spacing {
		t.Fatalf("%d by %d, spacing %v and %v", result.Rows, result.Cols, from.Spacing, to.Spacing)
	}
	step := [2]int{ // in whole pixels, as this image is axial
		int(math.Round((from.Position[1] - to.Position[1]) / to.Spacing[0])),
		int(math.Round((from.Position[0] - to.Position[0]) / to.Spacing[1])),
	}
	scale := slices.Max(from.Pixels) / slices.Max(to.Pixels)
	for y := range source.Rows {
		for x := range source.Cols {
			want, got := from.Pixels[y*source.Cols+x], scale*to.Pixels[(y+step[0])*64+x+step[1]]
			if math.Abs(float64(got-want)) > 2e-3*float64(slices.Max(from.Pixels)) {
				t.Fatalf("pixel %d, %d is %g, not %g, with the source %v pixels inside", y, x, got, want, step)
			}
		}
	}
	if object := read(t, out, "dicom", "zero-filled", "0001.dcm"); !bytes.Contains(object, []byte("Phantom^GE")) || !bytes.Contains(object, []byte("Test01")) {
		t.Error("the patient did not travel")
	}
	for name, text := range map[string]string{
		"stdout": stdout, "stderr": stderr, "report.json": string(read(t, out, "report.json")), "report.html": string(read(t, out, "report.html")),
	} {
		if strings.Contains(text, "Phantom^GE") || strings.Contains(text, "Test01") {
			t.Errorf("%s names the patient", name)
		}
	}
}
