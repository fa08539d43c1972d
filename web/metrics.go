package web

import (
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
	sent     prometheus.Counter
}

func newMetrics(queue recon.Queue, blobs recon.Blobs, version string) *metrics {
	registry := prometheus.NewRegistry()
	m := &metrics{
		Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "closer_http_requests_total",
			Help: "Requests answered, by route, method and status."}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "closer_http_request_seconds",
			Help: "Time to answer a request, with its body.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 9)}, []string{"route"}),
		received: prometheus.NewCounter(prometheus.CounterOpts{Name: "closer_received_bytes_total", Help: "Bytes of scans received."}),
		sent:     prometheus.NewCounter(prometheus.CounterOpts{Name: "closer_sent_bytes_total", Help: "Bytes of answers sent, results and all else."}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "closer_build_info", Help: "Always 1; the label is the version.",
		ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	registry.MustRegister(m.requests, m.seconds, m.received, m.sent, build, newJobMetrics(queue, blobs),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(method, route string, status, bytes int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
	m.sent.Add(float64(bytes))
}
