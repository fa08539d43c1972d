package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/closer-mri/closer/recon"
)

// metrics is what /metrics shows. No label holds anything that comes from outside.
type metrics struct {
	http.Handler
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	received prometheus.Counter
}

func newMetrics(queue recon.Queue, version string) *metrics {
	registry := prometheus.NewRegistry()
	m := &metrics{
		Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "closer_http_requests_total",
			Help: "Requests answered, by route, method and status."}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "closer_http_request_seconds",
			Help: "Time to answer a request, with its body.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 9)}, []string{"route"}),
		received: prometheus.NewCounter(prometheus.CounterOpts{Name: "closer_received_bytes_total", Help: "Bytes of scans received."}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "closer_build_info", Help: "Always 1; the label is the version.",
		ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	registry.MustRegister(m.requests, m.seconds, m.received, build, jobCollector{queue},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// jobCollector counts the job records when it is asked, so that every server of a cluster says the same.
type jobCollector struct{ queue recon.Queue }

var (
	jobsDesc     = prometheus.NewDesc("closer_jobs", "Jobs by state; queued is the queue's depth.", []string{"state"}, nil)
	failuresDesc = prometheus.NewDesc("closer_failed_jobs", "Failed jobs by code.", []string{"code"}, nil)
	attemptsDesc = prometheus.NewDesc("closer_job_attempts", "Attempts at all jobs, lost workers included.", nil, nil)
	seriesDesc   = prometheus.NewDesc("closer_pacs_series", "Series on their way to the archive, by state.", []string{"state"}, nil)
	waitDesc     = prometheus.NewDesc("closer_job_wait_seconds", "From submission to the last attempt's start, of jobs that ended.", nil, nil)
	runDesc      = prometheus.NewDesc("closer_job_run_seconds", "Duration of the last attempt of jobs that are done.", nil, nil)
)

func (jobCollector) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{jobsDesc, failuresDesc, attemptsDesc, seriesDesc, waitDesc, runDesc} {
		c <- d
	}
}

func (j jobCollector) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	jobs, err := j.queue.Jobs(ctx)
	if err != nil {
		c <- prometheus.NewInvalidMetric(jobsDesc, err)
		return
	}
	states := map[recon.State]int{recon.Queued: 0, recon.Running: 0, recon.Done: 0, recon.Failed: 0, recon.StateCanceled: 0}
	failures := map[recon.Code]int{}
	series := map[recon.DeliveryState]int{}
	attempts := 0
	var wait, run summary
	for _, job := range jobs {
		states[job.State]++
		attempts += job.Attempt
		for _, d := range job.Deliveries {
			series[d.State]++
		}
		if job.State == recon.Failed {
			failures[job.Code]++
		}
		if job.State.Terminal() && !job.Started.IsZero() {
			wait.add(job.Started.Sub(job.Created))
		}
		if job.State == recon.Done {
			run.add(job.Finished.Sub(job.Started))
		}
	}
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	for state, n := range states {
		gauge(jobsDesc, n, string(state))
	}
	for code, n := range failures {
		gauge(failuresDesc, n, string(code))
	}
	for _, state := range recon.DeliveryStates {
		gauge(seriesDesc, series[state], string(state))
	}
	gauge(attemptsDesc, attempts)
	c <- prometheus.MustNewConstSummary(waitDesc, wait.n, wait.sum, nil)
	c <- prometheus.MustNewConstSummary(runDesc, run.n, run.sum, nil)
}

// summary is a count and a sum in seconds.
type summary struct {
	n   uint64
	sum float64
}

func (s *summary) add(d time.Duration) { s.n++; s.sum += d.Seconds() }
