package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/pgtest"
	"errata/internal/store"
)

// searched are five Events, told apart by the first letter of their message,
// and a sixth in another workspace that must never be found.
func (f *fixture) searched(t *testing.T) {
	t.Helper()
	a := report{src: event.FromHTTP, service: "billing", request: "req_a1", status: 500, code: "connection_timeout", customer: "acme", endpoint: "/v1/charges/{id}", release: "2026.11-1", trace: hex(1, 32), span: hex(1, 16)}.part()
	a.Event.Message, a.Event.Provider, a.Event.Upstream = "a connection reset by 100% of peers", "openai", &event.UpstreamInfo{Provider: "openai"}
	b := report{src: event.FromHTTP, service: "billing-eu", request: "req_b1", status: 503, code: "connection_refused", customer: "globex", endpoint: "/v1/refunds", release: "2026.11-2", trace: hex(2, 32), span: hex(2, 16)}.part()
	b.Event.Message, b.Event.Method, b.Event.Environment = "b reset the connection", "GET", "staging"
	c := report{src: event.FromHTTP, service: "auth", request: "req_lO1", status: 429, code: "rate_limit_exceeded", customer: "ac,me"}.part()
	c.Event.Message = `c "slow down"`
	d := report{src: event.FromSpan, role: event.Upstream, service: "auth", trace: hex(77, 32), span: hex(4, 16), code: "provider_error"}.part()
	d.Event.Message, d.Event.Method, d.Event.Endpoint, d.Event.Environment = "d", "", "", ""
	e := report{src: event.FromHTTP, service: "%", request: "req_a1%", status: 404, code: "not_found", customer: "o'neil;--"}.part()
	e.Event.Message = "e service:billing"
	other := report{ws: 2, src: event.FromHTTP, service: "billing", request: "req_a1", status: 500, code: "connection_timeout", customer: "acme", salt: "x"}.part()
	other.Event.Message = "x connection reset"
	_, err := f.Write(t.Context(), []identity.Part{a, b, c, d, e, other})
	require.NoError(t, err)
}

// found are the first letters of what a query finds, sorted.
func (f *fixture) found(t *testing.T, filter event.Filter) string {
	t.Helper()
	page, err := f.Events(t.Context(), ws, filter, 10, "")
	require.NoError(t, err, filter.Query)
	letters := make([]string, len(page.Events))
	for i, e := range page.Events {
		letters[i] = e.Message[:1]
	}
	slices.Sort(letters)
	return strings.Join(letters, "")
}

var searches = map[string]string{
	"":                                     "abcde",
	"service:billing":                      "a",
	"service:billing,auth":                 "acd",
	"service:billing*":                     "ab",
	"service:auth,bill*":                   "abcd",
	"service:%":                            "e",
	"service:Billing":                      "",
	"endpoint:/v1/charges/{id}":            "a",
	"endpoint:/v1/*":                       "abce",
	"endpoint:*":                           "abce",
	"method:get":                           "b",
	"code:CONNECTION_TIMEOUT":              "a",
	"code:connection_*":                    "ab",
	"code:connection_*,not_found":          "abe",
	"status:500":                           "a",
	"status:5xx":                           "ab",
	"status:429,404":                       "ce",
	"status:404..500":                      "ace",
	"status:>=429":                         "abc",
	"status:<500":                          "ce",
	"status:*":                             "abce",
	"family:us":                            "ab",
	"family:limits,caller":                 "ce",
	"family:upstream":                      "d",
	"role:upstream":                        "d",
	"role:primary,context":                 "abce",
	"customer:acme":                        "a",
	`customer:"ac,me"`:                     "c",
	`customer:ac*`:                         "ac",
	"customer:o'neil;--":                   "e",
	"customer:*":                           "abce",
	"environment:staging":                  "b",
	"release:2026.11*":                     "ab",
	"provider:openai":                      "a",
	"provider:*":                           "a",
	"request:req_a1":                       "a",
	"request:req_a1,req_b1":                "ab",
	"request:REQ_A1":                       "",
	"request:req_a*":                       "ae",
	"request:req_l*":                       "c",
	"request:*":                            "abce",
	"trace:" + hex(77, 32):                 "d",
	"trace:0000000000*":                    "abd",
	"trace:*":                              "abd",
	"message:RESET":                        "ab",
	`message:"connection reset"`:           "a",
	`message:"a con"*,d*`:                  "ad",
	"message:*":                            "abcde",
	"connection reset":                     "ab",
	`"connection reset"`:                   "a",
	"100%":                                 "a",
	"req_b":                                "b",
	`"service:billing"`:                    "e",
	`"\"slow down\""`:                      "c",
	"%":                                    "ae",
	"reset service:billing*":               "ab",
	"reset -service:billing":               "b",
	"service:billing service:auth":         "",
	`message:"x'); DROP TABLE events; --"`: "",
}

