package ingest

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"errata/internal/fault"
	"errata/internal/identity"
)

func stamp(t time.Time) pcommon.Timestamp { return pcommon.NewTimestampFromTime(t) }

// served makes a request that says how many requests /v1/charges answered.
func served(temporality pmetric.AggregationTemporality, start, at time.Time, n uint64) pmetricotlp.ExportRequest {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "billing")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("http.server.request.duration")
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(temporality)
	p := h.DataPoints().AppendEmpty()
	p.SetStartTimestamp(stamp(start))
	p.SetTimestamp(stamp(at))
	p.SetCount(n)
	p.Attributes().PutStr("http.request.method", "POST")
	p.Attributes().PutStr("http.route", "/v1/charges")
	p.Attributes().PutInt("http.response.status_code", 200)
	return pmetricotlp.NewExportRequestFromMetrics(md)
}

func (b *bench) metrics(t *testing.T, req pmetricotlp.ExportRequest) (status int, said pmetricotlp.ExportPartialSuccess) {
	t.Helper()
	raw, err := req.MarshalProto()
	require.NoError(t, err)
	res, body := b.send(t, "/v1/metrics", raw, "Content-Type", "application/x-protobuf")
	answer := pmetricotlp.NewExportResponse()
	if res.StatusCode == http.StatusOK {
		require.NoError(t, answer.UnmarshalProto([]byte(body)))
	}
	return res.StatusCode, answer.PartialSuccess()
}

func TestMetricsCountRequests(t *testing.T) {
	b := serve(t)
	at := time.Now()
	req := served(pmetric.AggregationTemporalityDelta, at.Add(-time.Minute), at, 42)
	code, said := b.metrics(t, req)
	require.Equal(t, http.StatusOK, code)
	assert.Empty(t, said.ErrorMessage())
	require.Len(t, b.requests, 1)
	key := b.requests[0].Key
	assert.Equal(t, at.UTC().Truncate(time.Minute), b.requests[0].Minute)
	assert.Equal(t, []string{"7 billing/ POST /v1/charges 200 metrics 42"}, b.counted())

	asJSON, err := req.MarshalJSON()
	require.NoError(t, err)
	res, body := b.send(t, "/v1/metrics", asJSON)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	assert.NotContains(t, body, "errorMessage")
	require.Len(t, b.requests, 1)
	assert.Equal(t, key, b.requests[0].Key, "the same point in either encoding is counted once")
	assert.Empty(t, b.parts)
}

func TestCumulativeMetrics(t *testing.T) {
	b := serve(t)
	start := time.Now().Add(-time.Hour)
	send := func(after time.Duration, n uint64) []string {
		code, _ := b.metrics(t, served(pmetric.AggregationTemporalityCumulative, start, start.Add(after), n))
		assert.Equal(t, http.StatusOK, code)
		return b.counted()
	}
	assert.Empty(t, send(10*time.Minute, 1000), "began before we did: a baseline")
	assert.Equal(t, []string{"7 billing/ POST /v1/charges 200 metrics 5"}, send(11*time.Minute, 1005))
	assert.Empty(t, send(11*time.Minute, 1005), "a repetition")

	b.failCount = func() error { return fault.New(fault.Unavailable, "service_unavailable", "away") }
	code, _ := b.metrics(t, served(pmetric.AggregationTemporalityCumulative, start, start.Add(12*time.Minute), 1010))
	assert.Equal(t, http.StatusServiceUnavailable, code)
	b.failCount = nil
	assert.Equal(t, []string{"7 billing/ POST /v1/charges 200 metrics 8"}, send(13*time.Minute, 1013), "what was not stored is not lost")
}

func TestMetricsThatCannotBeUsed(t *testing.T) {
	b := serve(t)
	md := pmetric.NewMetrics()
	md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
	code, said := b.metrics(t, pmetricotlp.NewExportRequestFromMetrics(md))
	assert.Equal(t, http.StatusOK, code)
	assert.Zero(t, said.RejectedDataPoints())
	assert.Contains(t, said.ErrorMessage(), "none of the 1 data points counts requests")

	code, said = b.metrics(t, pmetricotlp.NewExportRequest())
	assert.Equal(t, http.StatusOK, code)
	assert.Empty(t, said.ErrorMessage(), "an empty request succeeds")

	now := time.Now()
	req := served(pmetric.AggregationTemporalityDelta, now, now, 1)
	points := req.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Histogram().DataPoints()
	for _, at := range []time.Time{now.AddDate(0, -3, 0), now.Add(48 * time.Hour), {}} {
		p := points.AppendEmpty()
		p.SetCount(1)
		if !at.IsZero() {
			p.SetTimestamp(stamp(at))
		}
	}
	code, said = b.metrics(t, req)
	assert.Equal(t, http.StatusOK, code)
	assert.EqualValues(t, 3, said.RejectedDataPoints())
	for _, part := range []string{"data point 1 of http.server.request.duration: The 'time_unix_nano' field is older than the 30 days", "data point 2", "24 hours ahead", "data point 3", "has no time"} {
		assert.Contains(t, said.ErrorMessage(), part)
	}
	assert.Len(t, b.counted(), 1, "the good one lands")
}

