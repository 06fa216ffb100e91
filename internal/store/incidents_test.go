package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
	"errata/internal/fault"
	"errata/internal/incident"
	"errata/internal/ruleset"
	"errata/internal/store"
)

var onCall = store.Actor{Kind: "session", ID: "key-1", Label: "mia"}

// judged takes the store through the minutes up to a time.
func (f alertFixture) judged(from, to time.Time) {
	f.t.Helper()
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		f.tick(f.Store, at.Add(40*time.Second))
	}
}

// lasting is two days of quiet, and a service of which most fails from noon on.
func (f alertFixture) lasting(service string, until time.Duration) {
	f.traffic(service, noon.Add(-48*time.Hour), noon, 300, 1)
	f.traffic(service, noon, noon.Add(until), 300, 200)
}

func (f alertFixture) list(filter store.IncidentFilter) (out []string) {
	f.t.Helper()
	page, err := f.Incidents(f.t.Context(), store.DefaultWorkspace, filter, 100, "")
	require.NoError(f.t, err)
	for _, r := range page.Incidents {
		out = append(out, fmt.Sprintf("%s %s %s", r.Name(), r.Title, r.State))
	}
	return out
}

func (f alertFixture) incident(ref string) incident.Detail {
	f.t.Helper()
	d, err := f.Incident(f.t.Context(), store.DefaultWorkspace, ref)
	require.NoError(f.t, err)
	return d
}

func kinds(d incident.Detail) (out []string) {
	for _, e := range d.Events {
		out = append(out, strings.Join(strings.Fields(e.Kind+" "+e.Actor+" "+e.Text), " "))
	}
	return out
}

func code(err error) string { return fault.Of(err).Code }

