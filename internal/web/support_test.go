package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/store"
)

// as signs somebody in with a key, in a browser of their own.
func (f *fixture) as(key string) *fixture {
	f.t.Helper()
	f.client = f.newClient()
	res := f.post("/login", nil, "key", key)
	require.Equal(f.t, http.StatusSeeOther, res.code, res.body)
	return f
}

// Every route has a decision, and every scope gets exactly what was decided.
func TestEveryPageByEveryScope(t *testing.T) {
	f := newFixture(t)
	engine, ok := f.server.Config.Handler.(*gin.Engine)
	require.True(t, ok)
	fill := strings.NewReplacer("*endpoint", "v1/charges", "*id", "req_nobody_knows", ":service", "billing", ":method", "POST", ":first", "billing", ":code", "internal_error", ":customer", "acme",
		":event", "01970000-0000-7000-8000-00000000ffff", ":id", "01970000-0000-7000-8000-00000000ffff", ":rule", "01970000-0000-7000-8000-00000000ffff", ":token", "x", ":secret", "x", ":file", "x")
	// What of a form takes no administrator.
	harmless := map[string]string{"POST /codes/:first/:code/edit": "preview", "POST /alerts/rules/new": "replay", "POST /alerts/rules/:rule": "replay"}
	ask := func(r gin.RouteInfo) page {
		if r.Method == http.MethodGet {
			return f.get(fill.Replace(r.Path))
		}
		return f.post(fill.Replace(r.Path), nil, "do", harmless[r.Method+" "+r.Path])
	}
	doors, routes := auth.Doors(), engine.Routes()
	for _, scope := range []auth.Scope{"", auth.Support, auth.Read, auth.Admin} {
		f.client = f.newClient()
		if scope != "" {
			f.as(map[auth.Scope]string{auth.Support: supportKey, auth.Read: readKey, auth.Admin: adminKey}[scope])
		}
		checked := 0
		for _, r := range routes {
			least, decided := doors[r.Method+" "+r.Path]
			if !assert.True(t, decided, "decide in internal/auth/doors.go who may open %s %s", r.Method, r.Path) || least == auth.Anyone {
				continue
			}
			checked++
			res := ask(r)
			switch {
			case scope == "":
				assert.Equal(t, http.StatusSeeOther, res.code, "%s %s without a session", r.Method, r.Path)
				assert.True(t, strings.HasPrefix(res.header.Get("Location"), "/login"), "%s %s", r.Method, r.Path)
			case scope.Includes(least):
				assert.NotEqual(t, http.StatusForbidden, res.code, "%s %s with the scope %s", r.Method, r.Path, scope)
				assert.False(t, strings.HasPrefix(res.header.Get("Location"), "/login"), "%s %s", r.Method, r.Path)
			default:
				assert.Equal(t, http.StatusForbidden, res.code, "%s %s with the scope %s", r.Method, r.Path, scope)
				assert.Contains(t, words(res.Find("main")), "with the scope \""+string(least)+"\"", r.Path)
			}
		}
		assert.Greater(t, checked, 60)
	}
}

func TestWhoSignsInAsSupport(t *testing.T) {
	f := newFixture(t)
	f.samples()
	f.as(supportKey)
	var menu []string
	for _, a := range f.get("/").Find("nav[aria-label=Pages] a").EachIter() {
		menu = append(menu, a.AttrOr("href", ""))
	}
	assert.Equal(t, []string{"/", "/alerts"}, menu, "what can be opened, and nothing else")

	res := f.get("/events?service=billing")
	assert.Equal(t, http.StatusForbidden, res.code)
	requireSound(t, res)
	said := words(res.Find("main"))
	for _, part := range []string{"This is for engineers", "has the scope \"support\"", "takes a key with the scope \"read\"", "Ask an administrator", "Signed in as sam"} {
		assert.Contains(t, said, part)
	}
	assert.Contains(t, words(f.get("/settings/audit").Find("h1")), "administrators")

	// What a session may do is what its key may do now.
	login := store.Login{Workspace: store.DefaultWorkspace, Actor: store.Actor{Kind: "session", ID: linkActor, Label: "leo"}}
	for _, scope := range []auth.Scope{auth.Support, auth.Read, auth.Admin} {
		login.Allow(scope)
		assert.Equal(t, []bool{true, scope != auth.Support, scope == auth.Admin}, []bool{login.May(auth.Support), login.May(auth.Read), login.May(auth.Admin)})
	}
	var nobody store.Login
	nobody.Allow(auth.Ingest)
	assert.False(t, nobody.May(auth.Support) || nobody.May(auth.Read) || nobody.May(auth.Admin) || nobody.May(auth.Ingest) || nobody.May(auth.Anyone) || nobody.May(""))

	require.NoError(t, f.CreateLoginLink(t.Context(), store.DefaultWorkspace, "lea", auth.Support, auth.Hash("a-link-for-lea"), f.now.Add(1e12)))
	f.client = f.newClient()
	require.Equal(t, http.StatusSeeOther, f.post("/login/a-link-for-lea", nil).code)
	assert.Equal(t, "lea", words(f.get("/").Find(".user span")))
	assert.Equal(t, http.StatusForbidden, f.get("/d").code, "a link lets in for what it was made for")
	assert.Equal(t, http.StatusOK, f.get("/r/req_edge1").code)
}

