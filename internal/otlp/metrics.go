package otlp

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"errata/internal/event"
	"errata/internal/route"
)

// instruments are the metrics that count the requests that a service answered.
// Of histograms the count is used, whatever their unit and buckets.
var instruments = map[string]event.RequestSource{
	"http.server.request.duration": event.HTTPRequests,
	"http.server.duration":         event.OldHTTPRequests,
	"rpc.server.call.duration":     event.RPCRequests,
	"rpc.server.duration":          event.OldRPCRequests,
	"traces.span.metrics.calls":    event.SpanMetrics,
	"calls":                        event.SpanMetrics, // its older name
}

const (
	// maxPoints bounds what one request may cost.
	maxPoints = 100_000
	// maxCount is how far whole numbers are exact.
	maxCount = 1 << 53
)

// Point is a data point that counts requests. Its N is how many there were
// since the point before (delta) or since Start (cumulative; see Tracker).
type Point struct {
	event.Requests
	Index      int // position among the request's data points
	Metric     string
	Cumulative bool
	// Stream is the same for the points of one sender's series: resource,
	// scope, metric, and all attributes. Group is the same without attributes.
	Stream, Group [16]byte
	Start, Time   uint64 // nanoseconds since 1970; Start 0 = unknown
}

// PointReject is a data point that should count and cannot.
type PointReject struct {
	Index  int // position among the request's data points
	Metric string
	Reason string
}

// MetricsResult is what became of one export request.
type MetricsResult struct {
	Points   []Point
	Items    int // data points seen
	Rejected []PointReject
	Warnings []string
}

// Metrics maps the data points of one export request. Those that do not count
// requests are left out without a word, unless that leaves nothing.
func Metrics(md pmetric.Metrics, opt Options) MetricsResult {
	m := metrics{it: newItem(mappingFor(opt), opt)}
	m.it.kind = metricPoint
	m.walk(md)
	return m.finish()
}

// metrics is the work on one request.
type metrics struct {
	it       *item
	out      MetricsResult
	warnings output
	noHTTP   int // span metrics without the attributes that are needed

	// Of the metric at hand:
	source     event.RequestSource
	name       string
	group      [16]byte
	cumulative bool
	buf        []byte
}

func (m *metrics) walk(md pmetric.Metrics) {
	for _, rm := range md.ResourceMetrics().All() {
		m.it.setResource(rm.Resource().Attributes())
		resource := appendMap(nil, rm.Resource().Attributes(), 0)
		for _, sm := range rm.ScopeMetrics().All() {
			for _, metric := range sm.Metrics().All() {
				source, ok := instruments[metric.Name()]
				if !ok {
					m.out.Items += pointsOf(metric)
					continue
				}
				m.source, m.name = source, metric.Name()
				m.buf = append(m.buf[:0], resource...)
				for _, s := range [...]string{sm.Scope().Name(), sm.Scope().Version(), m.name} {
					m.buf = appendText(m.buf, s)
				}
				m.group = sum16(m.buf)
				m.metric(metric)
			}
		}
	}
}

func pointsOf(metric pmetric.Metric) int {
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		return metric.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		return metric.Sum().DataPoints().Len()
	case pmetric.MetricTypeHistogram:
		return metric.Histogram().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		return metric.ExponentialHistogram().DataPoints().Len()
	case pmetric.MetricTypeSummary:
		return metric.Summary().DataPoints().Len()
	default:
		return 0
	}
}

func (m *metrics) metric(metric pmetric.Metric) {
	switch t := metric.Type(); {
	case t == pmetric.MetricTypeHistogram && m.source != event.SpanMetrics:
		h := metric.Histogram()
		for _, p := range h.DataPoints().All() {
			m.point(p, h.AggregationTemporality(), float64(p.Count()))
		}
	case t == pmetric.MetricTypeExponentialHistogram && m.source != event.SpanMetrics:
		h := metric.ExponentialHistogram()
		for _, p := range h.DataPoints().All() {
			m.point(p, h.AggregationTemporality(), float64(p.Count()))
		}
	case t == pmetric.MetricTypeSum && m.source == event.SpanMetrics && metric.Sum().IsMonotonic():
		for _, p := range metric.Sum().DataPoints().All() {
			m.point(p, metric.Sum().AggregationTemporality(), number64(p))
		}
	default:
		m.out.Items += pointsOf(metric)
	}
}

func number64(p pmetric.NumberDataPoint) float64 {
	switch p.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		return float64(p.IntValue())
	case pmetric.NumberDataPointValueTypeDouble:
		return p.DoubleValue()
	default:
		return math.NaN()
	}
}

// dataPoint is what the kinds of data points have in common.
type dataPoint interface {
	Attributes() pcommon.Map
	StartTimestamp() pcommon.Timestamp
	Timestamp() pcommon.Timestamp
	Flags() pmetric.DataPointFlags
}

