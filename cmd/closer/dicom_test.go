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
	if unit := slices.Max(from.Pixels) / slices.Max(to.Pixels); math.Abs(realWorldSlope(t, filepath.Join(out, "dicom", "reference", "0001.dcm"))/float64(unit)-1) > 2e-3 {
		t.Errorf("the real-world value of a step is not the %g of the source", unit)
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

// realWorldSlope is the value of a stored step.
func realWorldSlope(t *testing.T, path string) float64 {
	t.Helper()
	set, err := dicomio.ReadDataSet(read(t, path), 64)
	if err != nil {
		t.Fatal(err)
	}
	mapping, _ := set.Find(0x00409096)
	slope, _ := mapping.Items[0].Find(0x00409225)
	return math.Float64frombits(le.LittleEndian.Uint64(slope.Value))
}

// TestReconOfDICOMSaysOrRefuses: a report says that values below zero were set to 0, and one enhanced object of several images at a position
// is refused before anything is reconstructed.
func TestReconOfDICOMSaysOrRefuses(t *testing.T) {
	file := oblong(t, 64)
	pixels := bytes.LastIndex(file, []byte("\xe0\x7f\x10\x00OW\x00\x00")) + 12
	le.LittleEndian.PutUint16(file[pixels:], 0xFFFF) // −1, as the pixels are signed
	dir := t.TempDir()
	for i, uid := range []string{"1.2.840", "1.2.841"} {
		copied := bytes.Clone(file)
		at := bytes.Index(copied, []byte("\x08\x00\x18\x00UI"))
		size := int(le.LittleEndian.Uint16(copied[at+6:]))
		copy(copied[at+8:at+8+size], append([]byte(uid), make([]byte, size-len(uid))...))
		if err := os.WriteFile(filepath.Join(dir, []string{"a", "b"}[i]), copied, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := t.TempDir()
	closer(t, "recon", dir, "-o", out, "--method", "zero-filled", "--accel", "2")
	if report := string(read(t, out, "report.json")); !strings.Contains(report, "2 pixels of the source") {
		t.Error("the report does not say that values were below zero")
	}
	if _, stderr, err := try("recon", dir, "-o", t.TempDir(), "--method", "zero-filled", "--accel", "2", "--enhanced"); err == nil || !strings.Contains(stderr, "cannot tell apart") {
		t.Errorf("two images at one position: %v %s", err, stderr)
	}
}
