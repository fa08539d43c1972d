package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// storeObjects sends files by STOW-RS to a server below an address and returns the status and the numbers of objects that were taken and that were not.
func storeObjects(t *testing.T, address string, files ...string) (status, taken, failed int) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(data)
	}
	w.Close()
	response, err := http.Post("http://"+address+"/studies", `multipart/related; type="application/dicom"; boundary=`+w.Boundary(), &body)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]struct{ Value []any }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, len(answer["00081199"].Value), len(answer["00081198"].Value)
}

// A series that comes by STOW-RS is one scan, in whatever order its files come, and its reconstruction is found in its study.
func TestStoredSeriesIsReconstructed(t *testing.T) {
	dir := t.TempDir()
	scan, out := filepath.Join(dir, "scan.h5"), filepath.Join(dir, "out")
	for _, args := range [][]string{
		{"phantom", "-o", scan, "--slices", "3", "--matrix", "64"}, {"recon", scan, "-o", out, "--method", "zero-filled"},
	} {
		if _, stderr, err := try(args...); err != nil {
			t.Fatal(err, stderr)
		}
	}
	own := filepath.Join(dir, "own")
	if err := os.CopyFS(own, os.DirFS(filepath.Join(out, "dicom", "reference"))); err != nil {
		t.Fatal(err)
	}
	asScanned(t, out)
	series := func(name string) (files []string) {
		for i := range 3 {
			files = append(files, filepath.Join(out, "dicom", name, fmt.Sprintf("%04d.dcm", i+1)))
		}
		return files
	}
	needRuntime(t)
	_, address := serving(t, filepath.Join(dir, "data"))
	zf, reference := series("zero-filled"), series("reference")
	for _, files := range [][]string{append(zf, reference...), {zf[2], zf[0], zf[1]}} {
		if status, taken, failed := storeObjects(t, address+"/dicom-web", files...); status != 200 || taken != len(files) || failed != 0 {
			t.Fatalf("%d, %d objects were taken and %d were not", status, taken, failed)
		}
	}
	if status, taken, failed := storeObjects(t, address+"/dicom-web", filepath.Join(out, "report.json"), reference[0]); status != 202 || taken != 1 || failed != 1 {
		t.Errorf("with a report: %d, %d objects were taken and %d were not", status, taken, failed)
	}
	if status, taken, failed := storeObjects(t, address+"/dicom-web", filepath.Join(own, "0001.dcm")); status != 409 || taken != 0 || failed != 1 {
		t.Errorf("an image of closer: %d, %d objects were taken and %d were not", status, taken, failed)
	}
	if _, stderr, err := try("recon", own, "-o", filepath.Join(dir, "again"), "--method", "tv"); err == nil || !strings.Contains(stderr, "the DICOM images were made by closer") {
		t.Errorf("an image of closer: %v %s", err, stderr)
	}
	list := func() []recon.Job {
		var answer struct{ Scans []struct{ Jobs []recon.Job } }
		getJSON(t, "http://"+address+"/api/v1/scans", &answer)
		var jobs []recon.Job
		for _, s := range answer.Scans {
			jobs = append(jobs, s.Jobs...)
		}
		return jobs
	}
	if jobs := list(); len(jobs) != 3 { // two series, and the one file alone
		t.Fatalf("%d jobs", len(jobs))
	}
	eventually(t, func() string {
		for _, job := range list() {
			if job.State == recon.Failed {
				t.Fatalf("a job failed: %s", job.Error)
			}
		}
		var found []map[string]struct{ Value []any }
		getJSON(t, "http://"+address+"/dicom-web/series?SeriesDescription=*zero*filled*", &found)
		if len(found) == 0 {
			return ""
		}
		return "there"
	})
}

