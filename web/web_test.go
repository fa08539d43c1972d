package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
)

// server is the API over a real queue and blob store, on a real socket.
type server struct {
	*httptest.Server
	t     *testing.T
	queue *store.Memory
	blobs recon.Blobs
	log   *lockedBuffer
	key   string
}

func start(t *testing.T, change func(*Config)) *server {
	t.Helper()
	blobs, err := store.OpenBlobs(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, queue: store.NewMemory(store.Options{Lease: time.Minute}), blobs: blobs, log: &lockedBuffer{}}
	c := Config{Queue: s.queue, Blobs: blobs, Reviews: &store.MemoryReviews{}, DataDir: t.TempDir(), MaxUpload: 1 << 20, minFree: 1, Log: slog.New(slog.NewJSONHandler(s.log, nil))}
	if change != nil {
		change(&c)
	}
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewUnstartedServer(h)
	limits := Server(h)
	s.Config.ReadHeaderTimeout, s.Config.MaxHeaderBytes = limits.ReadHeaderTimeout, limits.MaxHeaderBytes
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// do sends a request and returns the answer and its body.
func (s *server) do(method, path string, body io.Reader, header ...string) (*http.Response, []byte) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.key != "" {
		r.Header.Set("Authorization", "Bearer "+s.key)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	d, err := described()
	if err != nil {
		s.t.Fatal(err)
	}
	d.check(s.t, s.Config.Handler.(chi.Router), method, response, data)
	return response, data
}

// get decodes a JSON answer.
func get[T any](s *server, path string) (v T) {
	s.t.Helper()
	response, data := s.do("GET", path, nil)
	if response.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %s %s", path, response.Status, data)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		s.t.Fatal(err)
	}
	return v
}

// push pushes a scan and expects the status.
func (s *server) push(scan []byte, query string, status int) (r Receipt) {
	s.t.Helper()
	response, data := s.do("POST", "/api/v1/scans"+query, bytes.NewReader(scan), "Content-Type", mediaHDF5, "Content-Digest", digest(scan))
	if response.StatusCode != status {
		s.t.Fatalf("push: %s %s", response.Status, data)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		s.t.Fatal(err)
	}
	if want := "/api/v1/scans/" + r.Scan; response.Header.Get("Location") != want {
		s.t.Errorf("Location %q, want %q", response.Header.Get("Location"), want)
	}
	return r
}

// scanBytes begin as HDF5 and differ by seed.
func scanBytes(seed string) []byte {
	return append([]byte("\x89HDF\r\n\x1a\n"), bytes.Repeat([]byte(seed+"."), 5000)...)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// work runs one job as a worker would: it stores the given files and finishes.
func (s *server) work(files map[string]string, cause error) {
	s.t.Helper()
	lease, err := s.queue.Claim(s.t.Context(), "worker")
	if err != nil {
		s.t.Fatal(err)
	}
	var results []recon.Artifact
	for name, text := range files {
		blob, err := s.blobs.Put(s.t.Context(), strings.NewReader(text))
		if err != nil {
			s.t.Fatal(err)
		}
		media := map[string]string{
			".html": "text/html; charset=utf-8", ".json": "application/json", ".csv": "text/csv; charset=utf-8", ".h5": mediaHDF5, ".dcm": mediaDICOM,
		}[filepath.Ext(name)]
		results = append(results, recon.Artifact{Name: name, Blob: blob, ContentType: media})
	}
	if err := lease.Update(s.t.Context(), recon.JobProgress{Method: "unet", SlicesDone: 1, Slices: 2}, nil); err != nil {
		s.t.Fatal(err)
	}
	if err := lease.Finish(context.Background(), results, cause); err != nil {
		s.t.Fatal(err)
	}
}

// Equal bytes and recipe are one job however often they come; another recipe is another job of the same scan.
func TestPush(t *testing.T) {
	s := start(t, nil)
	scan := scanBytes("a")
	first := s.push(scan, "?method=tv&accel=2&acs=0.1", http.StatusCreated)
	if first.SHA256 != hexSum(scan) || first.Size != int64(len(scan)) || first.Scan != recon.ScanID(first.SHA256) || time.Since(first.Received) > time.Minute {
		t.Errorf("receipt %+v", first)
	}
	if again := s.push(scan, "?accel=2.0&acs=0.10&method=tv&samples=1", http.StatusOK); again != first {
		t.Errorf("again: %+v, first %+v", again, first)
	}
	if again := s.push(scan, "?commit=true&accel=2&acs=0.1&method=tv", http.StatusOK); again != first {
		t.Errorf("committed at once, as by default: %+v, first %+v", again, first)
	}
	other := s.push(scan, "?method=unet", http.StatusCreated)
	if other.Scan != first.Scan || other.Job == first.Job {
		t.Errorf("another recipe: %+v", other)
	}
	content, err := s.blobs.Open(t.Context(), first.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if stored, err := io.ReadAll(content); err != nil || !bytes.Equal(stored, scan) {
		t.Errorf("stored %d bytes, %v", len(stored), err)
	}
	job := get[recon.Job](s, "/api/v1/jobs/"+first.Job)
	if job.State != recon.Queued || job.Recipe.Accel != 2 || job.Recipe.Methods[0] != "tv" {
		t.Errorf("job %+v", job)
	}
	if found := get[Scan](s, "/api/v1/scans/"+first.Scan); len(found.Jobs) != 2 || !found.Received.Equal(first.Received) {
		t.Errorf("scan %+v", found)
	}
	s.push(scanBytes("b"), "", http.StatusCreated)
	list := get[struct {
		Scans []Scan
		Total int
	}](s, "/api/v1/scans?limit=1&offset=1")
	if list.Total != 2 || len(list.Scans) != 1 || list.Scans[0].ID != first.Scan {
		t.Errorf("list %+v", list)
	}
}
