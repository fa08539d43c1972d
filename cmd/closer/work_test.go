package main_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
)

// bench is a queue and a blob store for worker processes.
type bench struct {
	queue *store.Queue
	blobs store.Blobs
	nats  string
	dir   string // of the blobs
}

func newBench(t *testing.T) *bench {
	t.Helper()
	server, err := store.StartServer(t.TempDir(), store.ServerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	b := &bench{nats: server.URL(), dir: t.TempDir()}
	if b.queue, err = store.Connect(t.Context(), b.nats, store.Options{Lease: 2 * time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.queue.Close)
	if b.blobs, err = store.OpenBlobs(t.Context(), b.dir); err != nil {
		t.Fatal(err)
	}
	b.own(t)
	return b
}

// own makes the files those of the queue, as a server does.
func (b *bench) own(t *testing.T) {
	t.Helper()
	if _, err := (recon.Retention{Queue: b.queue, Blobs: b.blobs}).Sweep(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

// submit queues a file. It is dated as the file is, so that the results are those of closer recon.
func (b *bench) submit(t *testing.T, id, path string, edit func(*recon.Recipe)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	blob, err := b.blobs.Put(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	recipe := recon.DefaultRecipe()
	edit(&recipe)
	job := recon.Job{ID: id, Scan: recon.ScanID(blob.SHA256), Input: blob, Recipe: recipe, Created: info.ModTime()}
	if _, created, err := b.queue.Submit(t.Context(), job); err != nil || !created {
		t.Fatal(created, err)
	}
}

// await returns the job once it is as wanted; a job that ends otherwise fails the test.
func (b *bench) await(t *testing.T, id string, wanted func(recon.Job) bool) recon.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	changes, err := b.queue.Watch(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var job recon.Job
	for job = range changes {
		if wanted(job) {
			return job
		}
	}
	t.Fatalf("the job is %s: %s", job.State, job.Error)
	return job
}

func is(state recon.State) func(recon.Job) bool {
	return func(job recon.Job) bool { return job.State == state }
}

// content returns an artifact's bytes.
func (b *bench) content(t *testing.T, job recon.Job, name string) []byte {
	t.Helper()
	for _, a := range job.Results {
		if a.Name == name {
			r, err := b.blobs.Open(t.Context(), a.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
	}
	t.Fatalf("the job has no %s", name)
	return nil
}

// process is a running closer whose stderr is kept.
type process struct {
	*exec.Cmd
	mu   sync.Mutex
	said bytes.Buffer
	read chan struct{} // closed at the end of stderr
}

func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return startCommand(t, env, exec.Command(binary, args...))
}

// startCommand is start where something else begins closer.
func startCommand(t *testing.T, env []string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: cmd, read: make(chan struct{})}
	p.Env = append(os.Environ(), env...)
	stderr, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.read)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.mu.Lock()
			p.said.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		p.end()
		if t.Failed() {
			t.Logf("%q said:\n%s", cmd.Args, p.stderr())
		}
	})
	return p
}

func (p *process) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// awaitSaying waits until stderr has the text.
func (p *process) awaitSaying(t *testing.T, text string) {
	t.Helper()
	eventually(t, func() string { return map[bool]string{true: text}[strings.Contains(p.stderr(), text)] })
}

func (p *process) end() error {
	<-p.read
	return p.Wait()
}

// stop sends a signal and waits.
func (p *process) stop(s os.Signal) error {
	if err := p.Process.Signal(s); err != nil {
		return err
	}
	return p.end()
}

func (b *bench) worker(t *testing.T, args ...string) *process {
	return start(t, []string{"CLOSER_NATS=" + b.nats, "CLOSER_BLOBS=" + b.dir}, append([]string{"work", "--device", "cpu"}, args...)...)
}

// sameAsRecon compares every result but the reports, which hold times, with what closer recon makes of the same file.
func (b *bench) sameAsRecon(t *testing.T, job recon.Job, scan string, args ...string) {
	t.Helper()
	out := t.TempDir()
	closer(t, append([]string{"recon", scan, "-o", out, "--device", "cpu"}, args...)...)
	files := 0
	filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		name, _ := filepath.Rel(out, path)
		if got := b.content(t, job, filepath.ToSlash(name)); !strings.HasPrefix(name, "report.") && !bytes.Equal(got, read(t, path)) {
			t.Errorf("%s is not what closer recon writes", name)
		}
		return nil
	})
	if files != len(job.Results) {
		t.Errorf("%d results, closer recon writes %d files", len(job.Results), files)
	}
}

