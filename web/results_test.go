package web

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// The stream begins with the state as it is and ends with the last one.
func TestEventsReachTheEnd(t *testing.T) {
	s := start(t, nil)
	job := s.push(scanBytes("a"), "", http.StatusCreated).Job
	response, err := http.Get(s.URL + "/api/v1/jobs/" + job + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %q", got)
	}
	var states []recon.State
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var j recon.Job
		if err := json.Unmarshal([]byte(data), &j); err != nil || j.ID != job {
			t.Fatalf("event %s: %v", data, err)
		}
		if states = append(states, j.State); j.State == recon.Queued {
			s.work(map[string]string{"report.json": "{}"}, nil)
		}
	}
	if n := len(states); n < 2 || states[0] != recon.Queued || states[n-1] != recon.Done {
		t.Errorf("states %v", states)
	}
}

// One stream tells of every job: of those that were there, of those that come, and of how they end.
func TestEventsOfAllJobs(t *testing.T) {
	s := start(t, nil)
	old := s.push(scanBytes("old"), "", http.StatusCreated).Job
	response, err := http.Get(s.URL + "/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	ended, younger := map[string]bool{}, ""
	lines := bufio.NewScanner(response.Body)
	for !(ended[old] && ended[younger]) && lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var j recon.Job
		if err := json.Unmarshal([]byte(data), &j); err != nil || j.Results != nil {
			t.Fatalf("event %s: %v", data, err)
		}
		if younger == "" {
			if j.ID != old || j.State != recon.Queued {
				t.Fatalf("first %s", data)
			}
			younger = s.push(scanBytes("young"), "", http.StatusCreated).Job
			s.work(map[string]string{"report.json": "{}"}, nil)
			s.work(nil, recon.Errorf(recon.Invalid, "no good"))
		}
		ended[j.ID] = j.State.Terminal()
	}
	if !ended[old] || !ended[younger] {
		t.Errorf("ended %v: %v", ended, lines.Err())
	}
}

func TestCancel(t *testing.T) {
	s := start(t, nil)
	first := s.push(scanBytes("a"), "", http.StatusCreated)
	response, _ := s.do("DELETE", "/api/v1/jobs/"+first.Job, nil)
	if job := get[recon.Job](s, "/api/v1/jobs/"+first.Job); response.StatusCode != http.StatusOK || job.State != recon.StateCanceled {
		t.Errorf("%s, %s", response.Status, job.State)
	}
	response, data := s.do("DELETE", "/api/v1/jobs/"+first.Job, nil)
	expectProblem(t, "twice", response, data, http.StatusConflict, "")
	s.push(scanBytes("a"), "", http.StatusCreated) // asks for it again
	if job := get[recon.Job](s, "/api/v1/jobs/"+first.Job); job.State != recon.Queued {
		t.Errorf("pushed again: %s", job.State)
	}
}

