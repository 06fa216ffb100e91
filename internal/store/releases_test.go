package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/stats"
	"errata/internal/store"
)

func deploy(service, release string, at time.Time) store.Deploy {
	return store.Deploy{Service: service, Environment: "production", Release: release, At: event.Time{Time: at}, Reported: true}
}

func TestDeploysAndFirstSeenReleases(t *testing.T) {
	f := open(t, store.Options{})
	at := now.Add(10 * time.Minute)
	for i, release := range []string{"1", "2", "2", "3"} {
		f.write(t, report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("r", i), status: 500, release: release, at: now.Add(time.Duration(i-4) * 2 * time.Hour)})
	}
	actor := store.Actor{Kind: "key", ID: "k", Label: "ci"}
	for range 2 { // the same again changes nothing
		require.NoError(t, f.AddDeploy(t.Context(), actor, store.DefaultWorkspace, deploy("billing", "3", now.Add(-150*time.Minute))))
	}
	_, err := f.RollUp(t.Context(), at)
	require.NoError(t, err)
	list, err := f.Deploys(t.Context(), store.DefaultWorkspace, store.DeployFilter{From: now.Add(-24 * time.Hour), To: at})
	require.NoError(t, err)
	got := make([]string, 0, len(list))
	for _, d := range list {
		got = append(got, fmt.Sprint(d.Release, d.Reported, now.Sub(d.At.Time)))
	}
	assert.Equal(t, []string{"3true 2h30m0s", "2false 6h0m0s"}, got, "the first release of all is no deploy; one that was reported is there once")
	var audited int
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT count(*) FROM audit WHERE action = 'deploy.add'`).Scan(&audited))
	assert.Equal(t, 1, audited)

	// A failure of a release that has just appeared is noted before its hour is over.
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "r9", status: 500, release: "4", at: at})
	_, err = f.RollUp(t.Context(), at.Add(time.Minute))
	require.NoError(t, err)
	list, err = f.Deploys(t.Context(), store.DefaultWorkspace, store.DeployFilter{Release: "4", From: now.Add(-24 * time.Hour), To: at.Add(time.Minute)})
	require.NoError(t, err)
	assert.Len(t, list, 1)
	other, err := f.Deploys(t.Context(), 2, store.DeployFilter{From: now.Add(-24 * time.Hour), To: at})
	require.NoError(t, err)
	assert.Empty(t, other)
}

func TestReleaseReport(t *testing.T) {
	f := open(t, store.Options{})
	deployed := now.Add(-3 * time.Hour)
	var reports []report
	add := func(from, to time.Time, every time.Duration, release, code string, status int) {
		for at := from; at.Before(to); at = at.Add(every) {
			reports = append(reports, report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("r", len(reports)), status: status, code: code, release: release, at: at})
		}
	}
	add(deployed.Add(-5*time.Hour), deployed, 5*time.Minute, "1", "boom", 500)
	add(deployed, now, time.Minute, "2", "boom", 500)
	add(deployed.Add(7*time.Minute), now, 30*time.Minute, "2", "pool_exhausted", 503)
	add(deployed.Add(-5*time.Hour), deployed, 5*time.Minute, "1", "bad_input", 400)
	add(deployed, now, 5*time.Minute, "2", "bad_input", 400)
	f.write(t, reports...)
	var counted []event.Requests
	for at := deployed.Add(-6 * time.Hour); at.Before(now); at = at.Add(time.Minute) {
		r := requests("billing", "/v1/charges", 200)
		r.Minute = at
		counted = append(counted, r)
	}
	f.countRequests(t, counted...)
	actor := store.Actor{Kind: "key", ID: "k", Label: "ci"}
	require.NoError(t, f.AddDeploy(t.Context(), actor, store.DefaultWorkspace, deploy("billing", "1", deployed.Add(-5*time.Hour))))
	require.NoError(t, f.AddDeploy(t.Context(), actor, store.DefaultWorkspace, deploy("billing", "2", deployed)))
	_, err := f.RollUp(t.Context(), now)
	require.NoError(t, err)

	r, err := f.ReleaseReport(t.Context(), store.DefaultWorkspace, "billing", "production", "2", now)
	require.NoError(t, err)
	require.NotNil(t, r.Before)
	assert.Equal(t, "1", r.Before.Release)
	assert.Equal(t, stats.Worse, r.Server.Verdict)
	assert.InDelta(t, 5.2, r.Server.Ratio, 0.3)
	assert.True(t, r.Server.ByRequests)
	assert.Less(t, r.All.Ratio, r.Server.Ratio, "callers' failures are as they were")
	assert.InDelta(t, 200*175, r.Server.After.Requests, 1)
	require.Len(t, r.New, 1)
	assert.Equal(t, "pool_exhausted", r.New[0].Code)
	assert.EqualValues(t, 6, r.New[0].N)

	first, err := f.ReleaseReport(t.Context(), store.DefaultWorkspace, "billing", "production", "1", now)
	require.NoError(t, err)
	assert.Equal(t, deployed, first.Until)
	_, err = f.ReleaseReport(t.Context(), store.DefaultWorkspace, "billing", "production", "99", now)
	assert.ErrorContains(t, err, "release_not_found")
}
