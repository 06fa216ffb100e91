// Package app wires the parts together and runs them: the one place that knows
// them all. The binaries and the end-to-end tests start the same App.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"errata/internal/api"
	"errata/internal/auth"
	"errata/internal/config"
	"errata/internal/desk"
	"errata/internal/fault"
	"errata/internal/ingest"
	"errata/internal/otlp"
	"errata/internal/spool"
	"errata/internal/store"
	"errata/internal/watch"
	"errata/internal/web"
)

// Role is a part of the product that a process can play.
type Role int

// The roles.
const (
	Collector Role = 1 << iota // takes failures in
	API                        // answers: JSON API and pages
	All       = Collector | API
)

// Version is what the program calls itself.
var Version = "dev"

// Options are what a caller decides beside the settings.
type Options struct {
	Role Role
	// Embedded lets a private PostgreSQL be started when no URL is given.
	Embedded bool
	Out      io.Writer // for the banner
	Logger   *slog.Logger
	// Started is called once everything listens; may be nil.
	Started func(*App) error
}

// App is the running product.
type App struct {
	cfg  config.Config
	opt  Options
	log  *slog.Logger
	db   *database
	tel  *telemetry
	self *selfReporter

	Store     *store.Store
	Keys      *auth.Keyring
	collector *ingest.Server
	spool     *spool.Spool // nil for none
	courier   *watch.Courier
	desk      *desk.Desk
	deadman   *watch.DeadMan // nil for none
	// unprepared: the database was away at the start.
	unprepared bool
	// keyed: secrets of channels are encrypted.
	keyed bool

	// Where it listens, once started; empty for roles that it does not play.
	HTTPAddr, OTLPHTTPAddr, OTLPGRPCAddr string
	// IngestKey and LoginURL are what the banner shows.
	IngestKey, LoginURL string

	listeners []net.Listener
	serving   []serving
}

// serving is a server with the way to run and to stop it.
type serving struct {
	run  func() error
	stop func(ctx context.Context) error
}

// stopTimeout bounds an orderly end.
const stopTimeout = 20 * time.Second

// Run starts the roles and serves until ctx ends or something breaks. Errors
// are one clear line each.
func Run(ctx context.Context, cfg config.Config, opt Options) (err error) {
	a := &App{cfg: cfg, opt: opt, log: opt.Logger}
	if opt.Role&Collector != 0 {
		paceGC(cfg.MaxInflightMB, statsCache(opt.Role, cfg.RollupCacheMB))
	}
	defer func() { err = errors.Join(err, a.shutdown()) }()
	if err := a.start(ctx); err != nil {
		return err
	}
	if err := a.announce(ctx); err != nil {
		return err
	}
	if opt.Started != nil {
		if err := opt.Started(a); err != nil {
			return err
		}
	}
	return a.serve(ctx)
}

func (a *App) start(ctx context.Context) (err error) {
	// The ports first: it is the cheapest thing to fail.
	lis, err := a.listen()
	if err != nil {
		return err
	}
	if a.tel, err = newTelemetry(ctx, a.cfg, a.log); err != nil {
		return err
	}
	a.log = a.tel.log
	if a.db, err = openDatabase(ctx, a.cfg, a.opt.Embedded, a.log); err != nil {
		return err
	}
	a.Keys = auth.NewKeyring(func(ctx context.Context, hash []byte) (auth.Key, error) { return a.Store.KeyByHash(ctx, hash) }, 0)
	known, err := a.openSpool()
	if err != nil {
		return err
	}
	// A collector that served before can do so again while the database is
	// away: it knows keys, and has a spool.
	mayWait := a.opt.Role == Collector && known > 0
	keys, err := secretKeys(a.cfg, a.db)
	if err != nil {
		return err
	}
	a.keyed = keys.Current() != ""
	a.Store, err = store.Open(ctx, store.Options{URL: a.db.appURL, MaxConns: a.cfg.DatabaseConns, ExecMode: a.cfg.DatabaseMode, PollOnly: !a.cfg.DatabaseListen,
		Retention: a.retention(), StatsAge: 2 * time.Second, StatsCache: statsCache(a.opt.Role, a.cfg.RollupCacheMB), Logger: a.log, Tracer: a.tel.queries, MayWait: mayWait, Keys: keys, SegmentRows: a.cfg.SegmentEvents})
	if err != nil {
		return err
	}
	if err := a.prepare(ctx); err != nil {
		if !mayWait || !fault.Is(err, fault.Unavailable) {
			return err
		}
		a.log.Warn("the database is away; starting with the spool", "error", err)
		a.unprepared = true
	}
	a.self = newSelfReporter(a.Store, a.log)
	if a.opt.Role&API != 0 {
		if err := a.tel.measureJobs(a.Store); err != nil {
			return err
		}
		if err := a.hireCourier(); err != nil {
			return err
		}
		a.sealChannels(ctx)
	}
	return a.wire(lis)
}

