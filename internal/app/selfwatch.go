package app

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/errgroup"

	"errata/internal/notify"
	"errata/internal/store"
	"errata/internal/watch"
)

// watchSelf looks at Errata itself, and gives signs of life where somebody waits
// for them.
func (a *App) watchSelf(ctx context.Context) error {
	meter := a.tel.meters.Meter("errata/self")
	looked, err := meter.Float64Gauge("errata_self_watched_timestamp_seconds", metric.WithDescription("When this process last looked at Errata itself, Unix time; of several processes one does at a time."))
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return watch.Self(ctx, a.Store, func(e store.Evaluated, err error) {
			if err == nil && !e.Busy {
				looked.Record(ctx, float64(time.Now().Unix()))
			}
		}, a.log)
	})
	if a.deadman != nil {
		group.Go(func() error { return a.deadman.Run(ctx) })
	}
	return group.Wait()
}

// armDeadMan makes the dead-man's switch, where there is a URL for it.
func (a *App) armDeadMan(sender *notify.Sender) (err error) {
	if a.cfg.DeadmanURL == "" {
		return nil
	}
	to := notify.NewSecret(a.cfg.DeadmanURL)
	if err := sender.CheckPing(to); err != nil {
		return fmt.Errorf("ERRATA_DEADMAN_URL %w", err)
	}
	a.deadman, err = watch.NewDeadMan(watch.DeadManDeps{URL: to, Every: a.cfg.DeadmanInterval, Pulse: a.Store, Pinger: sender, Looked: a.courier.Looked, Meter: a.tel.meters, Logger: a.log})
	return err
}
