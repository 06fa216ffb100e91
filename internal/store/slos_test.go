package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/slo"
	"errata/internal/store"
)

var ada = store.Actor{Kind: "key", ID: "k", Label: "ada"}

func (f *fixture) setSLO(t testing.TB, o slo.SLO) slo.SLO {
	t.Helper()
	o.WindowDays = max(o.WindowDays, 28)
	set, err := f.SetSLO(t.Context(), ada, store.DefaultWorkspace, o)
	require.NoError(t, err)
	return set
}

func TestSLOs(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		first := f.setSLO(t, slo.SLO{Service: " billing", Objective: 99.5})
		assert.NotEmpty(t, first.ID)
		assert.Equal(t, "billing", first.Service)
		assert.Equal(t, 28, first.WindowDays)
		assert.Equal(t, "ada", first.UpdatedBy)
		assert.WithinDuration(t, time.Now(), first.CreatedAt.Time, time.Minute)
		assert.Equal(t, first, f.setSLO(t, slo.SLO{Service: "billing", Objective: 99.5}), "the same again changes nothing")

		leo := store.Actor{Kind: "session", ID: "link", Label: "leo"}
		second, err := f.SetSLO(ctx, leo, ws, slo.SLO{Service: "billing", Objective: 99.95, WindowDays: 7})
		require.NoError(t, err)
		assert.Equal(t, first.ID, second.ID, "a scope has one objective")
		assert.Equal(t, []any{99.95, 7, "leo", first.CreatedAt}, []any{second.Objective, second.WindowDays, second.UpdatedBy, second.CreatedAt})
		for _, o := range []slo.SLO{
			{Service: "billing", Environment: "production", Objective: 99}, {Service: "billing", Endpoint: "/v1/charges", Objective: 99},
			{Service: "billing", Method: "post", Endpoint: "/v1/charges", Objective: 99}, {Service: "auth", Objective: 99},
		} {
			f.setSLO(t, o)
		}
		list, err := f.SLOs(ctx, ws)
		require.NoError(t, err)
		var scopes []string
		for _, o := range list {
			scopes = append(scopes, o.Scope())
		}
		assert.Equal(t, []string{"auth", "billing", "billing in production", "billing /v1/charges", "billing POST /v1/charges"}, scopes)

		// What is another workspace's is neither seen nor changed.
		other, err := f.SLOs(ctx, 2)
		require.NoError(t, err)
		assert.Empty(t, other)
		for _, err := range []error{f.RemoveSLO(ctx, ada, 2, first.ID), f.RemoveSLO(ctx, ada, ws, "nonsense"), f.RemoveSLO(ctx, ada, ws, "01970000-0000-7000-8000-000000000001")} {
			assert.Equal(t, "slo_not_found", fault.Of(err).Code)
		}
		require.NoError(t, f.RemoveSLO(ctx, ada, ws, first.ID))
		assert.True(t, fault.Is(f.RemoveSLO(ctx, ada, ws, first.ID), fault.NotFound))
		list, err = f.SLOs(ctx, ws)
		require.NoError(t, err)
		assert.Len(t, list, 4)

		var audited []string
		rows, err := f.db.Query(ctx, `SELECT actor_label || ' ' || action || ' ' || (details->>'objective') || ' ' || coalesce(details->>'objective_before', '') FROM audit WHERE target = $1 ORDER BY at`, first.ID)
		require.NoError(t, err)
		for rows.Next() {
			var s string
			require.NoError(t, rows.Scan(&s))
			audited = append(audited, s)
		}
		assert.Equal(t, []string{"ada slo.set 99.5 ", "leo slo.set 99.95 99.5", "ada slo.remove 99.95 "}, audited)

		_, err = f.SetSLO(ctx, ada, ws, slo.SLO{Service: "billing", Objective: 100})
		assert.Equal(t, "objective", fault.Of(err).Details["field"])
	}
}

