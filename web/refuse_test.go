package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"context"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/recon"
)

// Every bad input gets its status and a sentence, leaves nothing behind, and the server goes on serving.
func TestBadInput(t *testing.T) {
	s := start(t, func(c *Config) {
		c.Inspect = func(_ context.Context, path string) error {
			return recon.Errorf(recon.Invalid, "the HDF5 file is truncated")
		}
		c.CheckRecipe = func(r recon.Recipe) error {
			if r.Methods[0] == "magic" {
				return recon.Errorf(recon.Invalid, "unknown method magic")
			}
			return nil
		}
	})
	scan := scanBytes("a")
	zip := append([]byte("PK\x03\x04"), make([]byte, 200)...)
	for name, c := range map[string]struct {
		query, media, digest string
		body                 []byte
		status               int
		sentence             string
	}{
		"wrong type":            {media: "text/plain", body: scan, status: 415, sentence: "a scan is sent as"},
		"form, as curl does":    {media: "application/x-www-form-urlencoded", body: scan, status: 415, sentence: "a scan is sent as"},
		"a zip":                 {body: zip, status: 415, sentence: "a ZIP archive"},
		"text":                  {body: []byte("hello"), status: 415, sentence: "of an unknown kind"},
		"HDF5 as DICOM":         {media: mediaDICOM, body: scan, status: 415, sentence: "was declared as application/dicom"},
		"wrong digest":          {digest: digest([]byte("other")), body: scan, status: 400, sentence: "have SHA-256 " + hexSum(scan)},
		"malformed digest":      {digest: "sha-256=abc", body: scan, status: 400, sentence: "Content-Digest"},
		"other digest":          {digest: "sha-512=:" + strings.Repeat("A", 86) + "==:", body: scan, status: 400, sentence: "Content-Digest"},
		"truncated file":        {body: scan, status: 422, sentence: "the HDF5 file is truncated"},
		"empty":                 {body: nil, status: 400, sentence: "the body is empty"},
		"too large":             {body: make([]byte, 1<<20+1), status: 413, sentence: "at most 1048576 are taken"},
		"unknown parameter":     {query: "?path=/etc/passwd", body: scan, status: 400, sentence: `parameter "path" is not known`},
		"bad value":             {query: "?accel=fast", body: scan, status: 400, sentence: "parameter accel"},
		"not a number":          {query: "?accel=NaN", body: scan, status: 400, sentence: "parameter accel"},
		"given twice":           {query: "?accel=2&accel=4", body: scan, status: 400, sentence: "given 2 times"},
		"unknown method":        {query: "?method=magic", body: scan, status: 400, sentence: "unknown method"},
		"commit, but how":       {query: "?commit=maybe", body: scan, status: 400, sentence: "commit is true or false"},
		"commit both ways":      {query: "?commit=false&commit=true", body: scan, status: 400, sentence: "commit is true or false"},
		"malformed query":       {query: "?accel=%zz", body: scan, status: 400, sentence: "not well formed"},
		"slices the wrong way":  {query: "?slices=4:2", body: scan, status: 400, sentence: "from:to"},
		"recipe that conflicts": {query: "?t0=0.1&steps=2", body: scan, status: 400, sentence: "not both"},
	} {
		response, data := s.do("POST", "/api/v1/scans"+c.query, bytes.NewReader(c.body), "Content-Type", c.media, "Content-Digest", c.digest)
		expectProblem(t, name, response, data, c.status, c.sentence)
	}
	if jobs, _ := s.queue.Jobs(t.Context()); len(jobs) != 0 {
		t.Errorf("%d jobs were made", len(jobs))
	}
	if strings.Contains(s.log.String(), "passwd") {
		t.Error("the log repeats what a client sent")
	}
}

func expectProblem(t *testing.T, name string, response *http.Response, data []byte, status int, sentence string) {
	t.Helper()
	var p problem
	if err := json.Unmarshal(data, &p); err != nil || response.StatusCode != status || p.Status != status || !strings.Contains(p.Detail, sentence) ||
		response.Header.Get("Content-Type") != "application/problem+json" || p.Request == "" || p.Request != response.Header.Get("X-Request-Id") {
		t.Errorf("%s: %s %s; expected %d: %s", name, response.Status, data, status, sentence)
	}
}

// unasked is an intake that holds nothing, and that no commit gets to.
type unasked struct {
	recon.Intake
	t *testing.T
}

func (u unasked) Held(context.Context, string) (recon.Held, error) { return recon.Held{}, noScan() }

func (u unasked) Commit(_ context.Context, id string, _ int, _ recon.Recipe) (recon.Job, bool, error) {
	u.t.Errorf("the scan %q is committed", id)
	return recon.Job{}, false, nil
}

