package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/blast"
	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/linkout"
	"errata/internal/stats"
	"errata/internal/store"
)

// evilRequest fills in what the store adds to a request's page.
func evilRequest(p *requestPage, trail *event.Trail) {
	e := &trail.Events[0]
	p.JustThem = justThemOf(e, blast.Answer{Verdict: evil, Title: evil, Text: evil, Events: 3, Customers: 1, FirstAt: &event.Time{Time: time.Now()}, LastAt: &event.Time{Time: time.Now()}, Minutes: []int64{1, 2}}, time.Now())
	p.Theirs = &theirs{When: evil, Path: pathOfCustomer(evil), Rows: []theirsRow{{event.Family(evil), evil, "/events?" + query("code", evil), 3, true}}, Elsewhere: 2}
	p.Tries = &tries{Text: evil, Basis: evil, Of: 30, List: []try{{N: 1, Machine: evil, Clock: evil, Heading: evil, Path: eventPath(evil, evil), Family: event.Family(evil), Gap: evil}, {N: 2, Heading: evil, This: true, OK: true}}}
	p.Engineer, p.All, p.Release = true, true, evil
	p.Links = linkout.Fill([]linkout.Template{{Name: evil, URL: "https://a.example/{from_ms}"}}, trail, e)
	for i := range 3 {
		p.Replies = append(p.Replies, replyText{catalog.Reply{Kind: evil, Label: evil, Text: evil}, fmt.Sprint("evil", i), evil})
	}
	p.Why.Owner, p.Why.DocsURL, p.Why.SourceRefs = evil, "javascript:alert(1)", []catalog.Source{{Text: evil, URL: "javascript:alert(1)"}, {Text: evil}}
}

// fiveServices is a request whose cause is a provider's 429, four services further down.
func (f *fixture) fiveServices() {
	f.t.Helper()
	at := f.now.Add(-12 * time.Minute)
	var events []event.Event
	for i, s := range []string{"edge-gateway", "prompts-api", "orchestrator", "agents", "llm-proxy"} {
		e := event.Event{TraceID: trace1, SpanID: fmt.Sprintf("%016x", i+1), Service: s, Status: 502, Code: "bad_gateway", Method: "POST", Endpoint: "/v1/" + s, Customer: "acme", Release: "2026.11.20-3",
			OccurredAt: at.Add(time.Duration(-i) * 10 * time.Millisecond), DurationMS: ptr(float64(1000 - 50*i)), Message: "the service behind failed"}
		if i > 0 {
			e.ParentSpanID = fmt.Sprintf("%016x", i)
		} else {
			e.RequestID = "req_five"
			e.RawBody = []byte(`{"error":{"code":"bad_gateway","message":"the service behind failed"}}`)
		}
		events = append(events, e)
	}
	call := event.Event{TraceID: trace1, SpanID: "00000000000000f1", ParentSpanID: "0000000000000005", Service: "llm-proxy", Role: event.Upstream, Status: 429, Code: "rate_limit_exceeded", Method: "POST",
		Endpoint: "/v1/chat/completions", OccurredAt: at.Add(-300 * time.Millisecond), DurationMS: ptr(80.0), Upstream: &event.UpstreamInfo{Provider: "openai"}}
	again := call
	again.SpanID, again.OccurredAt = "00000000000000f2", at.Add(-60*time.Millisecond)
	f.write(append(events, call, again)...)
}