func TestRequestPageOfSupport(t *testing.T) {
	f := newFixture(t)
	f.fiveServices()
	f.as(supportKey)
	p := f.get("/r/req_five")
	require.Equal(t, 200, p.code)
	requireSound(t, p)
	assert.Equal(t, "Our upstream openai refused us (rate_limit_exceeded); the customer was not rate-limited. Nothing is wrong with their request.", words(p.Find("h1")))
	assert.Equal(t, "The failure began in llm-proxy, in a call that it made to openai: 429 rate_limit_exceeded. The customer was not rate-limited: our provider openai limited us.", words(p.Find(".began")))
	var headings []string
	for _, s := range p.Find("main h2").EachIter() {
		headings = append(headings, s.AttrOr("id", ""))
	}
	assert.Equal(t, []string{"just", "do", "answer", "why", "theirs", "desk"}, headings, "fields 1 to 6, 8 and 12")
	assert.Zero(t, p.Find(".unmask").Length(), "there is no other view")
	for _, gone := range []string{"agents", "orchestrator", "prompts-api", trace1, "2026.11.20-3", "view=full"} {
		assert.NotContains(t, p.body, gone)
	}
	assert.Contains(t, words(p.Find(".said")), "the service behind failed", "the customer has it as well")

	// Whatever leads to the request shows the same.
	trail, err := f.Trail(t.Context(), store.DefaultWorkspace, "req_five")
	require.NoError(t, err)
	for i := range trail.Events {
		inner := f.get("/events/" + trail.Events[i].ID)
		assert.Equal(t, 200, inner.code)
		assert.Equal(t, words(p.Find(".facts")), words(inner.Find(".facts")), "about what the customer saw")
		assert.NotContains(t, inner.body, "orchestrator")
	}
	for _, path := range []string{"/r/req_five?view=full", "/events/" + trail.Events[0].ID + "?view=full"} {
		full := f.get(path)
		assert.Equal(t, http.StatusForbidden, full.code, path)
		assert.NotContains(t, full.body, "orchestrator")
	}
	assert.Equal(t, http.StatusSeeOther, f.post("/desk/"+trail.Summary.EventID, nil, "do", "note", "body", "told them", "back", "/r/req_five").code)
	assert.Contains(t, words(f.get("/r/req_five").Find(".notes")), "told them")
}

func TestSupportSeesNoExceptionAndNoOnesElseMessage(t *testing.T) {
	f := newFixture(t)
	f.samples()
	f.write(
		event.Event{RequestID: "req_span", Status: 500, Code: "internal_error", Message: "dial tcp 10.0.3.7:5432: refused", RawBody: []byte(`{"error":"internal_error"}`),
			Exception: &event.Exception{Type: "net.OpError", Message: "dial tcp 10.0.3.7:5432: refused", Stacktrace: "at secret.go:7"}},
		event.Event{RequestID: "req_log", Status: 500, Role: event.Context, Code: "internal_error", Message: "connection string postgres://inner"},
	)
	require.NoError(t, f.Reject(t.Context(), store.DefaultWorkspace, []event.Rejection{{
		ID: "01970000-0000-7000-8000-0000000000aa", Source: event.FromHTTP, Reason: "not_storable", Message: "PostgreSQL refused the item: invalid byte", RequestID: "req_rejected1"}}))
	f.as(supportKey)
	for path, gone := range map[string]string{"/r/req_span": "dial tcp", "/r/req_log": "postgres://", "/r/req_edge1": "provider refused", "/r/" + trace1: "429 from openai", "/r/req_rejected1": "invalid byte"} {
		p := f.get(path)
		assert.NotContains(t, p.body, gone, path)
		for _, never := range []string{"run.go", "secret.go", "ProviderError", "chatcmpl-77", "goroutine", "edge-81"} {
			assert.NotContains(t, p.body, never, path)
		}
	}
	assert.Contains(t, words(f.get("/r/req_rejected1").Find("main")), "was rejected (not_storable).")
	assert.Contains(t, words(f.get("/r/req_edge1").Find(".said")), "LLM provider returned an error")
	assert.Contains(t, f.signIn().get("/r/req_span?view=full").body, "dial tcp", "engineers see it")
}

