package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
)

// refused checks a refusal that says when to come again.
func refused(t *testing.T, what string, response *http.Response, data []byte, status int, sentence string) {
	t.Helper()
	expectProblem(t, what, response, data, status, sentence)
	if response.Header.Get("Retry-After") == "" {
		t.Errorf("%s: no Retry-After", what)
	}
}

// A full queue refuses whatever would be a new job, before its bytes and after them, keeps what had arrived, and takes what it knows.
func TestFullQueue(t *testing.T) {
	queue := store.NewMemory(store.Options{MaxQueued: 1})
	inspected := 0
	s := start(t, func(c *Config) {
		c.Queue = queue
		c.Inspect = func(context.Context, string) error { inspected++; return nil }
	})
	late := scanBytes("late")
	path, _ := s.create(len(late), http.StatusCreated)
	s.push(scanBytes("a"), "", http.StatusCreated)
	if got := s.raw(t, 0, "POST /api/v1/scans HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"); !strings.Contains(got, " 429 ") {
		t.Errorf("a push whose body does not come: %q", got)
	}
	response, data := s.do("POST", "/api/v1/scans", bytes.NewReader(scanBytes("b")))
	refused(t, "a push", response, data, http.StatusTooManyRequests, "the queue is full")
	_, data = s.create(100, http.StatusTooManyRequests)
	if !strings.Contains(string(data), "the queue is full") {
		t.Errorf("an upload: %s", data)
	}
	response, data = s.patch(path, 0, late)
	refused(t, "the last bytes of an upload", response, data, http.StatusTooManyRequests, "the queue is full")
	if response, data := s.do("GET", "/readyz", nil); response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(data), "the queue is full") {
		t.Errorf("readyz: %s %s", response.Status, data)
	}
	if response, _ := s.do("GET", "/healthz", nil); response.StatusCode != http.StatusOK {
		t.Errorf("healthz: %s", response.Status)
	}
	if inspected != 1 {
		t.Errorf("%d files were opened, want the one that was taken", inspected)
	}
	if _, err := queue.Claim(t.Context(), "worker"); err != nil {
		t.Fatal(err)
	}
	if receipt := get[Receipt](s, path+"/receipt"); receipt.SHA256 != hexSum(late) {
		t.Errorf("what had arrived became %+v", receipt)
	}
}

// A disk that is at its watermark refuses pushes, and so does one that fills while the bytes come; what had arrived stays.
func TestFullDisk(t *testing.T) {
	var free, drain atomic.Int64 // others take from the disk whenever the server has looked
	s := start(t, func(c *Config) {
		c.MaxUpload, c.minFree = 64<<20, 1<<30
		c.free = func(string) (int64, float64, error) { return free.Add(-drain.Load()), 0.5, nil }
		c.DICOMweb = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // says what its body says
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				fail(w, r, err)
			}
		})
	})
	const room = 1<<30 + 100<<20
	free.Store(room)
	scan := append(scanBytes("a"), make([]byte, 40<<20)...)
	path, _ := s.create(len(scan), http.StatusCreated)

	free.Store(1<<30 + 5<<20)
	drain.Store(1 << 20)
	response, data := s.patch(path, 0, scan)
	refused(t, "bytes that fill the disk", response, data, http.StatusServiceUnavailable, "disk is full")
	response, data = s.do("POST", "/api/v1/scans", bytes.NewReader(scan))
	refused(t, "a push", response, data, http.StatusServiceUnavailable, "disk is full")
	free.Store(1<<30 + 70<<20)
	drain.Store(20 << 20)
	response, data = s.do("POST", "/api/v1/scans", bytes.NewReader(scan))
	refused(t, "a push while the disk fills", response, data, http.StatusServiceUnavailable, "disk is full")
	free.Store(1<<30 + 70<<20)
	response, data = s.do("POST", "/dicom-web/studies", bytes.NewReader(scan))
	refused(t, "objects while the disk fills", response, data, http.StatusServiceUnavailable, "disk is full")
	free.Store(1 << 20)
	response, data = s.do("POST", "/dicom-web/studies", bytes.NewReader(scan))
	refused(t, "objects", response, data, http.StatusServiceUnavailable, "disk is full")
	if response, data := s.do("GET", "/readyz", nil); response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(data), `"disk":"the server's disk is full"`) {
		t.Errorf("readyz: %s %s", response.Status, data)
	}

	free.Store(room)
	drain.Store(1 << 20)
	response, _ = s.do("HEAD", path, nil, "Tus-Resumable", "1.0.0")
	offset, err := strconv.Atoi(response.Header.Get("Upload-Offset"))
	if err != nil || offset == 0 || offset > 6*roomStep {
		t.Fatalf("%d bytes of the upload had arrived, %v", offset, err)
	}
	if response, data := s.patch(path, offset, scan[offset:]); response.StatusCode != http.StatusNoContent {
		t.Errorf("going on: %s %s", response.Status, data)
	}
	if receipt := get[Receipt](s, path+"/receipt"); receipt.SHA256 != hexSum(scan) {
		t.Errorf("it became %+v", receipt)
	}
}

