package app

import (
	"context"

	"go.opentelemetry.io/otel/metric"

	"errata/internal/store"
	"errata/internal/watch"
)

// judge looks for incidents, and measures how that goes.
func (a *App) judge(ctx context.Context) error {
	meter := a.tel.meters.Meter("errata/alerts")
	took, err := meter.Float64Histogram("errata_alert_tick_seconds", metric.WithUnit("s"), metric.WithDescription("How long it took to judge the minutes that had closed."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		return err
	}
	upto, err := meter.Float64Gauge("errata_alert_judged_timestamp_seconds", metric.WithDescription("The end of the last minute that was judged, Unix time."))
	if err != nil {
		return err
	}
	minutes, err := meter.Int64Counter("errata_alert_minutes_total", metric.WithDescription("Minutes that were judged."))
	if err != nil {
		return err
	}
	missed, err := meter.Int64Counter("errata_alert_missed_minutes_total", metric.WithDescription("Minutes that nobody judged, because nobody was there for too long."))
	if err != nil {
		return err
	}
	return watch.Alerts(ctx, a.Store, func(e store.Evaluated, err error) {
		if err != nil || e.Busy {
			return
		}
		upto.Record(ctx, float64(e.Upto.Unix()))
		missed.Add(ctx, int64(e.Gap))
		if e.Minutes > 0 {
			minutes.Add(ctx, int64(e.Minutes))
			took.Record(ctx, e.Took.Seconds())
		}
	}, a.log)
}
