package main_test

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

// endless is more steps than any test waits for.
const endless = 1_000_000

func ccdf(steps int) func(*recon.Recipe) {
	return func(r *recon.Recipe) { r.Methods, r.Steps = []string{"ccdf"}, steps }
}

// underway waits until all of the jobs are in their samplers.
func (b *bench) underway(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		b.await(t, id, func(job recon.Job) bool { return job.State == recon.Running && job.Progress.Step > 0 })
	}
}

// job returns a job's record, which must be in that state.
func (b *bench) job(t *testing.T, id string, state recon.State) recon.Job {
	t.Helper()
	job, err := b.queue.Job(t.Context(), id)
	if err != nil || job.State != state {
		t.Errorf("%s is %s (%s), want %s: %v", id, job.State, job.Error, state, err)
	}
	return job
}

// overlap reports whether the last attempts at two jobs that ended ran at the same time.
func overlap(a, b recon.Job) bool {
	return a.Started.Before(b.Finished) && b.Started.Before(a.Finished)
}

// Jobs beside each other give what they give alone, and each counts its own time in networks.
func TestJobsAtOnce(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t, "--matrix", "64")
	b.worker(t, "--jobs", "3")
	b.submit(t, "long", scan, ccdf(endless))
	b.submit(t, "one", scan, func(r *recon.Recipe) { r.Steps = 30 })
	b.submit(t, "two", scan, func(r *recon.Recipe) { r.Steps, r.Samples = 10, 2 })
	one, two := b.await(t, "one", is(recon.Done)), b.await(t, "two", is(recon.Done))
	b.job(t, "long", recon.Running)
	b.sameAsRecon(t, one, scan, "--steps", "30")
	b.sameAsRecon(t, two, scan, "--steps", "10", "--samples", "2")
	for _, job := range []recon.Job{one, two} {
		for _, m := range b.report(t, job).Methods[1:] {
			if m.NetworkSeconds <= 0 || m.NetworkSeconds > m.Seconds {
				t.Errorf("%s of job %s: %g s in networks of %g s", m.Name, job.ID, m.NetworkSeconds, m.Seconds)
			}
		}
	}
}

func (b *bench) report(t *testing.T, job recon.Job) (r recon.Report) {
	t.Helper()
	if err := json.Unmarshal(b.content(t, job, "report.json"), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// Jobs whose slices share the runs of graphs give what they give alone, but for rounding, and each counts its part of the time.
func TestJobsThatShareGraphs(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t, "--matrix", "64")
	graphs := []string{"--steps-per-run", "2", "--batch", "8"}
	b.worker(t, append(graphs, "--jobs", "3")...)
	b.submit(t, "long", scan, ccdf(endless))
	b.underway(t, "long")
	b.submit(t, "one", scan, ccdf(20))
	b.submit(t, "two", scan, func(r *recon.Recipe) { ccdf(10)(r); r.Accel = 2 })
	for id, args := range map[string][]string{"one": {"--steps", "20"}, "two": {"--steps", "10", "--accel", "2"}} {
		got := b.report(t, b.await(t, id, is(recon.Done))).Methods[0]
		out := t.TempDir()
		closer(t, append([]string{"recon", scan, "-o", out, "--device", "cpu", "--method", "ccdf"}, append(graphs, args...)...)...)
		want := readReport(t, out).Methods[0]
		if got.NFE != want.NFE || math.Abs(float64(got.Volume.PSNR-want.Volume.PSNR)) > 1e-4 {
			t.Errorf("%s: %d NFE, %g dB; alone %d NFE, %g dB", id, got.NFE, got.Volume.PSNR, want.NFE, want.Volume.PSNR)
		}
		if got.NetworkSeconds <= 0 || got.NetworkSeconds > got.Seconds {
			t.Errorf("%s: %g s in networks of %g s", id, got.NetworkSeconds, got.Seconds)
		}
	}
	b.job(t, "long", recon.Running)
}

// A worker on a CPU runs one job at a time.
func TestOneJobAtATime(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t, "--matrix", "64")
	b.submit(t, "one", scan, ccdf(50))
	b.submit(t, "two", scan, ccdf(51))
	b.worker(t)
	if one, two := b.await(t, "one", is(recon.Done)), b.await(t, "two", is(recon.Done)); overlap(one, two) {
		t.Errorf("one ran from %v to %v, two from %v to %v", one.Started, one.Finished, two.Started, two.Finished)
	}
}

// The server's worker takes its --jobs.
func TestJobsOfAServersWorker(t *testing.T) {
	needRuntime(t)
	_, address := serving(t, t.TempDir(), "--jobs", "2")
	scan := phantom(t, "--matrix", "64")
	long := pushed(t, address, scan, "method=ccdf&steps=10000")
	if job := ended(t, address, pushed(t, address, scan, "method=zero-filled")); job.State != recon.Done {
		t.Errorf("the job is %s: %s", job.State, job.Error)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://"+address+"/api/v1/jobs/"+long, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if job := ended(t, address, long); job.State != recon.StateCanceled {
		t.Errorf("the long job is %s: %s", job.State, job.Error)
	}
	if _, stderr, err := try("serve", "--jobs", "-1"); err == nil || !strings.Contains(stderr, "--jobs") {
		t.Errorf("less than no jobs: %q", stderr)
	}
}

