package store_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/store"
)

// customers of the issues that a range has, by code; -1 is not counted.
func (f *fixture) customers(t testing.TB, from time.Time) map[string]int64 {
	t.Helper()
	page, err := f.Issues(t.Context(), ws, event.IssueFilter{Filter: event.Filter{From: from}}, 50, "")
	require.NoError(t, err)
	out := map[string]int64{}
	for _, i := range page.Issues {
		if out[i.Code] = -1; i.Customers != nil {
			out[i.Code] = *i.Customers
			assert.True(t, i.CustomersExact, i.Code)
		}
	}
	return out
}

// A list says of each issue whom it concerns in the hours that it counts in: the
// same before and after they were rolled up, and as the issue itself says.
func TestListsSayWhomIssuesConcern(t *testing.T) {
	f := open(t, store.Options{})
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	met := func(code, endpoint, customer string, at time.Time) event.Envelope {
		return event.Envelope{Status: 500, Method: "POST", Endpoint: endpoint, FallbackCode: code, Customer: customer, OccurredAt: at}
	}
	f.send(t,
		met("a", "/v1/charges", "acme", ago(5*time.Minute)), met("a", "/v1/charges", "acme", ago(4*time.Minute)), met("a", "/v1/charges", "globex", ago(5*time.Hour)),
		met("a", "/v1/charges", "initech", ago(70*time.Hour)),
		met("b", "/v1/charges", "hooli", ago(time.Hour)), met("c", "/v1/charges", "", ago(time.Hour)),
		event.Envelope{Service: "auth", Status: 500, FallbackCode: "d", Customer: "acme", OccurredAt: ago(time.Hour)},
		event.Envelope{Service: "jobs", Role: event.Context, FallbackCode: "e", Customer: "acme", OccurredAt: ago(time.Hour)},
		event.Envelope{Service: "jobs", Role: event.Context, FallbackCode: "e", Customer: "umbrella", OccurredAt: ago(time.Hour)},
	)
	f.write(t, report{ws: 2, src: event.FromHTTP, service: "billing", status: 500, code: "b"})
	day := map[string]int64{"a": 2, "b": 1, "c": 0, "d": 1, "e": 2}
	week := map[string]int64{"a": 3, "b": 1, "c": 0, "d": 1, "e": 2}
	for _, when := range []string{"from minutes", "from blocks"} {
		assert.Equal(t, day, f.customers(t, time.Time{}), when)
		assert.Equal(t, day, f.customers(t, ago(23*time.Hour)), when)
		assert.Equal(t, week, f.customers(t, ago(7*24*time.Hour)), when)
		assert.EqualValues(t, 1, f.customers(t, ago(30*time.Minute))["a"], when)
		assert.EqualValues(t, -1, f.customers(t, ago(8*24*time.Hour))["a"], when)
		assert.Empty(t, f.customers(t, ago(-time.Hour)), "nothing was seen after now")
		_, err := f.RollUp(t.Context(), time.Now().Add(24*time.Hour))
		require.NoError(t, err)
	}
	page, err := f.Issues(t.Context(), ws, event.IssueFilter{}, 50, "")
	require.NoError(t, err)
	for _, i := range page.Issues {
		d := f.issue(t, i.ID)
		assert.Equal(t, i.Customers, d.Customers, i.Code)
		assert.Equal(t, week[i.Code], d.Counts.Customers, i.Code)
	}
}

// An issue of failures without an endpoint does not concern those who met the
// same code at one.
func TestCustomersOfAnIssueWithoutAnEndpoint(t *testing.T) {
	f := open(t, store.Options{})
	f.send(t,
		event.Envelope{Status: 500, Method: "POST", Endpoint: "/v1/charges", FallbackCode: "boom", Customer: "acme"},
		event.Envelope{Status: 500, Method: "POST", Endpoint: "/v1/charges", FallbackCode: "boom", Customer: "globex"},
		event.Envelope{Status: 500, FallbackCode: "boom", Customer: "initech"},
	)
	page, err := f.Issues(t.Context(), ws, event.IssueFilter{}, 50, "")
	require.NoError(t, err)
	require.Len(t, page.Issues, 2)
	for _, i := range page.Issues {
		want := int64(2)
		if i.Endpoint == "" {
			want = 1
		}
		assert.Equal(t, want, *i.Customers, i.Endpoint)
		assert.Equal(t, want, f.issue(t, i.ID).Counts.Customers, i.Endpoint)
	}
}

// statementCount counts what is sent, one by one or in batches.
type statementCount struct{ n atomic.Int64 }

func (c *statementCount) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}
func (c *statementCount) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (c *statementCount) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (c *statementCount) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	c.n.Add(1)
}
func (c *statementCount) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// A page of issues asks as much as a page with one of them.
func TestAPageOfIssuesAsksOnce(t *testing.T) {
	f := open(t, store.Options{})
	var envs []event.Envelope
	for n := range 40 {
		for ago := range 5 {
			envs = append(envs, event.Envelope{Service: fmt.Sprintf("service-%d", n), Status: 500, FallbackCode: "boom", Customer: fmt.Sprintf("c%d", ago%3),
				RequestID: fmt.Sprintf("req_%d_%d", n, ago), OccurredAt: time.Now().Add(-time.Duration(ago) * time.Hour)})
		}
	}
	f.send(t, envs...)
	_, err := f.RollUp(t.Context(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	sent := &statementCount{}
	s := reopen(t, store.Options{URL: f.url, Tracer: sent})
	asked := func(limit int) int64 {
		before := sent.n.Load()
		page, err := s.Issues(t.Context(), ws, event.IssueFilter{}, limit, "")
		require.NoError(t, err)
		require.Len(t, page.Issues, limit)
		for _, i := range page.Issues {
			assert.EqualValues(t, 3, *i.Customers, i.Service)
		}
		return sent.n.Load() - before
	}
	one := asked(1)
	assert.LessOrEqual(t, asked(40), one+5, "not one for each; soon after midnight there are days to ask for, too")
	assert.Less(t, one, int64(20))
}
