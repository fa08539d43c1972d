package web

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// What a job did is read from its report and counted once, however often the metrics are asked for; and doc/operating.md names every
// metric that there is.
func TestMetrics(t *testing.T) {
	s := start(t, nil)
	report, err := json.Marshal(recon.Report{
		Timing: recon.ReportTiming{Ingest: 0.5, Recon: 7, Export: 0.25},
		Methods: []recon.MethodReport{
			{Name: "zero-filled", Device: "cpu", Seconds: 0.125}, {Name: "ccdf", Device: "cuda", Seconds: 6, NetworkSeconds: 5.5, NFETotal: 240},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	scrape := func() string {
		response, data := s.do("GET", "/metrics", nil)
		if response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
		return string(data)
	}
	s.push(scanBytes("a"), "", http.StatusCreated)
	s.push(scanBytes("b"), "", http.StatusCreated)
	if text := scrape(); !strings.Contains(text, `closer_jobs{state="queued"} 2`+"\n") || strings.Contains(text, "closer_network_evaluations_total{") {
		t.Errorf("before: %s", text)
	}
	s.work(map[string]string{"report.json": string(report), "dicom/ccdf/0001.dcm": "twelve bytes"}, nil)
	s.work(nil, recon.Errorf(recon.Invalid, "no scan"))
	scrape() // what changes after it ended is not counted again
	if _, err := s.queue.Deliver(t.Context(), s.push(scanBytes("a"), "", http.StatusOK).Job, recon.Delivery{Series: "ccdf", State: recon.DeliverySent}); err != nil {
		t.Fatal(err)
	}
	scrape()
	text := scrape()
	for _, want := range []string{
		`closer_jobs{state="queued"} 0`, `closer_jobs{state="done"} 1`, `closer_jobs{state="failed"} 1`, `closer_job_attempts 2`,
		`closer_job_failures_total{code="invalid"} 1`, `closer_job_wait_seconds_count 2`,
		`closer_job_run_seconds_count{state="done"} 1`, `closer_job_run_seconds_count{state="failed"} 1`,
		`closer_job_stage_seconds_sum{stage="ingest"} 0.5`, `closer_job_stage_seconds_sum{stage="recon"} 7`, `closer_job_stage_seconds_sum{stage="export"} 0.25`,
		`closer_method_seconds_sum{device="cpu",method="zero-filled"} 0.125`, `closer_method_seconds_count{device="cuda",method="ccdf"} 1`,
		`closer_network_evaluations_total{device="cuda",method="ccdf"} 240`, `closer_network_seconds_total{device="cuda",method="ccdf"} 5.5`,
		`closer_received_bytes_total 30024`, `closer_pacs_series{state="sent"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if !regexp.MustCompile(`(?m)^closer_sent_bytes_total [1-9]`).MatchString(text) || !regexp.MustCompile(`(?m)^closer_result_bytes_total [1-9]`).MatchString(text) {
		t.Error("the metrics do not count the bytes of answers and results")
	}
	if err := s.queue.Delete(t.Context(), recon.JobID(hexSum(scanBytes("b")), recon.DefaultRecipe(), nil)); err != nil {
		t.Fatal(err)
	}
	if text := scrape(); !strings.Contains(text, `closer_jobs{state="failed"} 0`+"\n") || !strings.Contains(text, `closer_job_failures_total{code="invalid"} 1`+"\n") {
		t.Error("a deleted job is still among those that are kept, or no more among those that failed")
	}

	document, err := os.ReadFile("../doc/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	names := func(expression, in string) (names []string) {
		for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(in, -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	if described, shown := names("`(closer_\\w+)", string(document)), names(`(?m)^# TYPE (closer_\w+)`, text); !slices.Equal(described, shown) {
		t.Errorf("doc/operating.md describes\n%v\nand there are\n%v", described, shown)
	}
}