func TestIncidentsAreListed(t *testing.T) {
	f := openAlerts(t)
	f.story("checkout")
	f.lasting("search", 40*time.Minute)
	f.judged(noon.Add(-2*time.Minute), noon.Add(40*time.Minute))
	all := []string{"INC-2 search 5xx firing", "INC-1 checkout 5xx resolved"}
	assert.Equal(t, all, f.list(store.IncidentFilter{}))
	for want, filter := range map[string]store.IncidentFilter{
		"INC-1": {Service: "checkout", Environment: "production", Family: "5xx", Level: "page", States: []string{"resolved"}},
		"INC-2": {States: []string{"firing", "recovering"}},
		"":      {Family: "429"},
	} {
		got := f.list(filter)
		if want == "" {
			assert.Empty(t, got)
			continue
		}
		require.Len(t, got, 1, "%v", filter)
		assert.Contains(t, got[0], want+" ")
	}
	for _, none := range []store.IncidentFilter{{Service: "x"}, {Environment: "staging"}, {Level: "ticket"}, {To: noon.Add(-time.Hour)}} {
		assert.Empty(t, f.list(none), "%v", none)
	}
	assert.Equal(t, all[:1], f.list(store.IncidentFilter{From: noon.Add(38 * time.Minute)}), "those that lasted then")

	var paged []string
	for cursor := ""; ; {
		page, err := f.Incidents(t.Context(), store.DefaultWorkspace, store.IncidentFilter{}, 1, cursor)
		require.NoError(t, err)
		require.Len(t, page.Incidents, 1)
		paged = append(paged, page.Incidents[0].Name())
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	assert.Equal(t, []string{"INC-2", "INC-1"}, paged)
	_, err := f.Incidents(t.Context(), store.DefaultWorkspace, store.IncidentFilter{}, 1, "AAAA")
	assert.Equal(t, "validation_failed", code(err))
	page, err := f.Incidents(t.Context(), 2, store.IncidentFilter{}, 10, "")
	require.NoError(t, err)
	assert.Empty(t, page.Incidents, "another workspace's")

	d := f.incident("1")
	assert.Equal(t, d.ID, f.incident("inc-1").ID)
	assert.Equal(t, d.ID, f.incident(d.ID).ID)
	for _, ref := range []string{"3", "0", "-1", "x", "", "INC-", "99999999999", "00000000-0000-7000-8000-000000000000", "urn:uuid:" + d.ID} {
		_, err := f.Incident(t.Context(), store.DefaultWorkspace, ref)
		assert.Equal(t, "incident_not_found", code(err), ref)
	}
	assert.Equal(t, noon, d.StartedAt.Time)
	assert.Equal(t, "12:03", d.FiredAt.Format("15:04"))
	assert.Equal(t, detect.ReasonClear, d.Reason)
	assert.Equal(t, int64(3), d.Facts.Customers)
	assert.Equal(t, "boom", d.Facts.Codes[0].Name)
	require.Len(t, d.Members, 2)
	assert.Equal(t, "POST /v1/charges", d.Members[1].Name)
	assert.Equal(t, d.ResolvedAt.Format("15:04"), d.Members[0].ResolvedAt.Format("15:04"))
	assert.Equal(t, []string{"fired", "joined", "told firing", "recovering"}, kinds(d)[:4])
	assert.Equal(t, []string{"resolved", "told resolved"}, kinds(d)[len(d.Events)-2:])

	n, err := f.OpenIncidents(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	over := func(q store.IncidentSpan) (out []string) {
		list, err := f.IncidentsOver(t.Context(), store.DefaultWorkspace, q)
		require.NoError(t, err)
		for _, r := range list {
			out = append(out, r.Name())
		}
		return out
	}
	assert.Equal(t, []string{"INC-2", "INC-1"}, over(store.IncidentSpan{From: noon, To: noon.Add(time.Hour)}))
	assert.Equal(t, []string{"INC-1"}, over(store.IncidentSpan{Service: "checkout", Method: "POST", Endpoint: "/v1/charges", Code: "boom"}))
	assert.Equal(t, []string{"INC-1"}, over(store.IncidentSpan{Service: "checkout", Method: "POST", Endpoint: "/v1/other"}), "the whole service fails")
	assert.Empty(t, over(store.IncidentSpan{Service: "checkout", Code: "other"}))
	assert.Empty(t, over(store.IncidentSpan{Provider: "openai"}))
}

// An acknowledgement or a vote is there whatever a tick had read before.
func TestTickKeepsWhatPeopleSaid(t *testing.T) {
	f := openAlerts(t)
	f.lasting("checkout", 40*time.Minute)
	f.judged(noon.Add(-2*time.Minute), noon.Add(5*time.Minute))
	said := 0
	s := reopen(t, store.Options{URL: f.url, Tracer: &between{statement: "coalesce(max(number)", do: func(ctx context.Context) {
		said++
		assert.NoError(t, f.AckIncident(ctx, onCall, store.DefaultWorkspace, "INC-1", noon.Add(5*time.Minute)))
		assert.NoError(t, f.VoteIncident(ctx, onCall, store.DefaultWorkspace, "1", incident.Late, noon.Add(5*time.Minute)))
	}}})
	before := f.incident("1").Errors
	f.tick(s, noon.Add(6*time.Minute+40*time.Second))
	require.Equal(t, 1, said)
	d := f.incident("1")
	assert.Greater(t, d.Errors, before, "the tick has written its row")
	require.NotNil(t, d.AckedAt)
	assert.Equal(t, "mia", d.AckedBy)
	assert.Equal(t, incident.Late, d.Useful)

	leo := store.Actor{Kind: "session", ID: "key-2", Label: "leo"}
	require.NoError(t, f.AckIncident(t.Context(), leo, store.DefaultWorkspace, "1", noon.Add(7*time.Minute)))
	assert.Equal(t, "mia", f.incident("1").AckedBy, "who said it first")
	require.NoError(t, f.VoteIncident(t.Context(), leo, store.DefaultWorkspace, "1", incident.Useful, noon.Add(7*time.Minute)))
	require.NoError(t, f.VoteIncident(t.Context(), leo, store.DefaultWorkspace, "1", incident.Useful, noon.Add(7*time.Minute)))
	assert.Equal(t, "validation_failed", code(f.VoteIncident(t.Context(), leo, store.DefaultWorkspace, "1", "", noon)))
	assert.Equal(t, []string{"fired", "joined", "told firing", "acknowledged mia", "voted mia late", "voted leo yes"}, kinds(f.incident("1")))
	var audited []string
	rows, err := f.db.Query(t.Context(), `SELECT action || ' ' || actor_label FROM audit WHERE action LIKE 'incident.%' ORDER BY id`)
	require.NoError(t, err)
	for rows.Next() {
		var s string
		require.NoError(t, rows.Scan(&s))
		audited = append(audited, s)
	}
	assert.Equal(t, []string{"incident.ack mia", "incident.vote mia", "incident.vote leo"}, audited)
	for _, err := range []error{f.AckIncident(t.Context(), onCall, 2, "1", noon), f.VoteIncident(t.Context(), onCall, 2, "1", incident.Useful, noon),
		f.ResolveIncident(t.Context(), onCall, 2, "1", store.Resolution{At: noon})} {
		assert.Equal(t, "incident_not_found", code(err), "another workspace's")
	}
}

// Who ends an incident while it is judged waits, and is right in the end.
func TestResolvingWhileJudging(t *testing.T) {
	f := openAlerts(t)
	f.lasting("checkout", 20*time.Minute)
	f.judged(noon.Add(-2*time.Minute), noon.Add(5*time.Minute))
	var wait sync.WaitGroup
	s := reopen(t, store.Options{URL: f.url, Tracer: &between{statement: "coalesce(max(number)", do: func(context.Context) {
		wait.Go(func() {
			assert.NoError(t, f.ResolveIncident(t.Context(), onCall, store.DefaultWorkspace, "1", store.Resolution{At: noon.Add(6 * time.Minute)}))
		})
		f.waits(t)
	}}})
	f.tick(s, noon.Add(6*time.Minute+40*time.Second))
	wait.Wait()
	d := f.incident("1")
	assert.Equal(t, []any{detect.Resolved, incident.ReasonByHand, "mia"}, []any{d.State, d.Reason, d.ResolvedBy})
	assert.Equal(t, "incident_resolved", code(f.ResolveIncident(t.Context(), onCall, store.DefaultWorkspace, "1", store.Resolution{At: noon.Add(7 * time.Minute)})))
	assert.Equal(t, "incident_resolved", code(f.AckIncident(t.Context(), onCall, store.DefaultWorkspace, "1", noon.Add(7*time.Minute))))
	f.judged(noon.Add(7*time.Minute), noon.Add(12*time.Minute))
	assert.Equal(t, detect.Resolved, f.incident("1").State)
}

// waits until somebody waits for whoever judges.
func (f alertFixture) waits(t *testing.T) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		var n int
		assert.NoError(t, f.db.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7220 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&n))
		if n > 0 {
			return
		}
	}
	assert.Fail(t, "nobody waits")
}