// Addresses that lead nowhere, and names that try to lead out.
func TestNoSuchAddress(t *testing.T) {
	s := start(t, func(c *Config) { c.Intake = unasked{t: t} })
	job := s.push(scanBytes("a"), "", http.StatusCreated).Job
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/nowhere", 404}, {"PUT", "/api/v1/scans", 405}, {"GET", "/api/v1/jobs/..%2f..%2fetc", 404},
		{"GET", "/api/v1/jobs/" + strings.Repeat("0", 32), 404}, {"GET", "/api/v1/scans/" + strings.Repeat("0", 32), 404},
		{"GET", "/api/v1/jobs/" + job + "/artifacts/../../../../etc/passwd", 404}, {"GET", "/api/v1/jobs/" + job + "/artifacts/%2fetc%2fpasswd", 404},
		{"GET", "/api/v1/jobs/" + job + "/report", 404}, {"GET", "/api/v1/jobs/" + job + "/dicom.zip", 404},
		{"GET", "/api/v1/scans?limit=0", 400}, {"GET", "/api/v1/scans?offset=-1", 400},
		{"GET", "/api/v1/uploads/" + strings.Repeat("0", 32) + "/receipt", 404},
		{"POST", "/api/v1/scans//commit", 404}, {"GET", "/api/v1/scans//", 404}, {"GET", "/api/v1/scans/", 404},
		{"GET", "/api/v1/jobs//report", 404}, {"DELETE", "/api/v1/jobs//", 404}, {"GET", "/api/v1/jobs/" + job + "/artifacts//etc/passwd", 404},
		{"GET", "/api/v1/uploads//receipt", 404}, {"GET", "/assets//x", 404},
	} {
		response, data := s.do(c.method, c.path, nil)
		expectProblem(t, c.method+" "+c.path, response, data, c.status, "")
	}
}

// HEAD is answered wherever GET is (RFC 9110, section 9.1) as GET is, but for the body; streams of events end at once.
func TestHead(t *testing.T) {
	s := start(t, func(c *Config) { c.DICOMweb = http.NotFoundHandler() })
	receipt := s.push(scanBytes("a"), "", http.StatusCreated)
	s.work(map[string]string{"report.json": "{}", "report.html": "<p>", "report.csv": "a", "reconstruction.h5": "HDF", "dicom/unet/0001.dcm": "one"}, nil)
	err := chi.Walk(s.Config.Handler.(chi.Router), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		path := strings.NewReplacer("{id}", receipt.Job, "artifacts/*", "artifacts/report.json", "*", "studies", "{name}", "x").Replace(plain(route))
		if path = strings.Replace(path, "/scans/"+receipt.Job, "/scans/"+receipt.Scan, 1); method != "GET" || path == "/api/v1/events" {
			return nil // which does not end
		}
		head, _ := s.do("HEAD", path, nil)
		got, _ := s.do("GET", path, nil)
		for _, name := range []string{"Content-Type", "ETag", "Content-Disposition", "Content-Security-Policy"} {
			if head.Header.Get(name) != got.Header.Get(name) || head.StatusCode != got.StatusCode {
				t.Errorf("HEAD %s: %s %s %q, GET %s %q", path, head.Status, name, head.Header.Get(name), got.Status, got.Header.Get(name))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if response, _ := s.do("HEAD", "/api/v1/jobs/"+receipt.Job+"/report.csv", nil); response.StatusCode != http.StatusOK || response.ContentLength != 1 {
		t.Errorf("the head of a report: %s, length %d", response.Status, response.ContentLength)
	}
	queued := s.push(scanBytes("b"), "", http.StatusCreated).Job
	for _, path := range []string{"/api/v1/events", "/api/v1/jobs/" + queued + "/events"} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		s.Config.Handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "HEAD", path, nil))
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/event-stream" || w.Body.Len() > 0 || ctx.Err() != nil {
			t.Errorf("HEAD %s: %d %v, %v", path, w.Code, w.Header(), ctx.Err())
		}
	}
}

