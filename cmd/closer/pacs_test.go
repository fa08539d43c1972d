package main_test

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

// instanceUID is the SOP Instance UID of a file, and studyUID its Study Instance UID.
func instanceUID(t *testing.T, file []byte) string { t.Helper(); return uid(t, file, 0x00080018) }
func studyUID(t *testing.T, file []byte) string    { t.Helper(); return uid(t, file, 0x0020000D) }

func uid(t *testing.T, file []byte, tag uint32) string {
	t.Helper()
	set, err := dicomio.ReadDataSet(file, 64)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := set.Find(tag)
	return strings.TrimRight(string(e.Value), "\x00")
}

// awaitJob returns the only job of a server when it is as wanted.
func awaitJob(t *testing.T, address string, wanted func(recon.Job) bool) (job recon.Job) {
	t.Helper()
	eventually(t, func() string {
		var list struct{ Scans []struct{ Jobs []recon.Job } }
		getJSON(t, "http://"+address+"/api/v1/scans", &list)
		if len(list.Scans) != 1 || len(list.Scans[0].Jobs) != 1 {
			return ""
		}
		job = recon.Job{}
		getJSON(t, "http://"+address+"/api/v1/jobs/"+list.Scans[0].Jobs[0].ID, &job)
		if !wanted(job) {
			return ""
		}
		return "as wanted"
	})
	return job
}

// The archive is down when a job ends, then it does not answer, and the server is killed while it sends. When both are back, the
// archive gets every series once, byte by byte as it was made.
func TestSeriesReachAnArchiveThatWasDown(t *testing.T) {
	needRuntime(t)
	archive := newOrthanc(t)
	data, credentials := t.TempDir(), filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(credentials, []byte("Basic closer:wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--pacs", archive.url + "/dicom-web", "--pacs-credentials", credentials}
	server, address := serving(t, data, args...)
	closer(t, "push", phantom(t), "--to", "http://"+address, "--method", "zero-filled", "--no-wait")
	job := awaitJob(t, address, func(job recon.Job) bool {
		return len(job.Deliveries) > 0 && !slices.ContainsFunc(job.Deliveries, func(d recon.Delivery) bool { return d.Attempts == 0 })
	})
	if job.State != recon.Done || len(job.Deliveries) != 2 {
		t.Fatalf("the job is %s with the deliveries %+v", job.State, job.Deliveries)
	}
	for _, d := range job.Deliveries {
		if d.State == recon.DeliveryQueued && !strings.Contains(d.Reason, "cannot be reached") {
			t.Errorf("%s waits because of %q", d.Series, d.Reason)
		}
	}
	silent, err := net.Listen("tcp", strings.TrimPrefix(archive.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	awaitJob(t, address, func(job recon.Job) bool {
		return slices.ContainsFunc(job.Deliveries, func(d recon.Delivery) bool { return d.State == recon.DeliverySending })
	})
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	server.end()
	silent.Close()

	archive.start(t)
	server, address = serving(t, data, args...)
	awaitJob(t, address, func(job recon.Job) bool {
		return slices.ContainsFunc(job.Deliveries, func(d recon.Delivery) bool { return strings.Contains(d.Reason, "refuses the credentials (401)") })
	})
	if err := os.WriteFile(credentials, []byte("Basic closer:secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sent := func(job recon.Job) bool {
		return !slices.ContainsFunc(job.Deliveries, func(d recon.Delivery) bool { return d.State != recon.DeliverySent || d.Reason != "" })
	}
	job = awaitJob(t, address, sent)

	kept, objects := archive.files(t), 0
	const patient = "Anonymous^fastMRI"
	for _, a := range job.Results {
		if !strings.HasPrefix(a.Name, "dicom/") {
			continue
		}
		objects++
		file := fetch(t, "http://"+address+"/api/v1/jobs/"+job.ID+"/artifacts/"+a.Name)
		if !bytes.Equal(kept[instanceUID(t, file)], file) {
			t.Errorf("%s came back with other bytes", a.Name)
		}
		if !bytes.Contains(file, []byte(patient)) {
			t.Errorf("%s is of another patient than the one looked for below", a.Name)
		}
	}
	if objects != 4 || len(kept) != objects {
		t.Errorf("the archive keeps %d objects of %d", len(kept), objects)
	}
	if text := string(fetch(t, "http://"+address+"/metrics")); !strings.Contains(text, `closer_pacs_series{state="sent"} 2`) {
		t.Error("the metrics do not count what was sent")
	}
	for name, text := range map[string]string{"log": server.stderr(), "job": string(fetch(t, "http://"+address+"/api/v1/jobs/"+job.ID))} {
		if strings.Contains(text, "secret") || strings.Contains(text, "closer:") || strings.Contains(text, patient) {
			t.Errorf("the %s tells a secret or a patient", name)
		}
	}
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, response.Status, err)
	}
	return body.Bytes()
}

// A server says at its start that images are to travel in clear, and not where they do not.
func TestArchiveInClear(t *testing.T) {
	t.Parallel()
	for address, clear := range map[string]bool{
		"http://pacs.invalid/dicom-web": true, "https://pacs.invalid/dicom-web": false, "http://127.0.0.1:1/dicom-web": false,
	} {
		server, _ := serving(t, t.TempDir(), "--workers", "0", "--pacs", address)
		if told := strings.Contains(server.stderr(), "to the archive in clear"); told != clear {
			t.Errorf("%s: told %t", address, told)
		}
	}
}
