package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web"
)

// pushServer is the API over a real queue and blob store, and a cache directory for the pushers.
type pushServer struct {
	handler http.Handler
	queue   *store.Memory
	blobs   recon.Blobs
}

func newPushServer(t *testing.T) *pushServer {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	blobs, err := store.OpenBlobs(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &pushServer{queue: store.NewMemory(store.Options{Lease: time.Minute}), blobs: blobs}
	s.handler, err = web.New(web.Config{Queue: s.queue, Blobs: blobs, DataDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// work runs one job with closer recon and stores what it writes.
func (s *pushServer) work(t *testing.T) error {
	lease, err := s.queue.Claim(t.Context(), "worker")
	if err != nil {
		return err
	}
	dir := t.TempDir()
	content, err := s.blobs.Open(t.Context(), lease.Job().Input.SHA256)
	if err != nil {
		return err
	}
	defer content.Close()
	input, err := io.ReadAll(content)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "in.h5"), input, 0o600)
	}
	if err != nil {
		return err
	}
	out := filepath.Join(dir, "out")
	if _, stderr, err := try("recon", filepath.Join(dir, "in.h5"), "-o", out, "--method", "zero-filled", "--method", "tv"); err != nil {
		return recon.Errorf(recon.Internal, "%s", stderr)
	}
	var results []recon.Artifact
	err = filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		blob, err := s.blobs.Put(t.Context(), f)
		name, _ := filepath.Rel(out, path)
		results = append(results, recon.Artifact{Name: filepath.ToSlash(name), Blob: blob, ContentType: "application/octet-stream"})
		return err
	})
	if err != nil {
		return err
	}
	return lease.Finish(t.Context(), results, nil)
}

// flaky passes connections on to a server and cuts the first few after some bytes of the request.
type flaky struct {
	net.Listener
	cuts  atomic.Int32
	after int64
}

func (f *flaky) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err == nil && f.cuts.Add(-1) >= 0 {
		c = &cutConn{Conn: c, left: f.after}
	}
	return c, err
}

type cutConn struct {
	net.Conn
	left int64
}

func (c *cutConn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		c.Close()
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	return n, err
}

