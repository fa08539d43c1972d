package dicomio

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"

	"github.com/closer-mri/closer/recon"
)

func deidentifier(t testing.TB, secret string) *Deidentifier {
	t.Helper()
	d, err := NewDeidentifier([]byte(strings.Repeat(secret, MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// marks are values that identify a patient, by VR, and what of them must not be seen.
var marks = map[string]struct{ value, sign string }{
	"UI": {"1.2.840.31337.42", "31337"}, "DA": {"19790515", "19790515"}, "TM": {"112233.456", "112233"}, "DT": {"19790515112233", "19790515112233"},
	"AS": {"041Y", "041Y"}, "DS": {"1.23456789", "1.23456789"}, "IS": {"123456789", "123456789"}, "CS": {"MARKED", "MARKED"},
}

const marked = "MARKED^JANE"

// encoded is a marked value of an element, and the bytes that must not be seen.
func encoded(t tag.Tag, vr string) (Element, []byte) {
	e := Element{Tag: t.Uint32(), VR: vr}
	if vr == "SQ" {
		e.Items = []DataSet{{order: binary.LittleEndian, Elements: []Element{{Tag: tag.CodeMeaning.Uint32(), VR: "LO", Value: []byte(marked)}}}}
		return e, []byte(marked)
	}
	if m, ok := marks[vr]; ok {
		e.Value = []byte(m.value)
		return e, []byte(m.sign)
	}
	e.Value = []byte(marked + " ") // numbers take it as bits
	return e, []byte(marked)
}

// TestNothingOfTheProfilesTableStays puts each element of PS3.15 table E.1-1 into an image, at the top and in a sequence that
// stays, and looks for its value.
func TestNothingOfTheProfilesTableStays(t *testing.T) {
	d := deidentifier(t, "s")
	file, err := os.Open("testdata/table-e1-1.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		digits, action, ok := strings.Cut(lines.Text(), "\t")
		number, err := strconv.ParseUint(digits, 16, 32)
		if !ok || err != nil {
			continue // the comment
		}
		rows++
		tg := tag.Tag{Group: uint16(number >> 16), Element: uint16(number)}
		vr := "LO"
		if info, err := tag.Find(tg); err == nil {
			vr = info.VRs[0]
		}
		element, sign := encoded(tg, vr)
		if vr == "SQ" && strings.HasSuffix(action, "*") { // may stay with other UIDs (PS3.15 E.1.1)
			element.Items[0].Elements[0], sign = encoded(tag.ReferencedSOPInstanceUID, "UI")
		}
		in := fileWith(t, element)
		if !bytes.Contains(in, sign) {
			t.Fatalf("%v: the value is not in the file", tg)
		}
		out, err := d.File(in)
		if err != nil {
			t.Fatalf("%v: %v", tg, err)
		}
		if bytes.Contains(out, sign) {
			t.Errorf("%v %s, %s: its value stays", tg, vr, action)
		}
	}
	if rows < 600 {
		t.Errorf("the table has %d rows", rows)
	}
}

// fileWith is smallMR with an element at the top and in its shared functional groups.
func fileWith(t testing.TB, e Element) []byte {
	t.Helper()
	set := wholeSet(t, smallMR().bytes(t, uid.ExplicitVRLittleEndian))
	nested := DataSet{order: set.order, Elements: []Element{e}}
	set.add([]Element{e, {Tag: tag.SharedFunctionalGroupsSequence.Uint32(), VR: "SQ", Items: []DataSet{nested}}})
	return set.encodeFile(0)
}

func wholeSet(t testing.TB, file []byte) DataSet {
	t.Helper()
	s, data, err := split(file)
	if err != nil {
		t.Fatal(err)
	}
	r := setReader{walker: walker{data: data, syntax: s}, whole: true}
	set, _, err := r.set(0, len(data), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	set.TransferSyntax = s.name
	return set
}

// TestDeidentifiedScannersFiles takes the files of scanners: the image, its place and its contrast stay, to the bit; private
// elements, texts and dates of the patient, and what dciodvfy finds no fault with, do not change for the worse.
func TestDeidentifiedScannersFiles(t *testing.T) {
	d := deidentifier(t, "s")
	files, err := filepath.Glob(filepath.Join(shared(t), "*.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		in, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out, err := d.File(in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		texts, stay := map[string]bool{}, &strings.Builder{}
		collect(wholeSet(t, in), texts, stay)
		header := out[:len(out)-len(pixelBytes(t, out))]
		for text := range texts {
			if len(text) > 3 && bytes.Contains(header, []byte(text)) && !strings.Contains(stay.String(), text) {
				t.Errorf("%s: %q stays", name, text)
			}
		}
		if len(texts) < 10 {
			t.Errorf("%s: only %d texts", name, len(texts))
		}
		if e, _ := wholeSet(t, in).Find(tag.PixelData.Uint32()); e.encapsulated == nil && !bytes.Equal(pixelBytes(t, in), pixelBytes(t, out)) {
			t.Errorf("%s: its pixels changed", name)
		}
		decode := func(object []byte) ([]byte, error) { return decompress(t.Context(), object) }
		before, err1 := parse(in, decode)
		after, err2 := parse(out, decode)
		if err1 != nil || err2 != nil {
			t.Errorf("%s: %v, %v", name, err1, err2)
			continue
		}
		for i := range before.Frames {
			if fmt.Sprintf("%+v", before.Frames[i]) != fmt.Sprintf("%+v", after.Frames[i]) {
				t.Errorf("%s: frame %d changed", name, i)
			}
		}
		if before.Frames[0].Sequence.Sequence != after.Frames[0].Sequence.Sequence || before.Field != after.Field || before.Vendor != after.Vendor {
			t.Errorf("%s: %+v became %+v", name, before.Frames[0].Sequence, after.Frames[0].Sequence)
		}
		if after.Carried.Patient[0].Values[0] == before.Carried.Patient[0].Values[0] || after.UID == before.UID || after.UID == "" {
			t.Errorf("%s: %v, UID %s", name, after.Carried.Patient, after.UID)
		}
		verify(t, name, in, out)
	}
}

// verify compares the complaints of dciodvfy about two files: the second may have no new one.
func verify(t *testing.T, name string, in, out []byte) {
	t.Helper()
	tool(t, "dciodvfy", "dicom3tools")
	var lists [2][]string
	for i, file := range [][]byte{in, out} {
		path := filepath.Join(t.TempDir(), "file.dcm")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		lists[i] = complaints(t, "dciodvfy", path)
	}
	for _, line := range lists[1] {
		if !slices.Contains(lists[0], line) {
			t.Errorf("%s, new: %s", name, line)
		}
	}
}

func pixelBytes(t testing.TB, file []byte) []byte {
	e, ok := wholeSet(t, file).Find(tag.PixelData.Uint32())
	if !ok {
		t.Fatal("no pixels")
	}
	return append(bytes.Clone(e.Value), e.encapsulated...)
}

// collect gathers texts that tell a patient, a place or a date, and what is private; and apart those that may stay.
func collect(set DataSet, into map[string]bool, stay *strings.Builder) {
	for _, e := range set.Elements {
		t := tag.Tag{Group: uint16(e.Tag >> 16), Element: uint16(e.Tag)}
		private := t.Group%2 == 1
		for _, item := range e.Items {
			collect(item, into, stay)
		}
		text := strings.Trim(string(e.Value), " \x00")
		switch {
		case slices.Contains(keptTexts, t):
			fmt.Fprintln(stay, text)
		case private && (e.VR == "LO" || e.VR == "UN") && len(text) > 7 && len(text) < 64, slices.Contains([]string{"PN", "ST", "LT", "DA", "DT"}, e.VR),
			slices.Contains([]string{"LO", "SH"}, e.VR),
			e.VR == "UI" && !strings.HasPrefix(text, "1.2.840.10008."), e.VR == "TM" && len(text) > 6:
			into[text] = true
		}
	}
}

func TestDeidentifiedIsMarkedAsSuch(t *testing.T) {
	in := fileWith(t, Element{Tag: tag.PatientID.Uint32(), VR: "LO", Value: []byte("4711")})
	out, err := deidentifier(t, "s").File(in)
	if err != nil {
		t.Fatal(err)
	}
	set, err := ReadDataSet(out, MaxFile)
	if err != nil {
		t.Fatal(err)
	}
	attributes := set.JSON(func(string) string { return "" })
	for key, want := range map[string]string{
		"00120062": `{"vr":"CS","Value":["YES"]}`, "00280303": `{"vr":"CS","Value":["MODIFIED"]}`,
		"00100030": `{"vr":"DA"}`, "00080050": `{"vr":"SH"}`,
	} {
		if got, _ := json.Marshal(attributes[key]); string(got) != want {
			t.Errorf("%s is %s, not %s", key, got, want)
		}
	}
	if codes, _ := json.Marshal(attributes["00120064"]); !bytes.Contains(codes, []byte(`"113100"`)) || !bytes.Contains(codes, []byte(`"113107"`)) {
		t.Errorf("codes %s", codes)
	}
}

// TestDeidentificationIsTheSameAgain for one secret: the patient, whatever else the file says, and each UID.
func TestDeidentificationIsTheSameAgain(t *testing.T) {
	person := func(d *Deidentifier, id, study string) (name, studyUID string) {
		set := wholeSet(t, smallMR().bytes(t, uid.ImplicitVRLittleEndian))
		set.add([]Element{{Tag: tag.PatientID.Uint32(), VR: "LO", Value: []byte(id)}, {Tag: tag.StudyInstanceUID.Uint32(), VR: "UI", Value: []byte(study)}})
		out, err := d.File(set.encodeFile(0))
		if err != nil {
			t.Fatal(err)
		}
		clean := wholeSet(t, out)
		n, _ := clean.Find(tag.PatientID.Uint32())
		u, _ := clean.Find(tag.StudyInstanceUID.Uint32())
		return string(n.Value), string(u.Value)
	}
	a, b := deidentifier(t, "a"), deidentifier(t, "b")
	name, study := person(a, "4711", "1.2.3")
	for _, other := range []struct {
		d                  *Deidentifier
		id, study          string
		sameName, sameStud bool
	}{
		{deidentifier(t, "a"), "4711", "1.2.3", true, true}, {a, "4711 ", "1.2.4", true, false}, {a, "4712", "1.2.3", false, true},
		{b, "4711", "1.2.3", false, false}, {a, "", "1.2.3", false, true},
	} {
		n, u := person(other.d, other.id, other.study)
		if (n == name) != other.sameName || (u == study) != other.sameStud || !validUID.MatchString(strings.TrimRight(u, "\x00")) {
			t.Errorf("%+v: %s %s, first %s %s", other, n, u, name, study)
		}
	}
	if _, err := NewDeidentifier(make([]byte, MinSecret-1)); err == nil {
		t.Error("a short secret was taken")
	}
}

func TestBurnedInAnnotationIsRefused(t *testing.T) {
	for value, refused := range map[string]bool{"YES": true, "NO": false, "": false} {
		_, err := deidentifier(t, "s").File(fileWith(t, Element{Tag: tag.BurnedInAnnotation.Uint32(), VR: "CS", Value: []byte(value)}))
		if (recon.CodeOf(err) == recon.Invalid) != refused {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestShiftKeepsWhatIsBetween two moments, whether they are a date with a time or one value, and moves all of them.
func TestShiftKeepsWhatIsBetween(t *testing.T) {
	d := deidentifier(t, "s")
	moment := func(date, clock string) time.Time {
		v, err := time.Parse("20060102150405.999999", date+clock)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for i := range 200 {
		s := newShift(d.code("shift", fmt.Sprint(i)))
		d1, t1 := s.pair("20240229", "235959.5")
		d2, t2 := s.pair("20240301", "00")
		dt := s.dateTime("20240301120000.25+0100")
		if got := moment(d2, t2).Sub(moment(d1, t1)); got != 500*time.Millisecond {
			t.Fatalf("%v between %s %s and %s %s", got, d1, t1, d2, t2)
		}
		if got := moment(dt, "").Sub(moment(d2, t2)); got != 12*time.Hour+250*time.Millisecond {
			t.Fatalf("%v between %s %s and %s", got, d2, t2, dt)
		}
		back := moment("20240301", "000000").Sub(moment(d2, t2))
		if back < 24*time.Hour || back > 3651*24*time.Hour {
			t.Fatalf("moved by %v", back)
		}
	}
	s := newShift(make([]byte, 32))
	for _, test := range [][4]string{{"", "", "", ""}, {"2024", "", "", ""}, {"20241301", "1", "", ""}, {"DOE", "25", "", ""}, {"20240102", "", "20240101", ""}} {
		if date, clock := s.pair(test[0], test[1]); date != test[2] || clock != test[3] {
			t.Errorf("%q: %q %q", test, date, clock)
		}
	}
	if got := s.dateTime("DOE^JANE"); got != "" {
		t.Errorf("%q", got)
	}
}

// TestEncodedFileSaysTheSame in every syntax, whole sets with sequences and compressed pixels.
func TestEncodedFileSaysTheSame(t *testing.T) {
	var files [][]byte
	for _, s := range plainSyntaxes {
		files = append(files, smallEnhanced().bytes(t, s))
	}
	files = append(files, smallMR().compress(t, rleSyntax, true, [][]byte{packBits(smallMR().pixels)}))
	for _, file := range files {
		before := wholeSet(t, file)
		out := before.encodeFile(0)
		after := wholeSet(t, out)
		a, _ := json.Marshal(before.JSON(func(place string) string { return place }))
		b, _ := json.Marshal(after.JSON(func(place string) string { return place }))
		if !bytes.Equal(a, b) || !bytes.Equal(pixelBytes(t, file), pixelBytes(t, out)) {
			t.Errorf("%s:\n%s\n%s", before.TransferSyntax, a, b)
		}
		if _, err := Parse(out); err != nil {
			t.Error(err)
		}
	}
}

// TestCommentsInCodeStreamsAreBlanked in the heads of all families, and nowhere else.
func TestCommentsInCodeStreamsAreBlanked(t *testing.T) {
	for name, stream := range map[string]string{
		"JPEG":      "\xff\xd8\xff\xe1\x00\x0dMARKED^JANE\xff\xfe\x00\x0dMARKED^JANE\xff\xc3\x00\x0b\x10\x00\x03\x00\x02\x01\x01\x11\x00\xff\xda\x00\x02pixels",
		"JPEG-LS":   "\xff\xd8\xff\xfe\x00\x0dMARKED^JANE\xff\xf7\x00\x0b\x10\x00\x03\x00\x02\x01\x01\x11\x00\xff\xda\x00\x02pixels",
		"JPEG 2000": "\xff\x4f\xff\x51\x00\x04ab\xff\x64\x00\x0f\x00\x01MARKED^JANE\xff\x90\x00\x02pixels",
		"cut":       "\xff\xd8\xff\xfe\x00\x0dMARKED^JANE\xff",
	} {
		in := appendItem(appendItem(nil, nil), append([]byte(stream), make([]byte, len(stream)%2)...))
		out := withoutComments(in)
		if bytes.Contains(out, []byte("MARKED")) || len(out) != len(in) || strings.Contains(stream, "pixels") != bytes.Contains(out, []byte("pixels")) {
			t.Errorf("%s: %q", name, out)
		}
	}
}

func FuzzDeidentify(f *testing.F) {
	d := deidentifier(f, "s")
	for _, s := range plainSyntaxes {
		f.Add(smallEnhanced().bytes(f, s))
	}
	f.Add(smallMR().compress(f, rleSyntax, true, [][]byte{packBits(smallMR().pixels)}))
	f.Add(fileWith(f, Element{Tag: tag.StudyDate.Uint32(), VR: "DA", Value: []byte("20240229")}))
	f.Fuzz(func(t *testing.T, file []byte) {
		out, err := d.File(file)
		if err != nil {
			if recon.CodeOf(err) != recon.Invalid {
				t.Fatal(err)
			}
			return
		}
		set, err := ReadDataSet(out, MaxFile)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if removed, _ := set.Find(tag.PatientIdentityRemoved.Uint32()); string(removed.Value) != "YES " {
			t.Fatalf("it is not marked: %q", removed.Value)
		}
		for _, e := range set.Elements {
			if e.Tag>>16%2 == 1 || e.Tag>>16 == 0x10 && e.Tag > tag.PatientSex.Uint32() {
				t.Fatalf("%08X stays", e.Tag)
			}
		}
	})
}

// TestLongNumbersAreWrittenAnew where they scale or place pixels, and refused where they are none.
func TestLongNumbersAreWrittenAnew(t *testing.T) {
	file := func(slope, x string) []byte {
		c := smallMR()
		c.replace(tag.RescaleSlope, []string{slope})
		c.replace(tag.ImagePositionPatient, []string{x, "-100.12345678901234", "12.5"})
		return c.bytes(t, uid.ExplicitVRLittleEndian)
	}
	d := deidentifier(t, "s")
	clean, err := d.File(file("0.4166666666666667", "-83.0416666666666667"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := ReadDataSet(clean, 1024)
	if err != nil {
		t.Fatal(err)
	}
	slope, _ := set.Find(tag.RescaleSlope.Uint32())
	place, _ := set.Find(tag.ImagePositionPatient.Uint32())
	if got := strings.TrimRight(string(slope.Value)+"|"+string(place.Value), " "); got != `0.41666666666667|-83.041666666667\-100.12345678901\12.5` {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"1.2.3", "DOE", "1e999", strings.Repeat("1", 65)} {
		if _, err := d.File(file(bad, "0")); recon.CodeOf(err) != recon.Invalid || strings.Contains(err.Error(), "DOE") {
			t.Errorf("slope %.8s: %v", bad, err)
		}
	}
}
