package web

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the program's numbers for Prometheus. Others may register their own with Registry.
type Metrics struct {
	Registry *prometheus.Registry

	requests *prometheus.CounterVec   // route, status
	seconds  *prometheus.HistogramVec // route
}

// NewMetrics counts requests, the streams open in hub, and what the Go runtime tells.
func NewMetrics(hub *Hub) *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tallylight_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tallylight_http_request_seconds", Help: "Time to answer a request, by route; streams are left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
	}
	streams := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tallylight_streams_open", Help: "Live pages open now.",
	}, func() float64 { return float64(hub.Open()) })
	m.Registry.MustRegister(m.requests, m.seconds, streams,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers GET /metrics. Whoever mounts it decides who may read it.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{Registry: m.Registry})
}
