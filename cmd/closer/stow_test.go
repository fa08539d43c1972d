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
	"testing"

	"github.com/closer-mri/closer/recon"
)

// storeObjects sends files by STOW-RS and returns the status and the numbers of objects that were taken and that were not.
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
	response, err := http.Post("http://"+address+"/dicom-web/studies", `multipart/related; type="application/dicom"; boundary=`+w.Boundary(), &body)
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
		if status, taken, failed := storeObjects(t, address, files...); status != 200 || taken != len(files) || failed != 0 {
			t.Fatalf("%d, %d objects were taken and %d were not", status, taken, failed)
		}
	}
	if status, taken, failed := storeObjects(t, address, filepath.Join(out, "report.json"), reference[0]); status != 202 || taken != 1 || failed != 1 {
		t.Errorf("with a report: %d, %d objects were taken and %d were not", status, taken, failed)
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
