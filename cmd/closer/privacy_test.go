package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
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

// TestPatientStaysInDICOM pushes a patient's image in every way there is, and in ways that fail, with the patient's name also where
// it does not belong. Nothing but DICOM objects names the patient afterwards: no log, metric, address, answer, report or file name.
func TestPatientStaysInDICOM(t *testing.T) {
	dir, temporary := t.TempDir(), t.TempDir()
	scan, out := filepath.Join(dir, "scan.h5"), filepath.Join(dir, "out")
	closer(t, "phantom", "-o", scan, "--slices", "1", "--matrix", "64")
	closer(t, "recon", scan, "-o", out, "--method", "zero-filled")
	asScanned(t, out)
	const nobody, name = "Anonymous^fastMRI", "Doe^Jane^MARKR^Zo"
	image := bytes.ReplaceAll(read(t, out, "dicom", "zero-filled", "0001.dcm"), []byte(nobody), []byte(name))
	if !bytes.Contains(image, []byte(name)) {
		t.Fatal("the image has no patient")
	}
	named := filepath.Join(dir, name+".dcm")
	if err := os.WriteFile(named, image, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", temporary)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	data := filepath.Join(dir, "data")
	server, address := serving(t, data)
	seen := map[string][]byte{} // where the name may not be
	ask := func(method, path string, body []byte, header ...string) (int, []byte) {
		t.Helper()
		r, err := http.NewRequest(method, "http://"+address+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/dicom")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(path, name) { // who sent it may be told what was wrong with it
			seen[fmt.Sprint("the answer to ", method, " ", path)] = fmt.Append(answer, response.Header)
		}
		return response.StatusCode, answer
	}
	status, answer := ask("POST", "/api/v1/scans?method=zero-filled&accel=2", image, "Content-Disposition", `attachment; filename="`+name+`.dcm"`, "Referer", "http://ris/"+name, "User-Agent", name)
	var receipt struct{ Job string }
	if err := json.Unmarshal(answer, &receipt); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, answer)
	}
	metadata := "filename " + base64.StdEncoding.EncodeToString([]byte("../"+name+".dcm")) + ",filetype YXBwbGljYXRpb24vZGljb20="
	for what, c := range map[string]struct {
		method, path string
		body         []byte
		header       []string
		status       int
	}{
		"the name as a parameter": {"POST", "/api/v1/scans?patient=" + name, image, nil, 400},
		"the name as a method":    {"POST", "/api/v1/scans?method=" + name, image, nil, 400},
		"the name as an address":  {"GET", "/api/v1/jobs/" + name, nil, nil, 404},
		"the name as a result":    {"GET", "/api/v1/jobs/" + receipt.Job + "/artifacts/" + name, nil, nil, 404},
		"the name as a digest":    {"POST", "/api/v1/scans", image, []string{"Content-Digest", "sha-256=:" + name + ":"}, 400},
		"the name as a request":   {"GET", "/healthz", nil, []string{"X-Request-Id", name}, 200},
		"the name as a key":       {"GET", "/api/v1/scans", nil, []string{"Authorization", "Bearer " + name}, 200},
		"the name as the method":  {"MARKR", "/api/v1/scans?patient=" + name, nil, nil, 405},
		"the same at no address":  {"MARKR", "/api/v1/scans/" + name, nil, nil, 404},
		"a truncated image":       {"POST", "/api/v1/scans", image[:2000], nil, 422},
		"an upload with its name": {"POST", "/api/v1/uploads", nil, []string{"Tus-Resumable", "1.0.0", "Upload-Length", "9", "Upload-Metadata", metadata}, 201},
		"a search":                {"GET", "/dicom-web/studies?PatientName=" + name, nil, nil, 200},
	} {
		if status, answer := ask(c.method, c.path, c.body, c.header...); status != c.status {
			t.Errorf("%s: %d %s", what, status, answer)
		}
	}
	if status, taken, failed := storeObjects(t, address+"/dicom-web", named, scan); status != 202 || taken != 1 || failed != 1 {
		t.Errorf("STOW: %d, %d taken, %d failed", status, taken, failed)
	}
	said, stderr, err := try("push", named, "--to", "http://"+address, "--method", "zero-filled", "--accel", "4", "-o", filepath.Join(dir, "results"))
	if err != nil {
		t.Fatal(stderr)
	}
	seen["closer push"] = []byte(said)
	if job := ended(t, address, receipt.Job); job.State != recon.Done {
		t.Fatal(job.Error)
	}
	for _, path := range []string{"/metrics", "/api/v1/scans", "/api/v1/jobs/" + receipt.Job, "/api/v1/jobs/" + receipt.Job + "/report.json", "/api/v1/jobs/" + receipt.Job + "/report.html", "/api/v1/jobs/" + receipt.Job + "/report.csv"} {
		if status, answer := ask("GET", path, nil); status != 200 || len(answer) == 0 {
			t.Errorf("%s: %d", path, status)
		}
	}
	seen["the log"] = []byte(server.stderr())
	nameNobody(t, data, seen, data, temporary, filepath.Join(dir, "cache"), filepath.Join(dir, "results"))
	if status, answer := ask("GET", "/dicom-web/studies", nil); status != 200 || !bytes.Contains(answer, []byte(name)) {
		t.Errorf("and DICOMweb does not: %d %s", status, answer)
	}
}

