package dicomio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"

	"github.com/closer-mri/closer/recon"
)

func TestParseSmallMR(t *testing.T) {
	for _, s := range plainSyntaxes {
		in, err := Parse(smallMR().bytes(t, s))
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		f := in.Frames[0]
		if want := []float32{-1, 1, 4093, -4097, -3, -1}; !slices.Equal(f.Pixels, want) {
			t.Errorf("%s: pixels %v, want %v", s, f.Pixels, want)
		}
		if in.Rows != 3 || in.Cols != 2 || f.Spacing != [2]float64{0.5, 0.75} || f.Thickness != 4 || !f.Placed || f.Position != [3]float64{1, 2, 3} {
			t.Errorf("%s: %+v", s, in)
		}
	}
}

func TestParseEnhanced(t *testing.T) {
	for _, s := range plainSyntaxes {
		in, err := Parse(smallEnhanced().bytes(t, s))
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		a, b := in.Frames[0], in.Frames[1]
		if !a.Placed || a.Position[2] != 7 || b.Position[2] != -7 || a.Pixels[1] != 3 || b.Pixels[1] != 1 || b.Spacing != [2]float64{0.5, 0.75} {
			t.Errorf("%s: %+v", s, in.Frames)
		}
	}
}

// TestContrastOfEnhanced reads what a classic object says at the top from the functional groups, shared or of the first frame, in every
// syntax.
func TestContrastOfEnhanced(t *testing.T) {
	group := func(sequence tag.Tag, elements dataset) dataset {
		var outer dataset
		outer.set(sequence, []dataset{elements})
		return outer
	}
	var timing, echo, modifier, anatomy dataset
	timing.str(tag.RepetitionTime, "2500")
	timing.str(tag.FlipAngle, "8")
	timing.str(tag.EchoTrainLength, "0")
	timing.set(tag.RFEchoTrainLength, []int{17})
	echo.set(tag.EffectiveEchoTime, []float64{3.5})
	modifier.set(tag.InversionTimes, []float64{900})
	anatomy.str(tag.FrameLaterality, "L")
	want := recon.Sequence{TR: 2500, TE: 3.5, TI: 900, FlipAngle: 8, EchoTrainLength: 17}
	for _, s := range plainSyntaxes {
		c := smallEnhanced()
		shared := slices.Concat(group(tag.MRTimingAndRelatedParametersSequence, timing), group(tag.MRModifierSequence, modifier), group(tag.FrameAnatomySequence, anatomy))
		frame := group(tag.MREchoSequence, echo)
		c.replace(tag.SharedFunctionalGroupsSequence, []dataset{shared})
		c.replace(tag.PerFrameFunctionalGroupsSequence, []dataset{frame, frame})
		in, err := Parse(c.bytes(t, s))
		if err != nil || in.Frames[1].Sequence.Sequence != want || in.Carried.Laterality != "L" {
			t.Errorf("%s: %+v, side %q, %v", s, in.Frames[1].Sequence, in.Carried.Laterality, err)
		}
	}
}

func TestParseEightBit(t *testing.T) {
	c := smallMR()
	c.replace(tag.BitsAllocated, []int{8})
	c.replace(tag.BitsStored, []int{8})
	c.replace(tag.HighBit, []int{7})
	c.replace(tag.PixelRepresentation, []int{0})
	c.replace(tag.Rows, []int{1})
	c.replace(tag.Columns, []int{3})
	c.pixels = []byte{0, 128, 255, 0} // the last is padding
	in, err := Parse(c.bytes(t, uid.ExplicitVRLittleEndian))
	if err != nil || !slices.Equal(in.Frames[0].Pixels, []float32{-1, 255, 509}) {
		t.Errorf("%v: %v", in.Frames, err)
	}
}