// busy is a blob store that counts who asks it at the same time whether it is ready.
type busy struct {
	recon.Blobs
	now, most atomic.Int32
}

func (b *busy) Ready(context.Context) error {
	now := b.now.Add(1)
	defer b.now.Add(-1)
	for most := b.most.Load(); now > most && !b.most.CompareAndSwap(most, now); most = b.most.Load() {
	}
	time.Sleep(200 * time.Millisecond) // in which others ask
	return nil
}

// Anybody may ask whether the server is ready, so that it looks once for all who ask at a time.
func TestReadyForMany(t *testing.T) {
	blobs := &busy{}
	s := start(t, func(c *Config) { blobs.Blobs, c.Blobs = c.Blobs, blobs })
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if response, data := s.do("GET", "/readyz", nil); response.StatusCode != http.StatusOK {
				t.Errorf("%s %s", response.Status, data)
			}
		})
	}
	all.Wait()
	if most := blobs.most.Load(); most != 1 {
		t.Errorf("the store was asked %d times at once", most)
	}
}

// One client has so many uploads under way; another, and the same one later, has room.
func TestUploadsOfOneClient(t *testing.T) {
	dir := t.TempDir()
	s := start(t, func(c *Config) {
		c.UploadsPerClient, c.Keys, c.DataDir = 2, keysFile(t, "ct push secret-ct", "mr push secret-mr"), dir
	})
	shareNothing(t, dir, func(client string, body io.Reader) (*http.Response, []byte) {
		return s.do("POST", "/api/v1/scans", body, "Authorization", "Bearer secret-"+client)
	}, "ct", "mr")
}

// An upload in pieces that brings bytes as it is created is one of them.
func TestUploadsOfOneClientInPieces(t *testing.T) {
	dir := t.TempDir()
	s := start(t, func(c *Config) { c.UploadsPerClient, c.DataDir = 1, dir })
	body, slow := io.Pipe()
	ended := make(chan int)
	go func() {
		response, _ := s.do("POST", "/api/v1/scans", body)
		ended <- response.StatusCode
	}()
	slow.Write(scanBytes("a")) // returns when all is on its way
	awaitUploads(dir, 1)
	response, data := s.do("POST", "/api/v1/uploads", bytes.NewReader(scanBytes("b")), "Tus-Resumable", "1.0.0", "Upload-Length", "10008",
		"Content-Type", "application/offset+octet-stream")
	refused(t, "a second upload", response, data, http.StatusTooManyRequests, "1 uploads of yours")
	slow.Close()
	if status := <-ended; status != http.StatusCreated {
		t.Errorf("the first upload: %d", status)
	}
}

// Without keys a client is an address.
func TestUploadsOfOneAddress(t *testing.T) {
	dir := t.TempDir()
	s := start(t, func(c *Config) { c.UploadsPerClient, c.DataDir = 2, dir })
	shareNothing(t, dir, func(client string, body io.Reader) (*http.Response, []byte) {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}
		from := &http.Transport{DialContext: dialer.DialContext}
		defer from.CloseIdleConnections()
		r, err := http.NewRequest("POST", s.URL+"/api/v1/scans", body)
		if err != nil {
			panic(err)
		}
		response, err := from.RoundTrip(r)
		if err != nil {
			panic(err)
		}
		defer response.Body.Close()
		data, err := io.ReadAll(response.Body)
		if err != nil {
			panic(err)
		}
		return response, data
	}, "127.0.0.2", "127.0.0.3")
}

// awaitUploads waits until the server has taken in the beginning of so many uploads.
func awaitUploads(dir string, n int) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if begun, _ := filepath.Glob(filepath.Join(dir, "spool", "scan-*")); len(begun) == n {
			return
		}
	}
}

// shareNothing has one client fill its two uploads at a time, with bodies that do not end, while another one pushes.
func shareNothing(t *testing.T, dir string, push func(client string, body io.Reader) (*http.Response, []byte), one, other string) {
	t.Helper()
	expect := func(what, client, seed string) {
		t.Helper()
		if response, data := push(client, bytes.NewReader(scanBytes(seed))); response.StatusCode != http.StatusCreated {
			t.Errorf("%s: %s %s", what, response.Status, data)
		}
	}
	slow, ended := make([]*io.PipeWriter, 2), make(chan int)
	for i := range slow {
		var body *io.PipeReader
		body, slow[i] = io.Pipe()
		go func() {
			response, _ := push(one, body)
			ended <- response.StatusCode
		}()
		slow[i].Write(scanBytes(fmt.Sprint(i))[:5000])
	}
	awaitUploads(dir, len(slow))
	response, data := push(one, bytes.NewReader(scanBytes("third")))
	refused(t, "a third upload", response, data, http.StatusTooManyRequests, "2 uploads of yours")
	expect("another client", other, "other")
	for i, w := range slow {
		w.Write(scanBytes(fmt.Sprint(i))[5000:])
		w.Close()
		if status := <-ended; status != http.StatusCreated {
			t.Errorf("a slow upload: %d", status)
		}
	}
	expect("the same client later", one, "later")
}