// Every field, as it is and turned around: a term and its negation share out
// all Events between them, those without a value too.
func TestSearch(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		f.searched(t)
		for q, want := range searches {
			assert.Equal(t, want, f.found(t, event.Filter{Query: q}), q)
			if terms := strings.Fields(q); len(terms) != 1 || strings.ContainsAny(q[:1], "%1") {
				continue
			}
			rest := strings.Map(func(r rune) rune {
				if strings.ContainsRune(want, r) {
					return -1
				}
				return r
			}, "abcde")
			assert.Equal(t, rest, f.found(t, event.Filter{Query: "-" + q}), "-"+q)
		}
	}
}

func TestSearchBesideTheFilter(t *testing.T) {
	f := open(t, store.Options{})
	f.searched(t)
	assert.Equal(t, "b", f.found(t, event.Filter{Status: "5xx", Query: "-customer:acme"}))
	assert.Empty(t, f.found(t, event.Filter{Service: "auth", Query: "service:billing"}))
	assert.Empty(t, f.found(t, event.Filter{To: now.AddDate(0, 0, -1), Query: "reset"}))
	_, err := f.Events(t.Context(), ws, event.Filter{Query: "sevice:x"}, 10, "")
	require.True(t, fault.Is(err, fault.Unprocessable))
	assert.Equal(t, "service", fault.Of(err).Details["suggestion"])
}

// A search keeps to the days that are asked for, and finds request and trace
// IDs by their indexes.
func TestSearchPlans(t *testing.T) {
	f := open(t, store.Options{})
	pgtest.FillTrails(t, f.db, now, 3, 6000)
	_, err := f.db.Exec(t.Context(), `ANALYZE events`)
	require.NoError(t, err)
	day := now.Truncate(24 * time.Hour)
	for name, c := range map[string]struct {
		filter event.Filter
		want   string
	}{
		"days":    {event.Filter{Query: "-service:x reset,or", From: day.AddDate(0, 0, -2), To: day.AddDate(0, 0, -1)}, ""},
		"request": {event.Filter{Query: "request:req_7 -status:4xx"}, "translate(lower(request_id)"},
		"trace":   {event.Filter{Query: "trace:" + hex(7, 32)}, "trace_id ="},
	} {
		sql, args, err := store.EventsStatement(ws, c.filter, 50, "")
		require.NoError(t, err)
		rows, err := f.db.Query(t.Context(), "EXPLAIN "+sql, args...)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		plan := strings.Join(lines, "\n")
		if c.want != "" {
			assert.Contains(t, indexCondition(lines, "events_"+now.Format("20060102")), c.want, "%s\n%s", name, plan)
			continue
		}
		assert.Contains(t, plan, "events_"+day.AddDate(0, 0, -2).Format("20060102"), name)
		assert.NotContains(t, plan, "events_"+day.AddDate(0, 0, 1).Format("20060102"), name)
		assert.NotContains(t, plan, "events_"+day.AddDate(0, 0, -4).Format("20060102"), name)
	}
}
