// Package seed makes living traffic: a handful of simulated services that
// report through the real OpenTelemetry SDK and through POST /v1/errors, with
// traces that cross services, retries, a deploy, and an incident. It is what
// `errata demo` shows.
package seed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"
)

// Options say where to report to.
type Options struct {
	CollectorURL string // http://host:4318
	Key          string // with the ingest scope
	PageURL      string // where people look; for what is printed
	Out          io.Writer
	Logger       *slog.Logger
	// History is how far back the first reports go; 0 = 6 h.
	History time.Duration
	// Rounds ends the traffic after so many rounds; 0 = never.
	Rounds int
	// Pace is the pause between rounds; 0 = 700 ms.
	Pace time.Duration
}

// world is the simulated company.
type world struct {
	opt      Options
	rand     *rand.Rand
	http     *reporter
	services map[string]*service
	started  time.Time
}

// Run reports until ctx ends or the rounds are over. It first reports some
// history and three requests worth looking up, and prints their IDs.
func Run(ctx context.Context, opt Options) (err error) {
	if opt.History == 0 {
		opt.History = 6 * time.Hour
	}
	if opt.Pace == 0 {
		opt.Pace = 700 * time.Millisecond
	}
	w := &world{opt: opt, rand: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 7)), //nolint:gosec // simulated traffic
		http: newReporter(opt.CollectorURL, opt.Key), services: map[string]*service{}, started: time.Now()}
	for _, name := range []string{"gateway", "billing", "prompts"} {
		if w.services[name], err = newService(ctx, opt, name, "2026.11.20-3"); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.history(ctx); err != nil {
		return err
	}
	if err := w.showpieces(ctx); err != nil {
		return err
	}
	return w.live(ctx)
}

// close flushes what the SDKs still hold.
func (w *world) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	for _, s := range w.services {
		if err := s.shutdown(ctx); err != nil {
			w.opt.Logger.Debug("a simulated service did not flush", "service", s.name, "error", err)
		}
	}
	return nil
}

// showpieces are the three requests that the demo names.
func (w *world) showpieces(ctx context.Context) error {
	provider := w.providerLimit(ctx, "initech")
	limited, err := w.rateLimited(ctx, "acme", time.Now().Add(-12*time.Minute))
	if err != nil {
		return err
	}
	broken := w.brokenCharge(ctx, "globex")
	for _, s := range w.services {
		if err := s.flush(ctx); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w.opt.Out, "Three requests worth looking up (paste an ID on %s):\n\n"+
		"  %s   502 at the gateway; whose fault is it really?\n"+
		"  %s   429: may the customer try again yet?\n"+
		"  %s   500 in billing, after a retry, with a stack trace\n\n", w.opt.PageURL, provider, limited, broken)
	return err
}

// live goes on as a company does: mostly small trouble, then a deploy that
// breaks charges for a while.
func (w *world) live(ctx context.Context) error {
	tick := time.NewTicker(w.opt.Pace)
	defer tick.Stop()
	for round := 0; w.opt.Rounds == 0 || round < w.opt.Rounds; round++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := w.round(ctx); err != nil && ctx.Err() == nil {
			w.opt.Logger.Warn("a simulated report failed", "error", err)
		}
	}
	return nil
}

const (
	deployAfter  = 2 * time.Minute
	incidentEnds = 8 * time.Minute
	cycle        = 30 * time.Minute
)

// incident reports whether the broken release is out just now.
func (w *world) incident() bool {
	age := time.Since(w.started) % cycle
	return age > deployAfter && age < incidentEnds
}

func (w *world) round(ctx context.Context) error {
	release := "2026.11.20-3"
	if time.Since(w.started) > deployAfter {
		release = "2026.11.21-1"
	}
	w.services["billing"].release = release
	customer := w.pick("acme", "globex", "initech", "umbrella", "hooli", "stark")
	if w.incident() && w.rand.IntN(3) > 0 {
		w.poolExhausted(ctx, customer)
		return nil
	}
	switch w.rand.IntN(9) {
	case 0:
		w.providerLimit(ctx, customer)
	case 1, 2:
		_, err := w.rateLimited(ctx, "acme", time.Now().Add(-10*time.Second))
		return err
	case 3:
		w.brokenCharge(ctx, customer)
	case 4:
		return w.http.send(ctx, w.validation(customer, time.Now()))
	case 5:
		return w.http.send(ctx, w.quota(customer, time.Now()))
	case 6:
		return w.http.send(ctx, w.unauthorized(customer, time.Now()))
	case 7:
		return w.http.send(ctx, w.searchTimeout(customer, time.Now()))
	default:
		w.fine(ctx, customer)
	}
	return nil
}

// history reports the hours before the demo began, in batches.
func (w *world) history(ctx context.Context) error {
	var reports []report
	for i := range 300 {
		at := time.Now().Add(-time.Duration(w.rand.Int64N(int64(w.opt.History))))
		customer := w.pick("acme", "globex", "initech", "umbrella", "hooli", "stark")
		make := []func(string, time.Time) report{w.validation, w.quota, w.unauthorized, w.searchTimeout, w.notFound, w.limitReport}[i%6]
		reports = append(reports, make(customer, at))
	}
	return w.http.send(ctx, reports...)
}

func (w *world) pick(from ...string) string { return from[w.rand.IntN(len(from))] }

const letters = "abcdefghijkmnpqrstuvwxyz23456789"

// id makes a request ID such as services do.
func (w *world) id() string {
	var b strings.Builder
	b.WriteString("req_")
	for range 16 {
		b.WriteByte(letters[w.rand.IntN(len(letters))])
	}
	return b.String()
}
