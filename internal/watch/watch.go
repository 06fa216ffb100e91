// Package watch says what has to happen every now and then, and how often: see
// Jobs. Who does it when is River's business, a queue of jobs in the database:
// of any number of replicas, one runs each job, once in its period. Job state is
// in /metrics (errata_job_…), and /readyz names jobs that are behind.
//
// To add a job, add a line to Jobs: a name that stays, a period of whole
// seconds, and a func(context.Context) error. The function must stand being
// broken off anywhere and being run twice at once, because a process can be
// killed and a clock can be wrong: it should work in small transactions, each of
// which leaves less to do. It has half an hour; an error is logged, counted, and
// tried again twice.
package watch

import (
	"context"
	"time"

	"errata/internal/store"
)

// Partitions makes the daily partitions of a span of days.
type Partitions interface {
	EnsurePartitions(ctx context.Context, from, to time.Time) error
}

// Sessions forgets what has expired.
type Sessions interface {
	Sweep(ctx context.Context) error
}

// Expiry lets go what is too old.
type Expiry interface {
	Expire(ctx context.Context, now time.Time) error
}

// ahead covers senders whose clocks are up to a day ahead, and most of a week
// in which no job ran. After that, writers make their own.
const ahead = 7 * 24 * time.Hour

// Prepare makes the partitions from yesterday to some days ahead.
func Prepare(ctx context.Context, p Partitions, now time.Time) error {
	return p.EnsurePartitions(ctx, now.Add(-24*time.Hour), now.Add(ahead))
}

// Jobs are all of them.
func Jobs(p Partitions, s Sessions, e Expiry) []store.Job {
	return []store.Job{
		{Name: "partitions", Every: time.Hour, Run: func(ctx context.Context) error { return Prepare(ctx, p, time.Now()) }},
		{Name: store.RetentionJob, Every: time.Hour, Run: func(ctx context.Context) error { return e.Expire(ctx, time.Now()) }},
		{Name: "sessions", Every: time.Hour, Run: s.Sweep},
	}
}