func TestSupportFinds(t *testing.T) {
	f := newFixture(t)
	f.samples()
	f.as(supportKey)
	assert.Equal(t, "/r/req_edge1", f.post("/find", nil, "text", "they say req_edge1").header.Get("Location"))
	found := f.post("/find", nil, "text", "req_edge1 and req_9f3a21 and req_9f3a2l")
	require.Equal(t, 200, found.code)
	assert.Contains(t, words(found.Find("tr.cause")), "The failure began in prompts-api")
	assert.NotContains(t, found.body, "429 from openai")
	assert.Equal(t, http.StatusForbidden, f.post("/find", nil, "ids", "req_edge1", "as", "csv").code, "nothing is taken out in bulk")
	var many strings.Builder
	for range 12 {
		many.WriteString("req_none" + itoa(many.Len()) + " ")
	}
	table := f.post("/find", nil, "text", "req_edge1 req_9f3a21 "+many.String())
	assert.Equal(t, 14, table.Find("table.many tbody tr").Length())
	assert.Zero(t, table.Find("button[name=as]").Length())

	assert.Equal(t, "/customers/acme", f.post("/find", nil, "text", "acme").header.Get("Location"), "of whom there is a plain page")
	assert.Zero(t, f.post("/find", nil, "text", "prompts-api").Find("p.note a.row").Length())
	plain := f.get("/codes/prompts-api/rate_limit_exceeded")
	requireSound(t, plain)
	assert.Contains(t, words(plain.Find("main")), "Why it happens")
	assert.Zero(t, plain.Find("svg, table, a[href*='edit']").Length())
}

func TestSupportSeesIncidentsInWords(t *testing.T) {
	f := newFixture(t)
	f.as(supportKey)
	assert.Contains(t, words(f.get("/alerts").Find("main")), "Quiet")
	f.outage("checkout-api", true)
	p := f.get("/alerts")
	requireSound(t, p)
	assert.Contains(t, words(p.Find("main .reply")), "some requests to checkout-api fail because of an error on our side")
	assert.Zero(t, p.Find("main a, main form").Length())
	assert.Equal(t, "/alerts", f.get("/").Find("section.now li a").AttrOr("href", ""))
	request := f.get("/r/req_checkout-api_1")
	assert.Equal(t, "/alerts", request.Find("section[aria-labelledby=known] p a").AttrOr("href", ""))
	assert.Contains(t, words(request.Find("#tell")), "checkout-api")
}

// Nothing that a support member is shown leads to where they may not go.
func TestNoLinkOfSupportIsClosed(t *testing.T) {
	f := newFixture(t)
	f.samples()
	f.trouble()
	f.outage("checkout-api", true)
	f.as(supportKey)
	seen, queue := map[string]bool{}, []string{"/", "/r/req_edge1", "/r/req_9f3a21", "/r/req_checkout-api_1", "/r/req_nobody", "/r/req%2Fodd+id%201", "/r/req_bad1"}
	check := func(p page, at string) {
		for _, a := range p.Find("a[href], form[action][method=get]").EachIter() {
			to := a.AttrOr("href", a.AttrOr("action", ""))
			u, err := url.Parse(to)
			require.NoError(t, err)
			if u.Fragment != "" && u.Path == "" || u.Host != "" {
				continue
			}
			if !seen[u.Path] {
				queue = append(queue, to)
			}
			seen[u.Path] = true
		}
		for _, form := range p.Find("form[action]").EachIter() {
			door := form.AttrOr("action", "")
			assert.Regexp(t, `^/(find|logout|theme|watches|desk/[^/]+|customers/[^/]+)$`, door, at)
		}
	}
	check(f.post("/find", nil, "text", "req_edge1 and req_9f3a21 and req_nobody1"), "/find")
	for len(queue) > 0 && len(seen) < 200 {
		at := queue[0]
		queue = queue[1:]
		p := f.get(at)
		assert.NotContains(t, []int{http.StatusForbidden, http.StatusInternalServerError}, p.code, at)
		check(p, at)
	}
	assert.Greater(t, len(seen), 5)
}
