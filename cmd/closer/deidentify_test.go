package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// identifiers are what the scanners' files say of a patient, a place or a day. The server may keep none of it, anywhere.
var identifiers = map[string][]string{
	"siemens_ts_1.dcm":              {"stc_test", "crlab", "19800707", "20140310", "Medical Center Dr", "MCBI_TESTING", "1.3.12.2.1107.5.2.32.35131", "MRC35131"},
	"siemens_ts_7.dcm":              {"stc_test", "crlab", "19800707", "20140310", "Medical Center Dr", "MCBI_TESTING", "1.3.12.2.1107.5.2.32.35131", "MRC35131"},
	"siemens_ts_4.dcm":              {"stc_test", "crlab", "19800707", "20140310", "Medical Center Dr", "MCBI_TESTING", "1.3.12.2.1107.5.2.32.35131", "MRC35131"},
	"siemens_xa10_enh_6_1.dcm":      {"IRC - Slice", "19931022", "20181022", "Trinity 1701", "Luci", "1.3.12.2.1107.5.2.50.175689", "AWP175689"},
	"ge_rtia_epi.dcm":               {"Phantom^GE", "Test01", "20181002", "1.2.840.113619.2.353"},
	"pydicom_MR_small_RLE.dcm":      {"CompressedSamples", "20040826", "1.3.6.1.4.1.5962", "-0000200"},
	"pydicom_MR_small_implicit.dcm": {"CompressedSamples", "20040826", "1.3.6.1.4.1.5962", "-0000200"},
}