// A scan is pushed over connections that break; the table and the same files arrive as closer recon writes.
func TestPushOverABrokenNetwork(t *testing.T) {
	s := newPushServer(t)
	server := httptest.NewUnstartedServer(s.handler)
	cut := &flaky{Listener: server.Listener, after: 200_000}
	cut.cuts.Store(3)
	server.Listener = cut
	server.Start()
	defer server.Close()
	scan, out := phantom(t), t.TempDir()
	worked := make(chan error, 1)
	go func() { worked <- s.work(t) }()
	args := []string{"push", scan, "--to", server.URL, "-o", out, "--method", "zero-filled", "--method", "tv"}
	stdout, stderr, err := try(args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	if err := <-worked; err != nil {
		t.Fatal(err)
	}
	if cut.cuts.Load() >= 0 || !strings.Contains(stderr, "going on after") {
		t.Errorf("the network did not break: %d cuts left\n%s", cut.cuts.Load(), stderr)
	}
	report := readReport(t, out)
	if len(report.Methods) != 2 || !strings.Contains(stdout, "zero-filled") || !strings.Contains(stdout, "receipt: ") {
		t.Errorf("%d methods\n%s", len(report.Methods), stdout)
	}
	for _, name := range []string{"report.html", "reconstruction.h5", "dicom/tv/0002.dcm"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	again, stderr, err := try(args...) // all of it is there already
	if err != nil || again != stdout {
		t.Errorf("the second run: %v\n%s%s", err, again, stderr)
	}
	if jobs, _ := s.queue.Jobs(t.Context()); len(jobs) != 1 {
		t.Errorf("%d jobs", len(jobs))
	}
}

// A pusher that was killed goes on where it was.
func TestKilledPusherGoesOn(t *testing.T) {
	s := newPushServer(t)
	stall, reached := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch && once.CompareAndSwap(false, true) {
			body := r.Body
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(body, 100_000), readerFunc(func(b []byte) (int, error) {
				close(reached)
				<-stall
				return 0, io.ErrUnexpectedEOF
			})), body}
		}
		s.handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	scan := phantom(t)
	first := exec.Command(binary, "push", scan, "--to", server.URL, "--no-wait")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	first.Process.Kill()
	first.Wait()
	close(stall)
	stdout, stderr, err := try("push", scan, "--to", server.URL, "--no-wait")
	if err != nil || !strings.Contains(stderr, "going on after") || !strings.HasPrefix(stdout, "job ") {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// What the server refuses is said at once and in its words.
func TestPushMistakes(t *testing.T) {
	s := newPushServer(t)
	server := httptest.NewServer(s.handler)
	defer server.Close()
	text := writeTemp(t, "x.h5", "hello")
	for want, args := range map[string][]string{
		"of an unknown kind":      {text, "--to", server.URL},
		"not an address":          {text, "--to", "nowhere"},
		"given up after":          {text, "--to", "http://127.0.0.1:1", "--patience", "1s"},
		"does not exist":          {"/nowhere.h5", "--to", server.URL},
		"required flag":           {text},
		"and no DICOM file below": {t.TempDir(), "--to", server.URL},
		"are too few":             {text, "--to", server.URL, "--parallel", "0"},
		"no-wait leaves before":   {text, "--to", server.URL, "--no-wait", "-o", t.TempDir()},
		"make output directory":   {phantom(t), "--to", "http://127.0.0.1:1", "--patience", "1s", "-o", "/proc/closer"}, // before it is sent
	} {
		if _, stderr, err := try(append([]string{"push"}, args...)...); err == nil || !strings.Contains(stderr, want) {
			t.Errorf("%v: %v\n%s\nexpected: %s", args, err, stderr, want)
		}
	}
}

// A directory is pushed with several uploads at a time, and never more; a file that is no scan does not keep the others.
func TestPushDirectory(t *testing.T) {
	s := newPushServer(t)
	const scans, parallel = 5, 3
	var now, most atomic.Int32
	together := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			if n == parallel && most.Load() == parallel {
				select {
				case <-together:
				default:
					close(together)
				}
			}
			select { // hold each until so many are there at the same time
			case <-together:
			case <-time.After(20 * time.Second):
			}
		}
		s.handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	dir, out := t.TempDir(), t.TempDir()
	for i := range scans {
		closer(t, "phantom", "-o", filepath.Join(dir, fmt.Sprint("day", i%2), fmt.Sprintf("head%d.h5", i)), "--matrix", "64", "--slices", "1", "--seed", strconv.Itoa(i))
	}
	if err := os.WriteFile(filepath.Join(dir, "broken.h5"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	worked := make(chan error, 1)
	go func() {
		for range scans {
			if err := s.work(t); err != nil {
				worked <- err
				return
			}
		}
		worked <- nil
	}()
	stdout, stderr, err := try("push", dir, "--to", server.URL, "-o", out, "--method", "zero-filled", "--method", "tv", "--parallel", strconv.Itoa(parallel))
	if err == nil || !strings.Contains(stderr, "1 of 6 scans failed") || !strings.Contains(stderr, "broken.h5: the body is of an unknown kind") {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	if err := <-worked; err != nil {
		t.Fatal(err)
	}
	if most.Load() != parallel {
		t.Errorf("%d uploads at the same time, want %d", most.Load(), parallel)
	}
	for i := range scans {
		if report := readReport(t, filepath.Join(out, fmt.Sprint("head", i))); len(report.Methods) != 2 {
			t.Errorf("scan %d has %d methods", i, len(report.Methods))
		}
	}
}

// A server whose certificate is not trusted, or that has none, is not waited for; one that is away is, for as long as the patience lasts, and that is said once.
func TestPushWaitsForWhatMayCome(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	scan := phantom(t)
	secret := httptest.NewUnstartedServer(http.NotFoundHandler())
	secret.Config.ErrorLog = log.New(io.Discard, "", 0)
	secret.StartTLS()
	defer secret.Close()
	if _, stderr, err := try("push", scan, "--to", secret.URL, "--patience", "1h"); err == nil || !strings.Contains(stderr, "certificate") || strings.Contains(stderr, "waiting") {
		t.Errorf("an unknown certificate: %v\n%s", err, stderr)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	https := strings.Replace(plain.URL, "http", "https", 1)
	if _, stderr, err := try("push", scan, "--to", https, "--patience", "2s"); err == nil || !strings.Contains(stderr, "HTTP response to HTTPS") || strings.Contains(stderr, "waiting") {
		t.Errorf("a server without TLS: %v\n%s", err, stderr)
	}
	if _, stderr, err := try("push", scan, "--to", "http://127.0.0.1:1", "--patience", "2s"); err == nil || strings.Count(stderr, "waiting for the server: ") != 1 {
		t.Errorf("a server that is away: %v\n%s", err, stderr)
	}
}

// Results of a push stay in a directory of their own: another input is refused before its bytes are sent, and another recipe replaces
// what was there but not what others put beside it.
func TestPushedResultsAreOfOneRun(t *testing.T) {
	s := newPushServer(t)
	server := httptest.NewServer(s.handler)
	defer server.Close()
	scan, out := phantom(t), t.TempDir()
	other := phantom(t, "--seed", "7")
	push := func(scan string, args ...string) (string, error) {
		worked := make(chan error, 1)
		go func() { worked <- s.work(t) }()
		_, stderr, err := try(append([]string{"push", scan, "--to", server.URL, "-o", out}, args...)...)
		if err == nil {
			err = <-worked
		}
		return stderr, err
	}
	if stderr, err := push(scan); err != nil {
		t.Fatal(err, stderr)
	}
	if _, stderr, err := try("push", other, "--to", server.URL, "-o", out); err == nil || !strings.Contains(stderr, "has the results of another input") {
		t.Errorf("another scan: %v\n%s", err, stderr)
	}
	if jobs, _ := s.queue.Jobs(t.Context()); len(jobs) != 1 {
		t.Errorf("%d jobs, want one", len(jobs))
	}
	old := addOldResults(t, out)
	if stderr, err := push(scan, "--accel", "2"); err != nil {
		t.Fatal(err, stderr)
	}
	old.expectReplaced(t)
}

// oldResults are files in a directory of results: one that an earlier run made and a later does not, and one of somebody else.
type oldResults struct{ made, foreign string }

// addOldResults renames the results of tv to those of unet, as if that had been the method, and puts a file beside them.
func addOldResults(t *testing.T, out string) oldResults {
	t.Helper()
	series := filepath.Join(out, "dicom", "unet")
	if err := os.Rename(filepath.Join(out, "dicom", "tv"), series); err != nil {
		t.Fatal(err)
	}
	report := strings.Replace(string(read(t, out, "report.json")), `"name": "tv"`, `"name": "unet"`, 1)
	old := oldResults{filepath.Join(series, "0001.dcm"), filepath.Join(series, "notes.txt")}
	for path, content := range map[string]string{filepath.Join(out, "report.json"): report, old.foreign: "mine"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return old
}

func (o oldResults) expectReplaced(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(o.made); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s of an earlier run is beside the new report: %v", o.made, err)
	}
	if content, err := os.ReadFile(o.foreign); err != nil || string(content) != "mine" {
		t.Errorf("a file that is not ours: %q, %v", content, err)
	}
}

// So does what recon writes.
func TestReconResultsAreOfOneRun(t *testing.T) {
	scan, out := phantom(t), t.TempDir()
	closer(t, "recon", scan, "-o", out, "--method", "zero-filled", "--method", "tv")
	before := read(t, out, "report.json")
	if _, stderr, err := try("recon", phantom(t, "--seed", "7"), "-o", out, "--method", "zero-filled"); err == nil || !strings.Contains(stderr, "has the results of another input") {
		t.Errorf("another scan: %v\n%s", err, stderr)
	}
	if !bytes.Equal(before, read(t, out, "report.json")) {
		t.Error("the report was touched")
	}
	old := addOldResults(t, out)
	closer(t, "recon", scan, "-o", out, "--method", "zero-filled")
	old.expectReplaced(t)
	if _, err := os.Stat(filepath.Join(out, "dicom", "zero-filled", "0001.dcm")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(out, "report.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := try("recon", scan, "-o", out, "--method", "zero-filled"); err == nil || !strings.Contains(stderr, "is not the report of a reconstruction") {
		t.Errorf("another program's report: %v\n%s", err, stderr)
	}
}
