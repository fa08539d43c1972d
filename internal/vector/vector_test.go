package vector

import (
	"math"
	"testing"
)

func near(a, b V) bool {
	d := V{a[0] - b[0], a[1] - b[1], a[2] - b[2]}
	return Dot(d, d) < 1e-24
}

func TestSharpenedCosinesAreExact(t *testing.T) {
	a, b := V{0.707, 0.7071, 0.001}, V{-0.7071, 0.707, 0.002}
	if !Orthonormal(a, b) {
		t.Fatal("rounded cosines are refused")
	}
	row, col := Sharpen(a, b)
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"length of the first", Dot(row, row), 1}, {"length of the second", Dot(col, col), 1}, {"product", Dot(row, col), 0}} {
		if math.Abs(c.got-c.want) > 1e-15 {
			t.Errorf("%s: %g, want %g", c.name, c.got, c.want)
		}
	}
	if !near(Cross(row, a), V{}) {
		t.Error("the first has turned")
	}
}

func TestWhatIsNotOrthonormal(t *testing.T) {
	x, y := V{1, 0, 0}, V{0, 1, 0}
	for name, pair := range map[string][2]V{
		"zeros": {}, "parallel": {x, x}, "oblique": {x, V{math.Sqrt(0.5), math.Sqrt(0.5), 0}}, "long": {Scale(x, 1.1), y}, "short": {x, Scale(y, 0.9)},
		"lengths that cancel": {Scale(x, 2), Scale(y, 0.5)}, "not numbers": {V{math.NaN(), 0, 0}, y},
	} {
		if Orthonormal(pair[0], pair[1]) {
			t.Errorf("%s pass", name)
		}
	}
}

func TestStep(t *testing.T) {
	for name, c := range map[string]struct {
		locations []float64
		want      float64
	}{
		"growing": {[]float64{-4, 0, 4}, 4}, "falling": {[]float64{4, 0, -4}, 4}, "rounded": {[]float64{0, 4.01, 8}, 4}, "a gap": {[]float64{0, 4, 12}, 0},
		"one": {[]float64{7}, 0}, "none": {nil, 0},
	} {
		if got := Step(c.locations); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %g, want %g", name, got, c.want)
		}
	}
}