func TestRequestPageOverFiveServices(t *testing.T) {
	f := newFixture(t).decides()
	f.fiveServices()
	p := f.get("/r/req_five")
	require.Equal(t, 200, p.code)
	requireSound(t, p)
	assert.Equal(t, "Our upstream openai refused us (rate_limit_exceeded); the customer was not rate-limited. Nothing is wrong with their request.", words(p.Find("h1")))
	assert.Equal(t, "The failure began in llm-proxy, in a call that it made to openai: 429 rate_limit_exceeded. The customer was not rate-limited: our provider openai limited us. "+
		"From there it came out through agents, orchestrator, prompts-api and edge-gateway.", words(p.Find(".began")))
	assert.Contains(t, words(p.Find("#reply")), "this was not about your own limits")
	assert.NotContains(t, p.Find("#reply").Text(), "openai")
	var order []string
	for _, s := range p.Find(".timeline li").EachIter() {
		order = append(order, s.AttrOr("class", "")+" "+words(s.Find("strong")))
	}
	assert.Equal(t, []string{"d0 edge-gateway", "d1 prompts-api", "d2 orchestrator", "d3 agents", "d4 llm-proxy", "d5 llm-proxy", "d5 root llm-proxy"}, order)
	assert.Contains(t, words(p.Find(".timeline li").First()), "what the customer saw this record")
	assert.Equal(t, "Attempts of llm-proxy to openai (POST /v1/chat/completions): #1 429, #2 429", words(p.Find(".attempts")))
	assert.Contains(t, words(p.Find("section[aria-labelledby=just]")), "Is it just them? Too few to tell 1 customer, 1 failure.")
	assert.Less(t, zipped(t, p.body), 10<<10)
	var headings []string
	for _, s := range p.Find("main h2").EachIter() {
		headings = append(headings, s.AttrOr("id", ""))
	}
	assert.Equal(t, []string{"just", "do", "answer", "why", "timeline", "theirs", "ids", "desk"}, headings, "in the order in which it is needed")
}

// Support sees what to say and to do, and who looks at more is in the audit log.
func TestRequestPageByRole(t *testing.T) {
	f := newFixture(t)
	f.samples()
	f.signIn()
	support := f.get("/r/req_edge1")
	for _, gone := range []string{"#timeline", "#ids", "summary:contains(Body)", "summary:contains(Exception)"} {
		assert.Zero(t, support.Find(gone).Length(), gone)
	}
	for _, there := range []string{"#just", "#do", "#reply", "#why", "#theirs"} {
		assert.Equal(t, 1, support.Find(there).Length(), there)
	}
	const raw = "&#34;error&#34;: &#34;provider_error&#34;"
	assert.NotContains(t, support.body, raw)
	full := f.get(support.Find(".unmask a").AttrOr("href", ""))
	requireSound(t, full)
	assert.Contains(t, full.body, raw)
	assert.Equal(t, 1, full.Find("#timeline").Length())
	assert.Zero(t, full.Find(".unmask").Length())

	f.client = f.newClient()
	f.decides()
	engineer := f.get("/r/req_edge1")
	assert.Equal(t, 1, engineer.Find("#timeline").Length())
	assert.NotContains(t, engineer.body, raw, "engineers ask for it as well")
	odd := f.get("/r/req%2Fodd+id%201")
	assert.Contains(t, f.get(odd.Find(".unmask a").AttrOr("href", "")).body, "is required", "whatever is in the ID")
}

