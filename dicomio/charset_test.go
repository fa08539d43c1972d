package dicomio

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// encodedTexts are texts in their bytes and in UTF-8: those of PS3.5 annexes H to K first, then what has a delimiter's byte in a character.
var encodedTexts = []struct{ sets, vr, bytes, want string }{
	{`\ISO 2022 IR 87`, "PN", "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B", "Yamada^Tarou=山田^太郎=やまだ^たろう"},
	{`ISO 2022 IR 13\ISO 2022 IR 87`, "PN", "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"},
	{`\ISO 2022 IR 149`, "PN", "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf", "Hong^Gildong=洪^吉洞=홍^길동"},
	{`ISO_IR 192`, "PN", "Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1=", "Wang^XiaoDong=王^小東="},
	{`GB18030`, "PN", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="},
	{`\ISO 2022 IR 58`, "PN", "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="},
	{`\ISO 2022 IR 87`, "LO", "\x1b$B;3K\\\x1b(B", "山本"},
	{`GB18030`, "PN", "Chen^Cheng=\xea\x90^\xd5\\\xd5\\", "Chen^Cheng=陳^誠誠"},
	{`GBK`, "LO", "\xd5\\", "誠"},
	{`ISO_IR 166`, "PN", "\xca\xc1\xaa\xd2\xc2^\xe3\xa8\xb4\xd5", "สมชาย^ใจดี"},
	{`ISO 2022 IR 6\ISO 2022 IR 100`, "PN", "M\xfcller^J\xf6rg", "Müller^Jörg"},
	{`ISO 2022 IR 100\ISO 2022 IR 144`, "LT", "\xe9 \x1b-L\xb8\x1b-A \xe9", "é И é"},
	{`\ISO 2022 IR 159`, "LO", "\x1b$(D0!\x1b(B", "丂"},
	{`ISO_IR 144`, "LO", "\xb8\\\xb9", `И\Й`},
}

func TestTextsOfTheStandard(t *testing.T) {
	for _, c := range encodedTexts {
		if got := newCharset([]byte(c.sets)).decode([]byte(c.bytes), c.vr); got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.sets, c.bytes, got, c.want)
		}
	}
}

// TestPydicomReadsTheSameTexts: it knows nothing of this program.
func TestPydicomReadsTheSameTexts(t *testing.T) {
	python := os.Getenv("CLOSER_PYTHON")
	if exec.Command(python, "-c", "import pydicom").Run() != nil {
		t.Skip("CLOSER_PYTHON names no Python with pydicom; make test sets it")
	}
	const script = `
import base64, json, sys
from pydicom.charset import convert_encodings, decode_bytes
out = []
for sets, vr, value in json.load(sys.stdin):
    delimiters = {'PN': {'\\', '^', '='}, 'LT': set()}.get(vr, {'\\'}) | {'\r', '\n', '\f', '\t'}
    out.append(decode_bytes(base64.b64decode(value), convert_encodings(sets.split('\\')), delimiters))
json.dump(out, sys.stdout)`
	var in [][3]string
	for _, c := range encodedTexts {
		in = append(in, [3]string{c.sets, c.vr, base64.StdEncoding.EncodeToString([]byte(c.bytes))})
	}
	stdin, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(python, "-c", script)
	command.Stdin, command.Stderr = strings.NewReader(string(stdin)), t.Output()
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	if err := json.Unmarshal(out, &said); err != nil || len(said) != len(encodedTexts) {
		t.Fatalf("%v: %s", err, out)
	}
	for i, c := range encodedTexts {
		if strings.ReplaceAll(said[i], "\x1b$)A", "") != c.want { // it follows this escape sequence, but leaves it there
			t.Errorf("%s: pydicom reads %q as %q, want %q", c.sets, c.bytes, said[i], c.want)
		}
	}
}