func TestMetricsOverGRPC(t *testing.T) {
	b := serve(t)
	client := pmetricotlp.NewGRPCClient(b.connect(t))
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("x-api-key", ingestKey))
	req := served(pmetric.AggregationTemporalityDelta, time.Now(), time.Now(), 3)
	_, err := client.Export(ctx, req)
	require.NoError(t, err)
	assert.Len(t, b.counted(), 1)
	b.failCount = func() error { return fault.New(fault.Unavailable, "service_unavailable", "away") }
	_, err = client.Export(ctx, req)
	assert.Equal(t, codes.Unavailable, status.Code(err))
	_, err = client.Export(t.Context(), req)
	assert.Equal(t, codes.Unauthenticated, status.Code(err))
	_, err = b.countMetrics(t.Context(), 7, nil) // calling nil panics
	assert.True(t, fault.Is(err, fault.Invalid))
}

func TestSpansCountAsRequests(t *testing.T) {
	b := serve(t)
	req := failedSpans(500, 200, 200)
	spans := req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	spans.At(1).TraceState().FromRaw("ot=th:c")
	for i := range spans.Len() {
		spans.At(i).Attributes().PutStr("http.route", "/v1/charges")
	}
	raw, err := req.MarshalProto()
	require.NoError(t, err)
	post := func() int {
		res, _ := b.send(t, "/v1/traces", raw, "Content-Type", "application/x-protobuf")
		return res.StatusCode
	}
	require.Equal(t, http.StatusOK, post())
	want := []string{"7 billing/  /v1/charges 200 spans 5"} // the failure is an Event
	assert.Equal(t, want, b.counted())
	assert.Len(t, b.parts, 1)

	b.failCount = func() error { return fault.New(fault.Unavailable, "service_unavailable", "away") }
	assert.Equal(t, http.StatusServiceUnavailable, post(), "what was not counted is sent again")
	b.failCount, b.fail = nil, func([]identity.Part) error { return fault.New(fault.Unavailable, "service_unavailable", "away") }
	assert.Equal(t, http.StatusServiceUnavailable, post())
}

func TestCounterIsBounded(t *testing.T) {
	release := make(chan struct{})
	m := &memory{failCount: func() error { <-release; return nil }}
	c := newCounter(m)
	c.limit = 3
	first, err := c.submit(totalRows(2), nil)
	require.NoError(t, err)
	_, err = c.submit(totalRows(2), nil)
	assert.True(t, fault.Is(err, fault.Unavailable))
	second, err := c.submit(totalRows(1), nil)
	require.NoError(t, err)
	close(release)
	require.NoError(t, first.wait(t.Context()))
	require.NoError(t, second.wait(t.Context()))
	require.NoError(t, c.close(t.Context()))
	_, err = c.submit(totalRows(1), nil)
	assert.True(t, fault.Is(err, fault.Unavailable), "closed")
}

// A request whose data the database refuses does not take others with it, and
// neither does one that makes the store panic.
func TestCounterIsolates(t *testing.T) {
	release, writes := make(chan struct{}), 0
	m := &memory{}
	m.failCount = func() error {
		switch writes++; writes {
		case 1: // while the others come in
			<-release
		case 2:
			return assert.AnError
		case 3:
			panic("boom")
		}
		return nil
	}
	c := newCounter(m)
	first, err := c.submit(totalRows(1), nil)
	require.NoError(t, err)
	require.Eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.queue) == 0 }, time.Second, time.Millisecond)
	bad, err := c.submit(totalRows(1), nil)
	require.NoError(t, err)
	good, err := c.submit(totalRows(1), nil)
	require.NoError(t, err)
	close(release)
	require.NoError(t, first.wait(t.Context()))
	assert.True(t, fault.Is(bad.wait(t.Context()), fault.Internal))
	assert.NoError(t, good.wait(t.Context()))
	assert.Equal(t, 4, writes)
	require.NoError(t, c.close(t.Context()))
}
