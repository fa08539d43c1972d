package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
)

// create begins a tus upload and returns its path.
func (s *server) create(size int, status int, metadata ...string) (path string, answer []byte) {
	s.t.Helper()
	var pairs []string
	for i := 0; i < len(metadata); i += 2 {
		pairs = append(pairs, metadata[i]+" "+base64.StdEncoding.EncodeToString([]byte(metadata[i+1])))
	}
	response, data := s.do("POST", "/api/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(size), "Upload-Metadata", strings.Join(pairs, ","))
	if response.StatusCode != status {
		s.t.Fatalf("create: %s %s", response.Status, data)
	}
	if path = response.Header.Get("Location"); status == http.StatusCreated && !strings.HasPrefix(path, "/api/v1/uploads/") { // a proxy has another host
		s.t.Fatalf("Location %q", path)
	}
	return path, data
}

func (s *server) patch(path string, offset int, data []byte) (*http.Response, []byte) {
	s.t.Helper()
	return s.do("PATCH", path, bytes.NewReader(data), "Tus-Resumable", "1.0.0", "Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/offset+octet-stream")
}

// An upload in pieces, across a restart of the server, is the same scan as one request; its receipt outlives the client.
func TestResumableUpload(t *testing.T) {
	dir := t.TempDir()
	s := start(t, func(c *Config) { c.DataDir = dir })
	scan := scanBytes("a")
	path, _ := s.create(len(scan), http.StatusCreated, "recipe", "method=tv", "digest", digest(scan), "filetype", mediaHDF5, "filename", "Doe^John.h5")
	if response, data := s.patch(path, 0, scan[:4000]); response.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s", response.Status, data)
	}
	response, data := s.do("GET", path+"/receipt", nil)
	expectProblem(t, "receipt of an incomplete upload", response, data, http.StatusConflict, "4000 of 10008 bytes")
	response, data = s.patch(path, 1, scan[1:])
	expectProblem(t, "wrong offset", response, data, http.StatusConflict, "offset")

	again := start(t, func(c *Config) { c.DataDir, c.Queue, c.Blobs = dir, s.queue, s.blobs })
	response, _ = again.do("HEAD", path, nil, "Tus-Resumable", "1.0.0")
	if got := response.Header.Get("Upload-Offset"); got != "4000" {
		t.Fatalf("after the restart %q bytes are there", got)
	}
	response, data = again.patch(path, 4000, scan[4000:])
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s", response.Status, data)
	}
	receipt := get[Receipt](again, path+"/receipt")
	if receipt.SHA256 != hexSum(scan) || receipt.Job != response.Header.Get("Closer-Job") {
		t.Errorf("receipt %+v, job %q", receipt, response.Header.Get("Closer-Job"))
	}
	response, _ = again.do("HEAD", path, nil, "Tus-Resumable", "1.0.0")
	if response.Header.Get("Upload-Offset") != "10008" || response.Header.Get("Closer-Job") != receipt.Job {
		t.Errorf("HEAD of a finished upload: %v", response.Header)
	}
	if posted := again.push(scan, "?method=tv", http.StatusOK); posted != receipt {
		t.Errorf("in one request: %+v", posted)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "uploads", "*"))
	for _, file := range left {
		if data, _ := os.ReadFile(file); bytes.Contains(data, []byte("Doe")) || bytes.Contains(data, scan[:1000]) {
			t.Errorf("%s keeps what is not needed", file)
		}
	}
	if strings.Contains(s.log.String()+again.log.String(), "Doe") {
		t.Error("the log names a patient")
	}
}

// A server that died between the last byte and the job makes the job when it is asked.
func TestUploadIsFinishedAfterACrash(t *testing.T) {
	full := true
	queue := store.NewMemory(store.Options{})
	s := start(t, func(c *Config) {
		c.Queue = queue
		c.Inspect = func(context.Context, string) error {
			if full {
				return recon.Errorf(recon.Unavailable, "no child could be started")
			}
			return nil
		}
	})
	scan := scanBytes("a")
	path, _ := s.create(len(scan), http.StatusCreated)
	response, data := s.patch(path, 0, scan)
	expectProblem(t, "not now", response, data, http.StatusServiceUnavailable, "no child")
	if response.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	full = false
	if response, _ := s.do("HEAD", path, nil, "Tus-Resumable", "1.0.0"); response.Header.Get("Closer-Job") == "" {
		t.Errorf("HEAD: %s %v", response.Status, response.Header)
	}
	if jobs, _ := queue.Jobs(t.Context()); len(jobs) != 1 {
		t.Errorf("%d jobs", len(jobs))
	}
}

