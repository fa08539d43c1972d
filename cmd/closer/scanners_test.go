package main_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// TestScannersFilesAreReconstructed pushes every file of ../shared/data/dicom, in whatever transfer syntax; files that hold the same
// image give the same reconstruction, to the bit.
func TestScannersFilesAreReconstructed(t *testing.T) {
	needRuntime(t)
	files, err := filepath.Glob("../../../shared/data/dicom/*.dcm")
	if err != nil || len(files) == 0 {
		t.Skip("the scanners' files are not here (../shared/data/dicom)")
	}
	_, address := serving(t, t.TempDir())
	api := "http://" + address + "/api/v1"
	jobs := map[string]string{}
	for _, path := range files {
		response, err := http.Post(api+"/scans?method=zero-filled&method=unet&accel=2", "application/dicom", bytes.NewReader(read(t, path)))
		if err != nil {
			t.Fatal(err)
		}
		var receipt struct{ Job, Detail string }
		if err := json.NewDecoder(response.Body).Decode(&receipt); err != nil || response.StatusCode != http.StatusCreated {
			t.Errorf("%s: %s %s", filepath.Base(path), response.Status, receipt.Detail)
		}
		response.Body.Close()
		jobs[strings.TrimSuffix(filepath.Base(path), ".dcm")] = receipt.Job
	}
	images := map[string]string{} // SHA-256 of the results in reconstruction/*.h5
	for name, id := range jobs {
		var job recon.Job
		eventually(t, func() string {
			getJSON(t, api+"/jobs/"+id, &job)
			if job.State.Terminal() {
				return "ended"
			}
			return ""
		})
		if job.State != recon.Done {
			t.Errorf("%s: %s %s", name, job.State, job.Error)
		}
		for _, a := range job.Results {
			if strings.HasPrefix(a.Name, "reconstruction/") {
				images[name] += a.Name + " " + a.SHA256 + "\n"
			}
		}
	}
	for _, group := range []string{"siemens_ts_", "pydicom_MR_small"} {
		first, n := "", 0
		for name, image := range images {
			if !strings.HasPrefix(name, group) {
				continue
			}
			n++
			if first == "" {
				first = image
			}
			if image != first || strings.Count(image, "\n") != 2 {
				t.Errorf("%s gives\n%sanother of its image\n%s", name, image, first)
			}
		}
		if n < 6 {
			t.Errorf("%d files of %s", n, group)
		}
	}
	if images["ge_rtia_epi"] == images["siemens_ts_1"] {
		t.Error("all images are the same")
	}
}
