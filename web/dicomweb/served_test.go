package dicomweb

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/internal/phantom"
	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/kspace"
	"github.com/closer-mri/closer/recon"
)

const matrix, slicesPerScan = 64, 3

// phantomScan is a scan of the phantom, as a file would give it.
type phantomScan struct {
	header  recon.Header
	scanner *phantom.Scanner
}

func (s *phantomScan) Header() recon.Header { return s.header }
func (s *phantomScan) Close() error         { return nil }
func (s *phantomScan) ReadSlice(_ context.Context, i int, dst *recon.Slice) error {
	a, err := s.scanner.Scan(i)
	dst.KSpace, dst.Reference = a.K, a.Reference
	return err
}

func newScan(t testing.TB, seed uint64) *phantomScan {
	t.Helper()
	scanner, err := phantom.NewScanner(phantom.Head{Slices: slicesPerScan, Matrix: matrix, Seed: seed}, phantom.Acquisition{Matrix: matrix})
	if err != nil {
		t.Fatal(err)
	}
	ny, nx := scanner.Grid()
	return &phantomScan{scanner: scanner, header: recon.Header{
		Format: "fastmri", Acquisition: string(phantom.T2.Acquisition()), Slices: slicesPerScan, Coils: 1, Ny: ny, Nx: nx,
		ReconNy: matrix, ReconNx: matrix, Reference: "reconstruction_esc", Simulated: true,
		PixelSpacing: [2]float64{phantom.FOV / matrix, phantom.FOV / matrix}, Thickness: 5,
		SHA256: strings.Repeat("0123456789abcde"+string('a'+rune(seed)), 4), // stands for the file's
	}}
}

// served is a server over the results of real reconstructions in a queue and a blob store in memory.
type served struct {
	url    string // of the server, with its prefix
	queue  *store.Memory
	blobs  recon.Blobs
	series []dicomio.Series // zero-filled and reference of each scan
	files  map[string][]byte
}

// serve reconstructs scans by zero filling, keeps their series as results of jobs, and serves them.
func serve(t testing.TB, scans int, change func(*Config)) *served {
	t.Helper()
	ctx := context.Background()
	blobs, err := store.OpenBlobs(ctx, "mem://")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	s := &served{queue: store.NewMemory(store.Options{}), blobs: blobs, files: map[string][]byte{}}
	for i := range scans {
		s.addScan(t, uint64(i))
	}
	c := Config{Library: Results(s.queue, blobs), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), CORS: []string{"https://viewer.example"}}
	server := httptest.NewUnstartedServer(nil)
	s.url = "http://" + server.Listener.Addr().String() + "/dicom-web"
	if change != nil {
		change(&c)
	}
	if c.URL == "this" {
		c.URL = s.url
	}
	server.Config.Handler = http.StripPrefix("/dicom-web", New(c))
	server.Start()
	t.Cleanup(server.Close)
	return s
}

func (s *served) addScan(t testing.TB, seed uint64) {
	t.Helper()
	ctx := context.Background()
	pipeline := recon.Pipeline{
		Scan: newScan(t, seed), Methods: []recon.Method{{Name: "zero-filled", Reconstructor: recon.ZeroFilled{}}},
		Undersampling: &kspace.Undersampling{Kind: "gaussian1d", Accel: 4, ACS: 0.08, Seed: 1},
	}
	rec, err := pipeline.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	opts := dicomio.Options{Software: "closer test", Now: time.Date(2026, 11, 24-int(seed), 12, 30, 15, 0, time.UTC)}
	dir := t.TempDir()
	var artifacts []recon.Artifact
	add := func(out dicomio.Series, err error) {
		if err != nil {
			t.Fatal(err)
		}
		s.series = append(s.series, out)
		for _, f := range out.Files {
			data, err := os.ReadFile(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			s.files[f.InstanceUID] = data
			artifacts = append(artifacts, s.put(t, "dicom/"+out.Name+"/"+filepath.Base(f.Path), data))
		}
	}
	add(dicomio.WriteSeries(ctx, filepath.Join(dir, "zero-filled"), rec, &rec.Results[0], opts))
	add(dicomio.WriteReference(ctx, filepath.Join(dir, "reference"), rec, opts))
	artifacts = append(artifacts, s.put(t, "report.json", []byte("{}")))
	s.finish(t, strings.Repeat(string('a'+rune(seed)), 32), artifacts)
}

func (s *served) put(t testing.TB, name string, data []byte) recon.Artifact {
	t.Helper()
	blob, err := s.blobs.Put(context.Background(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return recon.Artifact{Name: name, Blob: blob, ContentType: "application/dicom"}
}

// finish makes a job with results, the way a worker does.
func (s *served) finish(t testing.TB, id string, results []recon.Artifact) {
	t.Helper()
	ctx := context.Background()
	if _, _, err := s.queue.Submit(ctx, recon.Job{ID: id, Scan: id, State: recon.Queued, Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
	lease, err := s.queue.Claim(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Finish(ctx, results, nil); err != nil {
		t.Fatal(err)
	}
}

// get asks for a path below the prefix and returns the answer and its body. accept may be "".
func (s *served) get(t testing.TB, path, accept string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

// attributes is a data set as a client reads it.
type attributes map[string]struct {
	VR          string `json:"vr"`
	Value       []any
	BulkDataURI string
}

func (a attributes) first(tag string) any {
	if v := a[tag].Value; len(v) > 0 {
		return v[0]
	}
	return nil
}

// query asks for DICOM JSON that must come.
func (s *served) query(t testing.TB, path string) []attributes {
	t.Helper()
	response, body := s.get(t, path, "application/dicom+json")
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "application/dicom+json" {
		t.Fatalf("%s: %s, %s: %.300s", path, response.Status, response.Header.Get("Content-Type"), body)
	}
	var out []attributes
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatalf("%s: %v in %.300s", path, err, body)
	}
	if out == nil {
		t.Fatalf("%s: no list: %s", path, body)
	}
	return out
}

// results are the artifacts of the first scan's job.
func (s *served) results(t testing.TB) []recon.Artifact {
	t.Helper()
	job, err := s.queue.Job(context.Background(), strings.Repeat("a", 32))
	if err != nil {
		t.Fatal(err)
	}
	return job.Results
}
