package pacs

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web/dicomweb"
)

// archive is the STOW-RS server of this project, over a shelf that refuses what it is told to.
type archive struct {
	url string

	mu       sync.Mutex
	stored   map[string]int // how often each file was taken, by its content
	requests []*http.Request
	pairs    int                           // requests with two objects: of the series "a"
	refuse   func(request, file int) error // file of the request-th of them
}

func newArchive(t *testing.T) *archive {
	a := &archive{stored: map[string]int{}}
	h := dicomweb.New(dicomweb.Config{Library: dicomweb.Results(store.NewMemory(store.Options{}), nil), Store: a.store})
	server := httptest.NewServer(http.StripPrefix("/dicom-web", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.requests = append(a.requests, r)
		a.mu.Unlock()
		h.ServeHTTP(w, r)
	})))
	t.Cleanup(server.Close)
	a.url = server.URL + "/dicom-web"
	return a
}

func (a *archive) store(_ context.Context, objects []dicomio.Object) ([]string, []error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	errs := make([]error, len(objects))
	if len(objects) == 2 {
		a.pairs++
	}
	for i, o := range objects {
		data, err := os.ReadFile(o.Path)
		if err == nil && a.refuse != nil && len(objects) == 2 {
			err = a.refuse(a.pairs, i)
		}
		if errs[i] = err; err == nil {
			a.stored[string(data)]++
		}
	}
	return make([]string, len(objects)), errs
}

// bench is a queue with one job that is done, and its series "a" of two objects and "b" of one.
type bench struct {
	queue *store.Memory
	blobs recon.Blobs
	files []string
}

const job = "job"

