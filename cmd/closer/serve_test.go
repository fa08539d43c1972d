package main_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
)

var (
	addressLine = regexp.MustCompile(`msg="server ready" address=(\S+)`)
	workerLine  = regexp.MustCompile(`msg="worker ready" worker=\S+/(\d+)`)
)

// serving starts a server and returns it when it answers, with its address.
func serving(t *testing.T, data string, args ...string) (*process, string) {
	t.Helper()
	p := start(t, nil, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--device", "cpu"}, args...)...)
	address := eventually(t, func() string { return lastMatch(addressLine, p.stderr()) })
	response, err := http.Get("http://" + address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if response.Body.Close(); response.StatusCode != http.StatusOK {
		t.Errorf("healthz: %s", response.Status)
	}
	return p, address
}

// eventually returns the first non-empty string that get gives.
func eventually(t *testing.T, get func() string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if s := get(); s != "" {
			return s
		}
	}
	t.Fatal("nothing happened within a minute")
	return ""
}

func lastMatch(r *regexp.Regexp, in string) string {
	found := r.FindAllStringSubmatch(in, -1)
	if found == nil {
		return ""
	}
	return found[len(found)-1][1]
}

// gone returns "" as long as the process is there.
func gone(pid string) string {
	if _, err := os.Stat(filepath.Join("/proc", pid)); err != nil {
		return "gone"
	}
	return ""
}

// A killed worker is replaced; a server that is asked to stop ends without error and takes its worker along.
func TestServeSupervisesItsWorker(t *testing.T) {
	server, _ := serving(t, t.TempDir())
	first := eventually(t, func() string { return lastMatch(workerLine, server.stderr()) })
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := eventually(t, func() string {
		if now := lastMatch(workerLine, server.stderr()); now != first {
			return now
		}
		return ""
	})
	if err := server.stop(syscall.SIGTERM); err != nil {
		t.Error("a server that is asked to stop fails: ", err)
	}
	if gone(second) == "" {
		t.Error("the worker outlives the server")
	}
}

// The worker of a server that was killed ends by itself, and the next server finds the data unlocked.
func TestKilledServerLeavesNoWorker(t *testing.T) {
	data := t.TempDir()
	server, _ := serving(t, data)
	worker := eventually(t, func() string { return lastMatch(workerLine, server.stderr()) })
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() string { return gone(worker) })
	serving(t, data)
}

