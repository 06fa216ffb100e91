package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

// counted describes requests for tests; key 0 gives each its own.
func counted(source event.RequestSource, endpoint string, after time.Duration, n float64, key byte) event.Requests {
	return event.Requests{Workspace: store.DefaultWorkspace, Source: source, Minute: now.Add(after), N: n, Key: [16]byte{key},
		Series: event.Series{Service: "billing", Environment: "production", Method: "POST", Endpoint: endpoint}}
}

func (f *fixture) countRequests(t testing.TB, rs ...event.Requests) {
	t.Helper()
	require.NoError(t, f.CountRequests(t.Context(), rs))
}

func around() store.RequestFilter {
	return store.RequestFilter{From: now.Add(-time.Hour), To: now.Add(time.Hour)}
}

// requests writes what a filter finds in short: "+1m POST /a metrics 3".
func (f *fixture) requests(t testing.TB, filter store.RequestFilter) []string {
	t.Helper()
	ms, err := f.Requests(t.Context(), store.DefaultWorkspace, filter)
	require.NoError(t, err)
	out := []string{}
	for _, m := range ms {
		out = append(out, fmt.Sprintf("+%gm %s %s %s %g", m.Minute.Sub(now).Minutes(), m.Method, m.Endpoint, m.Source, m.N))
	}
	return out
}

func TestRequestsAreAddedOnce(t *testing.T) {
	f := open(t, store.Options{})
	ok, limited := counted(event.HTTPRequests, "/a", 10*time.Second, 3, 1), counted(event.HTTPRequests, "/a", 50*time.Second, 2, 2)
	limited.Status = 429
	f.countRequests(t, ok, limited, ok)
	f.countRequests(t, ok, counted(event.HTTPRequests, "/a", time.Minute, 0, 3), counted(event.HTTPRequests, "/a", 61*time.Second, 2.5, 4))
	assert.Equal(t, []string{"+0m POST /a metrics 5", "+1m POST /a metrics 2.5"}, f.requests(t, around()), "a repetition and a zero change nothing")
	assert.Equal(t, 3, f.count(t, `SELECT count(*) FROM request_minutes`), "a row per status")
}

// A batch of spans has one key for all that it counts, on both sides of
// midnight.
func TestRowsOfOneReportShareItsKey(t *testing.T) {
	f := open(t, store.Options{})
	batch := []event.Requests{counted(event.SpanRequests, "/a", 0, 1, 1), counted(event.SpanRequests, "/b", 0, 2, 1), counted(event.SpanRequests, "/b", 12*time.Hour, 4, 1)}
	f.countRequests(t, batch...)
	f.countRequests(t, batch...)
	filter := around()
	filter.To = now.Add(24 * time.Hour)
	assert.Equal(t, []string{"+0m POST /a spans 1", "+0m POST /b spans 2", "+720m POST /b spans 4"}, f.requests(t, filter))
}

func TestTotalsReplace(t *testing.T) {
	f := open(t, store.Options{})
	f.countRequests(t, counted(event.TotalsRequests, "/a", 0, 7, 0), counted(event.TotalsRequests, "/a", time.Second, 9, 0))
	assert.Equal(t, []string{"+0m POST /a totals 9"}, f.requests(t, around()), "the last word counts")
	f.countRequests(t, counted(event.TotalsRequests, "/a", 0, 0, 0))
	assert.Equal(t, []string{"+0m POST /a totals 0"}, f.requests(t, around()))
}

func TestOneSourceForASeries(t *testing.T) {
	f := open(t, store.Options{})
	steps := []struct {
		add  event.RequestSource
		want []string
	}{
		{event.SpanRequests, []string{"+0m POST /a spans 7"}},
		{event.SpanMetrics, []string{"+0m POST /a metrics 6"}},
		{event.OldRPCRequests, []string{"+0m POST /a metrics 5"}},
		{event.RPCRequests, []string{"+0m POST /a metrics 4"}},
		{event.OldHTTPRequests, []string{"+0m POST /a metrics 7"}}, // HTTP and RPC are different requests
		{event.HTTPRequests, []string{"+0m POST /a metrics 6"}},
		{event.TotalsRequests, []string{"+0m POST /a totals 1"}},
	}
	for i, step := range steps {
		f.countRequests(t, counted(step.add, "/a", 0, float64(step.add), byte(i+1)))
		assert.Equal(t, step.want, f.requests(t, around()), "with %d", step.add)
	}
}

// The choice is a service's, for all its endpoints and the whole period.
func TestTheSourceIsChosenForAService(t *testing.T) {
	f := open(t, store.Options{})
	other := counted(event.SpanRequests, "/a", 0, 5, 3)
	other.Environment = "staging"
	f.countRequests(t, counted(event.HTTPRequests, "/a", 0, 1, 1), counted(event.SpanRequests, "/b", time.Minute, 2, 2), other)
	assert.Equal(t, []string{"+0m POST /a metrics 1", "+0m POST /a spans 5"}, f.requests(t, around()))
	filter := around()
	filter.Endpoint = "/b"
	assert.Empty(t, f.requests(t, filter), "spans do not come back for an endpoint that metrics write otherwise")
	filter.Endpoint, filter.From = "", now.Add(time.Minute)
	assert.Equal(t, []string{"+1m POST /b spans 2"}, f.requests(t, filter), "a period that only spans cover")
}