func TestWhatDelimitersEnd(t *testing.T) {
	for _, c := range []struct{ sets, vr, bytes, want string }{
		{`ISO_IR 100`, "PN", "\x1b-L\xb8^\xe9=\x1b-L\xb8=\xe9", "И^é=И=é"},
		{`ISO_IR 100`, "LO", "\x1b-L\xb8^\xb8\\\xe9", `И^И\é`},
		{`ISO_IR 100`, "LT", "\x1b-L\xb8\\\xb8\r\n\xe9", "И\\И\r\né"},
		{`\ISO 2022 IR 87`, "LT", "\x1b$B;3 K\\\nab", "山 本\nab"},
		{``, "PN", "M\xfcller^\xc3\xa9", "Müller^é"}, // named by nobody: UTF-8, or else Latin-1
		{`ISO_IR 999`, "PN", "M\xfcller", "Müller"},
		{`\ISO 2022 IR 87`, "LO", "\x1b$B;", "\uFFFD"},
		{`ISO_IR 192`, "LO", "a\xff", "a\uFFFD"},
		{`GB18030`, "LO", "a\xd5", "a\uFFFD"},
		{``, "LO", "a\x1b", "a\uFFFD"},
	} {
		if got := newCharset([]byte(c.sets)).decode([]byte(c.bytes), c.vr); got != c.want {
			t.Errorf("%s, %s: %q became %q, want %q", c.sets, c.vr, c.bytes, got, c.want)
		}
	}
}

// definedTerms are those of PS3.3 C.12.1.1.2, and some that are none.
var definedTerms = strings.Split("|ISO_IR 6|ISO_IR 13|ISO_IR 100|ISO_IR 101|ISO_IR 109|ISO_IR 110|ISO_IR 126|ISO_IR 127|ISO_IR 138|ISO_IR 144|ISO_IR 148|"+
	"ISO_IR 166|ISO_IR 203|ISO 2022 IR 6|ISO 2022 IR 13|ISO 2022 IR 100|ISO 2022 IR 101|ISO 2022 IR 109|ISO 2022 IR 110|ISO 2022 IR 126|"+
	"ISO 2022 IR 127|ISO 2022 IR 138|ISO 2022 IR 144|ISO 2022 IR 148|ISO 2022 IR 166|ISO 2022 IR 203|ISO 2022 IR 87|ISO 2022 IR 159|"+
	"ISO 2022 IR 149|ISO 2022 IR 58|ISO_IR 192|GB18030|GBK|ISO_IR 999|nonsense|\xff", "|")

// TestNoCharacterSetKeepsFromTheImages: every one is shown in JSON, at the top and in an item, and read with its pixels.
func TestNoCharacterSetKeepsFromTheImages(t *testing.T) {
	value := []byte("Doe^\xc4\xe8\xb1\xa1")
	for _, term := range definedTerms {
		for _, sets := range []string{term, `\` + term, term + `\ISO 2022 IR 87`} {
			named := []Element{{Tag: specificCharacterSet, VR: "CS", Value: []byte(sets), Length: len(sets)}, {Tag: 0x00100010, VR: "PN", Value: value, Length: len(value)}}
			set := DataSet{Elements: slices.Concat(named, []Element{{Tag: 0x00400275, VR: "SQ", Items: []DataSet{{Elements: named}}}})}
			all := set.JSON(func(place string) string { return place })
			item, _ := all["00400275"].Value[0].(Attributes)
			for _, a := range []Attributes{all, item} {
				if name, ok := a["00100010"].Value[0].(PersonName); !ok || !strings.HasPrefix(name.Alphabetic, "Doe^") {
					t.Errorf("%q: %v", sets, a["00100010"])
				}
			}
			c := smallMR()
			c.str(tag.SpecificCharacterSet, sets)
			c.replace(tag.PatientName, []string{string(value)})
			if in, err := Parse(c.bytes(t, "1.2.840.10008.1.2.1")); err != nil || len(in.Frames) != 1 {
				t.Errorf("%q: %v", sets, err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range encodedTexts {
		f.Add([]byte(c.sets), []byte(c.bytes), c.vr)
	}
	f.Fuzz(func(t *testing.T, sets, value []byte, vr string) {
		c := newCharset(sets)
		got := c.decode(value, vr)
		if !utf8.ValidString(got) {
			t.Fatalf("%q in %q became %q", value, sets, got)
		}
		if again := newCharset([]byte("ISO_IR 192")).decode([]byte(got), vr); again != got {
			t.Fatalf("%q became %q", got, again)
		}
		if plain := strings.Map(func(r rune) rune { return max(r&0x7F, ' ') }, string(value)); c.decode([]byte(plain), vr) != plain {
			t.Fatalf("%q is not itself in %q", plain, sets)
		}
	})
}
