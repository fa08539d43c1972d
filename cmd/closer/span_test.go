package main

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "36h": 36 * time.Hour, "1s": time.Second, "0": 0} {
		var s span
		if err := s.Set(text); err != nil || time.Duration(s) != want {
			t.Errorf("%s is %v, %v", text, time.Duration(s), err)
		}
		var again span
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%s is written %s", text, s.String())
		}
	}
	for _, text := range []string{"", "d", "-1d", "-5s", "1e9d", "30 d", "NaNd", "99999999d", "month"} {
		var s span
		if s.Set(text) == nil {
			t.Errorf("%q is %v", text, time.Duration(s))
		}
	}
}
