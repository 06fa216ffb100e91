package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/parcel"
	"errata/internal/spool"
)

// liveTimeout is how long a live batch waits for the database before it goes to
// the spool: senders give up after ten seconds in all.
const liveTimeout = 3 * time.Second

// keeper is a Sink that acknowledges without the database: what cannot be
// written now goes into the spool, durably, and from there, in order, into the
// database when it is back. New batches do not wait behind that.
//
// Writing twice is harmless, because the sink recognises what it has; so a
// batch of which nobody knows whether it was committed goes to the spool as
// well.
type keeper struct {
	sink    Sink
	counts  RequestSink
	rejects Rejects
	spool   *spool.Spool
	probe   func(context.Context) error // nil when the database answers
	log     *slog.Logger
	count   *counters

	mu    sync.Mutex
	since time.Time     // the database is away since; zero when it is there
	last  time.Duration // how long it was away the last time
	wake  chan struct{}

	head         holdup    // these belong to run
	reconsidered time.Time // when what stands aside had its last try
}

func newKeeper(d Deps, count *counters) *keeper {
	return &keeper{sink: d.Sink, counts: d.Requests, rejects: d.Rejects, spool: d.Spool, probe: d.Ready, log: d.Logger, count: count, wake: make(chan struct{}, 1)}
}

// Write stores Parts, or keeps them.
func (k *keeper) Write(ctx context.Context, parts []identity.Part) ([]identity.Outcome, error) {
	if k.awaySince().IsZero() {
		live, cancel := context.WithTimeout(ctx, liveTimeout)
		outs, err := k.sink.Write(live, parts)
		late := live.Err() != nil
		cancel()
		if err == nil || (!late && !fault.Is(err, fault.Unavailable)) {
			return outs, err
		}
		k.lost(err)
	}
	if err := k.keep(ctx, parcel.Parcel{Parts: parts}, len(parts)); err != nil {
		return nil, err
	}
	outs := make([]identity.Outcome, len(parts))
	for i := range parts {
		outs[i] = identity.Outcome{Verdict: identity.Accepted, EventID: parts[i].Event.ID}
	}
	return outs, nil
}

// Reject records what was refused, or keeps the record.
func (k *keeper) Reject(ctx context.Context, ws int32, rs []event.Rejection) error {
	if k.awaySince().IsZero() {
		live, cancel := context.WithTimeout(ctx, liveTimeout)
		err := k.rejects.Reject(live, ws, rs)
		late := live.Err() != nil
		cancel()
		if err == nil || (!late && !fault.Is(err, fault.Unavailable)) {
			return err
		}
		k.lost(err)
	}
	return k.keep(ctx, parcel.Parcel{Workspace: ws, Rejections: rs}, len(rs))
}

// CountRequests adds request totals, or keeps them.
func (k *keeper) CountRequests(ctx context.Context, rs []event.Requests) error {
	if k.awaySince().IsZero() {
		live, cancel := context.WithTimeout(ctx, liveTimeout)
		err := k.counts.CountRequests(live, rs)
		late := live.Err() != nil
		cancel()
		if err == nil || (!late && !fault.Is(err, fault.Unavailable)) {
			return err
		}
		k.lost(err)
	}
	return k.keep(ctx, parcel.Parcel{Requests: rs}, len(rs))
}

func (k *keeper) keep(ctx context.Context, what parcel.Parcel, items int) error {
	payload, err := what.Pack()
	if err != nil {
		return err
	}
	err = k.spool.Append(payload, items)
	switch {
	case err == nil:
		k.count.spooled.Add(ctx, int64(items))
		select {
		case k.wake <- struct{}{}:
		default:
		}
		return nil
	case errors.Is(err, spool.ErrFull):
		return fault.New(fault.Unavailable, "service_unavailable", "The database is away and the spool is full. Retry shortly.").Retry(2 * time.Second).Because(err)
	default:
		return fault.New(fault.Unavailable, "service_unavailable", "The database is away and the spool cannot be written. Retry shortly.").Retry(2 * time.Second).Because(err)
	}
}

func (k *keeper) awaySince() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.since
}

func (k *keeper) lost(cause error) {
	k.mu.Lock()
	first := k.since.IsZero()
	if first {
		k.since = time.Now()
	}
	k.mu.Unlock()
	if first {
		k.log.Warn("the database is away; what comes in is kept in the spool", "error", cause)
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
}

func (k *keeper) back() {
	k.mu.Lock()
	since := k.since
	k.since = time.Time{}
	if !since.IsZero() {
		k.last = time.Since(since)
	}
	k.mu.Unlock()
	if !since.IsZero() {
		k.log.Info("the database is back", "after", time.Since(since).Round(time.Millisecond), "spooled_items", k.spool.Stats().Items)
	}
}

// stats tells how full the spool is, and since when the database is away.
func (k *keeper) stats() (spool.Stats, time.Time) { return k.spool.Stats(), k.awaySince() }

// observe shows depth and age of the spool in the metrics.
func (k *keeper) observe(m metric.Meter) error {
	gauges := []struct {
		name, unit, about string
		value             func(spool.Stats, time.Time) float64
	}{
		{"errata.spool.size", "By", "Bytes in the spool.", func(s spool.Stats, _ time.Time) float64 { return float64(s.Bytes) }},
		{"errata.spool.items", "{item}", "Items in the spool.", func(s spool.Stats, _ time.Time) float64 { return float64(s.Items) }},
		{"errata.spool.damaged", "{record}", "Records of the spool that could not be read back.", func(s spool.Stats, _ time.Time) float64 { return float64(s.Damaged) }},
		{"errata.spool.aside", "{file}", "Files with what was set aside because it could not be dealt with.", func(s spool.Stats, _ time.Time) float64 { return float64(s.Aside) }},
		{"errata.spool.age", "s", "Age of the oldest record in the spool.", func(s spool.Stats, _ time.Time) float64 { return ago(s.Oldest) }},
		{"errata.database.away", "s", "How long the database has been away; 0 while it is there.", func(_ spool.Stats, away time.Time) float64 { return ago(away) }},
	}
	for _, g := range gauges {
		_, err := m.Float64ObservableGauge(g.name, metric.WithUnit(g.unit), metric.WithDescription(g.about),
			metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
				o.Observe(g.value(k.stats()))
				return nil
			}))
		if err != nil {
			return err
		}
	}
	return nil
}

func ago(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return time.Since(t).Seconds()
}
