package watch

import (
	"context"
	"log/slog"
	"time"

	"errata/internal/store"
)

// Judge looks for incidents.
type Judge interface {
	EvaluateAlerts(ctx context.Context, now time.Time) (store.Evaluated, error)
}

// judgeEvery is how late a minute may be judged beyond the time it is left to
// settle. Most calls find that none has closed, and cost two statements.
const judgeEvery = 5 * time.Second

// Alerts judges what has closed until ctx ends; seen is told what each call came
// to, for metrics. A failure is logged when it begins and tried again: what was
// missed is caught up with.
func Alerts(ctx context.Context, j Judge, seen func(store.Evaluated, error), log *slog.Logger) error {
	told := func(e store.Evaluated, err error) {
		seen(e, err)
		if e.Gap > 0 {
			log.WarnContext(ctx, "some minutes were not judged, because nobody was there in time", "minutes", e.Gap)
		}
	}
	return judged(ctx, judgeEvery, j.EvaluateAlerts, told, func(err error) { log.WarnContext(ctx, "cannot look for incidents", "error", err) })
}

// judged repeats judging until ctx ends, at once the first time. failed is told of
// the first failure in a row.
func judged(ctx context.Context, every time.Duration, judge func(context.Context, time.Time) (store.Evaluated, error), seen func(store.Evaluated, error), failed func(error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		e, err := judge(ctx, time.Now())
		if ctx.Err() != nil {
			return nil
		}
		seen(e, err)
		if err != nil && !failing {
			failed(err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
