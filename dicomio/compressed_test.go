package dicomio

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/closer-mri/closer/recon"
)

// rleSyntax and the others are the transfer syntaxes with compressed pixels that are read.
const (
	rleSyntax    = "1.2.840.10008.1.2.5"
	jpegLLSyntax = "1.2.840.10008.1.2.4.70"
	jpegLSSyntax = "1.2.840.10008.1.2.4.80"
	jpeg2kSyntax = "1.2.840.10008.1.2.4.90"
)

// TestEveryEncodingGivesTheSamePixels reads images that scanners and archives encoded in different ways.
func TestEveryEncodingGivesTheSamePixels(t *testing.T) {
	tool(t, gdcmconv, "libgdcm-tools")
	dir := shared(t)
	for want, others := range map[string][]string{
		"siemens_ts_1":     {"siemens_ts_2", "siemens_ts_3", "siemens_ts_4", "siemens_ts_5", "siemens_ts_7", "siemens_ts_9"},
		"pydicom_MR_small": {"pydicom_MR_small_implicit", "pydicom_MR_small_bigendian", "pydicom_MR_small_RLE", "pydicom_MR_small_jp2klossless", "pydicom_MR_small_jpeg_ls_lossless"},
	} {
		v, err := Read(context.Background(), filepath.Join(dir, want+".dcm"))
		if err != nil || slices.Max(v.Slices[0]) <= slices.Min(v.Slices[0]) {
			t.Fatalf("%s: %v", want, err)
		}
		for _, name := range others {
			other, err := Read(context.Background(), filepath.Join(dir, name+".dcm"))
			if err != nil || !slices.Equal(other.Slices[0], v.Slices[0]) {
				t.Errorf("%s differs from %s: %v", name, want, err)
			}
		}
	}
}

// TestCompressedByOtherToolkits encodes files, one of several frames, in every transfer syntax that is read, with gdcm and dcmtk and reads them back.
func TestCompressedByOtherToolkits(t *testing.T) {
	tool(t, gdcmconv, "libgdcm-tools")
	tool(t, "dcmcjpeg", "dcmtk")
	dir := shared(t)
	for _, name := range []string{"siemens_xa10_enh_6_1", "ge_rtia_epi"} {
		plain := filepath.Join(dir, name+".dcm")
		want, err := Read(context.Background(), plain)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range [][]string{
			{gdcmconv, "--rle"}, {gdcmconv, "--jpeg"}, {gdcmconv, "--jpegls"}, {gdcmconv, "--j2k"},
			{"dcmcjpeg", "+el"}, {"dcmcjpeg", "+e1"}, {"dcmcrle"},
			{"dcmconv", "+td"}, {"dcmconv", "+tb"}, {"dcmconv", "+ti"}, // deflated, big endian, implicit
		} {
			path := filepath.Join(t.TempDir(), "compressed.dcm")
			if out, err := exec.Command(command[0], append(command[1:], plain, path)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", command, err, out)
			}
			got, err := Read(context.Background(), path)
			if err != nil || fmt.Sprint(got.Slices) != fmt.Sprint(want.Slices) {
				t.Errorf("%s by %v: %v", name, command, err)
			}
		}
	}
}

// compress returns an object in a compressed syntax whose streams are given, each in fragments, with an offset table if asked.
func (c crafted) compress(t testing.TB, syntaxUID string, table bool, frames ...[][]byte) []byte {
	c.pixels = nil
	file := c.bytes(t, "1.2.840.10008.1.2.1")
	length := int(binary.LittleEndian.Uint32(file[preamble+12:]))
	out := append(part10(syntaxUID), file[preamble+16+length:]...)
	out = append(out, "\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff"...)
	var items, offsets []byte
	for _, frame := range frames {
		offsets = binary.LittleEndian.AppendUint32(offsets, uint32(len(items)))
		for _, fragment := range frame {
			items = appendItem(items, fragment)
		}
	}
	if !table {
		offsets = nil
	}
	return append(append(appendItem(out, offsets), items...), "\xfe\xff\xdd\xe0\x00\x00\x00\x00"...)
}

func appendItem(out, value []byte) []byte {
	out = binary.LittleEndian.AppendUint32(append(out, "\xfe\xff\x00\xe0"...), uint32(len(value)))
	return append(out, value...)
}

// packBits encodes 16 bit little-endian pixels as one RLE frame: runs where bytes repeat, literals elsewhere.
func packBits(raw []byte) []byte {
	segments := [2][]byte{}
	for s := range segments {
		var plane []byte
		for i := 1 - s; i < len(raw); i += 2 {
			plane = append(plane, raw[i])
		}
		for len(plane) > 0 {
			n := 1
			for n < len(plane) && n < 128 && plane[n] == plane[0] {
				n++
			}
			if n > 1 {
				segments[s] = append(segments[s], byte(1-n), plane[0])
			} else {
				segments[s] = append(segments[s], 0, plane[0], 0x80) // and one that says nothing
			}
			plane = plane[n:]
		}
		segments[s] = append(segments[s], make([]byte, len(segments[s])%2)...)
	}
	frame := make([]byte, rleHeader)
	binary.LittleEndian.PutUint32(frame, 2)
	binary.LittleEndian.PutUint32(frame[4:], rleHeader)
	binary.LittleEndian.PutUint32(frame[8:], uint32(rleHeader+len(segments[0])))
	return slices.Concat(frame, segments[0], segments[1])
}