// prepare sees to the database before it is used.
func (a *App) prepare(ctx context.Context) error {
	if err := watch.Prepare(ctx, a.Store, time.Now()); err != nil {
		return err
	}
	return a.bootstrapKeys(ctx)
}

// prepareLater does so as soon as the database is there.
func (a *App) prepareLater(ctx context.Context) error {
	for a.unprepared {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		if err := a.prepare(ctx); err == nil {
			a.unprepared = false
		} else if !fault.Is(err, fault.Unavailable) {
			a.log.Error("the database cannot be prepared", "error", err)
		}
	}
	return nil
}

// wire makes the servers of the roles.
func (a *App) wire(lis listeners) (err error) {
	if a.opt.Role&Collector != 0 {
		a.collector, err = ingest.New(ingest.Deps{
			Sink: a.Store, Requests: a.Store, Rejects: a.Store, Keys: a.Keys, Spool: a.spool, Logger: a.log, Ready: a.Store.Ping, Metrics: a.tel.metrics, Meter: a.tel.meters,
			OTLP:      otlp.Options{RequestIDKeys: a.cfg.RequestIDKeys, CustomerKeys: a.cfg.CustomerKeys, DefaultEnvironment: a.cfg.DefaultEnvironment},
			Retention: a.cfg.Retention(), OnServerError: a.self.report, MaxInflight: a.cfg.MaxInflightMB << 20,
			Limits: ingest.Limits{KeyEvents: a.cfg.KeyEvents, KeyBytes: a.cfg.KeyBytes, ServiceEvents: a.cfg.ServiceEvents, ServiceBytes: a.cfg.ServiceBytes},
		})
		if err != nil {
			return err
		}
		a.serveHTTP(netutil.LimitListener(lis.otlpHTTP, a.cfg.MaxConns), a.collector.HTTP())
		a.serveGRPC(netutil.LimitListener(lis.otlpGRPC, a.cfg.MaxConns), a.collector.GRPC())
	}
	if a.opt.Role&API != 0 {
		a.serveHTTP(lis.http, a.pages())
	}
	return nil
}

// pages is the handler of the API's port: the JSON API, and the web UI for
// everything else.
func (a *App) pages() http.Handler {
	mux := http.NewServeMux()
	json := api.New(api.Deps{Store: a.Store, Keys: a.Keys, Logger: a.log, Metrics: a.tel.metrics, Ready: a.Store.Ping, Version: Version, SLO: a.cfg.SLO, Courier: a.courier, Desk: a.desk, OnServerError: a.self.report})
	for _, path := range []string{"/v1/", "/openapi.json", "/healthz", "/readyz", "/metrics"} {
		mux.Handle(path, json)
	}
	mux.Handle("/integrations/", a.desk)
	mux.Handle("/embed/", a.desk)
	mux.Handle("/", web.New(web.Deps{Store: a.Store, Keys: a.Keys, Sessions: a.Store.Sessions(), Logger: a.log, Version: Version,
		CollectorURL: "http://" + shown(a.cfg.OTLPHTTPAddr), SLO: a.cfg.SLO, Courier: a.courier, Desk: a.desk, PublicURL: a.cfg.PublicURL, OnServerError: a.self.report}))
	// ServeMux would redirect paths with "//" or ".." in them; IDs may have
	// such, so only the prefix decides.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe := *r
		h, _ := mux.Handler(clean(&probe))
		h.ServeHTTP(w, r)
	})
}

