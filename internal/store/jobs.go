package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"errata/internal/fault"
)

// Job is something that has to happen every now and then: once every Every,
// whichever of the replicas does it. Run must stand being run twice at once and
// being broken off anywhere: what it left undone, the next run does.
type Job struct {
	Name  string
	Every time.Duration // whole seconds
	Run   func(ctx context.Context) error
}

const (
	// jobTimeout ends a run that takes too long; the next one goes on.
	jobTimeout = 30 * time.Minute
	// A replica that was killed leaves its job running, in River's eyes.
	rescueAfter = 40 * time.Minute
	jobAttempts = 3
	// fetchEvery is how soon a job begins where nobody can tell us about it.
	fetchEvery = 2 * time.Second
	// startAgain is the pause after the queue could not be started.
	startAgain = 5 * time.Second
	stopWithin = 10 * time.Second
)

// jobArgs is what the queue knows of a job: which of ours it is.
type jobArgs struct {
	Name string `json:"name"`
	// Asked: somebody wants it now. It does not count for its period.
	Asked bool `json:"asked,omitempty"`
}

// Kind is River's name for all of our jobs.
func (jobArgs) Kind() string { return "errata_job" }

// RunJobs takes part in running the jobs until ctx ends; those that are under
// way then are broken off. Of all replicas that take part, one puts a job into
// the queue, at most once in each period, and one runs it.
func (s *Store) RunJobs(ctx context.Context, jobs []Job) error {
	for {
		client, err := s.jobClient(jobs)
		if err != nil {
			return err // wrong jobs
		}
		if err = s.knowJobs(ctx, jobs); err == nil {
			err = client.Start(context.WithoutCancel(ctx))
		}
		if err == nil {
			<-ctx.Done()
			brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
			defer cancel()
			return client.StopAndCancel(brief)
		}
		if ctx.Err() == nil {
			s.log.ErrorContext(ctx, "jobs cannot be run yet", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(startAgain):
		}
	}
}

func (s *Store) jobClient(jobs []Job) (*river.Client[pgx.Tx], error) {
	w := &jobWorker{s: s, jobs: map[string]Job{}}
	var periodic []*river.PeriodicJob
	for _, j := range jobs {
		if j.Name == "" || j.Run == nil || j.Every < time.Second || w.jobs[j.Name].Run != nil {
			return nil, fmt.Errorf("the job %q has no name or work, is there twice, or comes too often", j.Name)
		}
		w.jobs[j.Name] = j
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(j.Every), func() (river.JobArgs, *river.InsertOpts) {
			return jobArgs{Name: j.Name}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: j.Every}}
		}, &river.PeriodicJobOpts{ID: j.Name, RunOnStart: true}))
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, w); err != nil {
		return nil, err
	}
	return river.NewClient(riverpgxv5.New(s.pool), &river.Config{
		Workers: workers, PeriodicJobs: periodic, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2}},
		PollOnly: s.pollOnly, FetchPollInterval: fetchEvery, MaxAttempts: jobAttempts, JobTimeout: jobTimeout, RescueStuckJobsAfter: rescueAfter,
		// What has run in a period must be known until it is over.
		CompletedJobRetentionPeriod: 48 * time.Hour,
		ReindexerIndexNames:         []string{}, // is the owner's to do
		Logger:                      slog.New(warnings{s.log.Handler()}),
	})
}

// warnings passes on what somebody should look at: River counts its jobs aloud.
type warnings struct{ slog.Handler }

// Enabled is true of warnings and errors that the other handler would take.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs and WithGroup stay that quiet.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup is like WithAttrs.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// AskJob has a job run as soon as may be, once however often it is asked for
// until then.
func (s *Store) AskJob(ctx context.Context, actor Actor, ws int32, name string) (err error) {
	defer fault.Wrap(&err, "AskJob(%s)", name)
	client, err := river.NewClient(riverpgxv5.New(s.pool), &river.Config{PollOnly: s.pollOnly, MaxAttempts: jobAttempts, Logger: slog.New(warnings{s.log.Handler()})})
	if err != nil {
		return err
	}
	unique := river.UniqueOpts{ByArgs: true, ByState: unfinished}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := client.InsertTx(ctx, tx, jobArgs{Name: name, Asked: true}, &river.InsertOpts{UniqueOpts: unique}); err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "run_job", name, nil)
	})
}

// jobWorker runs whatever job the queue names.
type jobWorker struct {
	river.WorkerDefaults[jobArgs]
	s    *Store
	jobs map[string]Job
}

// Work runs one job and notes how that went.
func (w *jobWorker) Work(ctx context.Context, job *river.Job[jobArgs]) error {
	j, ok := w.jobs[job.Args.Name]
	if !ok {
		return river.JobCancel(errors.New("this version of the program has no such job"))
	}
	if err := w.s.jobStarted(ctx, j.Name); err != nil {
		return err
	}
	err := j.Run(ctx)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return err // we are stopping: another replica, or our next start, goes on
	}
	if err != nil {
		w.s.log.ErrorContext(ctx, "a job failed", "job", j.Name, "attempt", job.Attempt, "error", err)
	}
	if noted := w.s.jobEnded(ctx, j.Name, err); err == nil {
		return noted
	}
	return errors.New(clean(err.Error())) // the queue keeps it as JSON, which PostgreSQL takes without NUL
}
