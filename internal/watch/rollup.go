package watch

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"errata/internal/store"
)

// Rollups makes blocks of what was counted.
type Rollups interface {
	RollUp(ctx context.Context, now time.Time) (store.Rolled, error)
	CompactMinutes(ctx context.Context, now time.Time) ([]time.Time, error)
}

// rollEvery is how long late data may wait for its place in an hour that is
// over. What happens now is read without blocks.
const rollEvery = 10 * time.Second

// compactEvery is after how many rounds old minutes are looked for.
const compactEvery = 60

// RollUp repeats the work until ctx ends, at once the first time. A failure is
// logged when it begins and tried again: nothing is lost, pages only read more.
func RollUp(ctx context.Context, r Rollups, log *slog.Logger) error {
	tick := time.NewTicker(rollEvery)
	defer tick.Stop()
	failing := false
	for round := 0; ; round++ {
		_, err := r.RollUp(ctx, time.Now())
		if round%compactEvery == 0 { // also where an hour fails: its day is left alone
			_, other := r.CompactMinutes(ctx, time.Now())
			err = cmp.Or(err, other)
		}
		if err != nil && !failing && ctx.Err() == nil {
			log.WarnContext(ctx, "cannot roll up", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
