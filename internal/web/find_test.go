package web

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/pgtest"
)

// A few answers are a list, each with where it began.
func TestFindSeveral(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	p := f.post("/find", nil, "text", "Both broke: req_9f3a21 and req_edge1 (trace "+trace1+"), and then req_9F3A2l too. Nothing about order 20261120-118.")
	assert.Equal(t, 200, p.code)
	requireSound(t, p)
	assert.Equal(t, "2 requests found", words(p.Find("h1")))
	assert.Equal(t, 2, p.Find("a.row").Length(), "the trace belongs to a request")
	cause := words(p.Find("tr.cause"))
	assert.Contains(t, cause, "root cause 429 rate_limit_exceeded")
	assert.Contains(t, cause, "It began in prompts-api, in a call that it made to openai")
	absent := p.Find("section[aria-labelledby=absent]")
	assert.NotContains(t, words(absent), "20261120-118", "a guess is not missed")
	assert.Contains(t, words(absent), "No failure is known under: req_9F3A2l")
	assert.Contains(t, words(absent), "Did you mean req_9f3a21?")
	assert.Equal(t, 2, f.looks(), "who looked is in the audit log for each of them")

	p = f.post("/find", nil, "text", "REQ_9F3A21, the customer types in capitals")
	assert.Equal(t, "/r/req_9f3a21", p.header.Get("Location"))
}

// looks is how often the audit log says that somebody was shown a request.
func (f *fixture) looks() (n int) {
	f.t.Helper()
	require.NoError(f.t, pgtest.Owner(f.t, f.url).QueryRow(f.t.Context(), `SELECT count(*) FROM audit WHERE action = 'request.view'`).Scan(&n))
	return n
}

// What only might be an ID counts when it is known.
func TestFindGuesses(t *testing.T) {
	f := newFixture(t).signIn()
	f.write(event.Event{RequestID: "X9Q-77213", Status: 500, Code: "boom"})
	res := f.post("/find", nil, "text", "the box says X9Q-77213 when I pay for order 7734120098")
	assert.Equal(t, "/r/X9Q-77213", res.header.Get("Location"))
	res = f.post("/find", nil, "text", "the box says Y9Q-77213 when I pay for order 7734120098")
	assert.Equal(t, 422, res.code)
	assert.Contains(t, words(res.Find("main")), "2 words in it could be an ID")
	assert.NotContains(t, words(res.Find("main")), "7734120098")
}

// People paste names as well, which have pages of their own.
func TestFindNames(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	for word, want := range map[string]string{"PROVIDER_ERROR": "/codes/provider_error", "acme": "/customers/acme", "prompts-api": "/services/prompts-api"} {
		assert.Equal(t, want, f.post("/find", nil, "text", " "+word+"\n").header.Get("Location"), word)
		p := f.get("/r/" + word)
		assert.Equal(t, 404, p.code, word)
	}
	assert.Equal(t, "/codes/insufficient_quota", f.post("/find", nil, "text", "insufficient_quota").header.Get("Location"), "it never failed, and is in the catalogue")
	f.write(event.Event{RequestID: "req_both", Status: 500, Code: "acme", Customer: "prompts-api"})
	for word, n := range map[string]int{"acme": 2, "prompts-api": 2} {
		p := f.post("/find", nil, "text", word)
		assert.Equal(t, 404, p.code, word)
		assert.Equal(t, n, p.Find("p.note a.row").Length(), word)
	}
	assert.Zero(t, f.post("/find", nil, "text", "acm").Find("p.note a.row").Length())
}

// What is in a text is said while it is being typed, by the text alone.
func TestFindPreview(t *testing.T) {
	f := newFixture(t).signIn()
	for text, want := range map[string]string{
		"": "", " \n": "", "hello there": "No ID in it; what a customer is called finds them, too.",
		"X-Request-Id: req_9f3a21\n{\"error\":\"rate_limit_exceeded\",\"message\":\"no\"}": "In it: 1 request ID, an error body (rate_limit_exceeded)",
		"traceparent: 00-" + trace1 + "-00f067aa0ba902b1-01":                               "In it: 1 trace ID",
		"the box says X9Q-77213 when I pay":                                                "In it: 1 word that may be an ID",
		"req_9f3a21 req_9f3a22 with ep_live_0123456789abcdef":                              "In it: 2 request IDs, 1 live key, which is not kept",
		"REQ_9F3A21, he types":                                                             "In it: 1 request ID",
	} {
		p := f.post("/find/preview", nil, "text", text)
		require.Equal(t, 200, p.code, text)
		assert.JSONEq(t, fmt.Sprintf(`{"says":%q}`, want), p.body, text)
		assert.Equal(t, "no-store", p.header.Get("Cache-Control"))
	}
	var many strings.Builder
	for n := range 600 {
		fmt.Fprintf(&many, "req_%06x\n", n)
	}
	assert.JSONEq(t, `{"says":"In it: 500 request IDs, 100 more IDs than are looked up at once"}`, f.post("/find/preview", nil, "text", many.String()).body)
	assert.Equal(t, 413, f.post("/find/preview", nil, "text", strings.Repeat("x", maxText+1)).code)
	assert.Zero(t, f.looks())
	f.client = f.newClient()
	assert.Equal(t, 303, f.post("/find/preview", nil, "text", "x").code)
}