// A series that comes instance by instance, some by STOW-RS, is held over a crash of the server and is one scan when it is
// committed; then it is closed.
func TestSeriesInSeveralRequestsIsOneScan(t *testing.T) {
	dir := t.TempDir()
	scan, out, data := filepath.Join(dir, "scan.h5"), filepath.Join(dir, "out"), filepath.Join(dir, "data")
	closer(t, "phantom", "-o", scan, "--slices", "5", "--matrix", "64")
	closer(t, "recon", scan, "-o", out, "--method", "zero-filled")
	asScanned(t, out)
	files := make([]string, 5)
	for i := range files {
		files[i] = filepath.Join(out, "dicom", "zero-filled", fmt.Sprintf("%04d.dcm", i+1))
	}
	files, late := files[:4], files[4]
	post := func(url string, body []byte, answer any) (status int) {
		t.Helper()
		response, err := http.Post(url, "application/dicom", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	var held struct {
		ID        string
		Instances int
		State     string
		Detail    string
	}
	server, address := serving(t, data)
	for i, path := range []string{files[3], files[1], files[3]} {
		if status := post("http://"+address+"/api/v1/scans?commit=false", read(t, path), &held); status != http.StatusAccepted || held.Instances != min(i+1, 2) {
			t.Fatalf("%d, %+v", status, held)
		}
	}
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	server.end()
	server, address = serving(t, data)
	scans := "http://" + address + "/api/v1/scans"
	if status, taken, failed := storeObjects(t, address+"/dicom-web/open", files[0], files[1], files[2]); status != 200 || taken != 3 || failed != 0 {
		t.Fatalf("%d, %d objects were taken and %d were not", status, taken, failed)
	}
	eventually(t, func() string { // the log comes through a pipe of its own
		return map[bool]string{true: "audited"}[strings.Contains(server.stderr(), "action=push key=anonymous scan="+held.ID)]
	})
	getJSON(t, scans+"/"+held.ID, &held)
	if held.Instances != 4 || held.State != "open" {
		t.Fatalf("%+v", held)
	}
	for query, want := range map[string]int{"?instances=5": 409, "?instances=4&accel=-1": 400, "?instances=0": 400} {
		if status := post(scans+"/"+held.ID+"/commit"+query, nil, &held); status != want || held.Detail == "" {
			t.Errorf("%s: %d %s", query, status, held.Detail)
		}
	}
	var receipt, again struct{ Scan, Job string }
	if status := post(scans+"/"+held.ID+"/commit?instances=4&method=zero-filled&accel=2", nil, &receipt); status != 201 {
		t.Fatalf("commit: %d", status)
	}
	if status := post(scans+"/"+held.ID+"/commit?method=zero-filled&accel=2", nil, &again); status != 200 || again != receipt {
		t.Errorf("commit again: %d %+v, not %+v", status, again, receipt)
	}
	if status := post(scans+"?commit=false", read(t, files[0]), &held); status != 202 || held.State != "committed" {
		t.Errorf("an instance again: %d %+v", status, held)
	}
	if status := post(scans+"?commit=false", read(t, late), &held); status != 409 || !strings.Contains(held.Detail, "committed with 4 instances") {
		t.Errorf("a late instance: %d %s", status, held.Detail)
	}
	if status, _, failed := storeObjects(t, address+"/dicom-web/open", late); status != 409 || failed != 1 {
		t.Errorf("a late object: %d, %d refused", status, failed)
	}
	var committed struct{ ID string }
	getJSON(t, scans+"/"+held.ID, &committed)
	if committed.ID != receipt.Scan {
		t.Errorf("the scan became %q, not %q", committed.ID, receipt.Scan)
	}
	needRuntime(t)
	var job recon.Job
	eventually(t, func() string {
		getJSON(t, "http://"+address+"/api/v1/jobs/"+receipt.Job, &job)
		if job.State == recon.Failed {
			t.Fatal(job.Error)
		}
		return map[bool]string{true: "done"}[job.State == recon.Done]
	})
	var report recon.Report
	getJSON(t, "http://"+address+"/api/v1/jobs/"+receipt.Job+"/report", &report)
	if report.Input.Slices != 4 || !report.Input.Simulated {
		t.Errorf("%+v", report.Input)
	}
}
