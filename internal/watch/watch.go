// Package watch does what has to happen every now and then: partitions ahead
// of time, and expired sessions out of the way. Every step can run on several
// replicas at once without harm.
package watch

import (
	"context"
	"log/slog"
	"time"
)

// Partitions makes the daily partitions of a span of days.
type Partitions interface {
	EnsurePartitions(ctx context.Context, from, to time.Time) error
}

// Sessions forgets what has expired.
type Sessions interface {
	Sweep(ctx context.Context) error
}

const (
	every = time.Hour
	// ahead covers senders whose clocks are up to a day ahead, and a long
	// week-end without us.
	ahead = 4 * 24 * time.Hour
)

// Prepare makes the partitions from yesterday to some days ahead.
func Prepare(ctx context.Context, p Partitions, now time.Time) error {
	return p.EnsurePartitions(ctx, now.Add(-24*time.Hour), now.Add(ahead))
}

// Run repeats the work every hour until ctx ends. A failure is logged and
// tried again next time: there are days to spare.
func Run(ctx context.Context, p Partitions, s Sessions, log *slog.Logger) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := Prepare(ctx, p, now); err != nil {
				log.ErrorContext(ctx, "cannot make partitions", "error", err)
			}
			if err := s.Sweep(ctx); err != nil {
				log.WarnContext(ctx, "cannot sweep sessions", "error", err)
			}
		}
	}
}