// A text without a known ID still leads to what it names.
func TestFindLeads(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	f.write(event.Event{RequestID: "req_mail", Status: 402, Code: "card_declined", Service: "billing", Method: "POST", Endpoint: "/v1/charges/{id}/capture", Customer: "jo@acme.test"})
	for text, want := range map[string]string{
		"I did POST /v1/charges/ch_99/capture":                                     "It names the endpoint POST /v1/charges/{id}/capture of billing: see it.",
		"> curl said: POST https://api.acme.test/v1/charges?x=1, and then nothing": "It names the endpoint POST /v1/charges of billing: see it.",
		"From: Jo <jo@acme.test>\nTo: help@errata.test\nIt fails.":                 "It names the customer jo@acme.test: see it.",
	} {
		p := f.post("/find", nil, "text", text)
		assert.Equal(t, want, words(p.Find("p.note")), text)
		requireSound(t, p)
	}
	assert.Equal(t, "/e/billing/POST/v1/charges/%7Bid%7D/capture", f.post("/find", nil, "text", "POST /v1/charges/ch_99/capture").header.Get("Location"))
	for _, text := range []string{"GET /v1/charges", "POST /v2/charges", "POST charges", "jo@other.test wrote"} {
		assert.Zero(t, f.post("/find", nil, "text", text).Find("p.note").Length(), text)
	}
	f.client = f.newClient()
	require.Equal(t, 303, f.post("/login", nil, "key", supportKey).code)
	assert.Zero(t, f.post("/find", nil, "text", "POST /v1/charges").Find("p.note").Length(), "support has no page of an endpoint")
	assert.Equal(t, 1, f.post("/find", nil, "text", "jo@acme.test wrote").Find("p.note").Length())
}

// Whoever looks things up is interrupted by the next customer.
func TestRecentLookUps(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	assert.Zero(t, f.get("/").Find("section[aria-labelledby=looks]").Length())
	for _, path := range []string{"/r/req_9f3a21", "/r/req_edge1", "/r/" + trace1, "/r/req_9f3a21", "/r/req_none"} {
		f.get(path)
	}
	p := f.get("/")
	requireSound(t, p)
	rows := p.Find("section[aria-labelledby=looks] li")
	require.Equal(t, 2, rows.Length())
	assert.Regexp(t, `^req_9f3a21 429 rate_limit_exceeded acme (just now|.* ago)$`, words(rows.First()))
	assert.Equal(t, "/r/req_edge1", rows.Last().Find("a").AttrOr("href", ""))
	f.client = f.newClient()
	require.Equal(t, 303, f.post("/login", nil, "key", supportKey).code)
	assert.Zero(t, f.get("/").Find("section[aria-labelledby=looks]").Length(), "they are one's own")
}

// A body without an ID still says what went wrong.
func TestFindCodeOfABody(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	for text, want := range map[string]string{
		"we get this: {\"error\":{\"code\":\"RATE_LIMIT_EXCEEDED\",\"message\":\"Slow down\"}} all day": "The body in it has the code rate_limit_exceeded: see it.",
		`{not json} {"hello":1} {"error":"rate_limit_exceeded","retry_after":3}`:                        "The body in it has the code rate_limit_exceeded: see it.",
		`{"error":{"code":"nobody_has_this"}}`:                                                          "", "no body at all, sorry": "", strings.Repeat("{", 5000): "",
	} {
		p := f.post("/find", nil, "text", text)
		requireSound(t, p)
		assert.Equal(t, want, words(p.Find("p.note:has(a.row)")), text[:min(40, len(text))])
		if want != "" {
			assert.Equal(t, "/codes/rate_limit_exceeded", p.Find("p.note a.row").AttrOr("href", ""))
		}
	}
}