// Results by name, by Accept and as an archive.
func TestResults(t *testing.T) {
	s := start(t, nil)
	job := "/api/v1/jobs/" + s.push(scanBytes("a"), "", http.StatusCreated).Job
	files := map[string]string{
		"report.json": `{"schema":1}`, "report.html": "<p>report", "report.csv": "method", "reconstruction.h5": "HDF",
		"dicom/unet/0001.dcm": "one", "dicom/ccdf/0001.dcm": "two", "dicom/../../../evil": "evil",
	}
	s.work(files, nil)
	for path, want := range map[string]string{
		"/report.json": "report.json", "/report.html": "report.html", "/report.csv": "report.csv", "/report": "report.json",
		"/reconstruction.h5": "reconstruction.h5", "/artifacts/dicom/unet/0001.dcm": "dicom/unet/0001.dcm",
	} {
		if response, data := s.do("GET", job+path, nil); response.StatusCode != http.StatusOK || string(data) != files[want] {
			t.Errorf("%s: %s %q", path, response.Status, data)
		}
	}
	for accept, want := range map[string]string{
		"text/html,application/xhtml+xml,*/*;q=0.8": "report.html", "text/csv": "report.csv", "*/*": "report.json", "text/*;q=0.5, text/html;q=0": "report.csv",
	} {
		if _, data := s.do("GET", job+"/report", nil, "Accept", accept); string(data) != files[want] {
			t.Errorf("Accept %s: %q", accept, data)
		}
	}
	response, data := s.do("GET", job+"/report", nil, "Accept", "image/png")
	expectProblem(t, "image", response, data, http.StatusNotAcceptable, "")
	response, _ = s.do("GET", job+"/report.html", nil)
	if csp := response.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox;") {
		t.Errorf("a report in HTML is served with the policy %q", csp)
	}
	tag := response.Header.Get("ETag")
	if response, _ := s.do("GET", job+"/report.html", nil, "If-None-Match", tag); response.StatusCode != http.StatusNotModified {
		t.Errorf("the same tag: %s", response.Status)
	}
	if response, data := s.do("GET", job+"/reconstruction.h5", nil, "Range", "bytes=1-"); response.StatusCode != http.StatusPartialContent || string(data) != "DF" {
		t.Errorf("a range: %s %q", response.Status, data)
	}
	response, data = s.do("GET", job+"/reconstruction.h5", nil, "Range", "bytes=3-")
	expectProblem(t, "a range beyond the end", response, data, http.StatusRequestedRangeNotSatisfiable, "no such range")
	if got := response.Header.Get("Content-Range"); got != "bytes */3" || response.Header.Get("ETag") != "" {
		t.Errorf("a range beyond the end: %v", response.Header)
	}
	response, data = s.do("GET", job+"/report.html", nil, "If-Match", `"another"`)
	expectProblem(t, "another content", response, data, http.StatusPreconditionFailed, "not the one")
	_, data = s.do("GET", job+"/dicom.zip", nil)
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := text.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		got[f.Name] = text.String()
	}
	if len(got) != 2 || got["dicom/unet/0001.dcm"] != "one" || got["dicom/ccdf/0001.dcm"] != "two" {
		t.Errorf("the archive holds %v", got)
	}
}

// A series that an archive refused is queued again on request, and nothing else is.
func TestRedeliver(t *testing.T) {
	s := start(t, nil)
	id := s.push(scanBytes("a"), "", http.StatusCreated).Job
	job := "/api/v1/jobs/" + id
	s.work(map[string]string{"dicom/unet/0001.dcm": "one"}, nil)
	response, data := s.do("POST", job+"/deliveries", nil)
	expectProblem(t, "nothing failed", response, data, http.StatusConflict, "no series")
	sent := recon.Delivery{Series: "ccdf", State: recon.DeliverySent, Attempts: 3}
	if _, err := s.queue.Deliver(t.Context(), id, sent, recon.Delivery{Series: "unet", State: recon.DeliveryFailed, Attempts: 2, Reason: "full"}); err != nil {
		t.Fatal(err)
	}
	if _, data := s.do("GET", "/metrics", nil); !strings.Contains(string(data), `closer_pacs_series{state="failed"} 1`) {
		t.Error("the metrics do not count what failed")
	}
	if response, data := s.do("POST", job+"/deliveries", nil); response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", response.Status, data)
	}
	got := get[recon.Job](s, job).Deliveries
	if len(got) != 2 || got[0] != sent || got[1].State != recon.DeliveryQueued || got[1].Attempts != 0 || got[1].Reason != "full" {
		t.Errorf("%+v", got)
	}
}

func TestFailedJob(t *testing.T) {
	s := start(t, nil)
	job := s.push(scanBytes("a"), "", http.StatusCreated).Job
	s.work(nil, recon.Errorf(recon.Invalid, "the scan has no slices"))
	if j := get[recon.Job](s, "/api/v1/jobs/"+job); j.State != recon.Failed || j.Error != "the scan has no slices" {
		t.Errorf("%s: %s", j.State, j.Error)
	}
	_, data := s.do("GET", "/metrics", nil)
	for _, want := range []string{`closer_job_failures_total{code="invalid"} 1`, `closer_jobs{state="failed"} 1`, `closer_jobs{state="queued"} 0`,
		`closer_http_requests_total{method="POST",route="/api/v1/scans",status="201"} 1`, "closer_received_bytes_total 10008"} {
		if !strings.Contains(string(data), want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