func TestRequestPageTellsOfTheCustomerAndTheRelease(t *testing.T) {
	f := newFixture(t).decides()
	hour, minute := f.now.Truncate(time.Hour), f.now.Truncate(time.Minute) // which is how finely it is counted
	deploy := minute.Add(-20 * time.Minute)
	require.NoError(t, f.AddDeploy(t.Context(), store.System, store.DefaultWorkspace, store.Deploy{Service: "billing", Environment: "production", Release: "2026.11.20-3", At: event.Time{Time: deploy}}))
	var events []event.Event
	for i := range 12 {
		events = append(events, event.Event{RequestID: fmt.Sprintf("req_new%d", i), Status: 500, Code: "db_pool_exhausted", Customer: "acme", Release: "2026.11.20-3", Method: "POST", Endpoint: "/v1/charges", OccurredAt: minute.Add(-time.Duration(10+i/2) * time.Minute)})
	}
	for i := range 3 {
		events = append(events, event.Event{Status: 422, Code: "validation_failed", Customer: "acme", OccurredAt: hour.Add(-time.Duration(5+i) * time.Hour)},
			event.Event{Status: 500, Code: "boom", Service: "search-api", Customer: "acme", OccurredAt: hour.Add(-2 * time.Hour).Add(time.Duration(i) * time.Second)})
	}
	f.write(append(events, event.Event{RequestID: "req_old", Status: 500, Code: "old_one", Customer: "globex", Release: "2026.11.20-3"}, event.Event{Status: 500, Code: "old_one", OccurredAt: f.now.Add(-3 * time.Hour)})...)

	p := f.get("/r/req_new0")
	requireSound(t, p)
	assert.Contains(t, words(p.Find("section[aria-labelledby=just]")), "Only them 1 customer, 12 failures.")
	assert.Contains(t, words(p.Find("section[aria-labelledby=release]")), "Version 2026.11.20-3, deployed 10 min before. First error 5 min after 2026.11.20-3 was deployed; this code was not seen in the 24 h before.")
	theirs := p.Find("section[aria-labelledby=theirs]")
	assert.Equal(t, []string{"500 db_pool_exhausted 12 this one", "422 validation_failed 3"}, []string{words(theirs.Find("li").First()), words(theirs.Find("li").Last())})
	assert.Contains(t, words(theirs), "3 more, of other codes or in other services. All that failed for them")
	for _, a := range []string{"section[aria-labelledby=theirs] li a", "section[aria-labelledby=just] a"} {
		assert.Equal(t, 12, f.get(p.Find(a).First().AttrOr("href", "")).Find("tr:has(td)").Length(), a)
	}
	assert.Contains(t, words(f.get("/r/req_old").Find("section[aria-labelledby=release]")), "This code came in the 24 h before that, too: once.")
	assert.Zero(t, f.get("/r/req_old").Find("#out").Length())
}

// A failure outlives the minutes around it as an example of its issue, and a sender's
// clock may be hours ahead: what cannot be asked about the release is not said, and the
// page is there.
func TestRequestPageOfAnyAge(t *testing.T) {
	f := newFixture(t).decides()
	for name, at := range map[string]time.Time{"old": f.now.AddDate(0, 0, -40), "last_day": f.now.AddDate(0, 0, -30).Add(time.Hour), "ahead": f.now.Add(5 * time.Hour)} {
		require.NoError(t, f.AddDeploy(t.Context(), store.System, store.DefaultWorkspace, store.Deploy{Service: "of-" + name, Environment: "production", Release: "7.1", At: event.Time{Time: at.Add(-5 * time.Minute)}}))
		f.write(event.Event{RequestID: "req_" + name, Service: "of-" + name, Status: 500, Code: "boom", Customer: "acme", Release: "7.1", Method: "POST", Endpoint: "/v1/charges", OccurredAt: at})
		p := f.get("/r/req_" + name)
		requireSound(t, p)
		require.Equal(t, 200, p.code, "%s: %s", name, words(p.Find("main")))
		said := words(p.Find("section[aria-labelledby=release]"))
		assert.Contains(t, said, "Version 7.1, deployed 5 min before.", name)
		assert.NotContains(t, said, "First error", name)
	}
}

// Names of services are as long as people make them, and some requests go through many.
func TestPagesOfManyLongServices(t *testing.T) {
	f := newFixture(t).decides()
	var events []event.Event
	for i := range 10 {
		events = append(events, event.Event{TraceID: trace1, SpanID: fmt.Sprintf("%016x", i+1), Service: strings.Repeat("a-long-name-", 16) + strconv.Itoa(i), Status: 502, Code: "bad_gateway", Customer: "acme", OccurredAt: f.now.Add(-time.Minute)})
	}
	f.write(events...)
	for path, part := range map[string]string{"/r/" + trace1: ".theirs li", "/customers/acme": "[aria-labelledby=codes-h] tbody tr", "/codes/bad_gateway": "[aria-labelledby=services-h] tbody tr"} {
		p := f.get(path)
		requireSound(t, p)
		assert.Equal(t, 200, p.code, "%s: %s", path, words(p.Find("[role=alert]")))
		assert.Positive(t, p.Find(part).Length(), path)
	}
}