func newBench(t *testing.T) *bench {
	t.Helper()
	blobs, err := store.OpenBlobs(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{queue: store.NewMemory(store.Options{}), blobs: blobs}
	var results []recon.Artifact
	for i, name := range []string{"dicom/a/0001.dcm", "dicom/a/0002.dcm", "dicom/b/0001.dcm", "report.json"} {
		content := fmt.Sprintf(`{"report": %d}`, i)
		if strings.HasPrefix(name, "dicom/") {
			content = object(t, i)
			b.files = append(b.files, content)
		}
		blob, err := blobs.Put(t.Context(), strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, recon.Artifact{Name: name, Blob: blob})
	}
	if _, _, err := b.queue.Submit(t.Context(), recon.Job{ID: job}); err != nil {
		t.Fatal(err)
	}
	lease, err := b.queue.Claim(t.Context(), "test")
	if err == nil {
		err = lease.Finish(t.Context(), results, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// object is a DICOM file.
func object(t *testing.T, i int) string {
	t.Helper()
	rec := &recon.Reconstruction{
		Header: recon.Header{Format: "fastmri", Slices: 3, Coils: 1, Ny: 8, Nx: 8, ReconNy: 8, ReconNx: 8, PixelSpacing: [2]float64{1, 1}, Thickness: 1, SHA256: strings.Repeat("ab", 32)},
		Ny:     8, Nx: 8, Indices: []int{i}, Intensity: 1, References: [][]float32{make([]float32, 64)},
	}
	dir := t.TempDir()
	if _, err := dicomio.WriteReference(t.Context(), dir, rec, dicomio.Options{}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%04d.dcm", i+1)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// send runs a sender until the deliveries are as wanted, and returns them.
func (b *bench) send(t *testing.T, c Config, wanted func(a, b recon.Delivery) bool) (first, second recon.Delivery) {
	t.Helper()
	c.Queue, c.Blobs, c.Log, c.firstPause = b.queue, b.blobs, slog.New(slog.NewTextHandler(t.Output(), nil)), time.Millisecond
	sender, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	changes, err := b.queue.Watch(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { sender.Run(ctx) })
	defer running.Wait()
	defer stop()
	for j := range changes {
		first, _ = j.Delivery("a")
		second, _ = j.Delivery("b")
		if wanted(first, second) {
			return first, second
		}
	}
	t.Fatalf("in the end %+v and %+v", first, second)
	return first, second
}

func ended(a, b recon.Delivery) bool {
	over := func(d recon.Delivery) bool { return d.State == recon.DeliverySent || d.State == recon.DeliveryFailed }
	return over(a) && over(b)
}

func TestSend(t *testing.T) {
	b, a := newBench(t), newArchive(t)
	credentials := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(credentials, []byte("Bearer abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	first, second := b.send(t, Config{URL: a.url + "/", Credentials: credentials}, ended)
	if first.State != recon.DeliverySent || first.Attempts != 1 || second.State != recon.DeliverySent || first.Time.IsZero() {
		t.Errorf("%+v and %+v", first, second)
	}
	for _, file := range b.files {
		if a.stored[file] != 1 {
			t.Errorf("a file came %d times", a.stored[file])
		}
	}
	if len(a.stored) != 3 || len(a.requests) != 2 {
		t.Errorf("%d objects in %d requests", len(a.stored), len(a.requests))
	}
	if h := a.requests[0].Header; h.Get("Authorization") != "Bearer abc" || a.requests[0].ContentLength <= 0 {
		t.Errorf("the request has the headers %v", h)
	}
	b.send(t, Config{URL: a.url}, ended) // another sender finds nothing to do
	if len(a.requests) != 2 {
		t.Error("what was sent is sent again")
	}
}

// What the archive refuses for now is sent again, and what it refuses for good is not; what it has already counts as sent.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		refuse   func(request, file int) error
		state    recon.DeliveryState
		attempts int
		reason   string
	}{
		"some for now": {func(request, file int) error {
			if request < 3 && file == 1 {
				return recon.Errorf(recon.Unavailable, "full")
			}
			return nil
		}, recon.DeliverySent, 3, ""},
		"all for now": {func(request, _ int) error {
			if request < 2 {
				return recon.Errorf(recon.Internal, "trouble")
			}
			return nil
		}, recon.DeliverySent, 2, ""},
		"some for good": {func(_, file int) error {
			if file == 1 {
				return recon.Errorf(recon.Invalid, "never")
			}
			return nil
		}, recon.DeliveryFailed, 1, "the archive does not take 1 of 2 objects: not understood (C000)"},
		"all for good": {func(int, int) error { return recon.Errorf(recon.Invalid, "never") }, recon.DeliveryFailed, 1,
			"the archive does not take 2 of 2 objects: not understood (C000)"},
		"has some": {func(_, file int) error {
			if file == 0 {
				return recon.Errorf(recon.Conflict, "there")
			}
			return nil
		}, recon.DeliverySent, 1, ""},
		"has all": {func(int, int) error { return recon.Errorf(recon.Conflict, "there") }, recon.DeliverySent, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, a := newBench(t), newArchive(t)
			a.refuse = c.refuse
			first, _ := b.send(t, Config{URL: a.url}, func(first, _ recon.Delivery) bool { return ended(first, first) })
			if first.State != c.state || first.Attempts != c.attempts || first.Reason != c.reason {
				t.Errorf("%+v", first)
			}
		})
	}
}

// A delivery whose sender was killed is made again; one that failed is not, until it is queued again.
func TestInterruptedAndQueuedAgain(t *testing.T) {
	b, a := newBench(t), newArchive(t)
	before := []recon.Delivery{{Series: "a", State: recon.DeliverySending, Attempts: 4}, {Series: "b", State: recon.DeliveryFailed, Attempts: 2, Reason: "no"}}
	if _, err := b.queue.Deliver(t.Context(), job, before...); err != nil {
		t.Fatal(err)
	}
	first, second := b.send(t, Config{URL: a.url}, ended)
	if first.State != recon.DeliverySent || first.Attempts != 5 || second != before[1] {
		t.Errorf("%+v and %+v", first, second)
	}
	if _, err := b.queue.Deliver(t.Context(), job, recon.Delivery{Series: "b", State: recon.DeliveryQueued}); err != nil {
		t.Fatal(err)
	}
	if _, second = b.send(t, Config{URL: a.url}, ended); second.State != recon.DeliverySent || second.Attempts != 1 {
		t.Errorf("queued again it is %+v", second)
	}
}

// A clock that was wrong when an attempt failed does not keep the next one waiting once it is right.
func TestClockThatWasSetBack(t *testing.T) {
	b, a := newBench(t), newArchive(t)
	before := recon.Delivery{Series: "a", State: recon.DeliveryQueued, Attempts: 1, Next: time.Now().AddDate(10, 0, 0), Reason: "the archive answers 503"}
	if _, err := b.queue.Deliver(t.Context(), job, before); err != nil {
		t.Fatal(err)
	}
	if first, second := b.send(t, Config{URL: a.url}, ended); first.State != recon.DeliverySent || second.State != recon.DeliverySent {
		t.Errorf("%+v and %+v", first, second)
	}
}

// An archive that is not there at first, or never answers, costs attempts only; a stop costs none.
func TestArchiveThatIsNotThere(t *testing.T) {
	b, a := newBench(t), newArchive(t)
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-release }))
	defer silent.Close()
	defer close(release)
	sending := func(a, _ recon.Delivery) bool { return a.State == recon.DeliverySending }
	b.send(t, Config{URL: silent.URL}, sending)
	stopped, err := b.queue.Job(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := stopped.Delivery("a"); d.State != recon.DeliveryQueued || d.Attempts != 0 {
		t.Errorf("after a stop it is %+v", d)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	waiting := func(a, _ recon.Delivery) bool { return a.State == recon.DeliveryQueued && a.Attempts > 2 }
	first, _ := b.send(t, Config{URL: gone.URL}, waiting)
	if !strings.HasPrefix(first.Reason, "the archive cannot be reached: ") || strings.Contains(first.Reason, "http") || !first.Next.After(first.Time) {
		t.Errorf("%+v", first)
	}
	if first, second := b.send(t, Config{URL: a.url}, ended); first.State != recon.DeliverySent || second.State != recon.DeliverySent {
		t.Errorf("%+v and %+v", first, second)
	}
}

func TestMisconfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("user:password"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]Config{
		"not of the form":         {URL: "pacs.example.org"},
		"of the form https":       {URL: "ftp://pacs.example.org"},
		"belong into their file":  {URL: "https://user:password@pacs.example.org/dicom-web"},
		"more than host and path": {URL: "https://pacs.example.org/dicom-web?token=x"},
		"cannot be read":          {URL: "https://pacs.example.org/dicom-web", Credentials: "/nowhere"},
		"neither \"Basic":         {URL: "https://pacs.example.org/dicom-web", Credentials: file},
	} {
		if _, err := New(c); recon.CodeOf(err) != recon.Invalid || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "password@") {
			t.Errorf("%v: %v", c.URL, err)
		}
	}
}

func TestPause(t *testing.T) {
	s := Sender{Config: Config{firstPause: defaultFirstPause}}
	var all time.Duration
	for i := range maxAttempts {
		all += s.pause(i + 1)
	}
	if s.pause(1) != 2*time.Second || s.pause(3) != 8*time.Second || s.pause(1000) != lastPause || all < 6*24*time.Hour || all > 8*24*time.Hour {
		t.Errorf("pauses of %v, %v, %v, together %v", s.pause(1), s.pause(3), s.pause(1000), all)
	}
}
