package seed

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// service is a simulated one that is instrumented with OpenTelemetry.
type service struct {
	name    string
	opt     Options
	release string // of the spans to come
	built   string // of the SDK at hand
	traces  *sdktrace.TracerProvider
	logs    *sdklog.LoggerProvider
	log     otellog.Logger
}

func newService(ctx context.Context, opt Options, name, release string) (*service, error) {
	s := &service{name: name, opt: opt, release: release}
	return s, s.build(ctx)
}

// build sets the SDK up. A new release is a new process, so it is done anew
// after a deploy.
func (s *service) build(ctx context.Context) error {
	u, err := url.Parse(s.opt.CollectorURL)
	if err != nil {
		return err
	}
	headers := map[string]string{"x-api-key": s.opt.Key}
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(u.Host), otlptracehttp.WithInsecure(), otlptracehttp.WithHeaders(headers),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		return err
	}
	records, err := otlploghttp.New(ctx, otlploghttp.WithEndpoint(u.Host), otlploghttp.WithInsecure(), otlploghttp.WithHeaders(headers))
	if err != nil {
		return err
	}
	res := resource.NewSchemaless(attribute.String("service.name", s.name), attribute.String("service.version", s.release),
		attribute.String("deployment.environment.name", "production"), attribute.String("service.instance.id", s.name+"-1"))
	s.built = s.release
	s.traces = sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans, sdktrace.WithBatchTimeout(time.Second)), sdktrace.WithResource(res))
	s.logs = sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(records, sdklog.WithExportInterval(time.Second))), sdklog.WithResource(res))
	s.log = s.logs.Logger("demo")
	return nil
}

func (s *service) flush(ctx context.Context) error {
	return errors.Join(s.traces.ForceFlush(ctx), s.logs.ForceFlush(ctx))
}

func (s *service) shutdown(ctx context.Context) error {
	return errors.Join(s.traces.Shutdown(ctx), s.logs.Shutdown(ctx))
}

// request is one call as a span.
type request struct {
	ctx     context.Context
	s       *service
	span    trace.Span
	started time.Time
}

// serve begins a SERVER span; call begins a CLIENT span.
func (w *world) serve(ctx context.Context, name, method, route, path, id, customer string) *request {
	s := w.services[name]
	if s.built != s.release {
		if err := errors.Join(s.shutdown(ctx), s.build(ctx)); err != nil {
			w.opt.Logger.Warn("the simulated deploy failed", "service", name, "error", err)
		}
	}
	return s.begin(ctx, method+" "+route, trace.SpanKindServer, attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.String("url.path", path), attribute.String("url.scheme", "https"), attribute.String("user.id", customer),
		attribute.StringSlice("http.request.header.x-request-id", []string{id}))
}

func (w *world) call(r *request, method, template, host string) *request {
	return r.s.begin(r.ctx, method, trace.SpanKindClient, attribute.String("http.request.method", method), attribute.String("url.template", template),
		attribute.String("server.address", host), attribute.String("url.full", "https://"+host+template))
}

func (s *service) begin(ctx context.Context, name string, kind trace.SpanKind, attrs ...attribute.KeyValue) *request {
	now := time.Now()
	ctx, span := s.traces.Tracer("demo").Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...), trace.WithTimestamp(now))
	return &request{ctx, s, span, now}
}

// end answers with a status and the body that the API returned.
func (r *request) end(status int, took time.Duration, body string, headers ...attribute.KeyValue) {
	r.span.SetAttributes(attribute.Int("http.response.status_code", status))
	r.span.SetAttributes(headers...)
	if body != "" {
		r.span.SetAttributes(attribute.String("errata.envelope", body))
	}
	if status >= 500 {
		r.span.SetStatus(codes.Error, "")
		r.span.SetAttributes(attribute.String("error.type", fmt.Sprint(status)))
	}
	r.span.End(trace.WithTimestamp(r.started.Add(took)))
}

// exception logs what the runtime said, as newer instrumentation does.
func (r *request) exception(kind, message string) {
	var rec otellog.Record
	rec.SetEventName("http.server.request.exception")
	rec.SetTimestamp(r.started.Add(time.Millisecond))
	rec.SetSeverity(otellog.SeverityError)
	rec.AddAttributes(attribute.String("exception.type", kind), attribute.String("exception.message", message),
		attribute.String("exception.stacktrace", string(debug.Stack())))
	r.s.log.Emit(r.ctx, rec)
}