// hostile files: what each is called, and words of the sentence that refuses it.
func hostileFiles(t testing.TB) map[string]struct {
	file []byte
	want string
} {
	change := func(f func(*crafted)) []byte {
		c := smallMR()
		f(&c)
		return c.bytes(t, uid.ExplicitVRLittleEndian)
	}
	set := func(tg tag.Tag, v any) []byte { return change(func(c *crafted) { c.replace(tg, v) }) }
	explicit := part10(uid.ExplicitVRLittleEndian)
	with := func(tail ...byte) []byte { return append(bytes.Clone(explicit), tail...) }
	nested := func(group, element uint16, depth int) []byte {
		file := bytes.Clone(explicit)
		for range depth {
			file = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(file, group), element)
			file = append(file, "SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"...)
		}
		return file
	}
	good := smallMR().bytes(t, uid.ExplicitVRLittleEndian)
	type hostile = struct {
		file []byte
		want string
	}
	hostiles := map[string]hostile{
		"empty":                     {nil, "not a DICOM file"},
		"HDF5":                      {[]byte("\x89HDF\r\n\x1a\n"), "not a DICOM file"},
		"only a head":               {explicit, "not an MR image"},
		"no syntax":                 {append(make([]byte, preamble), "DICM"...), "transfer syntax"},
		"unknown syntax":            {append(part10("1.2.DOE.3"), 0, 0), "1.2..3 is not supported"},
		"nested 20000 deep":         {nested(0x0008, 0x1140, 20000), "nested"},
		"nested in what is read":    {nested(0x5200, 0x9229, 20000), "nested"},
		"nested unknown":            {append(part10(uid.ImplicitVRLittleEndian), bytes.Repeat([]byte("\x09\x00\x01\x10\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"), 20000)...), "nested"},
		"2 GB declared":             {with(0x08, 0, 0x08, 0, 'O', 'B', 0, 0, 0xfe, 0xff, 0xff, 0x7f), "longer than"},
		"4 GB of pixels":            {with(0xe0, 0x7f, 0x10, 0, 'O', 'W', 0, 0, 0xfe, 0xff, 0xff, 0xff), "longer than"},
		"fragments":                 {with(0xe0, 0x7f, 0x10, 0, 'O', 'W', 0, 0, 0xff, 0xff, 0xff, 0xff), "compressed"},
		"no length":                 {with(0x10, 0, 0x10, 0, 'U', 'T', 0, 0, 0xff, 0xff, 0xff, 0xff), "no length"},
		"VR of its own":             {with(0x10, 0, 0x10, 0, 'Z', 'Z', 2, 0, 'D', 'O'), "no valid VR"},
		"rows as text":              {bytes.Replace(good, []byte("\x28\x00\x10\x00US"), []byte("\x28\x00\x10\x00SH"), 1), "VR that is not its own"},
		"huge value":                {set(tag.ImageType, []string{strings.Repeat("DOE^JANE", 1000)}), "longer than it may be"},
		"end without a beginning":   {with(0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0), "delimiter"},
		"sequence without items":    {with(0x08, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 0xff, 0xff, 0xff, 0xff, 0x10, 0, 0x10, 0, 'P', 'N', 0, 0), "not an item"},
		"item without end":          {with(0, 0x52, 0x29, 0x92, 'S', 'Q', 0, 0, 8, 0, 0, 0, 0xfe, 0xff, 0, 0xe0, 0xff, 0xff, 0xff, 0xff), "truncated"},
		"sequence without end":      {with(0x08, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0), "truncated"},
		"half a header":             {with(0x08, 0, 0x40), "longer than"},
		"not deflated":              {append(part10(uid.DeflatedExplicitVRLittleEndian), 0xff, 0xff), "deflated data set is damaged"},
		"65535 by 65535":            {change(func(c *crafted) { c.replace(tag.Rows, []int{65535}); c.replace(tag.Columns, []int{65535}) }), "12 bytes of pixels"},
		"frames that are not there": {set(tag.NumberOfFrames, []string{"60000"}), "12 bytes of pixels"},
		"frames that are no number": {set(tag.NumberOfFrames, []string{"DOE^JANE"}), "not a number"},
		"frames without end":        {set(tag.NumberOfFrames, []string{"1e9"}), "not from 1 to"},
		"infinite slope":            {set(tag.RescaleSlope, []string{"Inf"}), "not a number"},
		"overflowing slope":         {set(tag.RescaleSlope, []string{"1e38"}), "out of range"},
		"no rows":                   {change(func(c *crafted) { c.remove(tag.Rows) }), "missing or not from"},
		"zero rows":                 {set(tag.Rows, []int{0}), "missing or not from"},
		"bits that do not fit":      {set(tag.HighBit, []int{16}), "do not fit"},
		"more bits than there are":  {set(tag.BitsStored, []int{13}), "do not fit"},
		"32 bit":                    {set(tag.BitsAllocated, []int{32}), "32 bit"},
		"color":                     {set(tag.PhotometricInterpretation, []string{"RGB"}), "gray-scale"},
		"phase":                     {set(tag.ImageType, []string{"ORIGINAL", "PRIMARY", "P", "DOE^JANE"}), "magnitude image is needed"},
		"no pixels":                 {change(func(c *crafted) { c.pixels = nil }), "no pixels"},
		"one pixel too few":         {change(func(c *crafted) { c.pixels = c.pixels[:10] }), "10 bytes of pixels"},
		"one pixel too many":        {change(func(c *crafted) { c.pixels = append(c.pixels, 0, 0) }), "14 bytes of pixels"},
		"more groups than frames":   {change(func(c *crafted) { c.set(tag.PerFrameFunctionalGroupsSequence, []dataset{nil, nil}) }), "2 descriptions of 1"},
	}
	maps.Copy(hostiles, lyingFragments(t))
	return hostiles
}