// retried writes what a hasty client does: five tries with one key, each of them under
// a request ID of its own.
func (f *fixture) retried() {
	f.t.Helper()
	at := f.now.Add(-20 * time.Minute)
	var events []event.Event
	for i, after := range []time.Duration{0, 4, 8, 70, 130} {
		events = append(events, event.Event{RequestID: fmt.Sprintf("req_try%d", i+1), OccurredAt: at.Add(after * time.Second), Status: 429, Code: "rate_limit_exceeded", Service: "billing", Method: "POST", Endpoint: "/v1/charges",
			Customer: "acme", RetryAfter: &event.RetryAfter{Seconds: 45, Source: "header"}, Aliases: []event.Alias{{Kind: event.Idempotency, Value: "8e03978e-40d5-43dd-bc93-6894a57f9324"}}})
	}
	events[4].Status, events[4].Code = 500, "boom"
	f.write(events...)
}

func TestRequestPageTellsOfAttempts(t *testing.T) {
	f := newFixture(t).signIn()
	f.retried()
	p := f.get("/r/req_try3")
	requireSound(t, p)
	section := p.Find("section[aria-labelledby=attempts]")
	assert.Equal(t, "Attempts", words(section.Find("h2")))
	assert.Equal(t, "This was attempt 3 of 5 in 2 min 10 s; the customer waited 4 s where 45 s were asked for. After attempt 5 no further failure was reported within 10 minutes of this one.", words(section.Find("p").First()))
	var list []string
	for _, s := range section.Find("li").EachIter() {
		list = append(list, words(s)[len("00:00:00 UTC "):])
	}
	assert.Equal(t, []string{"429 rate_limit_exceeded", "429 rate_limit_exceeded after 4 s (45 s asked for): too early", "429 rate_limit_exceeded after 4 s (45 s asked for): too early this one",
		"429 rate_limit_exceeded after 1 min 2 s (45 s asked for)", "500 boom after 1 min (45 s asked for)"}, list)
	assert.Equal(t, 4, section.Find("li a").Length(), "this one leads nowhere")
	last := section.Find("li a").Last().AttrOr("href", "")
	assert.Equal(t, "/r/req_try5", last)
	assert.Contains(t, words(f.get(last).Find("section[aria-labelledby=attempts] p").First()), "This was attempt 5 of 5 in 2 min 10 s; the customer waited 1 min, and 45 s were asked for. No further failure was reported within 10 minutes of this one.")

	// Pasted, the key leads to each of them, and beside a request's own ID to that one.
	found := f.post("/find", nil, "text", "8e03978e-40d5-43dd-bc93-6894a57f9324")
	assert.Equal(t, 200, found.code)
	requireSound(t, found)
	assert.Equal(t, "5 requests found", words(found.Find("h1")))
	assert.Equal(t, "/r/req_try5", found.Find("a.row").First().AttrOr("href", ""), "the last one first")
	assert.Equal(t, "/r/req_try2", f.post("/find", nil, "text", "X-Request-Id: req_try2\nIdempotency-Key: 8e03978e-40d5-43dd-bc93-6894a57f9324").header.Get("Location"))

	engineer := newFixture(t).decides()
	engineer.retried()
	assert.Contains(t, words(engineer.get("/r/8e03978e-40d5-43dd-bc93-6894a57f9324").Find("section[aria-labelledby=ids]")), "Requestreq_try5Idempotency key8e03978e")
}