// Many are a table in the order of the list, and the same as CSV.
func TestFindMany(t *testing.T) {
	f := newFixture(t).signIn()
	var events []event.Event
	var list strings.Builder
	for i := range 300 {
		id := fmt.Sprintf("req_bulk%04d", i)
		fmt.Fprintln(&list, id)
		if i%3 == 0 {
			continue
		}
		e := event.Event{RequestID: id, Status: 429, Code: "rate_limit_exceeded", Service: "=cmd()", Customer: "acme", OccurredAt: f.now.Add(-time.Duration(i) * time.Second)}
		if i%2 == 0 {
			e.Status, e.Code, e.Service = 502, "provider_error", "edge"
			e.Upstream = &event.UpstreamInfo{Provider: "openai"}
		}
		events = append(events, e)
	}
	f.write(events...)
	p := f.post("/find", nil, "text", list.String())
	assert.Equal(t, 200, p.code)
	requireSound(t, p)
	assert.Equal(t, "200 of 300 IDs found", words(p.Find("h1")))
	assert.Equal(t, 200, f.looks())
	rows := p.Find("tbody tr")
	require.Equal(t, 300, rows.Length())
	assert.Contains(t, words(rows.Eq(0)), "req_bulk0000 Not found. No failure")
	assert.Contains(t, words(rows.Eq(1)), "=cmd() 429 rate_limit_exceeded limit The customer sent more requests")
	assert.Contains(t, words(rows.Eq(2)), "Our upstream openai failed edge")

	ids, _ := p.Find("input[name=ids]").Attr("value")
	res := f.post("/find", nil, "ids", ids, "as", "csv")
	assert.Equal(t, 200, res.code)
	assert.Equal(t, "text/csv; charset=utf-8", res.header.Get("Content-Type"))
	assert.Contains(t, res.header.Get("Content-Disposition"), "attachment")
	records, err := csv.NewReader(strings.NewReader(res.body)).ReadAll()
	require.NoError(t, err)
	require.Len(t, records, 301)
	assert.Equal(t, []string{"id", "found", "time", "service", "status", "code", "family", "verdict", "customer"}, records[0])
	assert.Equal(t, "no", records[1][1])
	assert.Equal(t, []string{"req_bulk0001", "yes"}, records[2][:2])
	assert.Equal(t, []string{"'=cmd()", "429", "rate_limit_exceeded", "limits"}, records[2][3:7], "no formula")

	many := strings.ReplaceAll(list.String(), "bulk", "none")
	p = f.post("/find", nil, "text", many)
	assert.Equal(t, "0 of 300 IDs found", words(p.Find("h1")))
	assert.Zero(t, p.Find(".warn").Length())
	p = f.post("/find", nil, "text", list.String()+many)
	assert.Equal(t, "200 of 500 IDs found", words(p.Find("h1")))
	assert.Contains(t, words(p.Find(".warn")), "100 more IDs are in the text")
}

func TestFindMasksKeys(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	for _, text := range []string{
		"req_9f3a21 with sk_live_51Habc9Zz0QkX7Lm3", "sk_live_51Habc9Zz0QkX7Lm3", "req_nowhere77 Authorization: Bearer sk_live_51Habc9Zz0QkX7Lm3",
		"req_9f3a21 -H 'x-api-key: 51Habc9Zz0QkX7Lm3'",
	} {
		p := f.post("/find", nil, "text", text)
		assert.NotEqual(t, 303, p.code, text)
		assert.NotContains(t, p.body, "51Habc9", text)
		assert.Contains(t, words(p.Find(".warn")), "7Lm3", "which key it is")
		assert.Contains(t, words(p.Find(".warn")), "replace the key")
	}
}

// The box that "/" goes to is on every page.
func TestBoxOnEveryPage(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	for _, path := range []string{"/", "/d", "/events", "/issues", "/services", "/services/billing", "/codes", "/codes/rate_limit_exceeded", "/customers/acme", "/releases", "/rejections",
		"/alerts", "/alerts/history", "/alerts/rules", "/alerts/silences", "/alerts/channels", "/alerts/deliveries", "/r/req_9f3a21", "/r/req_none", "/nowhere"} {
		p := f.get(path)
		assert.Equal(t, 1, p.Find("form[action='/find'][method=post] #q").Length(), path)
	}
}

// What is pasted reaches no log, no address, and no table.
func TestPastedTextIsKeptNowhere(t *testing.T) {
	f := newFixture(t)
	var log bytes.Buffer
	h := New(Deps{Store: f.Store, Keys: auth.NewKeyring(f.KeyByHash, 0), Sessions: f.Sessions(), Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	f.server.Config.Handler = h
	f.signIn()
	f.samples()
	const marker = "Marker7Q4"
	for _, text := range []string{
		"req_conf" + marker + " from jane@example.com", "req_9f3a21 " + marker, "req_9f3a21 and req_edge1 " + marker, marker, "api_key=" + marker + "00112233 req_9f3a21",
		strings.Repeat("req_"+marker+"%d1 req_"+marker+"2 ", 20), "\xff" + marker, strings.Repeat(marker, 40_000),
	} {
		res := f.post("/find", nil, "text", text)
		assert.NotContains(t, res.header.Get("Location"), marker)
	}
	f.post("/find", nil, "ids", "req_"+marker, "as", "csv")
	assert.NotEmpty(t, log.String())
	assert.NotContains(t, log.String(), marker)
	assert.NotContains(t, log.String(), "jane")
	assert.Empty(t, pgtest.TablesWith(t, f.url, marker))
	assert.NotEmpty(t, pgtest.TablesWith(t, f.url, "req_9f3a21"), "what is there would have been found")
}
