package watch

import (
	"context"
	"log/slog"
	"time"
)

// Waker opens issues that have been ignored long enough.
type Waker interface {
	WakeIssues(ctx context.Context) (int64, error)
}

// wakeEvery is how late an issue may come back.
const wakeEvery = time.Minute

// Issues wakes them until ctx ends. A failure is logged and tried again next
// time.
func Issues(ctx context.Context, w Waker, log *slog.Logger) error {
	tick := time.NewTicker(wakeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if _, err := w.WakeIssues(ctx); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "cannot open issues that were ignored", "error", err)
			}
		}
	}
}
