package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"

	"errata/internal/event"
	"errata/internal/fault"
)

// unfinished are the states of a job that has something ahead of it.
var unfinished = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
}

const sqlKnowJob = `
INSERT INTO job_runs (name, every) VALUES ($1::text, make_interval(secs => $2::float8))
ON CONFLICT (name) DO UPDATE SET every = excluded.every WHERE job_runs.every <> excluded.every`

// knowJobs makes the jobs known, so that one that never ran is missed.
func (s *Store) knowJobs(ctx context.Context, jobs []Job) error {
	for _, j := range jobs {
		if _, err := s.pool.Exec(ctx, sqlKnowJob, j.Name, j.Every.Seconds()); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

const sqlJobStarted = `UPDATE job_runs SET started_at = now() WHERE name = $1::text`

func (s *Store) jobStarted(ctx context.Context, name string) error {
	_, err := s.pool.Exec(ctx, sqlJobStarted, name)
	return unavailable(err)
}

const sqlJobEnded = `
UPDATE job_runs SET error = $2::text, failures = failures + ($2::text <> '')::int,
  succeeded_at = CASE WHEN $2::text = '' THEN now() ELSE succeeded_at END, failed_at = CASE WHEN $2::text = '' THEN failed_at ELSE now() END
WHERE name = $1::text`

// maxJobError is how much is kept of why a job failed.
const maxJobError = 1000

func (s *Store) jobEnded(ctx context.Context, name string, failure error) error {
	why := ""
	if failure != nil {
		why = clean(failure.Error())
		why = clean(why[:min(len(why), maxJobError)])
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	_, err := s.pool.Exec(ctx, sqlJobEnded, name, why)
	return unavailable(err)
}

// JobRun is how a job is doing.
type JobRun struct {
	Name         string      `json:"name"`
	EverySeconds float64     `json:"every_seconds"`
	StartedAt    *event.Time `json:"started_at"`
	SucceededAt  *event.Time `json:"succeeded_at"`
	FailedAt     *event.Time `json:"failed_at"`
	Failures     int64       `json:"failures"`
	Error        string      `json:"error,omitempty"` // of the last run, where it failed
	// Behind: it has not succeeded for three of its periods.
	Behind bool `json:"behind"`
	// AgeSeconds is how long ago it succeeded, or became known.
	AgeSeconds float64 `json:"age_seconds"`
	// NextAt is when it is due.
	NextAt event.Time `json:"next_at"`
}

const sqlJobRuns = `
SELECT j.name, extract(epoch FROM j.every)::float8, j.started_at, j.succeeded_at, j.failed_at, j.failures, j.error,
  now() - coalesce(j.succeeded_at, j.known_since) > j.every * 3, extract(epoch FROM now() - coalesce(j.succeeded_at, j.known_since))::float8,
  greatest(now(), coalesce(j.started_at + j.every, now()))
FROM job_runs j ORDER BY j.name`

// JobRuns tells how all jobs are doing. They serve all workspaces.
func (s *Store) JobRuns(ctx context.Context) (runs []JobRun, err error) {
	defer fault.Wrap(&err, "JobRuns")
	rows, err := s.pool.Query(ctx, sqlJobRuns)
	if err != nil {
		return nil, unavailable(err)
	}
	runs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r JobRun, err error) {
		var started, succeeded, failed *time.Time
		err = row.Scan(&r.Name, &r.EverySeconds, &started, &succeeded, &failed, &r.Failures, &r.Error, &r.Behind, &r.AgeSeconds, &r.NextAt.Time)
		r.StartedAt, r.SucceededAt, r.FailedAt = shownTime(started), shownTime(succeeded), shownTime(failed)
		return r, err
	})
	return runs, unavailable(err)
}

func shownTime(t *time.Time) *event.Time {
	if t == nil {
		return nil
	}
	return &event.Time{Time: t.UTC()}
}