// What somebody ended stays so although it goes on; after half an hour that is
// an incident of its own.
func TestResolvedByHand(t *testing.T) {
	f := openAlerts(t)
	f.lasting("checkout", 50*time.Minute)
	f.judged(noon.Add(-2*time.Minute), noon.Add(6*time.Minute))
	require.NoError(t, f.ResolveIncident(t.Context(), onCall, store.DefaultWorkspace, "1", store.Resolution{At: noon.Add(6*time.Minute + 10*time.Second)}))
	f.judged(noon.Add(6*time.Minute), noon.Add(35*time.Minute))
	d := f.incident("1")
	assert.Equal(t, detect.Resolved, d.State, "%v", kinds(d))
	assert.Equal(t, "12:06", d.ResolvedAt.Format("15:04"))
	assert.Equal(t, []string{"fired", "joined", "told firing", "resolved mia", "told resolved"}, kinds(d))
	var by string
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT message -> 'incidents' -> 0 ->> 'resolved_by' FROM deliveries WHERE kind = 'resolved'`).Scan(&by))
	assert.Equal(t, "mia", by)
	assert.Len(t, f.list(store.IncidentFilter{}), 1)
	f.judged(noon.Add(35*time.Minute), noon.Add(40*time.Minute))
	assert.Equal(t, []string{"INC-2 checkout 5xx firing", "INC-1 checkout 5xx resolved"}, f.list(store.IncidentFilter{}))
}

// What was well after somebody ended it, and fails anew, is the same incident.
func TestResolvedByHandComesBack(t *testing.T) {
	f := openAlerts(t)
	f.lasting("checkout", 8*time.Minute)
	f.traffic("checkout", noon.Add(8*time.Minute), noon.Add(18*time.Minute), 300, 1)
	f.traffic("checkout", noon.Add(18*time.Minute), noon.Add(40*time.Minute), 300, 200)
	f.judged(noon.Add(-2*time.Minute), noon.Add(6*time.Minute))
	require.NoError(t, f.ResolveIncident(t.Context(), onCall, store.DefaultWorkspace, "1", store.Resolution{At: noon.Add(6*time.Minute + 10*time.Second)}))
	f.judged(noon.Add(6*time.Minute), noon.Add(25*time.Minute))
	assert.Equal(t, []string{"INC-1 checkout 5xx firing"}, f.list(store.IncidentFilter{}))
	assert.Contains(t, kinds(f.incident("1")), "reopened")
}

// What goes on for a day may be how it is now: then its minutes are normal, and
// it is no incident again.
func TestAcceptedAsNormal(t *testing.T) {
	began := noon.Add(-25 * time.Hour)
	for name, accept := range map[string]bool{"accepted": true, "not accepted": false} {
		t.Run(name, func(t *testing.T) {
			f := openAlerts(t)
			f.traffic("checkout", noon.Add(-72*time.Hour), began, 300, 1)
			f.traffic("checkout", began, noon.Add(2*time.Hour), 300, 30)
			f.judged(began.Add(-time.Minute), began.Add(8*time.Minute))
			require.Equal(t, []string{"INC-1 checkout 5xx firing"}, f.list(store.IncidentFilter{}))
			early := store.Resolution{At: began.Add(23 * time.Hour), AcceptAsNormal: true}
			assert.Equal(t, "incident_too_young", code(f.ResolveIncident(t.Context(), onCall, store.DefaultWorkspace, "1", early)))
			f.judged(noon.Add(-time.Minute), noon)
			require.Equal(t, []string{"INC-1 checkout 5xx firing"}, f.list(store.IncidentFilter{}))
			require.NoError(t, f.ResolveIncident(t.Context(), onCall, store.DefaultWorkspace, "1", store.Resolution{At: noon, AcceptAsNormal: accept}))
			f.judged(noon, noon.Add(50*time.Minute))
			d := f.incident("1")
			assert.Equal(t, "mia", d.ResolvedBy)
			if accept {
				assert.Equal(t, []string{"INC-1 checkout 5xx resolved"}, f.list(store.IncidentFilter{}))
				assert.Equal(t, detect.ReasonAccepted, d.Reason)
				assert.True(t, d.Members[0].Normal)
				return
			}
			assert.Equal(t, []string{"INC-2 checkout 5xx firing", "INC-1 checkout 5xx resolved"}, f.list(store.IncidentFilter{}))
			assert.Equal(t, incident.ReasonByHand, d.Reason)
		})
	}
}

// Incidents of the same service are similar as far as they have codes and
// endpoints in common; votes say how good their rule is.
func TestSimilarIncidentsAndPrecision(t *testing.T) {
	f := openAlerts(t)
	_, err := f.db.Exec(t.Context(), `
INSERT INTO incidents (workspace_id, id, number, family, environment, service, provider, phase, level, rule_id, why, started_at, opened_at, fired_at, resolved_at, facts, useful)
SELECT 1, gen_random_uuid(), n, 0, 'production', CASE WHEN n = 7 THEN 'search' ELSE 'checkout' END, '', 'resolved', 'page', '00000000-0000-0000-0000-000000000000', '{"rule": "A", "normal": 0}',
  now() - a, now() - a, now() - a, now() - a + interval '1 hour', jsonb_build_object('codes', c), u
FROM (VALUES (1, interval '100 days', '[{"name": "boom"}]'::jsonb, 'noisy'), (2, '80 days', '[{"name": "boom"}, {"name": "bang"}]', 'yes'), (3, '30 days', '[{"name": "boom"}]', 'yes'),
  (4, '20 days', '[]', 'noisy'), (5, '10 days', '[{"name": "boom"}, {"name": "bang"}]', ''), (6, '5 days', '[{"name": "bang"}, {"name": "boom"}]', 'late'), (7, '1 days', '[{"name": "boom"}]', '')) AS x(n, a, c, u)`)
	require.NoError(t, err)
	d := f.incident("6")
	var similar []int
	for _, r := range d.Similar {
		similar = append(similar, r.Number)
	}
	assert.Equal(t, []int{5, 2, 3, 4}, similar)
	want := incident.Precision{RuleID: ruleset.DefaultID, Rule: "default", Days: 90, Fired: 6, Yes: 2, Noisy: 1, Late: 1}
	assert.Equal(t, want, d.Precision)
	all, err := f.Precision(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.Equal(t, []incident.Precision{want}, all)
}

// between does something before a statement.
type between struct {
	statement string
	do        func(context.Context)
	done      bool
}

func (b *between) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if !b.done && strings.Contains(d.SQL, b.statement) {
		b.done = true
		b.do(context.WithoutCancel(ctx))
	}
	return ctx
}

func (b *between) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