// nameNobody looks for the patient of these tests in texts and in the files below roots, but not in the server's inputs and results and in
// DICOM.
func nameNobody(t *testing.T, data string, seen map[string][]byte, roots ...string) {
	t.Helper()
	files := 0
	for _, root := range roots {
		filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil // a worker cleans up meanwhile
			}
			files++
			seen["the name of the file "+path] = []byte(path)
			if strings.HasPrefix(path, filepath.Join(data, "blobs")) || filepath.Ext(path) == ".dcm" {
				return nil // inputs and results, which are DICOM
			}
			seen[path], _ = os.ReadFile(path)
			return nil
		})
	}
	if files < 20 {
		t.Errorf("only %d files", files)
	}
	for where, text := range seen {
		for _, sign := range []string{"MARKR", "Jane"} {
			if bytes.Contains(text, []byte(sign)) {
				t.Errorf("%s names the patient", where)
				break
			}
		}
	}
}

// Results of raw data that name their patient are found under that patient and study, and nothing else names them; hidden, nothing does.
func TestPatientOfRawDataStaysInDICOM(t *testing.T) {
	dir := t.TempDir()
	data, raw, results := filepath.Join(dir, "data"), filepath.Join(dir, "raw.h5"), filepath.Join(dir, "results")
	python(t, "testdata/points.py", "write", raw)
	t.Setenv("TMPDIR", t.TempDir())
	server, address := serving(t, data)
	said, stderr, err := try("push", raw, "--to", "http://"+address, "--method", "zero-filled", "-o", results)
	if err != nil {
		t.Fatal(stderr)
	}
	seen := map[string][]byte{"closer push": []byte(said + stderr)}
	for _, path := range []string{"/metrics", "/api/v1/scans"} {
		response, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		seen[path], _ = io.ReadAll(response.Body)
		response.Body.Close()
	}
	seen["the log"] = []byte(server.stderr())
	nameNobody(t, data, seen, data, os.Getenv("TMPDIR"), results)
	var studies []map[string]struct{ Value []any }
	getJSON(t, "http://"+address+"/dicom-web/studies?PatientID=MARKR-4711&AccessionNumber=MARKR-12", &studies)
	if len(studies) != 1 || studies[0]["0020000D"].Value[0] != "2.25.4713" {
		t.Errorf("studies of the patient: %v", studies)
	}
	hidden := filepath.Join(dir, "hidden")
	closer(t, "recon", raw, "-o", hidden, "--method", "zero-filled", "--deidentify")
	for _, name := range []string{"0001.dcm", "0010.dcm"} {
		for _, sign := range []string{"MARKR", "Jane", "19800102", "2.25.4713\x00"} {
			if bytes.Contains(read(t, hidden, "dicom", "zero-filled", name), []byte(sign)) {
				t.Errorf("%s of the hidden patient has %s", name, sign)
			}
		}
	}
}

// TestNobodyElseReads: no other user of the machine reads what is below --data, and nobody finds what was in memory in a core file.
func TestNobodyElseReads(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	server, address := serving(t, data)
	r, err := http.NewRequest("POST", "http://"+address+"/api/v1/uploads", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Tus-Resumable", "1.0.0")
	r.Header.Set("Upload-Length", "1000")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if response.Body.Close(); response.StatusCode != http.StatusCreated {
		t.Fatal(response.Status)
	}
	err = filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == data {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode()&0o077 != 0 {
			t.Errorf("%s is %v", strings.TrimPrefix(path, data), info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	server.awaitSaying(t, "worker ready")
	worker := regexp.MustCompile(`worker=\S+/(\d+)`).FindStringSubmatch(server.stderr())[1]
	for _, pid := range []string{strconv.Itoa(server.Process.Pid), worker} {
		limits := read(t, "/proc", pid, "limits")
		if core := regexp.MustCompile(`Max core file size +(\S+) +(\S+)`).FindSubmatch(limits); string(core[1]) > "1" || string(core[2]) > "1" {
			t.Errorf("core files may have %s bytes, and may be let to have %s", core[1], core[2])
		}
	}
}