// TestHostileFilesAreRefused expects a sentence, quickly and with little memory, and nothing of the patient in it.
func TestHostileFilesAreRefused(t *testing.T) {
	for name, h := range hostileFiles(t) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := Parse(h.file)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if recon.CodeOf(err) != recon.Invalid || !strings.Contains(fmt.Sprint(err), h.want) || strings.Contains(fmt.Sprint(err), "DOE") {
			t.Errorf("%s: %v, want %q", name, err, h.want)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20+4*uint64(len(h.file)) {
			t.Errorf("%s: a file of %d bytes allocated %d", name, len(h.file), used)
		}
		if limit := 500 * time.Millisecond; took > limit {
			t.Errorf("%s took %v", name, took)
		}
	}
}

// TestInflateStopsAtItsLimit gives it an image of zeros that is taken, and a bomb of twice what a file of its size may become.
func TestInflateStopsAtItsLimit(t *testing.T) {
	zeros := func(n int) []byte {
		return deflate(t, uid.DeflatedExplicitVRLittleEndian, append(part10(uid.ExplicitVRLittleEndian), make([]byte, n)...))
	}
	if _, data, err := split(zeros(12 << 20)); err != nil || len(data) != 12<<20 {
		t.Fatalf("%d bytes: %v", len(data), err)
	}
	bomb := zeros(32 << 20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, data, err := split(bomb)
	runtime.ReadMemStats(&after)
	if data != nil || !strings.Contains(fmt.Sprint(err), "inflates to more than 16 MiB") {
		t.Errorf("%d bytes: %v", len(data), err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
}

// TestTruncatedFilesAreRefused cuts files at every byte: a reader that takes the end of the file for the end of the data would
// return an image.
func TestTruncatedFilesAreRefused(t *testing.T) {
	for _, c := range []crafted{smallMR(), smallEnhanced()} {
		for _, s := range plainSyntaxes {
			file := c.bytes(t, s)
			for n := range file {
				if _, err := Parse(file[:n]); recon.CodeOf(err) != recon.Invalid || strings.Contains(err.Error(), "DOE") {
					t.Fatalf("%s cut at %d of %d: %v", s, n, len(file), err)
				}
			}
		}
	}
}

// TestPrivateAndUnknownElementsDoNoHarm adds what real files hold and a volume does not need.
func TestPrivateAndUnknownElementsDoNoHarm(t *testing.T) {
	good := smallMR().bytes(t, uid.ExplicitVRLittleEndian)
	at := bytes.Index(good, []byte("\x10\x00\x10\x00PN"))
	for name, element := range map[string][]byte{
		"64-bit values": append([]byte{9, 0, 1, 0x10, 'S', 'V', 0, 0, 8, 0, 0, 0}, make([]byte, 8)...),
		// A private sequence in implicit encoding within an explicit file, as old archives leave them (PS3.5 6.2.2).
		"unknown sequence": []byte("\x09\x00\x02\x10UN\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff\x09\x00\x03\x10\x02\x00\x00\x00ab" +
			"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"),
		// Its length is right, its content nonsense: nobody needs it.
		"damaged private sequence": []byte("\x09\x00\x02\x10SQ\x00\x00\x04\x00\x00\x00abcd"),
	} {
		file := slices.Concat(good[:at], element, good[at:])
		if in, err := Parse(file); err != nil || in.Frames[0].Pixels[1] != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParse looks for panics that recover hides by calling the parts that must not have any, and for instances that do not
// hold what they say.
func FuzzParse(f *testing.F) {
	for _, c := range []crafted{smallMR(), smallEnhanced()} {
		for _, s := range plainSyntaxes {
			f.Add(c.bytes(f, s))
		}
	}
	for _, h := range lyingFragments(f) {
		f.Add(h.file)
	}
	f.Add(smallMR().compress(f, rleSyntax, true, [][]byte{packBits(smallMR().pixels)}))
	f.Fuzz(func(t *testing.T, file []byte) {
		if s, data, err := split(file); err == nil {
			w := walker{data: data, syntax: s}
			if _, err := w.dataset(0, len(data), 0, true, false); err == nil {
				w.attributes() // what passes the walker must not make the library panic
			} else if recon.CodeOf(err) != recon.Invalid {
				t.Errorf("walker: %v", err)
			}
		}
		in, err := Parse(file)
		if err != nil {
			if recon.CodeOf(err) != recon.Invalid {
				t.Errorf("error without a code: %v", err)
			}
			return
		}
		for _, frame := range in.Frames {
			if len(frame.Pixels) != in.Rows*in.Cols {
				t.Errorf("%d pixels in %d by %d", len(frame.Pixels), in.Rows, in.Cols)
			}
		}
	})
}
