package recon

import (
	"encoding/csv"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// Over many jobs each method is on the left about half of the time, whichever is named first, and the draw repeats.
func TestSidesAreDrawn(t *testing.T) {
	const n = 2000
	left := 0
	for i := range n {
		job := fmt.Sprint("job", i)
		c := NextComparison(job, "reader", [2]string{"unet", "ccdf"}, nil)
		if again := NextComparison(job, "reader", [2]string{"ccdf", "unet"}, nil); again != c {
			t.Fatalf("%+v, and asked the other way %+v", c, again)
		}
		if c.Left == "unet" {
			left++
		}
	}
	if sigma := math.Sqrt(n) / 2; math.Abs(float64(left)-n/2) > 4*sigma {
		t.Errorf("unet is on the left %d times of %d", left, n)
	}
}

// The next trial is another draw; what others answered, or on other methods, does not count.
func TestTrials(t *testing.T) {
	methods := [2]string{"a", "b"}
	reviews := []Review{
		{User: "other", Preference: &Preference{Comparison: Comparison{Left: "a", Right: "b"}}},
		{User: "u", Preference: &Preference{Comparison: Comparison{Left: "a", Right: "c"}}},
		{User: "u", Decision: &Decision{Method: "a", Verdict: Accepted}},
	}
	ids, sides := map[string]bool{}, map[string]int{}
	for trial := range 40 {
		c := NextComparison("job", "u", methods, reviews)
		if c.Trial != trial {
			t.Fatalf("trial %d is number %d", trial, c.Trial)
		}
		sides[c.Left]++
		ids[PreferenceID("job", "u", c)] = true
		reviews = append(reviews, Review{User: "u", Preference: &Preference{Comparison: c, Preferred: Neither}})
	}
	if len(ids) != 40 || len(sides) != 2 {
		t.Errorf("%d names, sides %v", len(ids), sides)
	}
}

func TestReviewValidate(t *testing.T) {
	decision, preference := &Decision{"ccdf", Rejected}, &Preference{Comparison{"a", "b", 0}, "b"}
	for want, r := range map[string]Review{
		"":                       {Decision: decision, Reason: "ghost\n\tat the left"},
		"either":                 {Decision: decision, Preference: preference, Reason: "x"},
		"needs a reason":         {Decision: decision, Reason: " \n"},
		"at most 1000":           {Decision: &Decision{"ccdf", Accepted}, Reason: strings.Repeat("ä", 1001)},
		"control":                {Decision: decision, Reason: "a\x1b[2J"},
		"without control":        {Decision: decision, Reason: "\xff"},
		"accepted or":            {Decision: &Decision{"ccdf", "fine"}, Reason: "x"},
		"two different":          {Preference: &Preference{Comparison{"a", "a", 0}, "a"}},
		"one of the two":         {Preference: &Preference{Comparison{"a", "b", 0}, "c"}},
		"one of the two that we": {Preference: &Preference{Comparison{"a", "b", 0}, ""}},
		"either a decision":      {},
	} {
		if err := r.Validate(); (err == nil) != (want == "") || err != nil && (CodeOf(err) != Invalid || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", want, err)
		}
	}
	if err := (&Review{Preference: preference}).Validate(); err != nil {
		t.Error(err)
	}
}

// A reader of CSV gets back what was written, a spreadsheet no formula, and only the latest decision on a series is current.
func TestReviewsCSV(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 5e6, time.UTC)
	reviews := []Review{
		{ID: "1", Job: "j", Scan: "s", User: "u", Time: at, Decision: &Decision{"ccdf", Accepted}},
		{ID: "2", Job: "j", Scan: "s", User: "u", Time: at, Decision: &Decision{"unet", Accepted}},
		{ID: "3", Job: "k", Scan: "s", User: "u", Time: at, Decision: &Decision{"ccdf", Accepted}},
		{ID: "4", Job: "j", Scan: "s", User: "v", Time: at, Decision: &Decision{"ccdf", Rejected}, Reason: "=HYPERLINK(\"x\"),\n\"y\""},
		{ID: "5", Job: "j", Scan: "s", User: "v", Time: at, Preference: &Preference{Comparison{"unet", "ccdf", 2}, Neither}},
	}
	var text strings.Builder
	if err := WriteReviewsCSV(&text, reviews); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
	if err != nil || len(lines) != 6 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	column := map[string]int{}
	for i, name := range lines[0] {
		column[name] = i
	}
	for line, want := range map[int]map[string]string{
		1: {"time": "2026-11-24T09:00:00.005Z", "user": "u", "kind": "decision", "method": "ccdf", "verdict": "accepted", "current": "no"},
		2: {"method": "unet", "current": "yes"},
		3: {"job": "k", "method": "ccdf", "current": "yes"},
		4: {"user": "v", "verdict": "rejected", "current": "yes", "reason": "'=HYPERLINK(\"x\"),\n\"y\"", "id": "4"},
		5: {"kind": "preference", "left": "unet", "right": "ccdf", "trial": "2", "preferred": "neither", "verdict": "", "current": ""},
	} {
		for name, value := range want {
			if got := lines[line][column[name]]; got != value {
				t.Errorf("line %d: %s is %q, want %q", line, name, got, value)
			}
		}
	}
}

// Whatever a reader may write comes out of the table as it was, but for the apostrophe before a formula.
func FuzzReviewsCSV(f *testing.F) {
	f.Add("=1+1")
	f.Add("a\"b\nc, d")
	f.Add("\ufeff\u2028 ")
	f.Fuzz(func(t *testing.T, reason string) {
		r := Review{Job: "j", Decision: &Decision{"ccdf", Rejected}, Reason: reason}
		if r.Validate() != nil {
			return
		}
		var text strings.Builder
		if err := WriteReviewsCSV(&text, []Review{r}); err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
		if err != nil || len(lines) != 2 {
			t.Fatalf("%d lines, %v", len(lines), err)
		}
		if got := lines[1][len(lines[1])-2]; got != reason && got != "'"+reason || strings.ContainsAny(got[:1], "=+-@\t\r") {
			t.Errorf("%q became %q", reason, got)
		}
	})
}