func (m *metrics) point(p dataPoint, t pmetric.AggregationTemporality, n float64) {
	index := m.out.Items
	m.out.Items++
	if p.Flags().NoRecordedValue() || math.IsNaN(n) || !m.answered(p.Attributes()) {
		return
	}
	start, at := p.StartTimestamp(), p.Timestamp()
	m.it.point(p.Attributes(), m.source)
	switch {
	case t != pmetric.AggregationTemporalityDelta && t != pmetric.AggregationTemporalityCumulative:
		m.reject(index, "its aggregation temporality is neither delta nor cumulative")
	case at == 0:
		m.reject(index, "it has no time_unix_nano")
	case start > at:
		m.reject(index, "its start_time_unix_nano lies after its time_unix_nano")
	case n < 0 || n > maxCount:
		m.reject(index, fmt.Sprintf("its count must be between 0 and 2^53, not %g", n))
	case m.it.badStatus != "" && m.it.env.Status == 0:
		m.reject(index, fmt.Sprintf("the HTTP status must be between 100 and 599, not %.20q", m.it.badStatus))
	case len(m.out.Points) >= maxPoints:
		m.reject(index, fmt.Sprintf("more than %d data points in one request", maxPoints))
	default:
		m.cumulative = t == pmetric.AggregationTemporalityCumulative
		m.add(index, p, uint64(start), uint64(at), n)
	}
}

// answered reports whether the point is about requests that came in, which
// those of the spanmetrics connector need not be.
func (m *metrics) answered(attrs pcommon.Map) bool {
	if m.source != event.SpanMetrics {
		return true
	}
	kind, ok := attrs.Get("span.kind")
	if !ok {
		return false
	}
	if name := strings.TrimPrefix(strings.ToUpper(text(kind)), "SPAN_KIND_"); name != "SERVER" && name != "CONSUMER" {
		return false
	}
	for _, key := range [...]string{"http.route", "http.response.status_code", "http.request.method", "http.status_code", "http.method"} {
		if _, ok := attrs.Get(key); ok {
			return true
		}
	}
	m.noHTTP++
	return false
}

func (m *metrics) add(index int, p dataPoint, start, at uint64, n float64) {
	env := &m.it.env
	if env.ServiceUnknown {
		m.warnings.warn("requests of %q were counted; set the resource attribute service.name to tell services apart", env.Service)
	}
	m.buf = appendMap(append(m.buf[:0], m.group[:]...), p.Attributes(), 0)
	stream := sum16(m.buf)
	m.buf = append(m.buf[:0], stream[:]...)
	for _, v := range [...]uint64{start, at, math.Float64bits(n)} {
		m.buf = binary.BigEndian.AppendUint64(m.buf, v)
	}
	series, derived := m.it.series()
	m.out.Points = append(m.out.Points, Point{
		Requests: event.Requests{Series: series, Derived: derived, Status: env.Status, Source: m.source,
			Minute: time.Unix(0, int64(at)).UTC(), N: n, Key: sum16(m.buf)}, //nolint:gosec // what overflows is no plausible time
		Index: index, Metric: m.name, Cumulative: m.cumulative, Stream: stream, Group: m.group, Start: start, Time: at,
	})
}

func (m *metrics) reject(index int, reason string) {
	m.out.Rejected = append(m.out.Rejected, PointReject{Index: index, Metric: m.name, Reason: reason})
}

func (m *metrics) finish() MetricsResult {
	if len(m.out.Points) == 0 && len(m.out.Rejected) == 0 && m.out.Items > 0 {
		if m.noHTTP > 0 {
			m.warnings.warn("span metrics count requests only with dimensions: http.route, http.response.status_code, http.request.method")
		} else {
			m.warnings.warn("none of the %d data points counts requests: of metrics Errata uses http.server.request.duration, rpc.server.call.duration and traces.span.metrics.calls, and their older names", m.out.Items)
		}
	}
	m.out.Warnings = m.warnings.Warnings
	return m.out
}

// point makes the item ready for a data point and works out what it counts by.
func (it *item) point(attrs pcommon.Map, source event.RequestSource) {
	it.next()
	it.kind, it.pointName = metricPoint, ""
	it.scopes[0].fill(it.m, attrs)
	if source == event.SpanMetrics {
		if name, ok := attrs.Get("span.name"); ok {
			it.pointName = text(name)
		}
	}
	it.fillSeries()
}

// fillSeries fills what requests are counted by. The same table maps Events,
// so that both have the same words for an endpoint.
func (it *item) fillSeries() {
	for _, field := range [...]string{"service", "environment", "method", "endpoint", "http_status"} {
		it.fill(field)
	}
}

// series gives what the item counts by. The endpoint of a request without a
// route is made from its path, as that of its Event would be.
func (it *item) series() (s event.Series, derived bool) {
	s = event.Series{Service: it.env.Service, Environment: it.env.Environment, Method: it.env.Method, Endpoint: it.env.Endpoint}
	switch {
	case s.Endpoint == "" || s.Endpoint == unrouted:
		it.fill("path")
		if endpoint, ok := route.Derive(it.env.Path, it.env.Status); ok {
			s.Endpoint, derived = endpoint, true
		}
	case it.env.EndpointRaw:
		s.Endpoint, derived = route.OfRaw(s.Endpoint)
	}
	return s, derived
}

func sum16(b []byte) [16]byte {
	full := sha256.Sum256(b)
	return [16]byte(full[:16])
}