// serve runs the servers until ctx ends or one of them fails.
func (a *App) serve(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range a.serving {
		group.Go(s.run)
	}
	if a.opt.Role&API != 0 {
		group.Go(func() error { return watch.RollUp(ctx, a.Store, a.log) })
		group.Go(func() error { return watch.Issues(ctx, a.Store, a.log) })
		group.Go(func() error { return watch.Requests(ctx, a.Store, a.log) })
		group.Go(func() error { return a.Store.RecordLooks(ctx) })
		group.Go(func() error { return a.judge(ctx) })
		group.Go(func() error { return a.watchSelf(ctx) })
		group.Go(func() error { return a.courier.Deliver(ctx) })
		group.Go(func() error { return a.courier.Refresh(ctx) })
	}
	group.Go(func() error { return a.runJobs(ctx) })
	group.Go(func() error { return a.self.run(ctx) })
	group.Go(func() error { return a.prepareLater(ctx) })
	group.Go(func() error { return a.heartbeat(ctx) })
	group.Go(func() error { return a.db.watch(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		a.log.Info("stopping")
		return a.stopServers()
	})
	return group.Wait()
}

// stopServers ends the intake and writes what is pending. Shutdown's error
// only says that somebody did not hang up in time.
func (a *App) stopServers() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout/2)
	defer cancel()
	for _, s := range a.serving {
		if err := s.stop(ctx); err != nil {
			a.log.Warn("a server did not stop in time", "error", err)
		}
	}
	a.serving = nil
	if a.desk != nil {
		a.desk.Close(ctx)
	}
	if a.collector == nil {
		return nil
	}
	return a.collector.Close(ctx)
}

// shutdown releases everything, in the reverse order of start.
func (a *App) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for _, l := range a.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.Store != nil {
		a.Store.Close()
	}
	if a.spool != nil {
		errs = append(errs, a.spool.Close())
	}
	if a.tel != nil {
		a.tel.shutdown(ctx)
	}
	if a.db != nil {
		errs = append(errs, a.db.stop())
	}
	return errors.Join(errs...)
}

type listeners struct{ http, otlpHTTP, otlpGRPC net.Listener }

// listen takes the ports of the roles.
func (a *App) listen() (lis listeners, err error) {
	take := func(role Role, addr, flag string, shown *string) net.Listener {
		if err != nil || a.opt.Role&role == 0 {
			return nil
		}
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err != nil {
			err = explainListen(addr, flag, err)
			return nil
		}
		a.listeners = append(a.listeners, l)
		*shown = l.Addr().String()
		return l
	}
	lis.http = take(API, a.cfg.HTTPAddr, "--http-addr", &a.HTTPAddr)
	lis.otlpHTTP = take(Collector, a.cfg.OTLPHTTPAddr, "--otlp-http-addr", &a.OTLPHTTPAddr)
	lis.otlpGRPC = take(Collector, a.cfg.OTLPGRPCAddr, "--otlp-grpc-addr", &a.OTLPGRPCAddr)
	return lis, err
}

func explainListen(addr, flag string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("the address %s is taken by another program (or another Errata); stop it, or choose another with %s", addr, flag)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("the address %s may not be used without privileges; choose a port above 1023 with %s", addr, flag)
	default:
		return fmt.Errorf("cannot listen on %s (%s): %w", addr, flag, err)
	}
}

func (a *App) serveHTTP(l net.Listener, h http.Handler) { a.serveOn(l, a.newHTTPServer(h)) }

const (
	// rpcStreams are the calls of one gRPC connection at a time; more wait.
	rpcStreams = 256
	// rpcWindow is how much of a connection's, and of a call's, message may
	// arrive before anybody reads it.
	rpcWindow = 256 << 10
)

// serveGRPC serves HTTP/2 without TLS.
func (a *App) serveGRPC(l net.Listener, h http.Handler) {
	srv := a.newHTTPServer(h)
	srv.IdleTimeout = 15 * time.Minute
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetUnencryptedHTTP2(true)
	srv.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: rpcStreams, MaxReceiveBufferPerConnection: rpcWindow, MaxReceiveBufferPerStream: rpcWindow,
		SendPingTimeout: 2 * time.Minute, PingTimeout: 20 * time.Second}
	a.serveOn(l, srv)
}

func (a *App) newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 60 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug)}
}

func (a *App) serveOn(l net.Listener, srv *http.Server) {
	a.serving = append(a.serving, serving{
		run: func() error {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		},
		stop: func(ctx context.Context) error {
			if err := srv.Shutdown(ctx); err != nil {
				return errors.Join(err, srv.Close())
			}
			return nil
		},
	})
}
