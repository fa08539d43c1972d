package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
	"github.com/closer-mri/closer/recon"
)

// TestOutage stops the blob store, then the queue, under a job that runs, each for longer than a worker may be silent and with another
// worker waiting for work. /readyz says what is missing, a push is refused for now, and afterwards the job goes on where it was, in
// the same attempt.
func TestOutage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for outages to pass: not with -short")
	}
	const lease = 2 * time.Second
	dir, s3 := t.TempDir(), testkit.StartS3(t)
	queue, err := store.StartServer(dir, store.ServerOptions{Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { queue.Close() }()
	place := s3.NewBucket(t)
	env := []string{"CLOSER_NATS=" + queue.URL(), "CLOSER_BLOBS=" + place, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x"}
	_, address := servingOn(t, env, "--blobs", place, "--workers", "0", "--lease", lease.String())
	workers := []*process{worker(t, env), worker(t, env)}
	scan := phantom(t, "--slices", "16")
	var receipt struct{ Job string }
	status, _, body := postScan(t, address, scan, "method=tv")
	if err := json.Unmarshal(body, &receipt); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	job := func() (job recon.Job) {
		getJSON(t, "http://"+address+"/api/v1/jobs/"+receipt.Job, &job)
		return job
	}
	running := func(what string) {
		t.Helper()
		if j := job(); j.State != recon.Running || j.Attempt != 1 {
			t.Fatalf("when it %s the job is %s in attempt %d: %s", what, j.State, j.Attempt, j.Error)
		}
	}
	out := func(what, sentence string, end func()) {
		t.Helper()
		eventually(t, func() string {
			if status, checks := readiness(t, address); status == http.StatusServiceUnavailable && strings.Contains(checks[what], sentence) {
				return "not ready"
			}
			return ""
		})
		if status, header, body := postScan(t, address, scan, "method=zero-filled"); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
			t.Errorf("a push without %s: %d %s", what, status, body)
		}
		time.Sleep(lease * 3 / 2)
		end()
		eventually(t, func() string {
			if status, _ := readiness(t, address); status == http.StatusOK {
				return "ready"
			}
			return ""
		})
	}

	eventually(t, func() string { return map[bool]string{true: "begun"}[job().Progress.SlicesDone > 0] })
	running("begins")
	s3.Stop()
	out("blobs", "does not answer", func() { s3.Start(t) })

	running("goes on")
	u, err := url.Parse(queue.URL())
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(u.Port())
	queue.Close()
	out("queue", "does not answer", func() {
		if queue, err = store.StartServer(dir, store.ServerOptions{Token: "secret", Port: port}); err != nil {
			t.Fatal(err)
		}
	})
	ended(t, address, receipt.Job)
	if j := job(); j.State != recon.Done || j.Attempt != 1 {
		t.Errorf("the job is %s in attempt %d: %s", j.State, j.Attempt, j.Error)
	}
	if said := workers[0].stderr() + workers[1].stderr(); !strings.Contains(said, "waiting for a service") {
		t.Error("no worker noticed that the blob store was gone")
	}
	if status, _, body := postScan(t, address, scan, "method=zero-filled"); status != http.StatusCreated {
		t.Errorf("the push that was refused, again: %d %s", status, body)
	}
}

// postScan pushes a file in one request.
func postScan(t *testing.T, address, scan, query string) (int, http.Header, []byte) {
	t.Helper()
	response, err := http.Post("http://"+address+"/api/v1/scans?"+query, "application/x-hdf5", bytes.NewReader(read(t, scan)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, body
}

// readiness is what /readyz says.
func readiness(t *testing.T, address string) (int, map[string]string) {
	t.Helper()
	response, err := http.Get("http://" + address + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var said struct{ Checks map[string]string }
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, said.Checks
}
