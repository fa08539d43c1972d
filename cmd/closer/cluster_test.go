package main_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

// TestCluster runs a server and two workers, each with a directory of its own, on three NATS servers and one S3 server. While both
// workers run jobs, one of them and the NATS server that leads are killed: every scan ends done, once, with the bytes of closer recon.
func TestCluster(t *testing.T) {
	t.Parallel()
	addresses, nodes := testkit.StartNATS(t)
	place := testkit.StartS3(t).NewBucket(t)
	env := []string{"CLOSER_NATS=" + addresses, "CLOSER_BLOBS=" + place, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "XDG_CACHE_HOME=" + t.TempDir()}
	_, address := servingOn(t, env, "--blobs", place, "--workers", "0", "--replicas", "3", "--lease", "3s")
	queue, err := store.Connect(t.Context(), addresses, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(queue.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	changes, err := queue.Watch(ctx, "")
	if err != nil {
		t.Fatal(err)
	}

	const scans, slices = 7, 6
	scan := phantom(t, "--matrix", "96", "--slices", fmt.Sprint(slices))
	recipe := func(i int) []string {
		return []string{"--mask-seed", fmt.Sprint(i), "--method", "zero-filled", "--method", "tv"}
	}
	for i := range scans {
		closer(t, append([]string{"push", scan, "--to", "http://" + address, "--no-wait"}, recipe(i)...)...)
	}
	doomed, heir := worker(t, env), worker(t, env)
	jobs, ended, done, killed := map[string]recon.Job{}, map[string]int{}, map[int]int{}, false // done by worker
	for job := range changes {
		if job.State.Terminal() && !jobs[job.ID].State.Terminal() {
			ended[job.ID]++
		}
		jobs[job.ID] = job
		clear(done)
		for _, j := range jobs {
			if j.State == recon.Done {
				done[pid(t, j)]++
			}
		}
		middle := job.State == recon.Running && job.Progress.SlicesDone > slices && job.Progress.SlicesDone <= slices*3/2 // of the second method
		if !killed && middle && pid(t, job) == doomed.Process.Pid && done[doomed.Process.Pid] > 0 {
			leader := leader(t, addresses)
			doomed.Process.Signal(syscall.SIGKILL)
			for _, n := range nodes {
				if n.Name == leader {
					n.Kill()
					killed = true
				}
			}
			t.Logf("killed a worker within its job and %s, with %v jobs done", leader, done)
		}
		if len(ended) == scans {
			break
		}
	}
	if !killed || len(ended) != scans || done[doomed.Process.Pid] == 0 || done[heir.Process.Pid] == 0 {
		t.Fatalf("killed: %t, %d of %d jobs ended, by worker %v: %v", killed, len(ended), scans, done, ctx.Err())
	}
	interrupted := 0
	for id, job := range jobs {
		if job.State != recon.Done || ended[id] != 1 {
			t.Errorf("scan %d is %s (%s), it ended %d times", job.Recipe.MaskSeed, job.State, job.Error, ended[id])
			continue
		}
		interrupted += job.Attempt - 1
		out := t.TempDir()
		closer(t, append([]string{"recon", scan, "-o", out}, recipe(int(job.Recipe.MaskSeed))...)...)
		for _, name := range []string{"reconstruction/zero-filled.h5", "reconstruction/tv.h5"} {
			if got := artifact(t, address, id, name); !bytes.Equal(got, read(t, filepath.Join(out, name))) {
				t.Errorf("scan %d: %s is not what closer recon writes", job.Recipe.MaskSeed, name)
			}
		}
	}
	if interrupted == 0 {
		t.Error("no job was taken over")
	}
}

// servingOn starts a server with an environment and returns it when it answers, with its address.
func servingOn(t *testing.T, env []string, args ...string) (*process, string) {
	t.Helper()
	p := start(t, env, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--device", "cpu"}, args...)...)
	return p, eventually(t, func() string { return lastMatch(addressLine, p.stderr()) })
}

// worker starts closer work with a directory for its files that no other has, and waits until it is ready.
func worker(t *testing.T, env []string) *process {
	t.Helper()
	p := start(t, append(env, "TMPDIR="+t.TempDir()), "work", "--device", "cpu")
	eventually(t, func() string { return lastMatch(workerLine, p.stderr()) })
	return p
}

// pid is the process that a job's record names as its worker.
func pid(t *testing.T, job recon.Job) (pid int) {
	t.Helper()
	if _, err := fmt.Sscan(job.Worker[strings.LastIndexByte(job.Worker, '/')+1:], &pid); job.Worker != "" && err != nil {
		t.Fatal(err)
	}
	return pid
}

// leader is the NATS server that leads the stream of job records.
func leader(t *testing.T, addresses string) string {
	t.Helper()
	stream, err := testkit.JetStream(t, addresses).Stream(t.Context(), "KV_closer-jobs")
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().Cluster.Leader
}
