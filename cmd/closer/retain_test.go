package main_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web"
)

// A server that is killed while it deletes expired jobs shows no half of one afterwards, and the next one deletes the rest, with an
// entry in the log for each.
func TestKilledWhileDeleting(t *testing.T) {
	data, scan := t.TempDir(), phantom(t, "--matrix", "64", "--slices", "1")
	server, address := serving(t, data)
	const jobs = 12
	for seed := range jobs {
		response, err := http.Post(fmt.Sprintf("http://%s/api/v1/scans?method=zero-filled&mask-seed=%d", address, seed), "application/x-hdf5", bytes.NewReader(read(t, scan)))
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != http.StatusCreated {
			t.Fatal(response.Status)
		}
	}
	eventually(t, func() string {
		for _, job := range listJobs(t, address) {
			if job.State != recon.Done {
				return ""
			}
		}
		return "done"
	})
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	server.end()
	long := time.Now().Add(-2 * recon.OrphanAge)
	for _, file := range contents(t, data) {
		if err := os.Chtimes(file, time.Time{}, long); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second)

	const entry = "msg=audit action=expire"
	killed := start(t, nil, "serve", "--listen", "127.0.0.1:0", "--data", data, "--keep", "1s", "--workers", "0")
	for strings.Count(killed.stderr(), entry) < 3 && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed.end()

	server, address = serving(t, data, "--workers", "0")
	left := listJobs(t, address)
	for _, job := range left {
		getJSON(t, "http://"+address+"/api/v1/jobs/"+job.ID, &job)
		for _, result := range job.Results {
			response, err := http.Get("http://" + address + "/api/v1/jobs/" + job.ID + "/artifacts/" + result.Name)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, response.Body)
			if response.Body.Close(); err != nil || n != result.Size {
				t.Errorf("job %s has %d of %d bytes of %s, %v", job.ID, n, result.Size, result.Name, err)
			}
		}
	}
	if err := server.stop(os.Interrupt); err != nil {
		t.Error(err)
	}

	server, address = serving(t, data, "--keep", "1s", "--workers", "0")
	eventually(t, func() string {
		if len(listJobs(t, address)) == 0 && len(contents(t, data)) == 0 {
			return "empty"
		}
		return ""
	})
	var series []map[string]any
	if getJSON(t, "http://"+address+"/dicom-web/series", &series); len(series) != 0 {
		t.Errorf("DICOMweb still shows %d series", len(series))
	}
	eventually(t, func() string { // the entry comes after the deletion
		if strings.Count(server.stderr(), entry) < len(left) {
			return ""
		}
		return "logged"
	})
	if err := server.stop(os.Interrupt); err != nil {
		t.Error(err)
	}
	if all := strings.Count(server.stderr(), entry); all != len(left) {
		t.Errorf("%d entries on %d deletions", all, len(left))
	}
	t.Logf("%d of %d jobs were left when the server was killed", len(left), jobs)
}

func listJobs(t *testing.T, address string) (jobs []recon.Job) {
	t.Helper()
	var list struct{ Scans []web.Scan }
	getJSON(t, "http://"+address+"/api/v1/scans", &list)
	for _, scan := range list.Scans {
		jobs = append(jobs, scan.Jobs...)
	}
	return jobs
}

// contents are the files of a server's blob store that are named by their bytes.
func contents(t *testing.T, data string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(data, "blobs", "sha256"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
