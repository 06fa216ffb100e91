package store_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// runJobs takes part in running jobs until stop is called, which fails the test
// where that does not end well.
func runJobs(t *testing.T, s *store.Store, jobs ...store.Job) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.RunJobs(ctx, jobs) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			assert.NoError(t, err)
		case <-time.After(15 * time.Second):
			t.Error("the jobs do not end")
		}
	}
	t.Cleanup(stop)
	return stop
}

// signal is a job that tells when it runs.
func signal(name string) (store.Job, <-chan struct{}) {
	ran := make(chan struct{}, 100)
	return store.Job{Name: name, Every: time.Hour, Run: func(context.Context) error {
		ran <- struct{}{}
		return nil
	}}, ran
}

func await(t *testing.T, ran <-chan struct{}) {
	t.Helper()
	select {
	case <-ran:
	case <-time.After(20 * time.Second):
		t.Fatal("the job does not run")
	}
}

// However many replicas there are, and however often they start, a job runs
// once in its period; where it is asked for, once more.
func TestJobRunsOnceInItsPeriod(t *testing.T) {
	for _, opt := range []store.Options{{}, {ExecMode: "exec"}} { // with LISTEN, and without
		f := open(t, opt)
		other := reopen(t, store.Options{URL: f.url, ExecMode: opt.ExecMode})
		first, ran := signal("first")
		stops := []func(){runJobs(t, f.Store, first), runJobs(t, other, first)}
		await(t, ran)
		for _, stop := range stops {
			stop()
		}
		second, ranToo := signal("second")
		stop := runJobs(t, f.Store, first, second)
		await(t, ranToo) // what is due is put into the queue together
		assert.Empty(t, ran)
		for range 3 {
			require.NoError(t, f.AskJob(t.Context(), store.System, store.DefaultWorkspace, "first"))
		}
		await(t, ran)
		stop()
		assert.LessOrEqual(t, len(ran), 2)
		assert.Equal(t, 3, f.count(t, `SELECT count(*) FROM audit WHERE action = 'run_job' AND target = 'first'`))
		runs, err := f.JobRuns(t.Context())
		require.NoError(t, err)
		require.Len(t, runs, 2)
		assert.Equal(t, "first", runs[0].Name)
		assert.NotNil(t, runs[0].SucceededAt)
		assert.Zero(t, runs[0].Failures)
		assert.False(t, runs[0].Behind)
	}
}

func TestJobThatFailsIsTriedAgain(t *testing.T) {
	f := open(t, store.Options{})
	var tries atomic.Int64
	ran := make(chan struct{}, 10)
	stop := runJobs(t, f.Store, store.Job{Name: "moody", Every: time.Hour, Run: func(context.Context) error {
		defer func() { ran <- struct{}{} }()
		if tries.Add(1) == 1 {
			return errors.New("not today\x00")
		}
		return nil
	}})
	await(t, ran)
	require.Eventually(t, func() bool {
		runs, err := f.JobRuns(t.Context())
		return err == nil && len(runs) == 1 && runs[0].Failures == 1 && runs[0].Error == "not today"
	}, 5*time.Second, 10*time.Millisecond)
	await(t, ran)
	stop()
	runs, err := f.JobRuns(t.Context())
	require.NoError(t, err)
	assert.Empty(t, runs[0].Error)
	assert.NotNil(t, runs[0].SucceededAt)
	assert.NotNil(t, runs[0].FailedAt)
}

// A process that ends breaks its job off, which is no failure of the job:
// somebody else does it.
func TestJobIsTakenOver(t *testing.T) {
	f := open(t, store.Options{})
	began := make(chan struct{}, 10)
	stop := runJobs(t, f.Store, store.Job{Name: "long", Every: time.Hour, Run: func(ctx context.Context) error {
		began <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}})
	await(t, began)
	stop()
	job, ran := signal("long")
	runJobs(t, reopen(t, store.Options{URL: f.url}), job)
	await(t, ran)
	runs, err := f.JobRuns(t.Context())
	require.NoError(t, err)
	assert.Zero(t, runs[0].Failures)
}

func TestJobIsMissed(t *testing.T) {
	f := open(t, store.Options{})
	job, ran := signal("first")
	stop := runJobs(t, f.Store, job)
	await(t, ran)
	stop()
	_, err := f.db.Exec(t.Context(), `UPDATE job_runs SET succeeded_at = now() - interval '181 minutes'`)
	require.NoError(t, err)
	runs, err := f.JobRuns(t.Context())
	require.NoError(t, err)
	assert.True(t, runs[0].Behind)
	assert.Greater(t, runs[0].AgeSeconds, 180*60.0)
}

func TestWrongJobs(t *testing.T) {
	f := open(t, store.Options{})
	job, _ := signal("twice")
	require.ErrorContains(t, f.RunJobs(t.Context(), []store.Job{job, job}), "twice")
}