func TestRequestPageCallsAGuessOne(t *testing.T) {
	f := newFixture(t).signIn()
	at := f.now.Add(-time.Minute)
	again := event.Event{RequestID: "req_a", OccurredAt: at, Status: 500, Code: "boom", Customer: "acme", Method: "POST", Endpoint: "/v1/charges"}
	later := again
	later.RequestID, later.OccurredAt = "req_b", at.Add(30*time.Second)
	alone := again
	alone.RequestID, alone.Customer = "req_c", "globex"
	lonely := alone
	lonely.RequestID, lonely.Aliases = "req_d", []event.Alias{{Kind: event.Idempotency, Value: "k-1"}}
	f.write(again, later, alone, lonely)
	section := f.get("/r/req_a").Find("section[aria-labelledby=attempts]")
	assert.Equal(t, "Perhaps tried again", words(section.Find("h2")))
	assert.Contains(t, words(section), "This was perhaps attempt 1 of 2 in 30 s; the customer waited 30 s before the next. The same customer met the same code at the same endpoint; no idempotency key shows that it was one request. "+
		"After attempt 2 no further failure was reported so far.")
	assert.Zero(t, f.get("/r/req_c").Find("#attempts").Length())
	section = f.get("/r/req_d").Find("section[aria-labelledby=attempts]")
	assert.Equal(t, "Attempts No other failure with its idempotency key was reported so far.", words(section))
}

// Whichever ID led to it, what is passed on is the address of the request.
func TestRequestPageHasItsLink(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	trail, err := f.Trail(t.Context(), store.DefaultWorkspace, "req_edge1")
	require.NoError(t, err)
	var bare string // it has no request ID
	for _, e := range trail.Events {
		if e.RequestID == "" {
			bare = "/events/" + e.ID
		}
	}
	for path, want := range map[string]string{
		"/r/req_9f3a21": "/r/req_9f3a21", "/r/req_9f3a21?view=full": "/r/req_9f3a21", "/r/" + trace1: "/r/req_edge1", "/r/req%2Fodd+id%201": "/r/req%2Fodd+id%201",
		bare: bare, "/events/" + trail.Summary.EventID: "/events/" + trail.Summary.EventID,
	} {
		p := f.get(path)
		require.Equal(t, 200, p.code, path)
		assert.Equal(t, f.server.URL+want, p.Find("#link").Text(), path)
		assert.Equal(t, 1, p.Find("button[data-copy=link][hidden]").Length(), "scripts bring it")
	}
	f.client = f.newClient()
	f.post("/login", nil, "key", supportKey)
	assert.Equal(t, f.server.URL+"/r/req_edge1", f.get("/r/"+trace1).Find("#link").Text(), "of support, too")

	outside := httptest.NewServer(New(Deps{Store: f.Store, Desk: deskOf(f.Store), Keys: auth.NewKeyring(f.KeyByHash, 0), Sessions: f.Sessions(), PublicURL: "https://errata.example/"}))
	t.Cleanup(outside.Close)
	f.server, f.client = outside, f.newClient()
	assert.Equal(t, "https://errata.example/r/req_9f3a21", f.signIn().get("/r/req_9f3a21").Find("#link").Text(), "as people reach it")
}

func TestMarkdown(t *testing.T) {
	assert.Equal(t, "Request `req_a_1` of 2 \\*May\\*:\n- a\\_b: \\<x\\> \\[y\\](z)", markdown("Request req_a_1 of 2 *May*:\n- a_b: <x> [y](z)", "req_a_1"))
	assert.Equal(t, "a\\`b", markdown("a`b", "a`b"), "an ID that would end its own code is text")
	assert.Equal(t, "x", markdown("x", ""))
}

// statements is all that is sent to the database.
type statements struct {
	mu  sync.Mutex
	sql []string
}

func (s *statements) add(sql string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sql = append(s.sql, sql)
}