// A method that is not possible is answered with those that are (RFC 9110, section 15.5.6).
func TestAllow(t *testing.T) {
	s := start(t, func(c *Config) { c.DICOMweb = http.NotFoundHandler() })
	id := strings.Repeat("0", 32)
	for _, c := range [][3]string{
		{"PUT", "/api/v1/scans", "GET, HEAD, POST"}, {"DELETE", "/healthz", "GET, HEAD"}, {"POST", "/api/v1/jobs/" + id, "GET, HEAD, DELETE"},
		{"GET", "/api/v1/scans/" + id + "/commit", "POST"}, {"HEAD", "/api/v1/scans/" + id + "/commit", "POST"}, {"GET", "/api/v1/uploads", "POST, OPTIONS"},
		{"GET", "/api/v1/uploads/" + id, "HEAD, PATCH, DELETE"}, {"PUT", "/dicom-web/studies", "GET, HEAD, POST, OPTIONS"}, {"BREW", "/readyz", "GET, HEAD"},
	} {
		response, data := s.do(c[0], c[1], nil)
		if c[0] != "HEAD" {
			expectProblem(t, c[0]+" "+c[1], response, data, http.StatusMethodNotAllowed, "")
		}
		if got := response.Header.Get("Allow"); response.StatusCode != http.StatusMethodNotAllowed || got != c[2] {
			t.Errorf("%s %s: %s, allowed %q, want %q", c[0], c[1], response.Status, got, c[2])
		}
	}
	response, data := s.do("BREW", "/pot", nil)
	expectProblem(t, "BREW /pot", response, data, http.StatusNotFound, "")
}

// raw speaks HTTP by hand, for what a client library refuses to send, and returns the first line of the answer.
func (s *server) raw(t *testing.T, pause time.Duration, parts ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, part := range parts {
		if _, err := io.WriteString(conn, part); err != nil {
			break // the server has answered already
		}
		time.Sleep(pause)
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, _ := io.ReadAll(conn)
	line, _, _ := strings.Cut(string(answer), "\r\n")
	return line
}

// What is wrong on the level of the protocol: sizes that are lies, too many headers, bodies that end early or hardly come.
func TestHostileConnections(t *testing.T) {
	s := start(t, func(c *Config) { c.grace = 300 * time.Millisecond })
	head := "POST /api/v1/scans HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-hdf5\r\n"
	var headers strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&headers, "X-%d: y\r\n", i)
	}
	if got := s.raw(t, 0, head+"Content-Length: 10000000000\r\n\r\n"); !strings.Contains(got, " 413 ") {
		t.Errorf("10 GB declared: %q", got)
	}
	if got := s.raw(t, 0, head, headers.String(), "\r\n"); !strings.Contains(got, " 431 ") {
		t.Errorf("10,000 headers: %q", got)
	}
	dribble := []string{head + "Content-Length: 100000\r\n\r\n"}
	for range 30 {
		dribble = append(dribble, "\x89")
	}
	if got := s.raw(t, 20*time.Millisecond, dribble...); !strings.Contains(got, " 408 ") {
		t.Errorf("slow body: %q", got)
	}
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, head+"Content-Length: 100000\r\n\r\n"+string(scanBytes("a")))
	conn.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(conn)
	conn.Close()
	if !strings.Contains(string(answer), " 400 ") || !strings.Contains(string(answer), "before its declared end") {
		t.Errorf("truncated body: %q", answer)
	}
	if jobs, _ := s.queue.Jobs(t.Context()); len(jobs) != 0 {
		t.Errorf("%d jobs were made", len(jobs))
	}
	s.push(scanBytes("a"), "", http.StatusCreated) // and it still serves
}

// A refusal does not wait for ever for the body that it is about, and an answer not for who does not take it.
func TestStandingConnections(t *testing.T) {
	ended := make(chan struct{})
	s := start(t, func(c *Config) {
		c.grace = 300 * time.Millisecond
		c.Keys = keysFile(t, "reader read r")
		c.DICOMweb = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			defer close(ended)
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 1<<20))
			}
		})
	})
	if got := s.raw(t, 0, "POST /api/v1/scans HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"); !strings.Contains(got, " 401 ") {
		t.Errorf("no key, no body: %q", got)
	}
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /dicom-web/all HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer r\r\n\r\n")
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the answer waits for a client that does not take it")
	}
}

// Headers that hardly come are given up by the server itself.
func TestSlowHeaders(t *testing.T) {
	s := start(t, nil)
	s.Close()
	s.Config = Server(s.Config.Handler)
	s.Config.ReadHeaderTimeout = 200 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Config.Serve(l)
	defer s.Config.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: ")
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection stayed open: %v", err)
	}
}

// A client that leaves is no mistake of the server, and one that a stopping server cuts off comes again.
func TestEndedRequests(t *testing.T) {
	for status, cause := range map[int]error{400: nil, 503: recon.Errorf(recon.Unavailable, "the server is being stopped")} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		for failure, want := range map[error]int{context.Canceled: status, recon.Errorf(recon.NotFound, "there is no such job"): 404} {
			w := httptest.NewRecorder()
			fail(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil), failure)
			if w.Code != want || (w.Header().Get("Retry-After") != "") != (want == 503) {
				t.Errorf("%v, %v: %d %s", cause, failure, w.Code, w.Body)
			}
		}
	}
}
