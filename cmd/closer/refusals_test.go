package main_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
)

// TestHostileInput sends a server what no scanner would, over a socket of its own each, while other clients hardly send anything at
// all. Each gets its status and a sentence, after each the server still answers, and at the end a scan goes through.
func TestHostileInput(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until the server gives slow clients up: not with -short")
	}
	t.Parallel()
	data := t.TempDir()
	server, address := serving(t, data)
	scan := read(t, phantom(t))
	var slow sync.WaitGroup
	for range 10 {
		slow.Go(func() { slowHeaders(t, address) })
	}
	slow.Go(func() { slowBody(t, address) })

	post := func(query, media string, body []byte, header ...string) string {
		head := fmt.Sprintf("POST /api/v1/scans%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n", query, media, len(body))
		for _, h := range header {
			head += h + "\r\n"
		}
		return head + "\r\n" + string(body)
	}
	declares := func(size int, body string) string {
		return fmt.Sprintf("POST /api/v1/scans HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-hdf5\r\nContent-Length: %d\r\n\r\n%s", size, body)
	}
	get := func(path string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	}
	upload := func(length, name string) string {
		return "POST /api/v1/uploads HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\nTus-Resumable: 1.0.0\r\nUpload-Length: " + length +
			"\r\nUpload-Metadata: filename " + base64.StdEncoding.EncodeToString([]byte(name)) + "\r\n\r\n"
	}
	other := sha256.Sum256([]byte("other"))
	var many strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&many, "X-%d: y\r\n", i)
	}
	const hdf5 = "application/x-hdf5"
	for _, c := range []struct{ name, send, status, sentence string }{
		{"wrong type", post("", "text/plain", scan), "415", "a scan is sent as"},
		{"HDF5 declared as DICOM", post("", "application/dicom", scan), "415", "was declared as application/dicom"},
		{"wrong digest", post("", hdf5, scan, "Content-Digest: sha-256=:"+base64.StdEncoding.EncodeToString(other[:])+":"), "400", "not the declared"},
		{"malformed digest", post("", hdf5, scan, "Content-Digest: sha-256=abc"), "400", "Content-Digest"},
		{"truncated file", post("", hdf5, scan[:5000]), "422", "HDF5"},
		{"noise after the signature", post("", hdf5, append([]byte("\x89HDF\r\n\x1a\n"), bytes.Repeat([]byte{0xa5}, 3000)...)), "422", "HDF5"},
		{"a zip", post("", hdf5, append([]byte("PK\x03\x04"), make([]byte, 200)...)), "415", "ZIP"},
		{"an empty body", post("", hdf5, nil), "400", "the body is empty"},
		{"truncated body", declares(100_000, string(scan[:5000])), "400", "before its declared end"},
		{"10 GB declared", declares(10_000_000_000, ""), "413", "at most"},
		{"negative size", declares(-1, ""), "400", ""},
		{"a path as parameter", post("?path=/etc/passwd", hdf5, scan), "400", "is not known"},
		{"a path as method", post("?method=../../etc/passwd", hdf5, scan), "400", "unknown method"},
		{"a path as result", get("/api/v1/jobs/" + strings.Repeat("0", 32) + "/artifacts/../../../../etc/passwd"), "404", "no job"},
		{"a path as job", get("/api/v1/jobs/..%2f..%2fetc%2fpasswd"), "404", "nothing at this address"},
		{"a path as asset", get("/assets/..%2f..%2f..%2fetc%2fpasswd"), "404", ""},
		{"a path as instance", get("/dicom-web/studies/..%2f..%2fetc"), "404", ""},
		{"a path as file name", upload("100", "../../../../etc/cron.d/x"), "201", ""},
		{"an upload of 10 GB", upload("10000000000", "x"), "413", ""},
		{"an upload of no size", upload("-5", "x"), "400", ""},
		{"10,000 headers", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + many.String() + "\r\n", "431", ""},
		{"a header of 1 MB", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("y", 1<<20) + "\r\n\r\n", "431", ""},
		{"no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400", ""},
		{"two lengths", "POST /api/v1/scans HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400", ""},
	} {
		answer := exchange(t, address, c.send, c.name == "truncated body")
		line, _, _ := strings.Cut(answer, "\r\n")
		if !strings.HasPrefix(line, "HTTP/1.1 "+c.status) || !strings.Contains(answer, c.sentence) {
			t.Errorf("%s: %.600q; expected %s %s", c.name, answer, c.status, c.sentence)
		}
		if c.sentence != "" && !strings.Contains(answer, "application/problem+json") {
			t.Errorf("%s: the answer is no problem: %.300q", c.name, answer)
		}
		if response, err := http.Get("http://" + address + "/healthz"); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("after %s the server is not well: %v", c.name, err)
		}
	}
	var list struct{ Total int }
	if getJSON(t, "http://"+address+"/api/v1/scans", &list); list.Total != 0 {
		t.Errorf("%d scans were made", list.Total)
	}
	if left, _ := os.ReadDir(filepath.Join(data, "web", "spool")); len(left) > 1 { // that of the slow body
		t.Errorf("%d bodies are left", len(left))
	}
	path := filepath.Join(t.TempDir(), "good.h5")
	if err := os.WriteFile(path, scan, 0o600); err != nil {
		t.Fatal(err)
	}
	if job := ended(t, address, pushed(t, address, path, "method=zero-filled")); job.State != recon.Done {
		t.Errorf("the scan is %s: %s", job.State, job.Error)
	}
	slow.Wait()
	if log := server.stderr(); strings.Contains(log, "panic") || strings.Contains(log, "passwd") {
		t.Error("the log tells of a panic, or repeats what was sent")
	}
}

// exchange sends bytes, and the end of all when they are cut off, and returns what comes back.
func exchange(t *testing.T, address, send string, cut bool) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { // an answer may come before everything was sent
		io.WriteString(conn, send)
		if cut {
			conn.(*net.TCPConn).CloseWrite()
		}
	}()
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

// slowHeaders sends a header a second, and expects to be cut off.
func slowHeaders(t *testing.T, address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	closed := make(chan struct{})
	go func() { defer close(closed); io.Copy(io.Discard, conn) }()
	io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
	for i := range 60 {
		select {
		case <-closed:
			return
		case <-time.After(time.Second):
			fmt.Fprintf(conn, "X-%d: y\r\n", i)
		}
	}
	t.Error("a client that sends a header a second is never cut off")
}

// slowBody sends a byte a second, and expects to be told so.
func slowBody(t *testing.T, address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	answered := make(chan string, 1)
	go func() { answer, _ := io.ReadAll(conn); answered <- string(answer) }()
	io.WriteString(conn, "POST /api/v1/scans HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-hdf5\r\nContent-Length: 100000\r\n\r\n\x89HDF")
	for range 120 {
		select {
		case answer := <-answered:
			if !strings.HasPrefix(answer, "HTTP/1.1 408 ") || !strings.Contains(answer, "came too slowly") {
				t.Errorf("a body of a byte a second: %q", answer)
			}
			return
		case <-time.After(time.Second):
			io.WriteString(conn, "x")
		}
	}
	t.Error("a client that sends a byte a second is never given up")
}
