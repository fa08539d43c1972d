package dicomio

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecimalFitsAndKeepsTheValue(t *testing.T) {
	for _, v := range []float64{0, 1, -1, 0.4375000000000001, -0.4375000000000001, math.Pi, -math.Pi * 1e-7, 1.0 / 3, -2.0 / 3e9, 1e300, -1.2345678901234567e-300,
		123456789012345678, math.SmallestNonzeroFloat64, 1.1e308, -109.65625} {
		s := decimal(v)
		got, err := strconv.ParseFloat(s, 64)
		if len(s) > maxDS || err != nil || math.Abs(got-v) > 1e-8*math.Abs(v) {
			t.Errorf("%v became %q", v, s)
		}
	}
	if s := decimal(math.Copysign(0, -1)); s != "0" {
		t.Errorf("-0 became %q", s)
	}
}

func TestTextIsOneValue(t *testing.T) {
	for in, want := range map[string]string{
		` a\b ` + "\n": "a/b", "": "", strings.Repeat("é", 40): strings.Repeat("é", 32), "a" + strings.Repeat("é", 40): "a" + strings.Repeat("é", 31),
		"x\xffy": "x y", strings.Repeat("z", 65): strings.Repeat("z", 64),
	} {
		if got := text(in, maxLO); got != want || !utf8.ValidString(got) {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestCode(t *testing.T) {
	for in, want := range map[string]string{"zero-filled": "ZERO_FILLED", "score-pocs": "SCORE_POCS", "ccdf": "CCDF",
		"a-method-with-a-name-longer": "A_METHOD_WITH_A_", "ü": "_", "": ""} {
		if got := code(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
