package main_test

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// A run that ends before its time leaves a report of what it made, which the next run into the same directory goes by: images of two
// inputs never lie beside each other.
func TestInterruptedResultsAreOfOneRun(t *testing.T) {
	scan, out := phantom(t), t.TempDir()
	inTheWay := filepath.Join(out, "dicom", "tv")
	if err := os.MkdirAll(filepath.Dir(inTheWay), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := try("recon", scan, "-o", out, "--method", "zero-filled", "--method", "tv"); err == nil || !strings.Contains(stderr, "write DICOM series tv") {
		t.Fatalf("a run that cannot write its second series: %v\n%s", err, stderr)
	}
	r := readReport(t, out)
	if len(r.Methods) != 2 || !slices.Equal(r.Notes, []string{"Preliminary: written before the end of the job."}) {
		t.Errorf("the report that is left has methods %v and notes %q", len(r.Methods), r.Notes)
	}
	if _, stderr, err := try("recon", phantom(t, "--seed", "7"), "-o", out, "--method", "unet"); err == nil || !strings.Contains(stderr, "has the results of another input") {
		t.Errorf("another scan: %v\n%s", err, stderr)
	}
	closer(t, "recon", scan, "-o", out, "--method", "tv")
	if _, err := os.Stat(filepath.Join(out, "dicom", "zero-filled")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the series of the interrupted run is beside the new report: %v", err)
	}
}

// So does a fetch of results that ends before its time.
func TestInterruptedFetchIsOfOneRun(t *testing.T) {
	s := newPushServer(t)
	var broken atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() && strings.HasSuffix(r.URL.Path, "/reconstruction.h5") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		s.handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	scan, out := phantom(t), t.TempDir()
	worked := make(chan error, 1)
	go func() { worked <- s.work(t) }()
	broken.Store(true)
	if _, stderr, err := try("push", scan, "--to", server.URL, "-o", out); err == nil {
		t.Fatalf("results that are not there: %v\n%s", err, stderr)
	}
	if err := <-worked; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(out, "dicom", "tv", "0001.dcm")); err != nil {
		t.Errorf("nothing was fetched before: %v", err)
	}
	if _, stderr, err := try("recon", phantom(t, "--seed", "7"), "-o", out, "--method", "zero-filled"); err == nil || !strings.Contains(stderr, "has the results of another input") {
		t.Errorf("another scan: %v\n%s", err, stderr)
	}
}