// pieces counts the slices that the blob store keeps for unfinished jobs.
func (b *bench) pieces(t *testing.T, job string, method string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(b.dir, "pieces", "slices", job, method, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestWorkerMakesWhatReconMakes(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t)
	b.worker(t)
	b.submit(t, "job", scan, func(r *recon.Recipe) { r.Steps, r.Samples = 2, 2 })
	early := b.await(t, "job", func(job recon.Job) bool { return len(job.Results) > 0 })
	if early.State != recon.Running {
		t.Errorf("the first result appeared when the job was %s", early.State)
	}
	job := b.await(t, "job", is(recon.Done))
	b.sameAsRecon(t, job, scan, "--steps", "2", "--samples", "2")
	if p := job.Progress; p.Slices == 0 || job.Attempt != 1 {
		t.Errorf("progress %+v, attempt %d", p, job.Attempt)
	}
}

// A worker that is killed loses its job to another, which computes only what is missing; the bytes are those of an unbroken run.
func TestKilledWorker(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t)
	first := b.worker(t)
	b.submit(t, "job", scan, func(r *recon.Recipe) { r.Steps = 100 })
	b.await(t, "job", func(job recon.Job) bool { return job.Progress.Method == "ccdf" && job.Progress.SlicesDone == 5 })
	first.stop(syscall.SIGKILL)
	if n := b.pieces(t, "job", "ccdf"); n != 1 {
		t.Fatalf("%d slices of ccdf were kept, want 1", n)
	}
	second := b.worker(t)
	job := b.await(t, "job", is(recon.Done))
	if job.Attempt != 2 {
		t.Errorf("done in attempt %d", job.Attempt)
	}
	b.sameAsRecon(t, job, scan, "--steps", "100")
	if second.stop(syscall.SIGTERM); !strings.Contains(second.stderr(), "resumed_slices=5") {
		t.Error("the second worker did not go on from the 5 finished slices")
	}
	if n := b.pieces(t, "job", "*"); n != 0 {
		t.Errorf("%d slices remain of a job that ended", n)
	}
}

// A worker that is asked to stop gives its job back at once, not after the lease, and the attempt costs nothing.
func TestStoppedWorkerGivesItsJobBack(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t)
	b.submit(t, "job", scan, ccdf(200))
	for i := range store.DefaultMaxAttempts + 1 {
		w := b.worker(t)
		b.await(t, "job", func(job recon.Job) bool { return job.Attempt == i+1 && job.Progress.Step > 0 })
		if err := w.stop(syscall.SIGTERM); err != nil {
			t.Error("a worker that is asked to stop fails: ", err)
		}
		if job, err := b.queue.Job(t.Context(), "job"); err != nil || job.State != recon.Queued {
			t.Errorf("the job of a stopped worker is %s: %v", job.State, err)
		}
	}
	b.worker(t)
	if p := b.await(t, "job", is(recon.Done)).Progress; p.Slices == 0 || p.SlicesDone != p.Slices {
		t.Errorf("done with %d of %d slices", p.SlicesDone, p.Slices)
	}
}

