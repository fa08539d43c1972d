package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// pushed posts a scan, which must be taken, and returns its job.
func pushed(t *testing.T, address, scan, query string) string {
	t.Helper()
	var receipt struct{ Job string }
	status, _, body := postScan(t, address, scan, query)
	if err := json.Unmarshal(body, &receipt); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	return receipt.Job
}

// ended waits for the end of a job.
func ended(t *testing.T, address, id string) (job recon.Job) {
	t.Helper()
	eventually(t, func() string {
		getJSON(t, "http://"+address+"/api/v1/jobs/"+id, &job)
		return map[bool]string{true: "ended"}[job.State.Terminal()]
	})
	return job
}

// A job that kills each worker that takes it fails after as many attempts as there are, with a sentence, and holds up nothing.
func TestJobThatKillsItsWorkers(t *testing.T) {
	server, address := serving(t, t.TempDir(), "--lease", "3s", "--attempts", "3") // long enough for a new worker to begin
	scan := phantom(t)
	poison := pushed(t, address, scan, "method=tv")
	good := []string{pushed(t, address, scan, "method=zero-filled"), pushed(t, address, scan, "method=zero-filled&accel=2")}
	starts := regexp.MustCompile(`msg="job started" job=` + poison + ` attempt=(\d+)`)
	killed := ""
	eventually(t, func() string {
		said := server.stderr()
		if attempt := lastMatch(starts, said); attempt != killed {
			killed = attempt
			workers := workerLine.FindAllStringSubmatch(said[:strings.LastIndex(said, "job="+poison)], -1)
			var pid int
			fmt.Sscan(workers[len(workers)-1][1], &pid)
			syscall.Kill(pid, syscall.SIGKILL)
		}
		return map[bool]string{true: "killed"}[killed == "3"]
	})
	job := ended(t, address, poison)
	if job.State != recon.Failed || job.Attempt != 3 || job.Code != recon.Internal || job.Error != "the worker was lost 3 times while it ran this job" {
		t.Errorf("the job is %s (%s: %s) after %d attempts", job.State, job.Code, job.Error, job.Attempt)
	}
	for _, id := range good {
		if other := ended(t, address, id); other.State != recon.Done || other.Attempt != 1 || !other.Finished.Before(job.Finished) {
			t.Errorf("another job is %s (%s) in attempt %d, at %v; the poisoned one failed at %v", other.State, other.Error, other.Attempt, other.Finished, job.Finished)
		}
	}
	if text := string(fetch(t, "http://"+address+"/metrics")); !strings.Contains(text, `{code="internal"} 1`) {
		t.Error("the metrics do not count the failure")
	}
}

// Files that crash the process which reads them: one is refused at once, the other is found out by a worker. Both live.
func TestFilesThatCrashTheirReader(t *testing.T) {
	server, address := serving(t, t.TempDir())
	if status, _, body := postScan(t, address, "testdata/hostile/crashes-at-opening.h5", ""); status != http.StatusUnprocessableEntity || !strings.Contains(string(body), "could not be read safely") {
		t.Errorf("%d %s", status, body)
	}
	job := ended(t, address, pushed(t, address, "testdata/hostile/crashes-at-reading.h5", "method=zero-filled"))
	if job.State != recon.Failed || job.Code != recon.Invalid || job.Attempt != 1 || !strings.Contains(job.Error, "could not be read safely") {
		t.Errorf("the job is %s (%s: %s) after %d attempts", job.State, job.Code, job.Error, job.Attempt)
	}
	if job := ended(t, address, pushed(t, address, phantom(t), "method=zero-filled")); job.State != recon.Done {
		t.Errorf("the next job is %s: %s", job.State, job.Error)
	}
	if strings.Contains(server.stderr(), "a worker ended") {
		t.Error("the file ended the worker")
	}
}

// A worker that stands still loses its job to another; when it goes on, nothing that it writes is taken, and it takes the next job.
func TestFrozenWorker(t *testing.T) {
	b, scan := newBench(t), phantom(t, "--matrix", "96", "--slices", "9")
	tv := func(r *recon.Recipe) { r.Methods = []string{"zero-filled", "tv"} }
	frozen := b.worker(t)
	b.submit(t, "job", scan, tv)
	b.await(t, "job", func(job recon.Job) bool { return job.Progress.SlicesDone > 10 })
	frozen.Process.Signal(syscall.SIGSTOP)
	heir := b.worker(t)
	b.await(t, "job", func(job recon.Job) bool { return job.Attempt == 2 && job.Progress.SlicesDone > 11 })
	frozen.Process.Signal(syscall.SIGCONT)
	frozen.awaitSaying(t, "job taken away")
	job := b.await(t, "job", is(recon.Done))
	if pid(t, job) != heir.Process.Pid || job.Attempt != 2 {
		t.Errorf("worker %s ended the job in attempt %d", job.Worker, job.Attempt)
	}
	b.sameAsRecon(t, job, scan, "--method", "zero-filled", "--method", "tv")
	if strings.Contains(frozen.stderr(), "job ended") {
		t.Error("the worker that stood still ended the job")
	}
	heir.stop(syscall.SIGTERM)
	b.submit(t, "next", scan, func(r *recon.Recipe) { r.Methods = []string{"zero-filled"} })
	if next := b.await(t, "next", is(recon.Done)); pid(t, next) != frozen.Process.Pid {
		t.Errorf("the next job was done by %s", next.Worker)
	}
	if now, err := b.queue.Job(t.Context(), "job"); err != nil || now.Attempt != 2 || len(now.Results) != len(job.Results) || !now.Finished.Equal(job.Finished) {
		t.Errorf("the job changed after its end: %+v, %v", now, err)
	}
}