// TestDeidentifiedServerKeepsNoPatient sends files in every way there is, also in ways that fail, and then looks at every byte that
// the server has on its disk, has logged, or answers with.
func TestDeidentifiedServerKeepsNoPatient(t *testing.T) {
	needRuntime(t)
	dir, temporary := t.TempDir(), t.TempDir()
	data, secret := filepath.Join(dir, "data"), filepath.Join(dir, "secret")
	shared := "../../../shared/data/dicom"
	if _, err := os.Stat(shared); err != nil {
		t.Skip("the scanners' files are not here (../shared/data/dicom)")
	}
	t.Setenv("TMPDIR", temporary)
	server, address := serving(t, data, "--deidentify-ingest", secret)
	api := "http://" + address + "/api/v1"
	send := func(method, url, contentType string, body []byte, header ...string) (int, http.Header, []byte) {
		t.Helper()
		r, err := http.NewRequest(method, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, _ := io.ReadAll(response.Body)
		return response.StatusCode, response.Header, answer
	}
	var seen bytes.Buffer // all answers
	post := func(path string, body []byte, want int) (receipt struct{ Scan, Job, ID string }) {
		t.Helper()
		media := "application/dicom"
		if bytes.HasPrefix(body, []byte("\x89HDF")) {
			media = "application/x-hdf5"
		}
		status, _, answer := send("POST", api+path, media, body)
		seen.Write(answer)
		if status != want {
			t.Errorf("%s: %d %s", path, status, answer)
		}
		_ = json.Unmarshal(answer, &receipt)
		return receipt
	}
	file := func(name string) []byte { return read(t, shared, name) }
	job := post("/scans?method=zero-filled&accel=2", file("ge_rtia_epi.dcm"), 201).Job
	post("/scans?method=zero-filled&accel=2", file("ge_rtia_epi.dcm"), 200) // the same again is the same
	held := post("/scans?commit=false", file("siemens_ts_4.dcm"), 202).ID
	post("/scans/"+held+"/commit?method=zero-filled", nil, 201)
	post("/scans?commit=false", file("siemens_ts_1.dcm"), 409)
	if status, taken, failed := storeObjects(t, address+"/dicom-web", filepath.Join(shared, "siemens_xa10_enh_6_1.dcm"), filepath.Join(shared, "pydicom_MR_small_RLE.dcm")); status != 200 {
		t.Errorf("%d: %d taken, %d not", status, taken, failed)
	}
	storeObjects(t, address+"/dicom-web/open", filepath.Join(shared, "pydicom_MR_small_implicit.dcm")) // stays open
	post("/scans", file("siemens_ts_7.dcm")[:9000], 422)
	post("/scans", file("siemens_ts_7.dcm")[200:], 415)
	burned := bytes.Replace(file("ge_rtia_epi.dcm"), []byte("\x28\x00\x06\x01SS\x02\x00\x00\x00"), []byte("\x28\x00\x01\x03CS\x04\x00YES "), 1)
	post("/scans", burned, 422)
	scan := filepath.Join(dir, "scan.h5")
	closer(t, "phantom", "-o", scan, "--slices", "1", "--matrix", "64")
	raw := regexp.MustCompile(`<experimentalConditions>.*</experimentalConditions>`).ReplaceAllFunc(read(t, scan), func(place []byte) []byte {
		const subject = "<subjectInformation><patientName>DOE^JANE</patientName></subjectInformation>"
		return []byte(subject + strings.Repeat(" ", len(place)-len(subject)))
	})
	if !bytes.Contains(raw, []byte("DOE^JANE")) {
		t.Fatal("the header of a phantom's scan is not where it was")
	}
	post("/scans?method=zero-filled", read(t, scan), 201)
	post("/scans?method=zero-filled", raw, 422)
	pieces := []string{"Tus-Resumable", "1.0.0", "Upload-Length", strconv.Itoa(len(raw))}
	_, created, _ := send("POST", api+"/uploads", "", nil, pieces...)
	if status, _, answer := send("PATCH", "http://"+address+created.Get("Location"), "application/offset+octet-stream", raw, "Tus-Resumable", "1.0.0", "Upload-Offset", "0"); status != 422 {
		t.Errorf("raw data of a subject in pieces: %d %s", status, answer)
	}
	tus := []string{"Tus-Resumable", "1.0.0", "Upload-Length", "25664"}
	if status, _, answer := send("POST", api+"/uploads", "", nil, append(tus, "Upload-Metadata", "filetype YXBwbGljYXRpb24vZGljb20=")...); status != 415 {
		t.Errorf("DICOM in pieces: %d %s", status, answer)
	}
	_, header, _ := send("POST", api+"/uploads", "", nil, tus...)
	status, _, answer := send("PATCH", "http://"+address+header.Get("Location"), "application/offset+octet-stream", file("ge_rtia_epi.dcm"), "Tus-Resumable", "1.0.0", "Upload-Offset", "0")
	if seen.Write(answer); status != 415 {
		t.Errorf("undeclared DICOM in pieces: %d %s", status, answer)
	}
	eventually(t, func() string {
		var record recon.Job
		getJSON(t, api+"/jobs/"+job, &record)
		if record.State == recon.Failed {
			t.Fatal(record.Error)
		}
		return map[bool]string{true: "done"}[record.State == recon.Done]
	})
	for _, path := range []string{"/metrics", "/api/v1/scans", "/dicom-web/studies?includefield=all", "/dicom-web/instances?includefield=all", "/api/v1/scans/" + held} {
		_, _, answer := send("GET", "http://"+address+path, "", nil)
		if len(answer) < 20 {
			t.Errorf("%s: %s", path, answer)
		}
		seen.Write(answer)
	}
	contents := map[string][]byte{"answers": seen.Bytes(), "log": []byte(server.stderr())}
	for _, root := range []string{data, temporary} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			var content []byte
			if err == nil && !d.IsDir() {
				content, err = os.ReadFile(path)
				contents[path] = content
			}
			if os.IsNotExist(err) { // a worker cleans up meanwhile
				return nil
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(contents) < 20 {
		t.Errorf("only %d files", len(contents))
	}
	for path, content := range contents {
		if bytes.Contains(content, []byte("DOE^JANE")) {
			t.Errorf("the subject of raw data is in %s", path)
		}
	}
	for name, signs := range identifiers {
		original := file(name)
		for _, sign := range signs {
			if !bytes.Contains(original, []byte(sign)) {
				t.Errorf("%s does not say %q", name, sign)
			}
			for path, content := range contents {
				if bytes.Contains(content, []byte(sign)) || strings.Contains(path, sign) {
					t.Errorf("%q of %s is in %s", sign, name, path)
				}
			}
		}
	}
	if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret: %v, %v", info, err)
	}
}
