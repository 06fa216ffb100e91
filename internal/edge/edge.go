// Package edge is the HTTP plumbing that Errata's servers share: request IDs,
// one exit for errors, recovery, access log, authentication, and bodies that
// are bounded before and after decompression.
//
// A handler returns an error; Handle decides status, body and log level from
// its fault. Nothing else in the program writes an error response.
package edge

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/otel/trace"

	"errata/internal/auth"
	"errata/internal/fault"
)

// Handler is a request handler that may fail.
type Handler func(c *gin.Context) error

// Options configure an engine.
type Options struct {
	Service string // for spans
	Logger  *slog.Logger
	// OnServerError is told of every 5xx that this engine answers; may be nil.
	OnServerError func(c *gin.Context, f *fault.Fault)
	// WriteError replaces the JSON error body, e.g. by a page; may be nil. It
	// reports whether it wrote anything.
	WriteError func(c *gin.Context, f *fault.Fault) bool
}

const (
	optionsKey = "errata.edge.options"
	keyKey     = "errata.edge.key"
)

// New makes an engine with everything but routes.
func New(opt Options) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.UseRawPath = true
	r.UnescapePathValues = true
	if err := r.SetTrustedProxies(nil); err != nil {
		panic(err) // nil is always accepted
	}
	r.Use(func(c *gin.Context) { c.Set(optionsKey, &opt) }, requestID, otelgin.Middleware(opt.Service), traceHeaders, accessLog(opt.Logger), recovery, secure)
	r.NoRoute(Handle(func(c *gin.Context) error {
		return fault.New(fault.NotFound, "route_not_found", "There is nothing at %s %s.", c.Request.Method, clip(c.Request.URL.Path))
	}))
	r.NoMethod(Handle(func(c *gin.Context) error {
		return fault.New(fault.MethodNotAllowed, "method_not_allowed", "%s is not possible here; allowed: %s.", clip(c.Request.Method), c.Writer.Header().Get("Allow"))
	}))
	return r
}

func clip(s string) string {
	if len(s) > 200 {
		return strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// Handle adapts a Handler to Gin.
func Handle(h Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			Write(c, err)
		}
	}
}

func secure(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

// traceHeaders tells the caller which trace its request became.
func traceHeaders(c *gin.Context) {
	sc := trace.SpanContextFromContext(c.Request.Context())
	if !sc.IsValid() {
		return
	}
	flags := "00"
	if sc.IsSampled() {
		flags = "01"
	}
	value := "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + flags
	c.Header("traceresponse", value)
	c.Writer.Header().Add("Server-Timing", "trace;desc="+value)
}

// accessLog writes one line a request. Paths may carry IDs of customers, so it
// logs the route, never the path, the query, headers, or bodies.
func accessLog(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		c.Next()
		level := slog.LevelInfo
		switch route := c.FullPath(); {
		case c.Writer.Status() >= 500:
			level = slog.LevelError
		case route == "/healthz", route == "/readyz", route == "/metrics", strings.HasPrefix(route, "/static/"):
			level = slog.LevelDebug
		}
		log.LogAttrs(c.Request.Context(), level, "request",
			slog.String("method", clip(c.Request.Method)), slog.String("route", c.FullPath()), slog.Int("status", c.Writer.Status()),
			slog.Float64("duration_ms", float64(time.Since(start).Microseconds())/1000), slog.Int("bytes", c.Writer.Size()),
			slog.String("request_id", RequestID(c)))
	}
}

// recovery turns a panic into a 500; the stack goes to the log only.
func recovery(c *gin.Context) {
	defer func() {
		switch p := recover(); {
		case p == nil:
		case p == http.ErrAbortHandler: //nolint:errorlint // net/http's own sentinel, compared as it does
			panic(p)
		default:
			options(c).Logger.ErrorContext(c.Request.Context(), "panic in a handler", "panic", p, "route", c.FullPath(),
				"request_id", RequestID(c), "stack", string(debug.Stack()))
			Write(c, errors.New("panic in a handler"))
		}
	}()
	c.Next()
}

func options(c *gin.Context) *Options {
	if v, ok := c.Get(optionsKey); ok {
		if opt, ok := v.(*Options); ok {
			return opt
		}
	}
	return &Options{Logger: slog.New(slog.DiscardHandler)}
}

// Require lets a request through only with a key that may do what scope names.
func Require(keys *auth.Keyring, scope auth.Scope) gin.HandlerFunc {
	return func(c *gin.Context) {
		key, err := keys.Check(c.Request.Context(), auth.FromHeaders(c.GetHeader), scope)
		if err != nil {
			Write(c, err)
			return
		}
		SetKey(c, key)
	}
}

// Guard is Require for a group of routes, each with the scope that was decided for it.
func Guard(keys *auth.Keyring) gin.HandlerFunc {
	return func(c *gin.Context) { Require(keys, auth.Least(c.Request.Method, c.FullPath()))(c) }
}

// SetKey notes on whose behalf the request is made.
func SetKey(c *gin.Context, key auth.Key) { c.Set(keyKey, key) }

// Key is the key that Require let through; the zero Key without one.
func Key(c *gin.Context) auth.Key {
	if v, ok := c.Get(keyKey); ok {
		if key, ok := v.(auth.Key); ok {
			return key
		}
	}
	return auth.Key{}
}