func (s *statements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.sql
	s.sql = nil
	return out
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.add(data.SQL)
	return ctx
}
func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (*statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (s *statements) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.add(data.SQL)
}
func (*statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// asking is a store that notes what is asked of it about failures.
type asking struct {
	*store.Store
	statements
}

func (a *asking) Trail(ctx context.Context, ws int32, id string) (event.Trail, error) {
	a.add("Trail")
	return a.Store.Trail(ctx, ws, id)
}

func (a *asking) Around(ctx context.Context, ws int32, e *event.Event, now time.Time) (store.Around, error) {
	a.add("Around")
	return a.Store.Around(ctx, ws, e, now)
}

func (a *asking) Stats(ctx context.Context, ws int32, now time.Time, q ...stats.Question) ([]stats.Answer, error) {
	a.add("Stats")
	return a.Store.Stats(ctx, ws, now, q...)
}

func (a *asking) Catalog(ctx context.Context, ws int32) (*catalog.Book, error) {
	a.add("Catalog")
	return a.Store.Catalog(ctx, ws)
}

func (a *asking) Links(ctx context.Context, ws int32) ([]linkout.Template, error) {
	a.add("Links")
	return a.Store.Links(ctx, ws)
}

var ofEvents = regexp.MustCompile(`(?i)\b(FROM|JOIN) (events|bodies|stacks|aliases|issues)\b`)

// Five questions, and what is read of single failures is read by their keys: the page
// costs the same however many there are.
func TestRequestPageAsksLittle(t *testing.T) {
	var asked asking
	var sent statements
	f := newFixtureWith(t, store.Options{Tracer: &sent}, func(s *store.Store) Reader {
		asked.Store = s
		return &asked
	})
	f.decides()
	f.fiveServices()
	_, err := f.SetLinks(t.Context(), store.System, store.DefaultWorkspace, linkout.Presets)
	require.NoError(t, err)
	require.Equal(t, 200, f.get("/r/req_five").code) // what is prepared once
	asked.take()
	sent.take()
	p := f.get("/r/req_five")
	require.Equal(t, 200, p.code)
	assert.Equal(t, []string{"Trail", "Around", "Catalog", "Links", "Stats"}, asked.take())
	of := 0
	for _, sql := range sent.take() {
		if !ofEvents.MatchString(sql) {
			continue
		}
		of++
		assert.True(t, strings.Contains(sql, "e.request_id = $3::text") || strings.Contains(sql, "e.id = ANY") || strings.Contains(sql, "e.trace_id = $2::uuid") || strings.Contains(sql, "b.hash = $3::uuid") ||
			strings.Contains(sql, "WITH root AS") || strings.Contains(sql, "near AS MATERIALIZED") && strings.Count(sql, "LIMIT $15::int4") == 3, sql)
	}
	assert.Positive(t, of, "the test sees what is sent")
	dur := regexp.MustCompile(`db;dur=([0-9.]+)`).FindStringSubmatch(strings.Join(p.header.Values("Server-Timing"), " "))
	require.Len(t, dur, 2)
	ms, err := strconv.ParseFloat(dur[1], 64)
	require.NoError(t, err)
	assert.Positive(t, ms)
}

// The page with everything on it, its style and its scripts.
func TestRequestPageIsLight(t *testing.T) {
	f := newFixture(t).decides()
	f.fiveServices()
	f.samples()
	_, err := f.SetLinks(t.Context(), store.System, store.DefaultWorkspace, linkout.Presets)
	require.NoError(t, err)
	for _, path := range []string{"/r/req_five", "/r/req_five?view=full", "/r/req_edge1?view=full", "/r/req_9f3a21", "/r/req%2Fodd+id%201"} {
		p := f.get(path)
		require.Equal(t, 200, p.code, path)
		html := zipped(t, p.body)
		assert.Less(t, html, 10<<10, path)
		total := html
		for _, a := range []string{p.Find("link[rel=stylesheet]").AttrOr("href", ""), p.Find("script").AttrOr("src", "")} {
			total += zipped(t, f.get(a).body)
		}
		assert.Less(t, total, 45<<10, path)
		t.Logf("%s: %d bytes gz, %d with all that a first visit loads", path, html, total)
	}
}
