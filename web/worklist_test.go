package web

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The page comes without a key, runs only what this server gives, and everything that it names exists.
func TestWorklist(t *testing.T) {
	s := start(t, nil)
	response, page := s.do("GET", "/", nil)
	if response.StatusCode != http.StatusOK || !strings.Contains(string(page), "Not for diagnostic use") {
		t.Fatalf("%s: %.100s", response.Status, page)
	}
	if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	named := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(string(page), -1)
	if len(named) != 2 {
		t.Fatalf("the page names %d files", len(named))
	}
	for _, n := range named {
		response, data := s.do("GET", "/"+n[1], nil)
		if response.StatusCode != http.StatusOK || len(data) == 0 {
			t.Errorf("%s: %s", n[1], response.Status)
		}
		if kind := response.Header.Get("Content-Type"); !strings.Contains(kind, "javascript") && !strings.Contains(kind, "css") {
			t.Errorf("%s is %s", n[1], kind)
		}
	}
	script := regexp.MustCompile(`"(/api/v1/[a-z]+)`)
	_, text := s.do("GET", "/worklist.js", nil)
	for _, m := range script.FindAllStringSubmatch(string(text), -1) {
		if response, _ := s.do("GET", m[1], nil); response.StatusCode == http.StatusNotFound && m[1] != "/api/v1/jobs" {
			t.Errorf("the script asks for %s, which does not exist", m[1])
		}
	}
}