func TestRequestFilter(t *testing.T) {
	f := open(t, store.Options{})
	get := counted(event.HTTPRequests, "/a", 0, 2, 2)
	get.Method = "GET"
	shop := counted(event.HTTPRequests, "/a", 0, 3, 3)
	shop.Service = "shop"
	strange := counted(event.HTTPRequests, "/a", 0, 4, 4)
	strange.Workspace = 2
	f.countRequests(t, counted(event.HTTPRequests, "/a", 0, 1, 1), get, shop, strange)
	for _, c := range []struct {
		filter store.RequestFilter
		want   []string
	}{
		{store.RequestFilter{}, []string{"+0m GET /a metrics 2", "+0m POST /a metrics 1", "+0m POST /a metrics 3"}},
		{store.RequestFilter{Service: "shop"}, []string{"+0m POST /a metrics 3"}},
		{store.RequestFilter{Method: "GET"}, []string{"+0m GET /a metrics 2"}},
		{store.RequestFilter{Environment: "staging"}, []string{}},
		{store.RequestFilter{Endpoint: "/b"}, []string{}},
	} {
		c.filter.From, c.filter.To = now, now.Add(time.Minute)
		assert.Equal(t, c.want, f.requests(t, c.filter), "%+v", c.filter)
	}
	_, err := f.Requests(t.Context(), 1, store.RequestFilter{From: now, To: now})
	assert.True(t, fault.Is(err, fault.Unprocessable))
}

func TestManyEndpointsAreOther(t *testing.T) {
	f := open(t, store.Options{})
	var rs []event.Requests
	for i := range store.MaxEndpoints + 20 {
		r := counted(event.TotalsRequests, fmt.Sprintf("/%d", i), 0, 1, 0)
		added := counted(event.SpanRequests, fmt.Sprintf("/%d", i), 0, 1, 1)
		added.Service = "shop"
		rs = append(rs, r, added)
	}
	f.countRequests(t, rs...)
	f.countRequests(t, rs...)
	filter := around()
	filter.Endpoint = store.OtherEndpoint
	assert.Equal(t, []string{"+0m POST (other) totals 20", "+0m POST (other) spans 20"}, f.requests(t, filter))
	filter.Endpoint = ""
	assert.Len(t, f.requests(t, filter), 2*(store.MaxEndpoints+1))
	f.countRequests(t, counted(event.TotalsRequests, fmt.Sprintf("/%d", store.MaxEndpoints+1), 0, 5, 0))
	filter.Endpoint = store.OtherEndpoint
	assert.Equal(t, "+0m POST (other) totals 24", f.requests(t, filter)[0], "an endpoint that is not named can be replaced too")
}

// Several collectors get the same report at once: it counts once.
func TestConcurrentRepetitionsCountOnce(t *testing.T) {
	f := open(t, store.Options{})
	var rs []event.Requests
	for i := range 100 {
		rs = append(rs, counted(event.HTTPRequests, fmt.Sprintf("/%d", i%7), 0, 1, byte(i+1)))
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			mine := rs
			if i%2 == 1 { // in parts, and in another order
				mine = append(append([]event.Requests{}, rs[50:]...), rs[:70]...)
			}
			assert.NoError(t, f.CountRequests(t.Context(), mine))
		})
	}
	group.Wait()
	var sum float64
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT sum(n) FROM request_minutes`).Scan(&sum))
	assert.InDelta(t, 100, sum, 0)
}

func TestRequestsInEveryExecMode(t *testing.T) {
	f := open(t, store.Options{ExecMode: "exec"})
	f.countRequests(t, counted(event.HTTPRequests, "/a", 0, 1, 1), counted(event.TotalsRequests, "/a", 0, 2, 0))
	assert.Equal(t, []string{"+0m POST /a totals 2"}, f.requests(t, around()))
}

// Spans are counted while they succeed. Those that fail are Events, and these
// are requests where spans are the source, and only there.
func TestFailuresAreRequestsBesideSpans(t *testing.T) {
	f := open(t, store.Options{})
	f.write(t,
		report{src: event.FromSpan, service: "billing", request: "req_1", trace: "4bf92f3577b34da6a3ce929d0e0e4736", span: "00f067aa0ba902b1", status: 500, endpoint: "/a"},
		report{src: event.FromHTTP, service: "billing", request: "req_2", status: 429, endpoint: "/a"},
		report{src: event.FromSpan, service: "billing", role: event.Upstream, request: "req_3", status: 502, endpoint: "/a"})
	assert.Empty(t, f.requests(t, around()), "failures alone are no denominator")
	f.countRequests(t, counted(event.SpanRequests, "/a", 0, 7, 1))
	assert.Equal(t, []string{"+0m POST /a spans 9"}, f.requests(t, around()))
	f.countRequests(t, counted(event.HTTPRequests, "/a", 0, 8, 2))
	assert.Equal(t, []string{"+0m POST /a metrics 8"}, f.requests(t, around()), "metrics count failures themselves")
}
