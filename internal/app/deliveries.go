package app

import (
	"context"
	"fmt"
	"net/url"

	"go.opentelemetry.io/otel/metric"

	"errata/internal/desk"
	"errata/internal/notify"
	"errata/internal/store"
	"errata/internal/watch"
)

// hireCourier makes who brings messages to channels, where there is an API.
func (a *App) hireCourier() error {
	allow, err := notify.ParseAllow(a.cfg.AlertAllowAddresses)
	if err != nil {
		return fmt.Errorf("ERRATA_ALERT_ALLOW_ADDRESSES: %w", err)
	}
	opt := notify.Options{Allow: allow, Version: Version}
	if a.cfg.AlertProxy != "" {
		if opt.Proxy, err = url.Parse(a.cfg.AlertProxy); err != nil {
			return err // config has looked at it
		}
	}
	sender := notify.New(opt)
	a.courier, err = watch.NewCourier(watch.CourierDeps{Store: a.Store, Sender: sender, Logger: a.log, Meter: a.tel.meters, BaseURL: a.cfg.PublicURL})
	if err != nil {
		return err
	}
	a.desk = desk.New(desk.Deps{Store: a.Store, Sender: sender, Logger: a.log, PublicURL: a.cfg.PublicURL, OnServerError: a.self.report})
	if err := a.armDeadMan(sender); err != nil {
		return err
	}
	return a.tel.measureDeliveries(a.Store)
}

// measureDeliveries shows how deliveries are doing: every replica, of all of them.
func (t *telemetry) measureDeliveries(s *store.Store) error {
	meter := t.meters.Meter("errata/deliveries")
	var gauges [4]metric.Float64ObservableGauge
	for i, g := range []struct{ name, what string }{
		{"errata_deliveries_waiting", "Messages to channels that wait: for their time, for another attempt, or for a digest."},
		{"errata_deliveries_overdue_seconds", "How long the message has waited that could have been sent first; more than some seconds: nobody delivers."},
		{"errata_deliveries_dead", "Messages of the last day that did not arrive and are not tried again."},
		{"errata_channels_failing", "Channels whose last attempt failed."},
	} {
		var err error
		if gauges[i], err = meter.Float64ObservableGauge(g.name, metric.WithDescription(g.what)); err != nil {
			return err
		}
	}
	_, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, measureTimeout)
		defer cancel()
		d, err := s.DeliveryStats(ctx)
		if err != nil {
			t.log.DebugContext(ctx, "cannot measure deliveries", "error", err)
			return nil // the other metrics are worth having
		}
		for i, v := range []float64{float64(d.Waiting), d.Overdue.Seconds(), float64(d.Dead), float64(d.Channels)} {
			o.ObserveFloat64(gauges[i], v)
		}
		return nil
	}, gauges[0], gauges[1], gauges[2], gauges[3])
	return err
}
