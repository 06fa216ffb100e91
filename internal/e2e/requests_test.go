package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"errata/internal/event"
	"errata/internal/pgtest"
	"errata/internal/store"
)

// answer records n answered requests the way otelhttp does, and exports.
func answer(t *testing.T, p *sdkmetric.MeterProvider, n int) {
	t.Helper()
	h, err := p.Meter("otelhttp").Float64Histogram("http.server.request.duration", metric.WithUnit("s"))
	require.NoError(t, err)
	for range n {
		h.Record(t.Context(), 0.01, metric.WithAttributes(attribute.String("http.request.method", "POST"), attribute.String("http.route", "/v1/charges"),
			attribute.Int("http.response.status_code", 200)))
	}
	require.NoError(t, p.ForceFlush(t.Context()))
}

func meters(t *testing.T, service string, exporter sdkmetric.Exporter) *sdkmetric.MeterProvider {
	t.Helper()
	p := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter)), sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
	t.Cleanup(func() { assert.NoError(t, p.Shutdown(context.Background())) })
	return p
}

// The request totals of three services: one with delta metrics over HTTP, one
// with cumulative ones over gRPC, one that sends totals.
func TestRequestTotals(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	headers := map[string]string{"authorization": "Bearer " + p.ingestKey}
	overHTTP, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpoint(p.OTLPHTTPAddr), otlpmetrichttp.WithInsecure(), otlpmetrichttp.WithHeaders(headers),
		otlpmetrichttp.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector))
	require.NoError(t, err)
	overGRPC, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpoint(p.OTLPGRPCAddr), otlpmetricgrpc.WithInsecure(), otlpmetricgrpc.WithHeaders(headers))
	require.NoError(t, err)
	delta, cumulative := meters(t, "delta", overHTTP), meters(t, "cumulative", overGRPC)
	for _, provider := range []*sdkmetric.MeterProvider{delta, cumulative} {
		answer(t, provider, 5)
		answer(t, provider, 2)
	}
	for _, n := range []int{9, 4} {
		body := fmt.Sprintf(`{"service":"totals","minutes":[{"minute":%q,"method":"POST","endpoint":"/v1/charges","requests":%d}]}`, time.Now().UTC().Truncate(time.Hour).Format(time.RFC3339), n)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.OTLPHTTPAddr+"/v1/totals", bytes.NewReader([]byte(body)))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("x-api-key", p.ingestKey)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
	now := time.Now()
	minutes, err := p.Store.Requests(t.Context(), store.DefaultWorkspace, store.RequestFilter{From: now.Add(-2 * time.Hour), To: now.Add(time.Hour)})
	require.NoError(t, err)
	got := map[string]float64{}
	for _, m := range minutes {
		assert.Equal(t, "POST", m.Method)
		assert.Equal(t, "/v1/charges", m.Endpoint)
		got[m.Service+" "+m.Source.String()] += m.N
		assert.NotEqual(t, event.SpanRequests, m.Source)
	}
	assert.Equal(t, map[string]float64{"delta metrics": 7, "cumulative metrics": 7, "totals totals": 4}, got)
}
