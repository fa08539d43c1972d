package web

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/closer-mri/closer/recon"
)

// jobMetrics looks at the job records that changed when it is asked. The gauges are what the records say now. The rest counts the jobs that ended
// since this server began, whichever worker ran them, so that every server of a queue says the same; what a job did is read from its
// report.
type jobMetrics struct {
	queue recon.Queue
	blobs recon.Blobs
	began time.Time

	wait        prometheus.Histogram
	run         *prometheus.HistogramVec // by state
	stage       *prometheus.HistogramVec // by stage
	method      *prometheus.HistogramVec // by method, device
	evaluations *prometheus.CounterVec   // by method, device
	network     *prometheus.CounterVec   // by method, device
	failures    *prometheus.CounterVec   // by code
	results     prometheus.Counter

	mu     sync.Mutex
	cursor uint64             // of the queue's changes
	kept   map[string]keptJob // by ID
	ended  []recon.Job        // that are not counted yet
}

// keptJob is what the gauges say of a job.
type keptJob struct {
	state    recon.State
	attempts int
	series   []recon.DeliveryState
	counted  time.Time // the end that was counted
}

var (
	jobsDesc     = prometheus.NewDesc("closer_jobs", "Jobs by state; queued is the queue's depth.", []string{"state"}, nil)
	attemptsDesc = prometheus.NewDesc("closer_job_attempts", "Attempts at the jobs that are kept, lost workers included.", nil, nil)
	seriesDesc   = prometheus.NewDesc("closer_pacs_series", "Series on their way to the archive, by state.", []string{"state"}, nil)
)

func newJobMetrics(queue recon.Queue, blobs recon.Blobs) *jobMetrics {
	histogram := func(name, help string) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.05, 3, 11)} // to 49 minutes
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &jobMetrics{
		queue: queue, blobs: blobs, began: time.Now().Truncate(time.Millisecond), kept: map[string]keptJob{},
		wait: prometheus.NewHistogram(histogram("closer_job_wait_seconds", "From submission to the start of the last attempt.")),
		run: prometheus.NewHistogramVec(histogram("closer_job_run_seconds", "Duration of the last attempt of jobs that ended, by state."),
			[]string{"state"}),
		stage: prometheus.NewHistogramVec(histogram("closer_job_stage_seconds", "Duration of the stages of jobs that are done: fetch, ingest, recon, export, publish."),
			[]string{"stage"}),
		method: prometheus.NewHistogramVec(histogram("closer_method_seconds", "Duration of a method over all slices of a job, by method and device."),
			[]string{"method", "device"}),
		evaluations: counter("closer_network_evaluations_total", "Network evaluations (NFE), by method and device.", "method", "device"),
		network:     counter("closer_network_seconds_total", "Seconds spent in networks, by method and device.", "method", "device"),
		failures:    counter("closer_job_failures_total", "Jobs that failed, by code.", "code"),
		results:     prometheus.NewCounter(prometheus.CounterOpts{Name: "closer_result_bytes_total", Help: "Bytes of results made."}),
	}
}

func (m *jobMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.wait, m.run, m.stage, m.method, m.evaluations, m.network, m.failures, m.results}
}

// Describe implements prometheus.Collector.
func (m *jobMetrics) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{jobsDesc, attemptsDesc, seriesDesc} {
		c <- d
	}
	for _, collector := range m.collectors() {
		collector.Describe(c)
	}
}

// Collect implements prometheus.Collector.
func (m *jobMetrics) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.update(ctx); err != nil {
		c <- prometheus.NewInvalidMetric(jobsDesc, err)
		return
	}
	states := map[recon.State]int{recon.Queued: 0, recon.Running: 0, recon.Done: 0, recon.Failed: 0, recon.StateCanceled: 0}
	series := map[recon.DeliveryState]int{}
	attempts := 0
	for _, job := range m.kept {
		states[job.state]++
		attempts += job.attempts
		for _, d := range job.series {
			series[d]++
		}
	}
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	for state, n := range states {
		gauge(jobsDesc, n, string(state))
	}
	for _, state := range recon.DeliveryStates {
		gauge(seriesDesc, series[state], string(state))
	}
	gauge(attemptsDesc, attempts)
	for _, collector := range m.collectors() {
		collector.Collect(c)
	}
}

// update takes the records that have changed since the last time, and counts the jobs that ended. One whose report cannot be read now
// is left for the next time.
func (m *jobMetrics) update(ctx context.Context) error {
	changed, gone, next, err := m.queue.Changes(ctx, m.cursor)
	if err != nil {
		return err
	}
	m.cursor = next
	for _, id := range gone {
		delete(m.kept, id)
	}
	for _, job := range changed {
		now := keptJob{state: job.State, attempts: job.Attempt, counted: m.kept[job.ID].counted}
		for _, d := range job.Deliveries {
			now.series = append(now.series, d.State)
		}
		if job.State.Terminal() && !job.Finished.Before(m.began) && !job.Finished.Equal(now.counted) {
			m.ended, now.counted = append(m.ended, job), job.Finished
		}
		m.kept[job.ID] = now
	}
	m.ended = slices.DeleteFunc(m.ended, func(job recon.Job) bool { return m.add(ctx, job) == nil })
	return nil
}

// add counts a job that ended.
func (m *jobMetrics) add(ctx context.Context, job recon.Job) error {
	report, err := m.report(ctx, job)
	if recon.CodeOf(err) == recon.Unavailable {
		return err
	}
	if !job.Started.IsZero() {
		m.wait.Observe(job.Started.Sub(job.Created).Seconds())
		m.run.WithLabelValues(string(job.State)).Observe(job.Finished.Sub(job.Started).Seconds())
	}
	if job.State == recon.Failed {
		m.failures.WithLabelValues(string(job.Code)).Inc()
	}
	for _, a := range job.Results {
		m.results.Add(float64(a.Size))
	}
	if report == nil {
		return nil
	}
	for stage, seconds := range map[string]recon.Number{
		"fetch": report.Timing.Fetch, "ingest": report.Timing.Ingest, "recon": report.Timing.Recon, "export": report.Timing.Export,
		"publish": report.Timing.Publish,
	} {
		m.stage.WithLabelValues(stage).Observe(float64(seconds))
	}
	for _, r := range report.Methods {
		m.method.WithLabelValues(r.Name, r.Device).Observe(float64(r.Seconds))
		m.evaluations.WithLabelValues(r.Name, r.Device).Add(float64(r.NFETotal))
		m.network.WithLabelValues(r.Name, r.Device).Add(float64(r.NetworkSeconds))
	}
	return nil
}

// report returns the report of a job that is done; nil when it has none.
func (m *jobMetrics) report(ctx context.Context, job recon.Job) (*recon.Report, error) {
	for _, a := range job.Results {
		if a.Name != "report.json" || job.State != recon.Done {
			continue
		}
		r, err := m.blobs.Open(ctx, a.SHA256)
		if err != nil {
			return nil, fmt.Errorf("open the report: %w", err)
		}
		defer r.Close()
		var report recon.Report
		if err := json.NewDecoder(r).Decode(&report); err != nil {
			return nil, fmt.Errorf("read the report: %w", err)
		}
		return &report, nil
	}
	return nil, nil
}
