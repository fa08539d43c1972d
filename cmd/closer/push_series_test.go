package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// A directory of DICOM series and an .h5 file is pushed to a server that de-identifies, over a network that goes away after some
// files: the same command sends the others alone, and each series is one scan. Once more, also by who knows nothing of it, it is the
// same scans.
func TestPushDICOMSeries(t *testing.T) {
	needRuntime(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	study, scan, made := filepath.Join(dir, "study"), filepath.Join(dir, "study", "scan.h5"), filepath.Join(dir, "made")
	closer(t, "phantom", "-o", scan, "--slices", "4", "--matrix", "64")
	closer(t, "recon", scan, "-o", made, "--method", "zero-filled", "--method", "tv")
	asScanned(t, made)
	for _, name := range []string{"zero-filled", "tv"} {
		if err := os.CopyFS(filepath.Join(study, name), os.DirFS(filepath.Join(made, "dicom", name))); err != nil {
			t.Fatal(err)
		}
	}
	_, address := serving(t, filepath.Join(dir, "data"), "--deidentify-ingest", filepath.Join(dir, "secret"))
	var left atomic.Int32 // requests that come through
	var mu sync.Mutex
	sent := map[string]int{} // instances that came through, by digest
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if left.Add(-1) < 0 {
			panic(http.ErrAbortHandler)
		}
		if r.URL.Query().Get("commit") == "false" {
			mu.Lock()
			sent[r.Header.Get("Content-Digest")]++
			mu.Unlock()
		}
		to.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	push := func(requests int32, args ...string) (string, string, error) {
		left.Store(requests)
		return try(append([]string{"push", "--to", proxy.URL, "--method", "zero-filled", "--accel", "2", "--patience", "1s", "--parallel", "1"}, args...)...)
	}
	series := filepath.Join(study, "tv")
	if _, stderr, err := push(3, series); err == nil || !strings.Contains(stderr, "given up after") {
		t.Fatalf("a network that is gone: %v\n%s", err, stderr)
	}
	stdout, stderr, err := push(1000, series)
	if err != nil || !strings.Contains(stderr, "going on after 3 of 4 files") || !strings.Contains(stdout, "receipt: ") {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	out := filepath.Join(dir, "out")
	if stdout, stderr, err = push(1000, study, "-o", out); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	for digest, n := range sent {
		if n != 1 {
			t.Errorf("%s was sent %d times", digest, n)
		}
	}
	results, _ := filepath.Glob(filepath.Join(out, "*", "report.json"))
	if len(sent) != 8 || len(results) != 3 {
		t.Errorf("%d instances were sent, and there are results in %q", len(sent), results)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, input := range []string{study, filepath.Join(series, "0002.dcm")} { // a file alone is a scan of its own
		if stdout, stderr, err := push(1000, input, "--no-wait"); err != nil {
			t.Errorf("%v\n%s%s", err, stdout, stderr)
		}
	}
	var answer struct{ Scans []struct{ Jobs []recon.Job } }
	getJSON(t, "http://"+address+"/api/v1/scans", &answer)
	jobs := 0
	for _, s := range answer.Scans {
		jobs += len(s.Jobs)
	}
	if len(answer.Scans) != 4 || jobs != 4 {
		t.Errorf("%d scans, %d jobs", len(answer.Scans), jobs)
	}

	// What does not belong to the scan that the server has is refused at once, and in its words.
	extra := filepath.Join(dir, "more")
	if err := os.CopyFS(extra, os.DirFS(series)); err != nil {
		t.Fatal(err)
	}
	first := read(t, extra, "0001.dcm")
	if err := os.WriteFile(filepath.Join(extra, "0001.dcm"), append(first[:len(first)-2:len(first)-2], 1, 2), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := push(1000, extra); err == nil || !strings.Contains(stderr, fmt.Sprintf("committed with %d instances", 4)) {
		t.Errorf("a changed instance: %v\n%s", err, stderr)
	}
}
