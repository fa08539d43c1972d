package dicomweb

import (
	"bytes"
	"image/png"
	"math"
	"testing"

	"github.com/closer-mri/closer/dicomio"
)

// TestWindows shows an image through windows of each function, from the query and from the file, and computes the pictures again by
// the formulas of PS3.3 C.11.2.1.
func TestWindows(t *testing.T) {
	from := serve(t, 1, nil)
	series := from.series[0]
	uid := series.Files[1].InstanceUID
	file := from.files[uid]
	path := "/studies/" + series.StudyUID + "/series/" + series.SeriesUID + "/instances/" + uid + "/rendered"
	stored := storedPixels(t, file)
	check := func(s *served, query string, shown func(x float64) float64) {
		t.Helper()
		_, body := s.get(t, path+query, "image/png")
		img, err := png.Decode(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		shades := map[uint32]bool{}
		for i := range matrix * matrix {
			x := float64(stored[2*i]) + 256*float64(stored[2*i+1])
			want := max(0, min(255, int(shown(x)*255+0.5)))
			got, _, _, _ := img.At(i%matrix, i/matrix).RGBA()
			if got>>8 != uint32(want) {
				t.Fatalf("%q: pixel %d of %g is %d, want %d", query, i, x, got>>8, want)
			}
			shades[got>>8] = true
		}
		if len(shades) < 50 {
			t.Errorf("%q: only %d shades", query, len(shades))
		}
	}
	linear := func(c, w float64) func(float64) float64 {
		return func(x float64) float64 { return (x-(c-0.5))/(w-1) + 0.5 }
	}
	exact := func(c, w float64) func(float64) float64 { return func(x float64) float64 { return (x-c)/w + 0.5 } }
	sigmoid := func(c, w float64) func(float64) float64 {
		return func(x float64) float64 { return 1 / (1 + math.Exp(-4*(x-c)/w)) }
	}
	check(from, "?window=8000,4001", linear(8000, 4001))
	check(from, "?window=8000,4001,linear", linear(8000, 4001))
	check(from, "?window=8000,4000.5,linear-exact", exact(8000, 4000.5))
	check(from, "?window=8000,4001,SIGMOID", sigmoid(8000, 4001))

	in, err := newInstance(dicomio.Stored{}, file)
	if err != nil {
		t.Fatal(err)
	}
	c, w := in.number("00281050"), in.number("00281051")
	check(from, "", linear(c, w))
	for function, shown := range map[string]func(float64) float64{
		"LINEAR": linear(c, w), "LINEAR_EXACT": exact(c, w), "SIGMOID": sigmoid(c, w), "CUBIC": linear(c, w),
	} {
		s := serve(t, 0, nil)
		s.submit(t, withFunction(t, file, function))
		check(s, "", shown)
		check(s, "?window=8000,4001,linear", linear(8000, 4001))
	}
}

// withFunction gives a file of explicit little endian a VOI LUT Function, after its Window Width.
func withFunction(t *testing.T, file []byte, function string) []byte {
	t.Helper()
	at := bytes.Index(file, []byte("\x28\x00\x51\x10DS"))
	if at < 0 {
		t.Fatal("the file has no Window Width")
	}
	at += 8 + int(file[at+6])
	if len(function)%2 == 1 {
		function += " "
	}
	element := append([]byte("\x28\x00\x56\x10CS"), byte(len(function)), 0)
	return bytes.Join([][]byte{file[:at], element, []byte(function), file[at:]}, nil)
}