// TestFragments divides compressed pixels in all the ways that PS3.5 A.4 allows.
func TestFragments(t *testing.T) {
	one, two := smallMR(), smallEnhanced()
	two.pixels[2] = 7 // the frames differ
	a, b := packBits(two.pixels[:12]), packBits(two.pixels[12:])
	for name, c := range map[string]struct {
		file []byte
		want crafted
	}{
		"one fragment":             {one.compress(t, rleSyntax, false, [][]byte{packBits(one.pixels)}), one},
		"one frame in three":       {one.compress(t, rleSyntax, false, [][]byte{packBits(one.pixels)[:8], packBits(one.pixels)[8:70], packBits(one.pixels)[70:]}), one},
		"two frames":               {two.compress(t, rleSyntax, false, [][]byte{a}, [][]byte{b}), two},
		"two frames with offsets":  {two.compress(t, rleSyntax, true, [][]byte{a[:64], a[64:]}, [][]byte{b}), two},
		"second frame in two":      {two.compress(t, rleSyntax, true, [][]byte{a}, [][]byte{b[:10], b[10:]}), two},
		"offsets without a reason": {two.compress(t, rleSyntax, true, [][]byte{a}, [][]byte{b}), two},
	} {
		got, err := Parse(c.file)
		want, _ := Parse(c.want.bytes(t, "1.2.840.10008.1.2.1"))
		if err != nil || fmt.Sprint(got.Frames) != fmt.Sprint(want.Frames) {
			t.Errorf("%s: %v\n got %v\nwant %v", name, err, got.Frames, want.Frames)
		}
	}
}

// lyingFragments are compressed files that say what is not so, and words of the sentence that refuses them.
func lyingFragments(t testing.TB) map[string]struct {
	file []byte
	want string
} {
	one, two := smallMR(), smallEnhanced()
	good := packBits(one.pixels)
	first := good[:binary.LittleEndian.Uint32(good[8:])] // without its last segment
	single := func(stream []byte) []byte { return one.compress(t, rleSyntax, false, [][]byte{stream}) }
	change := func(at int, value uint32) []byte {
		stream := bytes.Clone(good)
		binary.LittleEndian.PutUint32(stream[at:], value)
		return single(stream)
	}
	offsets := func(first, second uint32) []byte {
		file := two.compress(t, rleSyntax, true, [][]byte{good[:64], good[64:]}, [][]byte{good})
		at := bytes.Index(file, []byte("\xe0\x7f\x10\x00OB")) + 20
		binary.LittleEndian.PutUint32(file[at:], first)
		binary.LittleEndian.PutUint32(file[at+4:], second)
		return file
	}
	huge := one
	huge.replace(tag.Rows, []int{65535})
	huge.replace(tag.Columns, []int{65535})
	bomb := one
	bomb.replace(tag.Rows, []int{4000})
	bomb.replace(tag.Columns, []int{4000})
	file := single(good)
	at := bytes.Index(file, []byte("\xe0\x7f\x10\x00OB")) + 12 // of the offset table's item
	tail := func(text string) []byte { return append(bytes.Clone(file[:at]), text...) }
	type lie = struct {
		file []byte
		want string
	}
	return map[string]lie{
		"no fragment":            {tail("\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"), "no pixels"},
		"no offset table":        {tail("\xfe\xff\xdd\xe0\x00\x00\x00\x00"), "not a fragment"},
		"fragment without end":   {tail("\xfe\xff\x00\xe0\xff\xff\xff\xff"), "not a fragment"},
		"fragment of 2 GB":       {tail("\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\xfe\xff\xff\x7f"), "longer than"},
		"element among them":     {tail("\xfe\xff\x00\xe0\x00\x00\x00\x00\x10\x00\x10\x00PN\x00\x00"), "not a fragment"},
		"no delimiter":           {file[:len(file)-8], "truncated"},
		"a fragment too few":     {two.compress(t, rleSyntax, false, [][]byte{good}), "divided into 2"},
		"a fragment too many":    {two.compress(t, rleSyntax, false, [][]byte{good, good}, [][]byte{good}), "divided into 2"},
		"offsets in a circle":    {offsets(0, 0), "divided into 2"},
		"offsets backwards":      {offsets(152, 0), "divided into 2"},
		"offset into a fragment": {offsets(0, 5), "divided into 2"},
		"offset behind the end":  {offsets(0, 0xfffffff0), "divided into 2"},
		"no RLE header":          {single(good[:62]), "RLE"},
		"three segments":         {change(0, 3), "RLE"},
		"segment 0 at 0":         {change(4, 0), "RLE"},
		"segment 1 in segment 0": {change(8, 8), "RLE"},
		"segment 1 behind":       {change(8, 0xffffff00), "RLE"},
		"run too long":           {single(append(bytes.Clone(first), 0x81, 1)), "RLE"},
		"literal too long":       {single(append(bytes.Clone(first), 0x7f, 1)), "RLE"},
		"segment too short":      {single(good[:len(good)-4]), "RLE"},
		"8 GiB of pixels":        {huge.compress(t, rleSyntax, false, [][]byte{good}), "would take 8191 MiB"},
		"30 MiB in 1 KiB":        {bomb.compress(t, jpeg2kSyntax, false, [][]byte{make([]byte, 1024)}), "would take 30 MiB"},
	}
}