// An upload that brought nothing for long is forgotten with all its files; one that goes on stays, also when it began long ago. The
// receipt of a finished upload is gone as soon as its job is.
func TestUploadsAreForgotten(t *testing.T) {
	dir := t.TempDir()
	s := start(t, func(c *Config) { c.DataDir = dir })
	scan := scanBytes("a")
	silent, _ := s.create(len(scan), http.StatusCreated)
	slow, _ := s.create(len(scan), http.StatusCreated)
	done, _ := s.create(len(scan), http.StatusCreated)
	s.patch(done, 0, scan)
	receipt := get[Receipt](s, done+"/receipt")
	files, _ := filepath.Glob(filepath.Join(dir, "uploads", "*"))
	for _, file := range files {
		if err := os.Chtimes(file, time.Time{}, time.Now().Add(-48*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	s.patch(slow, 0, scan[:5000])
	sweep := func(since time.Time, want map[string]int) {
		t.Helper()
		if err := SweepUploads(dir, since, slog.New(slog.NewJSONHandler(s.log, nil))); err != nil {
			t.Fatal(err)
		}
		for path, status := range want {
			if response, data := s.do("HEAD", path, nil, "Tus-Resumable", "1.0.0"); response.StatusCode != status {
				t.Errorf("%s %s, want %d", response.Status, data, status)
			}
		}
	}
	sweep(time.Now().Add(-72*time.Hour), map[string]int{silent: 200, slow: 200, done: 200})
	sweep(time.Now().Add(-24*time.Hour), map[string]int{silent: 404, slow: 200, done: 404})
	if log := s.log.String(); strings.Count(log, `"action":"forget"`) != 1 || !strings.Contains(log, `"upload":"`+path.Base(silent)) {
		t.Error("the log does not say which upload was forgotten")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "uploads", "*")); len(left) != 2 {
		t.Errorf("left are %v, want the two files of one upload", left)
	}
	s.patch(slow, 5000, scan[5000:])
	if again := get[Receipt](s, slow+"/receipt"); again != receipt {
		t.Errorf("receipt %+v, want %+v", again, receipt)
	}
	if _, err := s.queue.Cancel(t.Context(), receipt.Job); err != nil {
		t.Fatal(err)
	}
	if err := s.queue.Delete(t.Context(), receipt.Job); err != nil {
		t.Fatal(err)
	}
	response, data := s.do("GET", slow+"/receipt", nil)
	expectProblem(t, "receipt of a deleted job", response, data, http.StatusNotFound, "no upload")
	if left, _ := filepath.Glob(filepath.Join(dir, "uploads", "*")); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

func TestBadUploads(t *testing.T) {
	s := start(t, nil)
	for name, c := range map[string]struct {
		size, status int
		metadata     []string
		sentence     string
	}{
		"too large":      {1 << 21, 413, nil, ""},
		"empty":          {0, 400, nil, "is empty"},
		"wrong recipe":   {10, 400, []string{"recipe", "accel=-1"}, ""},
		"unknown recipe": {10, 400, []string{"recipe", "x=1"}, "not known"},
		"wrong type":     {10, 415, []string{"filetype", "text/html"}, "a scan is sent as"},
		"wrong digest":   {10, 400, []string{"digest", "md5=:AAAA:"}, "Content-Digest"},
	} {
		_, data := s.create(c.size, c.status, c.metadata...)
		var p problem
		if err := json.Unmarshal(data, &p); err != nil || !strings.Contains(p.Detail, c.sentence) {
			t.Errorf("%s: %s; expected %s", name, data, c.sentence)
		}
	}
	path, _ := s.create(5, http.StatusCreated)
	response, data := s.patch(path, 0, []byte("hello"))
	expectProblem(t, "no scan", response, data, http.StatusUnsupportedMediaType, "of an unknown kind")
	if response, _ := s.do("HEAD", path, nil, "Tus-Resumable", "1.0.0"); response.StatusCode != http.StatusNotFound {
		t.Errorf("what can never be a scan is kept: %s", response.Status)
	}
}

// Metadata that cannot be read are refused, not skipped: a digest that is not compared protects nothing. Nor is a part of an upload that
// is to be concatenated taken for a scan.
func TestMalformedUploads(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct {
		header, value, sentence string
	}{
		{"Upload-Metadata", "recipe " + base64.StdEncoding.EncodeToString([]byte("method=tv")) + ",digest " + digest(nil), `the value of "digest"`},
		{"Upload-Metadata", "recipe %%%", `the value of "recipe"`},
		{"Upload-Metadata", "recipe bWV0aG9kPXR2 bWV0aG9kPXR2", `the value of "recipe"`},
		{"Upload-Metadata", "recipe bWV0aG9kPXR2;digest AAAA", `the value of "recipe"`},
		{"Upload-Metadata", "filetype YXBwbGljYXRpb24veC1oZGY1,digest,recipe ,digest AAAA", `"digest" is more than once`},
		{"Upload-Concat", "partial", "Upload-Concat"},
		{"Upload-Checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "Upload-Checksum"},
		{"Upload-Concat", "final;/api/v1/uploads/a /api/v1/uploads/b", "Upload-Concat"},
	} {
		response, data := s.do("POST", "/api/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "10", c.header, c.value)
		expectProblem(t, c.value, response, data, http.StatusBadRequest, c.sentence)
		if response.Header.Get("Tus-Resumable") != "1.0.0" {
			t.Errorf("%s: no Tus-Resumable in the answer", c.value)
		}
	}
	response, data := s.do("POST", "/api/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "10",
		"Upload-Metadata", "recipe , digest,,filetype YXBwbGljYXRpb24veC1oZGY1, filename") // as tus-js-client writes what is empty
	if response.StatusCode != http.StatusCreated {
		t.Errorf("empty values: %s %s", response.Status, data)
	}
	path := response.Header.Get("Location")
	response, data = s.do("PATCH", path, strings.NewReader("\x89"), "Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream",
		"Upload-Checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")
	expectProblem(t, "a piece with a digest", response, data, http.StatusBadRequest, "Upload-Checksum")
	if response, _ = s.do("HEAD", path, nil, "Tus-Resumable", "1.0.0"); response.Header.Get("Upload-Offset") != "0" {
		t.Errorf("%s bytes of it are there", response.Header.Get("Upload-Offset"))
	}
}

// The fields of a request are one list, and a digest in the second is compared.
func TestUploadMetadataInTwoFields(t *testing.T) {
	s := start(t, nil)
	r, err := http.NewRequest("POST", s.URL+"/api/v1/uploads", nil)
	if err != nil {
		t.Fatal(err)
	}
	wrong := "digest " + base64.StdEncoding.EncodeToString([]byte(digest([]byte("other"))))
	r.Header = http.Header{"Tus-Resumable": {"1.0.0"}, "Upload-Length": {"10008"}, "Upload-Metadata": {"recipe bWV0aG9kPXR2", wrong}}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	path := response.Header.Get("Location")
	response, data := s.patch(path, 0, scanBytes("a"))
	expectProblem(t, "other bytes", response, data, http.StatusBadRequest, "not the declared")
}

// Fifty pushes at once, each scan twice and half of them in pieces: none is lost, none is doubled.
func TestConcurrentPushes(t *testing.T) {
	s := start(t, nil)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			scan := scanBytes(fmt.Sprint(i % 25))
			if i%2 == 0 {
				response, data := s.do("POST", "/api/v1/scans", bytes.NewReader(scan), "Content-Digest", digest(scan))
				if response.StatusCode/100 != 2 {
					t.Errorf("%s %s", response.Status, data)
				}
				return
			}
			response, _ := s.do("POST", "/api/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(len(scan)))
			path := response.Header.Get("Location")
			if response, data := s.patch(path, 0, scan); response.StatusCode != http.StatusNoContent {
				t.Errorf("%s %s", response.Status, data)
			}
		})
	}
	wg.Wait()
	jobs, _ := s.queue.Jobs(t.Context())
	inputs := map[string]bool{}
	for _, j := range jobs {
		inputs[j.Input.SHA256] = true
	}
	for i := range 25 {
		if !inputs[hexSum(scanBytes(fmt.Sprint(i)))] {
			t.Errorf("scan %d is lost", i)
		}
	}
	if len(jobs) != 25 {
		t.Errorf("%d jobs of 25 scans", len(jobs))
	}
}