// A job that is canceled leaves the one beside it alone, and makes room for another.
func TestCanceledJobBesideAnother(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t, "--matrix", "64")
	b.worker(t, "--jobs", "2")
	b.submit(t, "canceled", scan, ccdf(endless))
	b.submit(t, "beside", scan, ccdf(endless+1))
	b.underway(t, "canceled", "beside")
	if _, err := b.queue.Cancel(t.Context(), "canceled"); err != nil {
		t.Fatal(err)
	}
	b.submit(t, "next", scan, ccdf(5))
	b.await(t, "next", is(recon.Done))
	before := b.job(t, "beside", recon.Running)
	if now := b.await(t, "beside", func(job recon.Job) bool { return job.Progress.Step > before.Progress.Step }); now.Attempt != 1 {
		t.Errorf("the job beside is in attempt %d", now.Attempt)
	}
	eventually(t, func() string { return map[bool]string{true: "cleared"}[b.pieces(t, "canceled", "*") == 0] })
}

// A worker that is asked to stop gives all of its jobs back at once.
func TestStoppedWorkerGivesAllItsJobsBack(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t, "--matrix", "64")
	w := b.worker(t, "--jobs", "2")
	b.submit(t, "one", scan, ccdf(endless))
	b.submit(t, "two", scan, ccdf(endless+1))
	b.underway(t, "one", "two")
	if err := w.stop(syscall.SIGTERM); err != nil {
		t.Error("a worker that is asked to stop fails: ", err)
	}
	b.job(t, "one", recon.Queued)
	b.job(t, "two", recon.Queued)
}

// A job that kills its workers costs those beside it one attempt: whatever a worker may have died of runs alone afterwards.
func TestPoisonBesideOtherJobs(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t, "--matrix", "64")
	b.submit(t, "poison", scan, ccdf(endless))
	b.submit(t, "one", scan, ccdf(100))
	b.submit(t, "two", scan, ccdf(101))
	first := b.worker(t, "--jobs", "3")
	for _, id := range []string{"poison", "one", "two"} {
		b.await(t, id, is(recon.Running))
	}
	first.stop(syscall.SIGKILL)
	for range 2 {
		w := b.worker(t, "--jobs", "3")
		w.awaitSaying(t, `msg="job started" job=poison`)
		w.stop(syscall.SIGKILL)
	}
	b.worker(t, "--jobs", "3")
	one, two := b.await(t, "one", is(recon.Done)), b.await(t, "two", is(recon.Done))
	if one.Attempt != 2 || two.Attempt != 2 || overlap(one, two) {
		t.Errorf("jobs beside the poison were done in attempts %d and %d; beside each other: %v", one.Attempt, two.Attempt, overlap(one, two))
	}
	if poison := b.await(t, "poison", is(recon.Failed)); poison.Attempt != 3 || !strings.Contains(poison.Error, "lost 3 times") {
		t.Errorf("the poison failed after %d attempts: %s", poison.Attempt, poison.Error)
	}
}

// A job that may have killed its worker does not join others, and waits for no more of them than are under way.
func TestSuspectWaitsForTheOthers(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t, "--matrix", "64")
	lost := b.worker(t)
	b.submit(t, "suspect", scan, ccdf(100))
	b.await(t, "suspect", is(recon.Running))
	heir := b.worker(t, "--jobs", "2")
	b.submit(t, "long", scan, ccdf(endless))
	b.await(t, "long", is(recon.Running))
	lost.stop(syscall.SIGKILL)
	heir.awaitSaying(t, `msg="job given back" job=suspect attempt=2`)
	b.submit(t, "next", scan, ccdf(10))
	b.job(t, "suspect", recon.Queued)
	long, err := b.queue.Cancel(t.Context(), "long")
	if err != nil {
		t.Fatal(err)
	}
	suspect, next := b.await(t, "suspect", is(recon.Done)), b.await(t, "next", is(recon.Done))
	if overlap(suspect, next) || overlap(long, suspect) || overlap(long, next) {
		t.Errorf("the suspect ran from %v to %v, the next from %v to %v; the long one ended at %v", suspect.Started, suspect.Finished, next.Started, next.Finished, long.Finished)
	}
	if suspect.Attempt != 3 || next.Attempt != 1 {
		t.Errorf("the suspect was done in attempt %d, the next in %d", suspect.Attempt, next.Attempt)
	}
}

// A worker that can claim no more ends the jobs that it has, and then says why.
func TestWorkerThatCannotClaimEndsItsJobs(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t, "--matrix", "64")
	w := b.worker(t, "--jobs", "2")
	b.submit(t, "job", scan, ccdf(200))
	b.submit(t, "beside", scan, ccdf(endless))
	b.underway(t, "job", "beside")
	if _, err := testkit.JetStream(t, b.nats).Publish(t.Context(), store.DefaultName+".run.no-job!", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.queue.Cancel(t.Context(), "beside"); err != nil {
		t.Fatal(err)
	}
	if err := w.end(); err == nil || !strings.Contains(w.stderr(), "no more jobs are claimed") {
		t.Errorf("the worker ended with %v", err)
	}
	b.job(t, "job", recon.Done)
}

// A worker leaves a job alone whose record was damaged, says so, and runs the others.
func TestWorkerOutlastsADamagedRecord(t *testing.T) {
	needRuntime(t)
	b, scan := newBench(t), phantom(t, "--matrix", "64")
	b.submit(t, "damaged", scan, ccdf(1))
	records, err := testkit.JetStream(t, b.nats).KeyValue(t.Context(), store.DefaultName+"-jobs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := records.Put(t.Context(), "damaged", []byte("{")); err != nil {
		t.Fatal(err)
	}
	w := b.worker(t)
	b.submit(t, "job", scan, ccdf(1))
	b.await(t, "job", is(recon.Done))
	if !strings.Contains(w.stderr(), "a job is left alone") {
		t.Errorf("the worker says %q", w.stderr())
	}
}
