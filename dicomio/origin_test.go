package dicomio

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/recon"
)

// obliqueSeries writes a series of a patient: 4 slices of rows by cols pixels in a plane that is tilted about two axes.
func obliqueSeries(t *testing.T, rows, cols int) string {
	t.Helper()
	dir := t.TempDir()
	a, b := 0.3, -0.2
	row := [3]float64{math.Cos(a), math.Sin(a), 0}
	col := [3]float64{-math.Sin(a) * math.Cos(b), math.Cos(a) * math.Cos(b), math.Sin(b)}
	normal := vector.Cross(row, col)
	for i := range 4 {
		c := smallMR()
		c.replace(tag.Rows, []int{rows})
		c.replace(tag.Columns, []int{cols})
		c.replace(tag.PixelSpacing, []string{"1.25", "0.75"})
		c.replace(tag.SpacingBetweenSlices, []string{"5.5"})
		c.replace(tag.ImagePositionPatient, decimals(-40+5.5*float64(i)*normal[0], -60+5.5*float64(i)*normal[1], 20+5.5*float64(i)*normal[2]))
		c.replace(tag.ImageOrientationPatient, decimals(append(row[:], col[:]...)...))
		c.replace(tag.InstanceNumber, []string{fmt.Sprint(i + 1)})
		c.str(tag.SOPInstanceUID, fmt.Sprintf("1.2.3.%d", i+1))
		c.str(tag.StudyInstanceUID, "1.2.99")
		c.str(tag.FrameOfReferenceUID, "1.2.98")
		c.str(tag.PatientID, "MRN-4711")
		c.str(tag.PatientBirthDate, "19700230x") // no date: it must not make our objects invalid
		c.str(tag.PatientSex, "F")
		c.str(tag.StudyDate, "20200102")
		c.str(tag.StudyTime, "030405")
		c.str(tag.StudyID, "7")
		c.str(tag.BodyPartExamined, "BRAIN")
		c.str(tag.SeriesDescription, "t2 of JANE")
		c.str(tag.Modality, "MR")
		c.str(tag.PatientPosition, "HFS")
		c.str(tag.Manufacturer, "SIEMENS")
		c.pixels = nil
		for k := range rows * cols {
			c.pixels = binary.LittleEndian.AppendUint16(c.pixels, uint16((k*7+i*31)%1000+50))
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.dcm", 4-i)), c.bytes(t, "1.2.840.10008.1.2.1"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// carriedSeries writes images of (ny, nx) pixels made from the volume at path.
func carriedSeries(t *testing.T, path string, square, enhanced bool) (Volume, Series) {
	t.Helper()
	v, err := Read(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	ny, nx := v.Rows, v.Cols
	if square {
		ny, nx = max(ny, nx), max(ny, nx)
	}
	rec := sample("", ny, nx, func(rec *recon.Reconstruction) {
		rec.Header.Format, rec.Header.Simulated, rec.Header.Slices = "dicom", true, len(v.Slices)
		rec.Header.PixelSpacing, rec.Header.Thickness = v.Spacing, v.Thickness
		image := rec.Results[1].Slices[0]
		rec.Indices, rec.Results[1].Slices, rec.References = nil, nil, nil
		for i := range v.Slices {
			rec.Indices, rec.Results[1].Slices = append(rec.Indices, i), append(rec.Results[1].Slices, image)
		}
	})
	opts := testOptions
	opts.Origin, opts.Enhanced = v.Origin, enhanced
	s, err := WriteSeries(context.Background(), t.TempDir(), rec, &rec.Results[1], opts)
	if err != nil {
		t.Fatal(err)
	}
	return v, s
}

// affine is the matrix, index to patient, that dcm2niix finds for a file or directory, and the size of its image.
func affine(t *testing.T, path string) (m [3][4]float64, size [3]int) {
	t.Helper()
	out := t.TempDir()
	args := []string{"-z", "n", "-b", "n", "-f", "x", "-o", out}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		args = append(args, "-s", "y")
	}
	text, err := exec.Command("dcm2niix", append(args, path)...).CombinedOutput()
	if err != nil {
		t.Fatalf("dcm2niix: %v\n%s", err, text)
	}
	found, _ := filepath.Glob(filepath.Join(out, "*.nii"))
	if len(found) != 1 {
		t.Fatalf("dcm2niix wrote %d images\n%s", len(found), text)
	}
	header, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range m {
		size[i] = int(binary.LittleEndian.Uint16(header[42+2*i:]))
		for j := range m[i] { // srow_x, srow_y, srow_z
			m[i][j] = float64(math.Float32frombits(binary.LittleEndian.Uint32(header[280+16*i+4*j:])))
		}
	}
	return m, size
}

// TestResultsLieWhereTheirSourceDoes compares what dcm2niix, which knows nothing of this program, makes of both.
func TestResultsLieWhereTheirSourceDoes(t *testing.T) {
	tool(t, "dcm2niix", "dcm2niix")
	for name, path := range map[string]string{
		"oblique": obliqueSeries(t, 24, 24), "oblique and oblong": obliqueSeries(t, 24, 16),
		"GE": filepath.Join(shared(t), "ge_rtia_epi.dcm"), "enhanced Siemens": filepath.Join(shared(t), "siemens_xa10_enh_6_1.dcm"),
		"MR_small": filepath.Join(shared(t), "pydicom_MR_small.dcm"),
	} {
		_, s := carriedSeries(t, path, false, false)
		want, size := affine(t, path)
		got, gotSize := affine(t, filepath.Dir(s.Files[0].Path))
		if size != gotSize {
			t.Errorf("%s: size %v, want %v", name, gotSize, size)
		}
		for i := range want {
			for j := range want[i] {
				if math.Abs(got[i][j]-want[i][j]) > 1e-3 {
					t.Errorf("%s: affine %v, want %v", name, got, want)
				}
			}
		}
	}
}

// TestSquareImageOfOblongSourceKeepsTheCentre: pixel (n/2, n/2) of both is at one place.
func TestSquareImageOfOblongSourceKeepsTheCentre(t *testing.T) {
	for _, shape := range [][2]int{{24, 16}, {17, 24}, {24, 17}} {
		v, s := carriedSeries(t, obliqueSeries(t, shape[0], shape[1]), true, false)
		for i, f := range s.Files {
			frame := parseFile(t, f.Path).Frames[0]
			n := max(v.Rows, v.Cols)
			source := v.Origin.images[i]
			for k := range 3 {
				want := source.position[k] + float64(v.Rows/2)*v.Spacing[0]*source.col[k] + float64(v.Cols/2)*v.Spacing[1]*source.row[k]
				got := frame.Position[k] + float64(n/2)*frame.Spacing[0]*frame.Col[k] + float64(n/2)*frame.Spacing[1]*frame.Row[k]
				if math.Abs(got-want) > 1e-6 {
					t.Errorf("%v slice %d: centre at %g, want %g", shape, i, got, want)
				}
			}
		}
	}
}

// TestPatientAndStudyTravel, and nothing of them is printed.
func TestPatientAndStudyTravel(t *testing.T) {
	v, s := carriedSeries(t, obliqueSeries(t, 24, 24), false, false)
	if s.StudyUID != "1.2.99" || s.FrameUID != "1.2.98" || !strings.HasSuffix(s.Description, ", of t2 of JANE") {
		t.Errorf("study %s, frame of reference %s, %q", s.StudyUID, s.FrameUID, s.Description)
	}
	for i, f := range s.Files {
		file, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"DOE^JANE", "MRN-4711", "20200102", "1.2.99", "1.2.98", fmt.Sprintf("1.2.3.%d", i+1), "those of the source images"} {
			if !strings.Contains(string(file), want) {
				t.Errorf("slice %d does not hold %q", i, want)
			}
		}
		if strings.Contains(string(file), "19700230x") {
			t.Error("an invalid date travelled")
		}
	}
	in := parseFile(t, s.Files[0].Path)
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v", v.Origin, v.Origin, v.Origin), fmt.Sprintf("%v %+v %#v", in.Carried, in.Carried, in.Carried), fmt.Sprintf("%+v", testOptions)} {
		if strings.Contains(printed, "DOE") || strings.Contains(printed, "4711") {
			t.Errorf("printed: %s", printed)
		}
	}
}

// TestNamesAndIdentifiersTravelWhole: in the characters of their source, however long they are. dcmdump reads what was written.
func TestNamesAndIdentifiersTravelWhole(t *testing.T) {
	tool(t, "dcmdump", "dcmtk")
	family := strings.Repeat("\u5c71\u53e3", 20)
	groups := []string{"Yamaguchi-Takahashi^Kentarou Hiroshi", family + "^\u5065\u592a\u90ce", strings.Repeat("\u3084\u307e", 20) + "^\u3051\u3093"}
	for _, c := range []struct {
		tag              tag.Tag
		sets, from, want string
	}{
		{tag.PatientName, "ISO_IR 192", strings.Join(groups, "="), strings.Join(groups, "=")},
		{tag.PatientName, "ISO_IR 144", strings.Repeat("\xda", 21) + "^" + strings.Repeat("\xd0", 21), strings.Repeat("\u043a", 21) + "^" + strings.Repeat("\u0430", 21)},
		{tag.PatientName, `\ISO 2022 IR 87`, "Yamamoto=\x1b$B;3K\\\x1b(B", "Yamamoto=\u5c71\u672c"},
		{tag.PatientName, "GB18030", "Chen=\xd5\\", "Chen=\u8aa0"},
		{tag.PatientName, "ISO_IR 166", "\xca\xc1", "\u0e2a\u0e21"},
		{tag.AccessionNumber, "ISO_IR 100", "12345678901234567890", "12345678901234567890"},
		{tag.StudyID, "ISO_IR 100", "ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOPQRST"},
		{tag.PatientID, "ISO_IR 100", strings.Repeat("X", 70) + "-7", strings.Repeat("X", 70) + "-7"},
		{tag.PatientID, "ISO_IR 100", `A\B`, `A\B`},
		{tag.IssuerOfPatientID, "ISO_IR 100", strings.Repeat("\xe9", 64), strings.Repeat("\u00e9", 64)},
	} {
		o := smallMR()
		o.str(tag.SpecificCharacterSet, strings.Split(c.sets, `\`)...)
		o.replace(c.tag, []string{c.from})
		o.replace(tag.RescaleIntercept, []string{"5000"}) // a magnitude image
		path := filepath.Join(t.TempDir(), "a.dcm")
		if err := os.WriteFile(path, o.bytes(t, "1.2.840.10008.1.2.1"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, s := carriedSeries(t, path, false, false)
		key := fmt.Sprintf("%04x,%04x", c.tag.Group, c.tag.Element)
		out, err := exec.Command("dcmdump", "+L", "+P", key, s.Files[0].Path).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "["+c.want+"]") {
			t.Errorf("%v of %s: %v, %s, want %q", c.tag, c.sets, err, out, c.want)
		}
	}
}

// TestUIDsAreNotCut: what is longer than a UID may be is none, and its beginning is another's.
func TestUIDsAreNotCut(t *testing.T) {
	o := smallMR()
	o.str(tag.StudyInstanceUID, "1.2."+strings.Repeat("3", 70))
	in, err := Parse(o.bytes(t, "1.2.840.10008.1.2.1"))
	if err != nil || in.Carried.StudyUID != "" {
		t.Errorf("%q, %v", in.Carried.StudyUID, err)
	}
}

// TestDciodvfyHasNoComplaintAboutCarriedSeries accepts a complaint about the patient or study that it has about the source, too:
// they travel as they are.
func TestDciodvfyHasNoComplaintAboutCarriedSeries(t *testing.T) {
	tool(t, "dciodvfy", "dicom3tools")
	for _, path := range []string{
		obliqueSeries(t, 24, 24), filepath.Join(shared(t), "ge_rtia_epi.dcm"), filepath.Join(shared(t), "siemens_xa10_enh_6_1.dcm"),
		filepath.Join(shared(t), "pydicom_MR_small_RLE.dcm"), filepath.Join(shared(t), "siemens_ts_9.dcm"),
	} {
		v, s := carriedSeries(t, path, false, false)
		var before, paths []string
		if strings.HasSuffix(path, ".dcm") {
			before = complaints(t, "dciodvfy", path)
		}
		for _, f := range s.Files {
			paths = append(paths, f.Path)
			for _, line := range complaints(t, "dciodvfy", f.Path) {
				if slices.Contains(before, line) || v.BodyPart == "" && lateralityUnknown.MatchString(line) {
					continue
				}
				t.Errorf("%s: %s", filepath.Base(path), line)
			}
		}
		if out, err := exec.Command("dcentvfy", paths...).CombinedOutput(); err != nil || len(strings.TrimSpace(string(out))) > 0 {
			t.Errorf("%s: dcentvfy: %v\n%s", filepath.Base(path), err, out)
		}
	}
}

// TestMosaicsSaySo: a mosaic is one image of many slices, and a viewer that trusts its position would be wrong.
func TestMosaicsSaySo(t *testing.T) {
	for name, want := range map[string]bool{"siemens_ts_1": true, "siemens_ts_4": true, "ge_rtia_epi": false} {
		_, s := carriedSeries(t, filepath.Join(shared(t), name+".dcm"), false, false)
		file, err := os.ReadFile(s.Files[0].Path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(s.Description, "mosaic") != want || strings.Contains(string(file), "Mosaic: the image shows several slices") != want {
			t.Errorf("%s: %q", name, s.Description)
		}
	}
}

// TestDeidentify looks for every value of the patient and the study, and for every UID of the source, in what is written.
func TestDeidentify(t *testing.T) {
	tool(t, "dciodvfy", "dicom3tools")
	dir := obliqueSeries(t, 24, 24)
	v, err := Read(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	rec := sample("", 24, 24, func(rec *recon.Reconstruction) { rec.Header.Format, rec.Header.Simulated = "dicom", true })
	opts := testOptions
	opts.Origin = v.Origin.Deidentified()
	s, err := WriteSeries(context.Background(), t.TempDir(), rec, &rec.Results[1], opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Files {
		file, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"DOE", "JANE", "4711", "20200102", "030405", "1.2.99", "1.2.98", "1.2.3.", now.Format("20060102")} {
			if strings.Contains(string(file), secret) {
				t.Errorf("%q is still there", secret)
			}
		}
		if !strings.Contains(string(file), "113100") {
			t.Error("the profile is not named")
		}
		for _, line := range complaints(t, "dciodvfy", f.Path) {
			if !strings.Contains(line, "needed to build DICOMDIR") { // of dates and identifiers, which the profile empties
				t.Error(line)
			}
		}
		if got, want := parseFile(t, f.Path).Frames[0].Position, v.Origin.images[f.Number-1].position; !close(got[:], want[:]) {
			t.Errorf("position %v, want %v", got, want)
		}
	}
	if again := v.Origin.Deidentified(); s.StudyUID != again.subject.carried.StudyUID || s.StudyUID == v.Origin.subject.carried.StudyUID {
		t.Errorf("study %s, then %s", s.StudyUID, again.subject.carried.StudyUID)
	}
}
