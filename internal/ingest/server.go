// Package ingest takes failures in: POST /v1/errors, and OTLP over HTTP and
// gRPC. All ways lead through one pipeline: envelopes → normalize → group
// commit. The sender is answered when its items are committed.
//
// How many requests there were beside the failures comes in as POST /v1/totals,
// metrics and spans, and goes through a group commit of its own.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"google.golang.org/grpc"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/normalize"
	"errata/internal/otlp"
)

// Rejects keeps what was refused.
type Rejects interface {
	Reject(ctx context.Context, ws int32, rs []event.Rejection) error
}

// Deps is what a Server needs. Sink, Requests, Rejects and Keys are required.
type Deps struct {
	Sink     Sink
	Requests RequestSink
	Rejects  Rejects
	Keys     *auth.Keyring
	Logger   *slog.Logger
	// Ready says why the collector cannot serve, or nil.
	Ready         func(ctx context.Context) error
	Metrics       http.Handler // GET /metrics
	OTLP          otlp.Options
	Retention     time.Duration // 0 = 30 days
	Writers       int           // concurrent transactions; 0 = 4
	Meter         metric.MeterProvider
	OnServerError func(c *gin.Context, f *fault.Fault)
}

// Server is the collector's two listeners' worth of handlers.
type Server struct {
	deps    Deps
	norm    normalize.Normalizer
	batch   *batcher
	counter *counter
	http    http.Handler
	grpc    *grpc.Server
	count   counters
}

type counters struct {
	events, rejected, refused metric.Int64Counter
}

// New starts the writers. Close ends them.
func New(d Deps) (*Server, error) {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Meter == nil {
		d.Meter = noop.NewMeterProvider()
	}
	s := &Server{deps: d, norm: normalize.Normalizer{Retention: d.Retention}, batch: newBatcher(d.Sink, d.Writers),
		counter: newCounter(d.Requests)}
	if err := s.count.register(d.Meter.Meter("errata/ingest")); err != nil {
		return nil, err
	}
	s.http = s.routes()
	s.grpc = s.newGRPC()
	return s, nil
}

func (c *counters) register(m metric.Meter) (err error) {
	if c.events, err = m.Int64Counter("errata.events", metric.WithDescription("Items accepted, by service and family.")); err != nil {
		return err
	}
	if c.rejected, err = m.Int64Counter("errata.rejected", metric.WithDescription("Items rejected, by reason.")); err != nil {
		return err
	}
	c.refused, err = m.Int64Counter("errata.refused", metric.WithDescription("Requests refused because the collector could not take them."))
	return err
}

// HTTP is the handler of the HTTP port (4318).
func (s *Server) HTTP() http.Handler { return s.http }

// GRPC is the server of the gRPC port (4317).
func (s *Server) GRPC() *grpc.Server { return s.grpc }

// Close stops the intake and writes what is pending.
func (s *Server) Close(ctx context.Context) error {
	return errors.Join(s.batch.close(ctx), s.counter.close(ctx))
}

// routes is the site map of the HTTP port.
func (s *Server) routes() http.Handler {
	r := edge.New(edge.Options{Service: "errata-collector", Logger: s.deps.Logger, OnServerError: s.deps.OnServerError})
	ingest := edge.Require(s.deps.Keys, auth.Ingest)
	r.POST("/v1/errors", ingest, edge.Handle(s.postErrors))
	r.POST("/v1/totals", ingest, edge.Handle(s.postTotals))
	r.POST("/v1/traces", s.otlpHTTP(s.exportTraces))
	r.POST("/v1/logs", s.otlpHTTP(s.exportLogs))
	r.POST("/v1/metrics", s.otlpHTTP(s.exportMetrics))
	r.GET("/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, health{"ok"}) })
	r.GET("/readyz", edge.Handle(s.ready))
	if s.deps.Metrics != nil {
		r.GET("/metrics", gin.WrapH(s.deps.Metrics))
	}
	return r
}

type health struct {
	Status string `json:"status"`
}

func (s *Server) ready(c *gin.Context) error {
	if s.deps.Ready != nil {
		if err := s.deps.Ready(c.Request.Context()); err != nil {
			return fault.New(fault.Unavailable, "service_unavailable", "The collector cannot write to its database.").Retry(2 * time.Second).Because(err)
		}
	}
	c.JSON(http.StatusOK, health{"ready"})
	return nil
}

func byReason(reason string) metric.AddOption {
	return metric.WithAttributes(attribute.String("reason", reason))
}

// panicked carries a recovered value as an error.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }
