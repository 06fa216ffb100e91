package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/normalize"
	"errata/internal/pgtest"
	"errata/internal/store"
)

var mia = store.Actor{Kind: "key", ID: "k1", Label: "mia"}

// send normalises envelopes as they would come in, and stores them.
func (f *fixture) send(t testing.TB, envs ...event.Envelope) []event.Event {
	t.Helper()
	parts := make([]identity.Part, len(envs))
	for i, env := range envs {
		if env.Source == "" {
			env.Source = event.FromHTTP
		}
		if env.Service == "" {
			env.Service = "billing"
		}
		if env.OccurredAt.IsZero() {
			env.OccurredAt = time.Now().Add(-time.Minute)
		}
		var err error
		parts[i], err = normalize.Item(env, ws, time.Now())
		require.NoError(t, err)
	}
	_, err := f.Write(t.Context(), parts)
	require.NoError(t, err)
	f.requireInvariant(t)
	out := make([]event.Event, len(parts))
	for i := range parts {
		out[i] = parts[i].Event
	}
	return out
}

func (f *fixture) issue(t testing.TB, id string) event.IssueDetail {
	t.Helper()
	d, err := f.Issue(t.Context(), ws, id)
	require.NoError(t, err)
	return d
}

// listed are the IDs that a filter finds, told by their codes.
func (f *fixture) listed(t testing.TB, filter event.IssueFilter) string {
	t.Helper()
	page, err := f.Issues(t.Context(), ws, filter, 50, "")
	require.NoError(t, err, filter.Query)
	var codes []string
	for _, i := range page.Issues {
		codes = append(codes, i.Code)
	}
	return strings.Join(codes, " ")
}

func (f *fixture) change(t testing.TB, id string, c store.IssueChange) error {
	t.Helper()
	return f.ChangeIssue(t.Context(), mia, ws, id, c)
}

func to(s event.IssueState) *event.IssueState { return &s }

func TestIssueSaysWhyAndWhat(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		var envs []event.Envelope
		for n := range 7 {
			envs = append(envs, event.Envelope{
				RequestID: fmt.Sprintf("req_%d", n), Status: 500, FallbackCode: "boom", FallbackMessage: fmt.Sprintf("order %d is gone", n), Customer: "acme",
				Release: fmt.Sprintf("r%d", n/4), OccurredAt: time.Now().Add(-time.Duration(10-n) * time.Minute),
			})
		}
		e := f.send(t, envs...)[0]
		d := f.issue(t, e.IssueID)
		assert.Equal(t, "order 0 is gone", d.Title)
		assert.Equal(t, "order <*> is gone", d.Template)
		assert.Equal(t, []event.Reason{{Name: "service", Value: "billing"}, {Name: "status", Value: "500"}, {Name: "code", Value: "boom"}, {Name: "message", Value: "order <*> is gone"}}, d.Reasons)
		assert.Equal(t, event.Open, d.State)
		assert.Equal(t, event.IssueCounts{Day: 7, Week: 7, Month: 7, Customers: 1, CustomersExact: true}, d.Counts)
		var hours int64
		for _, b := range d.Hours {
			hours += b.N
		}
		assert.Len(t, d.Hours, 7*24)
		assert.EqualValues(t, 7, hours)
		require.NotEmpty(t, d.Samples)
		assert.Equal(t, "req_6", d.Samples[0].RequestID, "the newest first")
		assert.Len(t, d.Samples, 7)
		require.Len(t, d.Releases, 2)
		assert.Equal(t, "r1", d.Releases[0].Release)
		assert.EqualValues(t, 4, d.Releases[1].Events)
		assert.WithinDuration(t, envs[0].OccurredAt, d.FirstAt.Time, time.Millisecond)
		assert.WithinDuration(t, envs[6].OccurredAt, d.LastAt.Time, time.Millisecond)

		_, err := f.Issue(t.Context(), ws+1, e.IssueID)
		assert.True(t, fault.Is(err, fault.NotFound), "workspaces share no issues")
		_, err = f.Issue(t.Context(), ws, "no id")
		assert.True(t, fault.Is(err, fault.NotFound))
	}
}

// An issue that an older program wrote learns its reasons from the next Event;
// until then it says what it can.
func TestIssueLearnsItsReasons(t *testing.T) {
	f := open(t, store.Options{})
	e := f.send(t, event.Envelope{Status: 500, FallbackCode: "boom", FallbackMessage: "a"})[0]
	_, err := f.db.Exec(t.Context(), `UPDATE issues SET reasons = NULL, template = ''`)
	require.NoError(t, err)
	assert.Equal(t, []event.Reason{{Name: "service", Value: "billing"}, {Name: "code", Value: "boom"}}, f.issue(t, e.IssueID).Reasons)
	other := &fixture{reopen(t, store.Options{URL: f.url}), f.db, f.url}
	other.send(t, event.Envelope{Status: 500, FallbackCode: "boom", FallbackMessage: "a", RequestID: "req_2"})
	d := f.issue(t, e.IssueID)
	assert.Len(t, d.Reasons, 4)
	assert.Equal(t, "a", d.Template)
}

func TestIssuesList(t *testing.T) {
	f := open(t, store.Options{})
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	f.send(t,
		event.Envelope{Service: "billing", Status: 500, Method: "POST", Endpoint: "/v1/charges", FallbackCode: "a", FallbackMessage: "connection reset by peer", OccurredAt: ago(5 * time.Hour)},
		event.Envelope{Service: "billing", Status: 500, Method: "POST", Endpoint: "/v1/charges", FallbackCode: "a", OccurredAt: ago(4 * time.Hour)},
		event.Envelope{Service: "billing", Status: 500, Method: "POST", Endpoint: "/v1/charges", FallbackCode: "a", OccurredAt: ago(3 * time.Hour)},
		event.Envelope{Service: "auth", Status: 429, Method: "GET", Endpoint: "/v1/me", FallbackCode: "rate_limit_exceeded", FallbackMessage: "slow down", OccurredAt: ago(2 * time.Hour)},
		event.Envelope{Service: "search", Status: 502, UpstreamProvider: "openai", FallbackCode: "c", OccurredAt: ago(time.Hour)},
		event.Envelope{Service: "search", Role: event.Context, FallbackCode: "d", Exception: &event.Exception{Type: "IOError", Message: "100% of disk_a is full"}, OccurredAt: ago(50 * time.Hour)},
	)
	other := report{ws: 2, src: event.FromHTTP, service: "billing", status: 500, code: "a"}
	f.write(t, other)
	const rate = "rate_limit_exceeded"
	for q, want := range map[string]string{
		"":                                     "c rate_limit_exceeded a d",
		"service:billing":                      "a",
		"service:billing,auth":                 rate + " a",
		"-service:search":                      rate + " a",
		"status:5xx":                           "c a",
		"status:*":                             "c " + rate + " a",
		"-status:*":                            "d",
		"code:RATE_*":                          rate,
		"endpoint:/v1/*":                       rate + " a",
		"method:post":                          "a",
		"family:limits,upstream":               "c " + rate, // d is us
		"role:context":                         "d",
		"provider:openai":                      "c",
		"provider:*":                           "c",
		"exception:IO*":                        "d",
		"exception:IOError":                    "d",
		"message:RESET":                        "a",
		"message:conn*":                        "a",
		"connection reset":                     "a",
		`"connection reset"`:                   "a",
		`"reset connection"`:                   "",
		"rate limit":                           rate,
		`"rate limit"`:                         rate,
		"eset":                                 "a",
		"%":                                    "d",
		"_":                                    rate + " d",
		"IOErr":                                "d",
		"state:open":                           "c " + rate + " a d",
		"-state:open":                          "",
		"is:new":                               "c " + rate + " a",
		"is:unresolved -is:new":                "d",
		"is:regressed":                         "",
		"assignee:*":                           "",
		"-assignee:*":                          "c " + rate + " a d",
		"service:billing -message:*":           "",
		`message:"x'); DROP TABLE issues; --"`: "",
	} {
		assert.Equal(t, want, f.listed(t, event.IssueFilter{Filter: event.Filter{Query: q}}), q)
	}
	for name, c := range map[string]struct {
		filter event.IssueFilter
		want   string
	}{
		"service":    {event.IssueFilter{Filter: event.Filter{Service: "billing"}}, "a"},
		"status":     {event.IssueFilter{Filter: event.Filter{Status: "4xx", Family: event.FamilyLimits}}, rate},
		"from":       {event.IssueFilter{Filter: event.Filter{From: ago(150 * time.Minute)}}, "c " + rate},
		"to":         {event.IssueFilter{Filter: event.Filter{To: ago(150 * time.Minute)}}, "a d"},
		"first":      {event.IssueFilter{Sort: event.ByFirstSeen}, "c " + rate + " a d"},
		"events":     {event.IssueFilter{Sort: event.ByEvents, Filter: event.Filter{Service: "billing", From: ago(6 * time.Hour)}}, "a"},
		"state":      {event.IssueFilter{States: []event.IssueState{event.Resolved, event.Regressed}}, ""},
		"nobody's":   {event.IssueFilter{Assignee: "-", Filter: event.Filter{Code: "c"}}, "c"},
		"somebody's": {event.IssueFilter{Assignee: "mia"}, ""},
	} {
		assert.Equal(t, c.want, f.listed(t, c.filter), name)
	}
	page, err := f.Issues(t.Context(), ws, event.IssueFilter{Sort: event.ByEvents}, 50, "")
	require.NoError(t, err)
	assert.Equal(t, "a", page.Issues[0].Code, "the most frequent first")
	assert.EqualValues(t, 3, page.Issues[0].Events)
	assert.EqualValues(t, 0, page.Issues[3].Events, "not in the range")
	var trend int64
	for _, b := range page.Issues[0].Trend {
		trend += b.N
	}
	assert.EqualValues(t, 3, trend)

	for _, bad := range []event.IssueFilter{{Filter: event.Filter{Query: "customer:acme"}}, {Filter: event.Filter{Status: "x"}}, {Sort: "size"}, {Sort: event.ByEvents, Filter: event.Filter{From: ago(200 * time.Hour)}}} {
		_, err := f.Issues(t.Context(), ws, bad, 10, "")
		assert.True(t, fault.Is(err, fault.Unprocessable))
	}
}

// Every issue is on one page, in every order, also those that share a time.
func TestIssuesPages(t *testing.T) {
	f := open(t, store.Options{})
	at := time.Now().Add(-time.Hour)
	var envs []event.Envelope
	for n := range 23 {
		envs = append(envs, event.Envelope{Status: 500, FallbackCode: fmt.Sprintf("code_%c", 'a'+n), OccurredAt: at.Add(time.Duration(n/5) * time.Second)})
	}
	f.send(t, envs...)
	for _, sort := range []event.IssueSort{"", event.ByLastSeen, event.ByFirstSeen, event.ByEvents} {
		seen := map[string]bool{}
		cursor, pages := "", 0
		for {
			page, err := f.Issues(t.Context(), ws, event.IssueFilter{Sort: sort}, 5, cursor)
			require.NoError(t, err)
			for _, i := range page.Issues {
				assert.False(t, seen[i.ID], "twice")
				seen[i.ID] = true
			}
			pages++
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		assert.Len(t, seen, 23)
		assert.Equal(t, 5, pages)
	}
	page, err := f.Issues(t.Context(), ws, event.IssueFilter{}, 5, "")
	require.NoError(t, err)
	for _, cursor := range []string{"x", "AAAA", page.Next} {
		_, err = f.Issues(t.Context(), ws, event.IssueFilter{Sort: event.ByEvents}, 5, cursor)
		assert.True(t, fault.Is(err, fault.Unprocessable), "of another order")
	}
}

func TestSimilarIssues(t *testing.T) {
	f := open(t, store.Options{})
	sent := f.send(t,
		event.Envelope{Service: "billing", Status: 500, Endpoint: "/a", FallbackCode: "boom", FallbackMessage: "connection to ledger-db lost after 30 s"},
		event.Envelope{Service: "payments", Status: 500, Endpoint: "/b", FallbackCode: "bang", FallbackMessage: "connection to ledger-db lost after 31 s"},
		event.Envelope{Service: "billing", Status: 500, Endpoint: "/c", FallbackCode: "boom", FallbackMessage: "something else"},
		event.Envelope{Service: "billing", Status: 404, Endpoint: "/d", FallbackCode: "not_found", FallbackMessage: "no such order"},
	)
	var codes []string
	for _, r := range f.issue(t, sent[0].IssueID).Similar {
		codes = append(codes, r.Service+" "+r.Endpoint)
	}
	assert.Equal(t, []string{"payments /b", "billing /c"}, codes)
}

// Words and parts of words are found by the index, whatever there is besides.
func TestIssueSearchPlans(t *testing.T) {
	f := open(t, store.Options{})
	pgtest.FillIssues(t, f.db, time.Now(), 1, 20_000)
	_, err := f.db.Exec(t.Context(), `ANALYZE issues`)
	require.NoError(t, err)
	for _, q := range []string{"ledger", `"connection reset"`, "message:needle"} {
		sql, args, err := store.IssuesStatement(ws, event.IssueFilter{Filter: event.Filter{Query: q}}, 50)
		require.NoError(t, err)
		plan := f.explain(t, sql, args...)
		assert.Contains(t, plan, "issues_search", q)
	}
}

func (f *fixture) explain(t testing.TB, sql string, args ...any) string {
	t.Helper()
	rows, err := f.db.Query(context.Background(), "EXPLAIN "+sql, args...)
	require.NoError(t, err)
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plan.WriteString(line + "\n")
	}
	require.NoError(t, rows.Err())
	return plan.String()
}

// A second report may tell more about a failure, and give it another issue.
// What is left without an Event is no problem of anybody's.
func TestIssuesWithoutEventsAreNotListed(t *testing.T) {
	f := open(t, store.Options{})
	at := time.Now().Add(-time.Minute)
	span := event.Envelope{Source: event.FromSpan, Status: 500, Method: "POST", Endpoint: "/v1/charges", RequestID: "req_1", OccurredAt: at}
	body := event.Envelope{Source: event.FromHTTP, Status: 500, Method: "POST", Endpoint: "/v1/charges", RequestID: "req_1", OccurredAt: at, Body: []byte(`{"error":{"code":"card_vault_down"}}`)}
	f.send(t, span)
	assert.Equal(t, "http_500", f.listed(t, event.IssueFilter{}))
	f.send(t, body)
	assert.Equal(t, "card_vault_down", f.listed(t, event.IssueFilter{}))
	page, err := f.Issues(t.Context(), ws, event.IssueFilter{}, 1, "")
	require.NoError(t, err)
	assert.Contains(t, f.issue(t, page.Issues[0].ID).Reasons, event.Reason{Name: "code", Value: "card_vault_down"}, "also of an Event of two reports")
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM issues`))
	span.RequestID = "req_2"
	f.send(t, span)
	assert.ElementsMatch(t, []string{"http_500", "card_vault_down"}, strings.Fields(f.listed(t, event.IssueFilter{})), "now there is one")
	for _, table := range []string{"issue_hours", "issue_seen"} {
		_, err = f.db.Exec(t.Context(), `DELETE FROM `+table)
		require.NoError(t, err)
		assert.Len(t, strings.Fields(f.listed(t, event.IssueFilter{})), 2, "what is older than its %s stays", table)
	}
}
