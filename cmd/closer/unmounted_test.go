package main_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// A directory of files that goes away, as one that is unmounted, fails no job: a worker waits until it is back, before a job as within
// one.
func TestUnmountedFilesFailNoJob(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	scan, w := phantom(t, "--slices", "8"), b.worker(t)
	gone := func() {
		if err := os.Rename(b.dir, b.dir+".away"); err != nil {
			t.Fatal(err)
		}
	}
	done := func(id, sentence string) {
		t.Helper()
		w.awaitSaying(t, sentence)
		if err := os.Rename(b.dir+".away", b.dir); err != nil {
			t.Fatal(err)
		}
		if job := b.await(t, id, is(recon.Done)); job.Attempt != 1 {
			t.Errorf("%s was attempted %d times", id, job.Attempt)
		}
	}
	b.submit(t, "within", scan, func(r *recon.Recipe) { r.Methods = []string{"tv"} })
	b.await(t, "within", func(job recon.Job) bool { return job.Progress.SlicesDone > 0 })
	gone()
	done("within", "the directory for files is gone")
	b.submit(t, "before", scan, func(r *recon.Recipe) { r.Methods = []string{"zero-filled"}; gone() })
	done("before", "the files of all jobs are gone")
}

// A server whose directory of files is not mounted takes no scans, which would be out of sight once it is.
func TestUnmountedFilesStopTheServer(t *testing.T) {
	t.Parallel()
	data, scan := t.TempDir(), phantom(t, "--matrix", "64", "--slices", "1")
	server, address := serving(t, data, "--workers", "0")
	response, err := http.Post("http://"+address+"/api/v1/scans", "application/x-hdf5", bytes.NewReader(read(t, scan)))
	if err != nil {
		t.Fatal(err)
	}
	if response.Body.Close(); response.StatusCode != http.StatusCreated {
		t.Fatal(response.Status)
	}
	if err := server.stop(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	blobs := filepath.Join(data, "blobs")
	if err := os.Rename(blobs, blobs+".away"); err != nil {
		t.Fatal(err)
	}
	without := start(t, nil, "serve", "--listen", "127.0.0.1:0", "--data", data)
	if err := without.end(); err == nil || !strings.Contains(without.stderr(), "the files of the queue's 1 jobs are not there: is the directory") {
		t.Errorf("%v: %s", err, without.stderr())
	}
	if err := os.RemoveAll(blobs); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(blobs+".away", blobs); err != nil {
		t.Fatal(err)
	}
	serving(t, data, "--workers", "0")
}
