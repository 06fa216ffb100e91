package e2e

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"errata/internal/event"
	"errata/internal/pgtest"
	"errata/internal/seed"
)

func tracer(t *testing.T, service string, exporter sdktrace.SpanExporter) trace.Tracer {
	t.Helper()
	p := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
	t.Cleanup(func() { assert.NoError(t, p.Shutdown(context.Background())) })
	return p.Tracer("test")
}

// A trail over two services, one exporting over HTTP, the other over gRPC; an
// exception as a log record and an HTTP report join their spans.
func TestOpenTelemetry(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	ctx := t.Context()
	headers := map[string]string{"authorization": "Bearer " + p.ingestKey}
	overHTTP, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(p.OTLPHTTPAddr), otlptracehttp.WithInsecure(), otlptracehttp.WithHeaders(headers), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	require.NoError(t, err)
	overGRPC, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(p.OTLPGRPCAddr), otlptracegrpc.WithInsecure(), otlptracegrpc.WithHeaders(headers), otlptracegrpc.WithCompressor("gzip"))
	require.NoError(t, err)
	logs, err := otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(p.OTLPGRPCAddr), otlploggrpc.WithInsecure(), otlploggrpc.WithHeaders(headers))
	require.NoError(t, err)
	records := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(logs)), sdklog.WithResource(resource.NewSchemaless(attribute.String("service.name", "billing"))))

	edgeCtx, edge := tracer(t, "edge", overHTTP).Start(ctx, "POST /v1/pay", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", "POST"), attribute.String("http.route", "/v1/pay"), attribute.StringSlice("http.request.header.x-request-id", []string{"req_otel"})))
	inCtx, inner := tracer(t, "billing", overGRPC).Start(edgeCtx, "POST /v1/charges", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", "POST"), attribute.String("http.route", "/v1/charges"), attribute.Int("http.response.status_code", 500)))
	var rec otellog.Record
	rec.SetEventName("http.server.request.exception")
	rec.SetSeverity(otellog.SeverityError)
	rec.SetTimestamp(time.Now())
	rec.AddAttributes(attribute.String("exception.type", "PoolTimeout"), attribute.String("exception.message", "no connection"), attribute.String("exception.stacktrace", "at pool.go:7"))
	records.Logger("test").Emit(inCtx, rec)
	sc := inner.SpanContext()
	status, body := p.post("/v1/errors", p.ingestKey, "application/json", `{"service":"billing","status":500,"trace_id":"`+sc.TraceID().String()+`","span_id":"`+sc.SpanID().String()+`","envelope":{"error":{"code":"db_pool_exhausted","message":"busy"}}}`)
	require.Equal(t, http.StatusOK, status, body)
	inner.End()
	edge.SetAttributes(attribute.Int("http.response.status_code", 502))
	edge.End()

	p.eventually("both services are on the trail", func() bool {
		trail, err := p.Store.Trail(ctx, 1, "req_otel")
		return err == nil && len(trail.Services) == 2
	})
	trail := p.trail("req_otel")
	require.Len(t, trail.Events, 2, "span, log and report became one")
	assert.Equal(t, "edge", trail.Summary.Service)
	root := trail.Find(trail.Summary.RootCauseEventID)
	assert.Equal(t, "billing", root.Service)
	assert.Equal(t, "db_pool_exhausted", root.Code)
	assert.Equal(t, []event.Source{event.FromHTTP, event.FromLog, event.FromSpan}, root.Sources)
	assert.Equal(t, "at pool.go:7", root.Exception.Stacktrace)
	assert.Equal(t, "/v1/charges", root.Endpoint)
}

// The demo's traffic is taken without a rejection, and the requests that it
// names are worth looking up.
func TestDemo(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	var out bytes.Buffer
	err := seed.Run(t.Context(), seed.Options{CollectorURL: "http://" + p.OTLPHTTPAddr, Key: p.ingestKey, PageURL: "http://" + p.HTTPAddr, Out: &out,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Rounds: 30, Pace: time.Millisecond})
	require.NoError(t, err)
	ids := regexp.MustCompile(`req_[a-z0-9]{16}`).FindAllString(out.String(), -1)
	require.Len(t, ids, 3, out.String())

	trail := p.trail(ids[0])
	assert.Equal(t, "gateway", trail.Summary.Service)
	root := trail.Find(trail.Summary.RootCauseEventID)
	assert.Equal(t, event.Upstream, root.Role)
	assert.Equal(t, 429, root.Status)
	assert.Equal(t, "prompts", root.Service)

	assert.Len(t, p.trail(ids[1]).Events, 3, "three attempts under one ID")

	trail = p.trail(ids[2])
	root = trail.Find(trail.Summary.RootCauseEventID)
	assert.Equal(t, "billing", root.Service)
	require.NotNil(t, root.Exception)
	assert.NotEmpty(t, root.Exception.Stacktrace)

	_, body := p.get("/v1/rejections")
	assert.NotContains(t, body, `"reason"`)
}
