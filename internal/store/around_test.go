package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/bench"
	"errata/internal/blast"
	"errata/internal/event"
	"errata/internal/month"
	"errata/internal/store"
)

// failed writes n failures of a customer, a minute apart up to at, and gives the last.
func (f *fixture) failed(t testing.TB, customer string, n int, at time.Time, change func(*report)) *event.Event {
	t.Helper()
	var all []report
	for i := range n {
		r := report{src: event.FromHTTP, service: "prompts-api", status: 429, code: "rate_limit_exceeded", customer: customer, at: at.Add(-time.Duration(n-1-i) * time.Minute), salt: fmt.Sprint(customer, i)}
		if change != nil {
			change(&r)
		}
		all = append(all, r)
	}
	f.write(t, all...)
	e := all[n-1].part().Event
	return &e
}

func (f *fixture) around(t testing.TB, e *event.Event, now time.Time) store.Around {
	t.Helper()
	a, err := f.Around(t.Context(), ws, e, now)
	require.NoError(t, err)
	return a
}

func TestAroundCountsTheSameFailure(t *testing.T) {
	f := open(t, store.Options{Retention: store.Retention{Events: 30}})
	later := now.Add(12 * time.Minute)
	e := f.failed(t, "acme", 6, now, nil)
	// Nothing of these is the same code at the same endpoint within the hour.
	f.failed(t, "acme", 3, now, func(r *report) { r.code, r.status = "internal_error", 500 })
	f.failed(t, "globex", 3, now, func(r *report) { r.endpoint = "/v1/other" })
	f.failed(t, "globex", 3, now, func(r *report) { r.service = "billing" })
	f.failed(t, "globex", 3, now, func(r *report) { r.role = event.Upstream })
	f.failed(t, "globex", 3, now.Add(-2*time.Hour), nil)
	f.write(t, report{ws: f.otherWorkspace(t), src: event.FromHTTP, service: "prompts-api", status: 429, code: "rate_limit_exceeded", customer: "initech", at: now})

	got := f.around(t, e, later).Blast
	assert.Equal(t, blast.OnlyThem, got.Verdict)
	assert.EqualValues(t, []int64{1, 6, 6}, []int64{got.Customers, got.Events, *got.CustomerEvents})
	assert.Nil(t, got.Normal, "a week ago nothing was counted at all")
	assert.Equal(t, now.Add(-5*time.Minute), got.FirstAt.Time)
	assert.Equal(t, now, got.LastAt.Time)
	assert.Equal(t, int64(6), sum(got.Minutes))

	// A week ago others failed, and so usual is known to be none; then some of these.
	f.failed(t, "globex", 1, now.Add(-7*24*time.Hour), func(r *report) { r.service = "billing" })
	got = f.around(t, e, later).Blast
	require.NotNil(t, got.Normal)
	assert.Zero(t, *got.Normal)
	f.failed(t, "globex", 4, now.Add(-7*24*time.Hour), nil)
	assert.EqualValues(t, 4, *f.around(t, e, later).Blast.Normal)

	f.failed(t, "globex", 1, now, nil)
	f.failed(t, "hooli", 5, now, nil)
	got = f.around(t, e, later).Blast
	assert.Equal(t, blast.OthersToo, got.Verdict, got.Text)
	f.failed(t, "globex", 10, now.Add(-7*24*time.Hour).Add(time.Second), func(r *report) { r.salt += "more" })
	assert.Equal(t, blast.Common, f.around(t, e, later).Blast.Verdict)
	assert.Equal(t, blast.Common, f.around(t, e, now.Add(48*time.Hour)).Blast.Verdict, "half an hour before and after it")
	assert.Equal(t, blast.TooFew, f.around(t, &event.Event{Service: "nowhere", OccurredAt: now, Role: event.Primary}, later).Blast.Verdict)

	// It is the same where it was counted before minutes were found by their failure.
	want := f.around(t, e, later)
	f.exec(t, `UPDATE error_minutes SET key = gen_random_uuid()`)
	f.exec(t, `UPDATE customer_minutes SET failure = NULL`)
	assert.Zero(t, f.around(t, e, later).Blast.Events)
	f.exec(t, `UPDATE failure_keys SET since = now() + interval '1 day'`)
	before, err := reopen(t, store.Options{URL: f.url}).Around(t.Context(), ws, e, later)
	require.NoError(t, err)
	assert.Equal(t, want, before)
}

func sum(list []int64) (n int64) {
	for _, v := range list {
		n += v
	}
	return n
}

func (f *fixture) otherWorkspace(t testing.TB) int32 {
	t.Helper()
	f.exec(t, `INSERT INTO workspaces (id, name) VALUES (7, 'seven')`)
	return 7
}

// A failure that turned out to be somebody else's is not counted twice.
func TestAroundCountsCorrections(t *testing.T) {
	f := open(t, store.Options{})
	a := report{src: event.FromHTTP, request: "req_1", service: "prompts-api", status: 500, code: "boom", at: now, trace: "0af7651916cd43dd8448eb211c80319c", span: "b7ad6b7169203331"}
	b := a
	b.src, b.customer = event.FromSpan, "acme"
	f.write(t, a)
	f.write(t, b)
	e := b.part().Event
	got := f.around(t, &e, now.Add(time.Minute)).Blast
	assert.EqualValues(t, []int64{1, 1, 1}, []int64{got.Customers, got.Events, *got.CustomerEvents})
}