// Servers that share a queue need a directory each: a second one would empty the first one's spool. A worker may share it.
func TestDataHasOneServer(t *testing.T) {
	b, data := newBench(t), t.TempDir()
	env := []string{"CLOSER_NATS=" + b.nats}
	serving(t, data, "--nats", b.nats, "--workers", "0")
	spooled := filepath.Join(data, "web", "spool", "scan-1")
	if err := os.WriteFile(spooled, []byte("half a body"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := start(t, env, "serve", "--listen", "127.0.0.1:0", "--data", data, "--workers", "0")
	said := eventually(t, func() string {
		return lastMatch(regexp.MustCompile("(in use by another process|server ready)"), second.stderr())
	})
	if said != "in use by another process" || second.end() == nil {
		t.Errorf("a second server says %q", said)
	}
	if _, err := os.Stat(spooled); err != nil {
		t.Error("a body that comes in is gone: ", err)
	}
	p := start(t, env, "work", "--blobs", filepath.Join(data, "blobs"), "--device", "cpu")
	eventually(t, func() string { return lastMatch(workerLine, p.stderr()) })
}

func TestServeRefusals(t *testing.T) {
	data := t.TempDir()
	_, address := serving(t, data, "--workers", "0")
	for want, args := range map[string][]string{
		"reached from elsewhere":   {"--listen", "0.0.0.0:0"},
		"from elsewhere: give":     {"--listen", ":0", "--tls-cert", "c.pem", "--tls-key", "k.pem"},
		"belong together":          {"--tls-cert", "c.pem"},
		"form host:port":           {"--listen", "8080"},
		"in use by another":        {"--listen", "127.0.0.1:0"},
		"address already in use":   {"--listen", address},
		"nats://host:port":         {"--listen", "127.0.0.1:0", "--nats", "elsewhere", "--data", t.TempDir()},
		"would travel in clear":    {"--listen", "127.0.0.1:0", "--pacs", "http://pacs.example.org/dicom-web", "--pacs-credentials", "x"},
		"needs --pacs":             {"--listen", "127.0.0.1:0", "--pacs-credentials", "x"},
		"belong into their file":   {"--listen", "127.0.0.1:0", "--pacs", "https://a:b@pacs.example.org/dicom-web", "--data", t.TempDir()},
		"--max-upload -1":          {"--max-upload", "-1"},
		"--max-upload 9999":        {"--max-upload", "99999999999999"},
		"3 needs --nats":           {"--replicas", "3"},
		"--attempts 0 is not":      {"--attempts", "0", "--listen", "127.0.0.1:0", "--nats", "elsewhere"},
		"--queue-limit -1 is":      {"--queue-limit", "-1"},
		`origin "http://viewer.e`:  {"--dicomweb-origin", "http://viewer.example/"},
		`origin "foo" is not`:      {"--dicomweb-origin", "https://viewer.example,foo"},
		`--dicomweb-url "foo"`:     {"--dicomweb-url", "foo"},
		"absent.pem":               {"--tls-cert", "absent.pem", "--tls-key", "absent.pem"},
		"--threads is negative":    {"--threads", "-1"},
		"--steps-per-run -2":       {"--steps-per-run", "-2"},
		"--lease 1ns":              {"--lease", "1ns"},
		"--keep-uploads 1m0s":      {"--keep-uploads", "1m"},
		"names no bucket":          {"--blobs", "s3://"},
		"files cannot be kept at ": {"--listen", "127.0.0.1:0", "--blobs", "ftp://x", "--data", t.TempDir()},
	} {
		_, stderr, err := try(append([]string{"serve", "--data", data}, args...)...)
		if err == nil || !strings.Contains(stderr, want) || strings.Contains(stderr, "server ready") {
			t.Errorf("%v: %v, said %q, want something about %q", args, err, stderr, want)
		}
	}
	if _, stderr, err := try("work", "--nats", "elsewhere", "--blobs", data, "--attempts", "0"); err == nil || !strings.Contains(stderr, "--attempts 0 is not") {
		t.Errorf("a worker: %v, %s", err, stderr)
	}
}

// A scan that is posted is reconstructed, and its results are read back over HTTP; the same bytes are the same job, also for
// another process on the same data.
func TestServeReconstructsAScan(t *testing.T) {
	needRuntime(t)
	data, scan := t.TempDir(), phantom(t)
	server, address := serving(t, data)
	post := func(address, query string) (status int, answer struct{ Scan, Job, SHA256 string }) {
		t.Helper()
		status, _, body := postScan(t, address, scan, query)
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatalf("%d: %s", status, body)
		}
		return status, answer
	}
	status, answer := post(address, "steps=3")
	if status != http.StatusCreated {
		t.Fatalf("posting a scan: %d", status)
	}
	var job recon.Job
	eventually(t, func() string {
		getJSON(t, "http://"+address+"/api/v1/jobs/"+answer.Job, &job)
		if job.State.Terminal() {
			return string(job.State)
		}
		return ""
	})
	var report recon.Report
	getJSON(t, "http://"+address+"/api/v1/jobs/"+answer.Job+"/report.json", &report)
	if job.State != recon.Done || len(report.Methods) != 3 || report.Methods[2].NFE != 3 || report.Input.SHA256 != answer.SHA256 {
		t.Errorf("the job is %s (%s), its report has %d methods", job.State, job.Error, len(report.Methods))
	}
	var series []map[string]any
	if getJSON(t, "http://"+address+"/dicom-web/series", &series); len(series) != 4 {
		t.Errorf("DICOMweb finds %d series, want three methods and the reference", len(series))
	}
	for _, want := range []string{
		`closer_network_evaluations_total{device="cpu",method="unet"} 2`, `closer_network_evaluations_total{device="cpu",method="ccdf"} 6`,
		`closer_job_stage_seconds_count{stage="recon"} 1`, `closer_job_run_seconds_count{state="done"} 1`,
	} {
		if text := string(fetch(t, "http://"+address+"/metrics")); !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if err := server.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_, address = serving(t, data)
	if status, again := post(address, "steps=3"); status != http.StatusOK || again != answer {
		t.Errorf("the same scan again: %d %v, want %v", status, again, answer)
	}
	if status, _ := post(address, "method=magic"); status != http.StatusBadRequest {
		t.Errorf("an unknown method: %d", status)
	}
	if status, _ := post(address, "sampler=magic"); status != http.StatusBadRequest {
		t.Errorf("an unknown sampler: %d", status)
	}
}

// What a method made can be read, as DICOM, as files and in a report, while the next methods still run.
func TestResultsAppearWhileTheJobRuns(t *testing.T) {
	needRuntime(t)
	_, address := serving(t, t.TempDir())
	response, err := http.Post("http://"+address+"/api/v1/scans?steps=10000", "application/x-hdf5", bytes.NewReader(read(t, phantom(t))))
	if err != nil {
		t.Fatal(err)
	}
	var receipt struct{ Job string }
	err = json.NewDecoder(response.Body).Decode(&receipt)
	if response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	path := "http://" + address + "/api/v1/jobs/" + receipt.Job
	var report recon.Report
	eventually(t, func() string {
		response, err := http.Get(path + "/report.json")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&report) != nil {
			return ""
		}
		return strings.Repeat("x", len(report.Methods)-1) // until unet is in it
	})
	if report.Methods[0].Name != "zero-filled" || report.Methods[0].Volume == nil || !strings.Contains(strings.Join(report.Notes, " "), "ccdf still to come") {
		t.Errorf("the report has %+v and says %q", report.Methods[0], report.Notes)
	}
	var series []map[string]struct{ Value []any }
	getJSON(t, "http://"+address+"/dicom-web/series?includefield=SeriesDescription", &series)
	if len(series) != 3 {
		t.Fatalf("DICOMweb finds %d series, want those of the reference, zero-filled and unet", len(series))
	}
	for _, s := range series {
		uid := func(tag string) string { return s[tag].Value[0].(string) }
		var instances []map[string]any
		if getJSON(t, "http://"+address+"/dicom-web/studies/"+uid("0020000D")+"/series/"+uid("0020000E")+"/metadata", &instances); len(instances) != 2 {
			t.Errorf("a series has %d instances, want 2", len(instances))
		}
	}
	response, err = http.Get(path + "/dicom.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err != nil || len(archive.File) != 6 {
		t.Errorf("the archive of series: %v", err)
	}
	var job recon.Job
	if getJSON(t, path, &job); job.State != recon.Running || job.Progress.Method != "ccdf" {
		t.Errorf("the job is %s in %s; all of this was to be read while ccdf runs", job.State, job.Progress.Method)
	}
}

func getJSON(t *testing.T, url string, into any) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", url, response.Status, err)
	}
}

// A file whose UIDs are none is refused: they are part of the addresses that it would be served under.
func TestPushedFileHasUIDs(t *testing.T) {
	scan, out := filepath.Join(t.TempDir(), "scan.h5"), t.TempDir()
	closer(t, "phantom", "-o", scan, "--slices", "1", "--matrix", "64")
	closer(t, "recon", scan, "-o", out, "--method", "zero-filled")
	asScanned(t, out)
	_, address := serving(t, t.TempDir(), "--workers", "0")
	file := read(t, out, "dicom", "zero-filled", "0001.dcm")
	post := func() (int, string) {
		response, err := http.Post("http://"+address+"/api/v1/scans", "application/dicom", bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(text)
	}
	if status, text := post(); status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	study := bytes.Index(file, []byte("\x20\x00\x0d\x00UI"))
	copy(file[study+8:], "/etc/")
	if status, text := post(); status != http.StatusUnprocessableEntity || !strings.Contains(text, "the Study Instance UID of the DICOM file is not a UID") {
		t.Errorf("%d %s", status, text)
	}
}