// TestDamagedJPEG expects a sentence from what no decoder takes, and nothing of the patient in it.
func TestDamagedJPEG(t *testing.T) {
	tool(t, gdcmconv, "libgdcm-tools")
	ctx := context.Background()
	dir := t.TempDir()
	for name, syntaxUID := range map[string]string{"lossless": jpegLLSyntax, "LS": jpegLSSyntax, "2000": jpeg2kSyntax} {
		path := filepath.Join(dir, "damaged.dcm")
		for _, stream := range [][]byte{make([]byte, 64), []byte("\xff\xd8\xff\xff"), {},
			[]byte("\xff\xd8\xff\xc3\x00\x0b\x10\x00\x03\x00\x02\x01"), // a frame header of the right size and no more
			[]byte("\xff\xd8\xff\xf7\x00\x0b\x10\x00\x03\x00\x02\x01"),
			slices.Concat([]byte("\xff\x4f\xff\x51\x00\x29\x00\x00\x00\x00\x00\x02\x00\x00\x00\x03"), make([]byte, 28))} {
			if err := os.WriteFile(path, smallMR().compress(t, syntaxUID, false, [][]byte{stream}), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Read(ctx, path); recon.CodeOf(err) != recon.Invalid || !strings.Contains(err.Error(), "damaged") || strings.Contains(err.Error(), "DOE") {
				t.Errorf("JPEG %s of %d bytes: %v", name, len(stream), err)
			}
		}
	}
}

// TestOtherSizeInsideJPEG has a code stream of another shape than the file says.
func TestOtherSizeInsideJPEG(t *testing.T) {
	tool(t, gdcmconv, "libgdcm-tools")
	for _, name := range []string{"pydicom_MR_small_jp2klossless", "pydicom_MR_small_jpeg_ls_lossless", "siemens_ts_5"} {
		file, err := os.ReadFile(filepath.Join(shared(t), name+".dcm"))
		if err != nil {
			t.Fatal(err)
		}
		rows := bytes.Index(file, []byte("\x28\x00\x10\x00US\x02\x00"))
		binary.LittleEndian.PutUint16(file[rows+8:], 2*binary.LittleEndian.Uint16(file[rows+8:]))
		path := filepath.Join(t.TempDir(), "other.dcm")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(context.Background(), path); recon.CodeOf(err) != recon.Invalid || !strings.Contains(err.Error(), "not frames of") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCutCodeStream overwrites the end of an image that a lenient decoder would make up.
func TestCutCodeStream(t *testing.T) {
	tool(t, gdcmconv, "libgdcm-tools")
	file, err := os.ReadFile(filepath.Join(shared(t), "siemens_ts_5.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(file, []byte("\xff\xc3"))
	copy(file[at+2000:], bytes.Repeat([]byte("\xff\xd9"), 29000))
	path := filepath.Join(t.TempDir(), "cut.dcm")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(context.Background(), path); recon.CodeOf(err) != recon.Invalid || !strings.Contains(err.Error(), "cannot be decoded") {
		t.Errorf("%v", err)
	}
}

func TestWithoutDecoderTheSyntaxIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := shared(t)
	for name, want := range map[string]string{"siemens_ts_5": "JPEG Lossless", "siemens_ts_7": "JPEG-LS", "siemens_ts_9": "JPEG 2000"} {
		_, err := Read(context.Background(), filepath.Join(dir, name+".dcm"))
		if recon.CodeOf(err) != recon.Invalid || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "libgdcm-tools") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzUnpackRLE expects every frame to be refused or filled, whatever the stream.
func FuzzUnpackRLE(f *testing.F) {
	f.Add(packBits(smallMR().pixels), uint8(6), true)
	f.Add([]byte{}, uint8(1), false)
	f.Fuzz(func(t *testing.T, stream []byte, pixels uint8, wide bool) {
		width := 1
		if wide {
			width = 2
		}
		dst := make([]byte, int(pixels)*width, int(pixels)*width+1)
		unpackFrame(dst, width, stream)
		if dst[:cap(dst)][len(dst)] != 0 {
			t.Error("wrote behind the frame")
		}
	})
}
