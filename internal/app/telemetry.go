package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"

	"errata/internal/config"
)

// telemetry is what Errata says about itself: always Prometheus metrics, and
// OTLP traces, metrics and logs where OTEL_EXPORTER_OTLP_ENDPOINT is set.
type telemetry struct {
	log     *slog.Logger
	metrics http.Handler
	meters  *sdkmetric.MeterProvider
	queries pgx.QueryTracer
	closers []func(context.Context) error
}

func newTelemetry(ctx context.Context, cfg config.Config, log *slog.Logger) (*telemetry, error) {
	t := &telemetry{log: log}
	res, err := resource.Merge(resource.Default(), resource.NewSchemaless(semconv.ServiceName("errata"), semconv.ServiceVersion(Version)))
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	prom, err := promexporter.New(promexporter.WithRegisterer(registry), promexporter.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	t.metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	readers := []sdkmetric.Option{sdkmetric.WithResource(res), sdkmetric.WithReader(prom)}
	if exporting(cfg, log) {
		reader, err := t.export(ctx, res)
		if err != nil {
			return nil, err
		}
		readers = append(readers, sdkmetric.WithReader(reader))
	}
	t.meters = sdkmetric.NewMeterProvider(readers...)
	t.closers = append(t.closers, t.meters.Shutdown)
	return t, nil
}

// export sets up traces and logs, and gives the reader for metrics.
func (t *telemetry) export(ctx context.Context, res *resource.Resource) (sdkmetric.Reader, error) {
	spans, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, err
	}
	tracer := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans), sdktrace.WithResource(res))
	otel.SetTracerProvider(tracer)
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	t.queries = otelpgx.NewTracer(otelpgx.WithTracerProvider(tracer))
	logs, err := autoexport.NewLogExporter(ctx)
	if err != nil {
		return nil, err
	}
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(logs)), sdklog.WithResource(res))
	t.log = slog.New(slog.NewMultiHandler(t.log.Handler(), otelslog.NewHandler("errata", otelslog.WithLoggerProvider(provider))))
	t.closers = append(t.closers, tracer.Shutdown, provider.Shutdown)
	return autoexport.NewMetricReader(ctx)
}

// exporting reports whether there is somewhere to export to that is not
// ourselves: each export would cause the next.
func exporting(cfg config.Config, log *slog.Logger) bool {
	set := false
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"} {
		endpoint := os.Getenv(name)
		if endpoint == "" {
			continue
		}
		set = true
		for _, own := range []string{cfg.OTLPHTTPAddr, cfg.OTLPGRPCAddr} {
			if sameAddress(endpoint, own) {
				log.Warn("Errata does not export its telemetry to itself; telemetry is off", "setting", name)
				return false
			}
		}
	}
	return set
}

func sameAddress(endpoint, own string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return endpoint == own
	}
	_, ownPort, err := net.SplitHostPort(own)
	if err != nil || u.Port() != ownPort {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || (ip != nil && (ip.IsLoopback() || ip.IsUnspecified()))
}

// shutdown sends what is still pending.
func (t *telemetry) shutdown(ctx context.Context) {
	for _, c := range t.closers {
		if err := c(ctx); err != nil {
			t.log.Warn("telemetry did not end cleanly", "error", err)
		}
	}
}
