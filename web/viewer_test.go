package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// The page comes without a key at each of its addresses, runs only what this server gives, and everything that it names exists.
func TestViewer(t *testing.T) {
	s := start(t, nil)
	if embeddedViewer().page == nil {
		t.Skip("the viewer is not built: run make viewer")
	}
	for _, address := range []string{"/", "/study/0123456789abcdef0123456789abcdef"} {
		response, page := s.do("GET", address, nil)
		if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
			t.Fatalf("%s: %s %.100s", address, response.Status, page)
		}
		h := response.Header
		if policy := h.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") {
			t.Errorf("policy %q", policy)
		}
		if h.Get("Cross-Origin-Opener-Policy") != "same-origin" || h.Get("Cross-Origin-Embedder-Policy") != "require-corp" || h.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %v", address, h)
		}
		named := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(string(page), -1)
		if len(named) < 2 {
			t.Fatalf("the page names %d files", len(named))
		}
		for _, n := range named {
			response, data := s.do("GET", n[1], nil)
			if response.StatusCode != http.StatusOK || len(data) == 0 || !strings.Contains(response.Header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %s %v", n[1], response.Status, response.Header)
			}
			response, data = s.do("GET", n[1], nil, "Range", "bytes=1000000000-")
			expectProblem(t, n[1]+" beyond its end", response, data, http.StatusRequestedRangeNotSatisfiable, "no such range")
		}
	}
	for _, address := range []string{"/study/", "/study/0123", "/assets/", "/assets/none.js"} {
		if response, _ := s.do("GET", address, nil); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", address, response.Status)
		}
	}
}

// A program that was compiled before the viewer was built says so.
func TestViewerThatIsNotBuilt(t *testing.T) {
	w := httptest.NewRecorder()
	newViewer(fstest.MapFS{".gitignore": {}}).servePage(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), "run make viewer") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