func TestAroundKnowsIncidents(t *testing.T) {
	f := open(t, store.Options{})
	e := f.failed(t, "acme", 6, now, nil)
	incident := func(number int, phase, from, to, why, endpoint, provider string) {
		f.exec(t, `
WITH i AS (INSERT INTO incidents (workspace_id, id, number, family, environment, service, provider, phase, level, rule_id, why, started_at, opened_at, fired_at, resolved_at, facts)
  VALUES (1, gen_random_uuid(), $1, 1, 'production', CASE WHEN $7 = '' THEN 'prompts-api' ELSE '' END, $7, $2, 'page', '00000000-0000-0000-0000-000000000000', $5::jsonb,
    $3::timestamptz, $3::timestamptz, $3::timestamptz, nullif($4, '')::timestamptz, '{}') RETURNING workspace_id, id)
INSERT INTO incident_members (workspace_id, incident_id, rule_id, family, environment, service, method, endpoint, code, n, phase, level, why, peak, errors, mask_from, started_at, fired_at)
SELECT workspace_id, id, '00000000-0000-0000-0000-000000000000', 1, 'production', 'prompts-api', CASE WHEN $6 = '' THEN '' ELSE 'POST' END, $6, '', 1, $2, 'page', '{}', 0, 1, $3::timestamptz, $3::timestamptz, $3::timestamptz FROM i`,
			number, phase, from, to, why, endpoint, provider)
	}
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	later := now.Add(20 * time.Minute)
	incident(1, "resolved", at(-2*time.Hour), at(-time.Hour), `{}`, "", "")
	incident(2, "firing", at(10*time.Minute), "", `{}`, "", "")
	incident(3, "firing", at(-time.Hour), "", `{}`, "/v1/other", "")
	incident(4, "firing", at(-time.Hour), "", `{"customer": "globex"}`, "", "")
	incident(5, "firing", at(-time.Hour), "", `{}`, "", "openai")
	assert.Nil(t, f.around(t, e, later).Incident, "before, after, elsewhere, somebody else's and a provider's")

	incident(6, "resolved", at(-time.Hour), at(5*time.Minute), `{}`, "", "")
	got := f.around(t, e, later)
	assert.Equal(t, []any{blast.KnownIncident, "It was part of INC-6", false}, []any{got.Blast.Verdict, got.Blast.Title, got.Blast.Incident.Open})
	incident(7, "firing", at(-time.Minute), "", `{}`, "/v1/charges", "")
	got = f.around(t, e, later)
	assert.Equal(t, []any{7, "Known incident INC-7", true}, []any{got.Incident.Number, got.Blast.Title, got.Blast.Incident.Open}, "one that lasts comes first")

	callers := *e
	callers.Family = event.FamilyCaller
	assert.Nil(t, f.around(t, &callers, later).Incident)
	theirs := *e
	theirs.Upstream = &event.UpstreamInfo{Provider: "OpenAI"}
	theirs.Endpoint = "/v1/none"
	assert.NotNil(t, f.around(t, &theirs, later).Incident, "it is that provider's")
}

func TestAroundFindsTheDeploy(t *testing.T) {
	f := open(t, store.Options{})
	e := f.failed(t, "acme", 1, now, func(r *report) { r.release = "b" })
	deploy := func(release string, at time.Time) {
		require.NoError(t, f.AddDeploy(t.Context(), store.System, ws, store.Deploy{Service: "prompts-api", Environment: "production", Release: release, At: event.Time{Time: at}}))
	}
	assert.Nil(t, f.around(t, e, now).Deploy)
	deploy("b", now.Add(time.Hour))
	deploy("b", now.AddDate(0, 0, -31))
	assert.Nil(t, f.around(t, e, now).Deploy, "after it, and too long ago")
	deploy("a", now.Add(-time.Minute))
	deploy("b", now.Add(-3*time.Hour))
	assert.Equal(t, "b", f.around(t, e, now).Deploy.Release, "that of its own release")
	unnamed := *e
	unnamed.Release = ""
	assert.Equal(t, "a", f.around(t, &unnamed, now).Deploy.Release, "the last one")
}

// BenchmarkAround asks about failures of a busy week, each of them new to the store.
// Run it with -benchtime=1x; the rounds are inside.
func BenchmarkAround(b *testing.B) {
	f := open(b, store.Options{Retention: store.Retention{Events: 30}})
	until := time.Now().UTC().Truncate(time.Minute)
	fill := bench.Fill{Spec: month.Spec{Seed: 1, From: until.AddDate(0, 0, -8), To: until, Events: 300_000, Services: 40, Customers: 2000}, Workspace: ws, Batch: 500}
	_, err := fill.Run(b.Context(), f.Store)
	require.NoError(b, err)
	f.exec(b, `VACUUM ANALYZE`)
	rows, err := f.db.Query(b.Context(), `
(SELECT id::text FROM events WHERE merged_into IS NULL AND role = 0 AND occurred_at > now() - interval '1 hour' ORDER BY md5(id::text) LIMIT 200)
UNION ALL (SELECT id::text FROM events WHERE merged_into IS NULL AND role = 0 ORDER BY md5(id::text) LIMIT 300)`)
	require.NoError(b, err)
	var events []event.Event
	var id string
	for rows.Next() {
		require.NoError(b, rows.Scan(&id))
		e, err := f.Event(b.Context(), ws, id)
		require.NoError(b, err)
		events = append(events, e)
	}
	require.NoError(b, rows.Err())
	verdicts := map[blast.Verdict]int{}
	var took []time.Duration
	for range b.N {
		for i := range events {
			start := time.Now()
			a := f.around(b, &events[i], until)
			took = append(took, time.Since(start))
			verdicts[a.Blast.Verdict]++
		}
	}
	slices.Sort(took)
	b.Logf("%d failures: %v", len(events), verdicts)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms-p95")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-max")
	assert.Less(b, took[len(took)*99/100], 50*time.Millisecond)
}