// Of many who set objectives at once, no more get one than there is room for,
// and a scope never has two.
func TestSLOsAreBounded(t *testing.T) {
	f := open(t, store.Options{})
	_, err := f.db.Exec(t.Context(), `INSERT INTO slos (workspace_id, id, service, environment, method, endpoint, objective, window_days, updated_by)
		SELECT 1, gen_random_uuid(), 'service-' || n, '', '', '', 99, 28, 'ada' FROM generate_series(1, $1::int) AS n`, store.MaxSLOs-2)
	require.NoError(t, err)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = f.SetSLO(context.Background(), ada, store.DefaultWorkspace, slo.SLO{Service: fmt.Sprint("new-", i/2), Objective: 99, WindowDays: 28})
		})
	}
	wg.Wait()
	refused := 0
	for _, err := range errs {
		if err != nil {
			require.Equal(t, "too_many_slos", fault.Of(err).Code, err)
			refused++
		}
	}
	assert.Equal(t, 4, refused, "two scopes found room, each asked for twice")
	list, err := f.SLOs(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.Len(t, list, store.MaxSLOs)
	f.setSLO(t, slo.SLO{Service: "service-7", Objective: 99.9}) // what is there can be changed
	_, err = f.SetSLO(t.Context(), ada, 2, slo.SLO{Service: "x", Objective: 99, WindowDays: 28})
	require.NoError(t, err, "another workspace has room")
}

// What is left of a budget is counted, of the scope and nothing else.
func TestSLOBudgets(t *testing.T) {
	f := open(t, store.Options{})
	at := now.Add(10 * time.Minute)
	var reports []report
	fail := func(service, endpoint string, status, n int, age time.Duration) {
		for range n {
			reports = append(reports, report{src: event.FromHTTP, service: service, endpoint: endpoint, status: status, request: fmt.Sprint("r", len(reports)), at: now.Add(-age)})
		}
	}
	fail("billing", "/a", 500, 3, 0)
	fail("billing", "/a", 422, 40, 0) // the caller's
	fail("billing", "/a", 429, 40, 0) // a limit
	fail("billing", "/b", 502, 2, 3*time.Hour)
	fail("billing", "/b", 503, 5, 10*24*time.Hour)
	fail("silent", "/a", 500, 9, 0)
	f.write(t, reports...)
	for _, age := range []time.Duration{0, 3 * time.Hour, 10 * 24 * time.Hour} {
		a, b := requests("billing", "/a", 400), requests("billing", "/b", 600)
		a.Minute, b.Minute = now.Add(-age), now.Add(-age)
		staging := a
		staging.Environment, staging.N = "staging", 1000
		f.countRequests(t, a, b, staging)
	}
	slos := []slo.SLO{
		{Service: "billing", Objective: 99, WindowDays: 28}, {Service: "billing", Environment: "production", Objective: 99, WindowDays: 28},
		{Service: "billing", Environment: "production", Objective: 99, WindowDays: 2}, {Service: "billing", Method: "POST", Endpoint: "/a", Objective: 99, WindowDays: 28},
		{Service: "billing", Environment: "production", Endpoint: "/b", Objective: 99.5, WindowDays: 28},
		{Service: "silent", Objective: 99, WindowDays: 28}, {Service: "billing", Endpoint: "/nowhere", Objective: 99, WindowDays: 28},
	}
	survey := slo.NewSurvey(slos)
	for range 2 { // before the blocks are made, and after
		answers, err := f.Stats(t.Context(), store.DefaultWorkspace, at, survey.Questions(at)...)
		require.NoError(t, err)
		got := survey.Read(answers)
		for i, want := range []struct{ failures, requests, hour, six float64 }{
			{10, 6000, 3. / 2000, 5. / 4000}, {10, 3000, 3. / 1000, 5. / 2000}, {5, 2000, 3. / 1000, 5. / 2000},
			{3, 4200, 3. / 1400, 3. / 2800}, {7, 1800, 0, 2. / 1200}, {}, {}, // /a is in both environments
		} {
			s := got[i]
			assert.Equal(t, []float64{want.failures, want.requests}, []float64{s.Window.Failures, s.Window.Requests}, s.Scope())
			if want.requests == 0 {
				assert.False(t, s.Counted(), "%s: a rate is never invented", s.Scope())
				continue
			}
			allowed := 1 - slos[i].Objective/100
			assert.InDelta(t, 1-want.failures/want.requests/allowed, s.Left(), 1e-9, s.Scope())
			assert.InDelta(t, want.hour/allowed, s.Burn(s.Hour), 1e-9, s.Scope())
			assert.InDelta(t, want.six/allowed, s.Burn(s.SixHours), 1e-9, s.Scope())
		}
		_, err = f.RollUp(t.Context(), at.Add(2*time.Hour))
		require.NoError(t, err)
	}
	other, err := f.Stats(t.Context(), 2, at, survey.Questions(at)...)
	require.NoError(t, err)
	assert.False(t, survey.Read(other)[0].Counted(), "another workspace's requests")
}
