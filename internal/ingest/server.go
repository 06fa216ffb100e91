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
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/normalize"
	"errata/internal/otlp"
	"errata/internal/spool"
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
	// Spool takes what the database cannot; nil for none: then a sender is
	// refused while the database is away.
	Spool  *spool.Spool
	Logger *slog.Logger
	// Ready says why the collector cannot serve, or nil.
	Ready     func(ctx context.Context) error
	Metrics   http.Handler // GET /metrics
	OTLP      otlp.Options
	Retention time.Duration // 0 = 30 days
	Writers   int           // concurrent transactions; 0 = one for each processor
	Limits    Limits
	// MaxInflight is how many bytes requests may take at a time, bodies and what
	// they are decoded to; 0 = 512 MiB.
	MaxInflight   int64
	Meter         metric.MeterProvider
	OnServerError func(c *gin.Context, f *fault.Fault)
}

// Server is the collector's two listeners' worth of handlers.
type Server struct {
	deps     Deps
	norm     normalize.Normalizer
	batch    *batcher
	counter  *counter
	keep     *keeper // nil without a spool
	stop     func()  // ends the keeper and waits for it
	limits   *limiter
	refusals *refusals
	budget   *edge.Budget // for what is read, over HTTP and gRPC
	http     http.Handler
	grpc     *rpcServer
	count    counters
}

type counters struct {
	events, rejected, refused, spooled metric.Int64Counter
}

// New starts the writers. Close ends them.
func New(d Deps) (*Server, error) {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Meter == nil {
		d.Meter = noop.NewMeterProvider()
	}
	if d.MaxInflight <= 0 {
		d.MaxInflight = 512 << 20
	}
	s := &Server{deps: d, norm: normalize.Normalizer{Retention: d.Retention, Memo: normalize.NewMemo(maxMemo)}, stop: func() {}, limits: newLimiter(d.Limits), refusals: newRefusals(), budget: edge.NewBudget(d.MaxInflight)}
	if err := s.count.register(d.Meter.Meter("errata/ingest")); err != nil {
		return nil, err
	}
	sink, requests := d.Sink, d.Requests
	if d.Spool != nil {
		s.keep = newKeeper(d, &s.count)
		s.deps.Rejects, sink, requests = s.keep, s.keep, s.keep
		if err := s.keep.observe(d.Meter.Meter("errata/ingest")); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { s.keep.run(ctx) })
		s.stop = func() { cancel(); running.Wait() }
	}
	s.batch, s.counter = newBatcher(sink, d.Writers), newCounter(requests)
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
	if c.spooled, err = m.Int64Counter("errata.spooled", metric.WithDescription("Items acknowledged out of the spool because the database was away.")); err != nil {
		return err
	}
	c.refused, err = m.Int64Counter("errata.refused", metric.WithDescription("Items that the collector did not take, by reason and key."))
	return err
}

// HTTP is the handler of the HTTP port (4318).
func (s *Server) HTTP() http.Handler { return s.http }

// GRPC is the handler of the gRPC port (4317). It needs a server of HTTP/2.
func (s *Server) GRPC() http.Handler { return s.grpc }

// Close stops the intake and writes what is pending. The spool stays open: it
// belongs to who opened it.
func (s *Server) Close(ctx context.Context) error {
	err := errors.Join(s.batch.close(ctx), s.counter.close(ctx))
	s.grpc.grpc.Stop()
	s.stop()
	return err
}

// routes is the site map of the HTTP port.
func (s *Server) routes() http.Handler {
	r := edge.New(edge.Options{Service: "errata-collector", Logger: s.deps.Logger, OnServerError: s.deps.OnServerError})
	r.Use(edge.Bounded(s.budget))
	ingest := edge.Require(s.deps.Keys, auth.Ingest)
	r.POST("/v1/errors", ingest, edge.Handle(s.postErrors))
	r.POST("/v1/totals", ingest, edge.Handle(s.postTotals))
	r.POST("/v1/traces", s.otlpHTTP(s.exportTraces))
	r.POST("/v1/logs", s.otlpHTTP(s.exportLogs))
	r.POST("/v1/metrics", s.otlpHTTP(s.exportMetrics))
	r.GET("/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, health{Status: "ok"}) })
	r.GET("/readyz", edge.Handle(s.ready))
	if s.deps.Metrics != nil {
		r.GET("/metrics", gin.WrapH(s.deps.Metrics))
	}
	return r
}

type health struct {
	Status   string       `json:"status"`
	Database string       `json:"database,omitempty"` // "away" while the spool stands in
	Spool    *spoolHealth `json:"spool,omitempty"`
}

type spoolHealth struct {
	Bytes    int64       `json:"bytes"`
	MaxBytes int64       `json:"max_bytes"`
	Items    int64       `json:"items"`
	Aside    int         `json:"files_set_aside,omitempty"`
	Oldest   *event.Time `json:"oldest,omitempty"`
}

// ready says whether reports are taken: by the database, or by the spool.
func (s *Server) ready(c *gin.Context) error {
	h := health{Status: "ready"}
	var down error
	if s.deps.Ready != nil {
		ctx, cancel := context.WithTimeout(c.Request.Context(), liveTimeout)
		down = s.deps.Ready(ctx)
		cancel()
	}
	if s.keep != nil {
		stats, away := s.keep.stats()
		if !away.IsZero() { // it may answer and still take nothing, when it is read-only
			h.Database = "away"
		}
		h.Spool = &spoolHealth{Bytes: stats.Bytes, MaxBytes: s.deps.Spool.MaxBytes(), Items: stats.Items, Aside: stats.Aside}
		if !stats.Oldest.IsZero() {
			h.Spool.Oldest = &event.Time{Time: stats.Oldest}
		}
		if down != nil && stats.Bytes < s.deps.Spool.MaxBytes() {
			h.Database, down = "away", nil
		}
	}
	if down != nil {
		return fault.New(fault.Unavailable, "service_unavailable", "The collector can write neither to its database nor to a spool.").Retry(2 * time.Second).Because(down)
	}
	c.JSON(http.StatusOK, h)
	return nil
}

func byReason(reason string) metric.AddOption {
	return metric.WithAttributes(attribute.String("reason", reason))
}

// panicked carries a recovered value as an error.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }
