package app

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"errata/internal/store"
	"errata/internal/watch"
)

// runJobs takes part in what has to happen every now and then, where there is an
// API: a collector does nothing but collect.
func (a *App) runJobs(ctx context.Context) error {
	if a.opt.Role&API == 0 {
		return nil
	}
	return a.Store.RunJobs(ctx, watch.Jobs(a.Store, a.Store.Sessions(), a.Store))
}

// retention is the settings, as the store takes them.
func (a *App) retention() store.Retention {
	return store.Retention{Events: a.cfg.RetentionDays, Bodies: a.cfg.RetentionBodies, Rollups: a.cfg.RetentionRollups,
		IDs: a.cfg.RetentionIDs, Rejections: a.cfg.RetentionRejections, Audit: a.cfg.RetentionAudit}
}

// measureTimeout keeps a slow database from holding up /metrics.
const measureTimeout = 2 * time.Second

// measureJobs shows how the jobs are doing: every replica, of all of them.
func (t *telemetry) measureJobs(s *store.Store) error {
	meter := t.meters.Meter("errata/jobs")
	last, err := meter.Float64ObservableGauge("errata_job_last_success_timestamp_seconds", metric.WithDescription("When the job last succeeded, Unix time."))
	if err != nil {
		return err
	}
	age, err := meter.Float64ObservableGauge("errata_job_age_seconds", metric.WithDescription("How long ago the job succeeded, or became known."))
	if err != nil {
		return err
	}
	behind, err := meter.Int64ObservableGauge("errata_job_behind", metric.WithDescription("1 where the job has not succeeded for three of its periods."))
	if err != nil {
		return err
	}
	failures, err := meter.Int64ObservableCounter("errata_job_failures_total", metric.WithDescription("Runs of the job that failed."))
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, measureTimeout)
		defer cancel()
		runs, err := s.JobRuns(ctx)
		if err != nil {
			t.log.DebugContext(ctx, "cannot measure jobs", "error", err)
			return nil // the other metrics are worth having
		}
		for _, r := range runs {
			job := metric.WithAttributes(attribute.String("job", r.Name))
			if r.SucceededAt != nil {
				o.ObserveFloat64(last, float64(r.SucceededAt.UnixMilli())/1000, job)
			}
			o.ObserveFloat64(age, r.AgeSeconds, job)
			o.ObserveInt64(failures, r.Failures, job)
			late := int64(0)
			if r.Behind {
				late = 1
			}
			o.ObserveInt64(behind, late, job)
		}
		return nil
	}, last, age, behind, failures)
	return err
}