// Inputs that are none fail with the reason, and the next job runs.
func TestPoisonedInput(t *testing.T) {
	b := newBench(t)
	zf := func(r *recon.Recipe) { r.Methods = []string{"zero-filled"} }
	scan := phantom(t)
	truncated := filepath.Join(t.TempDir(), "truncated.h5")
	if err := os.WriteFile(truncated, read(t, scan)[:5000], 0o600); err != nil {
		t.Fatal(err)
	}
	b.submit(t, "text", writeTemp(t, "x.h5", "hello"), zf)
	b.submit(t, "truncated", truncated, zf)
	b.submit(t, "slices", scan, func(r *recon.Recipe) { zf(r); r.Slices = []int{7, 9} })
	b.submit(t, "good", scan, zf)
	b.worker(t)
	b.await(t, "good", is(recon.Done))
	for id, want := range map[string]string{"text": "HDF5", "truncated": "HDF5", "slices": "slices 7:9"} {
		job := b.await(t, id, is(recon.Failed))
		if job.Code != recon.Invalid || !strings.Contains(job.Error, want) || job.Attempt != 1 {
			t.Errorf("%s: %s %q in attempt %d", id, job.Code, job.Error, job.Attempt)
		}
	}
}

// A canceled job stops, leaves nothing behind, and the worker takes the next.
func TestCanceledJob(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t)
	b.worker(t)
	b.submit(t, "long", scan, func(r *recon.Recipe) { r.Methods, r.Steps = []string{"unet", "ccdf"}, 5000 })
	b.await(t, "long", func(job recon.Job) bool { return job.Progress.Step > 1 })
	if _, err := b.queue.Cancel(t.Context(), "long"); err != nil {
		t.Fatal(err)
	}
	b.submit(t, "next", scan, func(r *recon.Recipe) { r.Methods = []string{"zero-filled"} })
	b.await(t, "next", is(recon.Done))
	if job, err := b.queue.Job(t.Context(), "long"); err != nil || job.State != recon.StateCanceled {
		t.Errorf("%s: %v", job.State, err)
	}
	if n := b.pieces(t, "long", "*"); n != 0 {
		t.Errorf("%d slices remain of a canceled job", n)
	}
}

// Without ONNX Runtime a scan ends with what could be made, and the report says what could not; with nothing to make it fails.
func TestWorkerWithoutNetworks(t *testing.T) {
	b, scan := newBench(t), phantom(t)
	t.Setenv("ONNXRUNTIME_SHARED_LIBRARY_PATH", "/nowhere/libonnxruntime.so")
	b.worker(t)
	b.submit(t, "some", scan, func(*recon.Recipe) {})
	b.submit(t, "none", scan, func(r *recon.Recipe) { r.Methods = []string{"unet"} })
	job := b.await(t, "some", is(recon.Done))
	if report := string(b.content(t, job, "report.json")); strings.Count(report, "Not reconstructed: method") != 2 {
		t.Errorf("the report does not say which methods are missing: %s", report)
	}
	if job := b.await(t, "none", is(recon.Failed)); job.Code != recon.Unavailable || !strings.Contains(job.Error, "network unet") {
		t.Errorf("%s: %s", job.Code, job.Error)
	}
}

// A worker whose files no server has used, as where a directory is not mounted, fails no job: it waits, and runs them when it is.
func TestWorkerWaitsForItsFiles(t *testing.T) {
	t.Parallel()
	b, scan := newBench(t), phantom(t)
	b.submit(t, "job", scan, func(r *recon.Recipe) { r.Methods = []string{"zero-filled"} })
	mounted := b.dir
	b.dir = t.TempDir()
	p := b.worker(t)
	p.awaitSaying(t, "no server of a queue has used these files")
	if job, err := b.queue.Job(t.Context(), "job"); err != nil || job.State != recon.Queued {
		t.Errorf("the job is %s, %v", job.State, err)
	}
	if err := os.CopyFS(b.dir, os.DirFS(mounted)); err != nil {
		t.Fatal(err)
	}
	if p := b.await(t, "job", is(recon.Done)).Progress; p.Slices == 0 || p.SlicesDone != p.Slices {
		t.Errorf("done with %d of %d slices", p.SlicesDone, p.Slices)
	}
}
