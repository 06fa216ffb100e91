package watch

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"errata/internal/notify"
	"errata/internal/store"
)

// Pulse says whether alerts are alive; *store.Store does.
type Pulse interface {
	FullPulse(ctx context.Context) (store.Pulse, error)
}

// Pinger gives a sign of life; *notify.Sender does.
type Pinger interface {
	Ping(ctx context.Context, to notify.Secret) error
}

// DeadManDeps is what a DeadMan needs. Meter may be nil.
type DeadManDeps struct {
	URL    notify.Secret
	Every  time.Duration
	Pulse  Pulse
	Pinger Pinger
	// Looked is when this process last looked for messages to send.
	Looked func() time.Time
	Meter  metric.MeterProvider
	Logger *slog.Logger
}

// DeadMan is a dead-man's switch: it gives signs of life to somebody outside, who
// tells people when they stop. It gives none while minutes are not judged or
// messages not sent, so that silence means that nobody would hear of anything.
//
// Each replica gives its own: as long as one of them sees that minutes are judged
// (by any), sends messages and reaches the outside, people would be told.
type DeadMan struct {
	DeadManDeps
	pings metric.Int64Counter
	last  metric.Float64Gauge
}

const (
	// judgedWithin is how old the last judged minute may be: it settles for half a
	// minute, and the next takes a minute to close.
	judgedWithin = 3 * time.Minute
	// sentWithin is how long a message may have waited that could be sent.
	sentWithin = 2 * time.Minute
	// lookedWithin is how long ago this process may have looked for messages.
	lookedWithin = time.Minute
	// againAfter is how soon it is tried again where it did not work.
	againAfter = 15 * time.Second
	// pulseTimeout bounds the question to the database.
	pulseTimeout = 10 * time.Second
)

// NewDeadMan makes one, which is silent until Run.
func NewDeadMan(deps DeadManDeps) (*DeadMan, error) {
	if deps.Meter == nil {
		deps.Meter = noop.NewMeterProvider()
	}
	d := &DeadMan{DeadManDeps: deps}
	meter := deps.Meter.Meter("errata/deadman")
	var err error
	if d.pings, err = meter.Int64Counter("errata_deadman_pings_total",
		metric.WithDescription("Signs of life by what came of them: sent, failed (not taken), held (not given, since alerts do not work).")); err != nil {
		return nil, err
	}
	d.last, err = meter.Float64Gauge("errata_deadman_last_ping_timestamp_seconds", metric.WithDescription("When the last sign of life was taken, Unix time."))
	return d, err
}

// Run gives signs of life until ctx ends.
func (d *DeadMan) Run(ctx context.Context) error {
	said := ""
	for {
		wait, why := d.Every, ""
		outcome, err := d.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		d.pings.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
		if err == nil {
			d.last.Record(ctx, float64(time.Now().Unix()))
		} else {
			wait, why = min(d.Every, againAfter), outcome
		}
		if why != said && err != nil {
			d.Logger.WarnContext(ctx, "no sign of life for the dead-man's switch", "outcome", outcome, "error", err)
		} else if why != said {
			d.Logger.InfoContext(ctx, "signs of life for the dead-man's switch again")
		}
		said = why
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// once gives a sign of life where there is any life.
func (d *DeadMan) once(ctx context.Context) (outcome string, err error) {
	if err := d.alive(ctx); err != nil {
		return "held", err
	}
	if err := d.Pinger.Ping(ctx, d.URL); err != nil {
		return "failed", err
	}
	return "sent", nil
}

// alive says why nobody would be told.
func (d *DeadMan) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pulseTimeout)
	defer cancel()
	p, err := d.Pulse.FullPulse(ctx)
	switch {
	case err != nil:
		return err
	case p.Judged.IsZero():
		return fmt.Errorf("no minute has been judged yet")
	case p.At.Sub(p.Judged) > judgedWithin:
		return fmt.Errorf("no minute was judged since %s", p.Judged.UTC().Format(time.RFC3339))
	case p.Overdue > sentWithin:
		return fmt.Errorf("a message has waited for %s to be sent", p.Overdue.Round(time.Second))
	case time.Since(d.Looked()) > lookedWithin:
		return fmt.Errorf("this process has not looked for messages to send for %s", time.Since(d.Looked()).Round(time.Second))
	}
	return nil
}
