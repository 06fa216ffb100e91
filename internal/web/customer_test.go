package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/store"
)

func evilNaming(evil string) *naming {
	return &naming{Action: "/customers/x", Name: evil, Typed: evil, By: evil, At: moment{evil, evil, evil}, Problem: evil}
}

// call gives a customer a name on their page.
func (f *fixture) callThem(id, name string) page {
	f.t.Helper()
	res := f.post(pathOfCustomer(id), nil, "do", "name", "name", name)
	require.Equal(f.t, http.StatusSeeOther, res.code, res.body)
	return f.get(res.header.Get("Location"))
}

func TestCustomerHasAName(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	_, err := f.RollUp(t.Context(), f.now)
	require.NoError(t, err)
	p := f.get("/customers/acme")
	assert.Equal(t, "Customer acme", words(p.Find("h1")))
	assert.Contains(t, words(p.Find(".naming summary")), "Give them a name")

	p = f.callThem("acme", " Acme & <b>Söhne</b> ")
	requireSound(t, p)
	assert.Equal(t, "Customer Acme & <b>Söhne</b>", words(p.Find("h1")))
	assert.Equal(t, "acme", words(p.Find(".facts dd")))
	assert.Contains(t, words(p.Find(".naming")), "mia wrote it")

	f.callThem("acme", "Acme Ltd")
	r := f.get("/r/req_9f3a21")
	requireSound(t, r)
	assert.Contains(t, words(r.Find(".facts")), "CustomerAcme LtdCustomer IDacme")
	assert.Contains(t, words(r.Find("#just")), "Is it just Acme Ltd?")
	assert.Equal(t, "Acme Ltd, last 24 h", words(r.Find("#theirs")))
	assert.Less(t, zipped(t, r.body), 10<<10)
	assert.Contains(t, words(f.get("/r/req_edge1").Find("#just")), "Is it just them?", "who has none is called nothing")
	assert.Contains(t, words(f.get("/d?from=now-6h").Find("section[aria-labelledby=limits-h]")), "Acme Ltd acme")
	assert.Contains(t, words(f.get("/codes/rate_limit_exceeded").Find("section[aria-labelledby=customers-h]")), "Acme Ltd acme")
	trail, err := f.Trail(t.Context(), store.DefaultWorkspace, "req_9f3a21")
	require.NoError(t, err)
	assert.Contains(t, words(f.get(issuePath(trail.Events[0].IssueID)).Find("section[aria-labelledby=samples]")), "Acme Ltd acme")

	// What cannot be a name is told, and what was typed is not lost.
	bad := f.post("/customers/acme", nil, "do", "name", "name", "A\x1b[1m")
	assert.Equal(t, 422, bad.code)
	requireSound(t, bad)
	assert.Contains(t, words(bad.Find(".naming [role=alert]")), "control characters")
	_, open := bad.Find(".naming").Attr("open")
	assert.True(t, open)
	assert.Equal(t, 422, f.post("/customers/acme", nil, "do", "dance").code)
	assert.Equal(t, 403, f.post("/customers/acme", map[string]string{"Sec-Fetch-Site": "cross-site"}, "do", "name", "name", "x").code)
	_, err = f.Customer(t.Context(), 2, "acme")
	require.Error(t, err)

	res := f.post("/customers/acme", nil, "do", "unname")
	assert.Equal(t, http.StatusSeeOther, res.code)
	assert.Equal(t, http.StatusSeeOther, f.post("/customers/acme", nil, "do", "unname").code, "somebody else did")
	assert.Equal(t, "Customer acme", words(f.get("/customers/acme").Find("h1")))

	f.as(adminKey)
	log := f.get("/settings/audit?action=customer")
	assert.Equal(t, "/customers/acme", log.Find("main table a").First().AttrOr("href", ""))
	assert.NotContains(t, log.Find("main table").Text(), "Acme", "the name itself is nobody's to read there")
}

// Replies call the customer so; without a name they say what they said before.
func TestReplyHasTheCustomersName(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	p := f.post("/codes/prompts-api/rate_limit_exceeded/edit", nil, "do", "save", "version", "0", "title", "Too fast", "plain", "They send too much.", "fix", "Hello[ {customer_name}], please wait.")
	require.Equal(t, http.StatusSeeOther, p.code, p.body)
	assert.Equal(t, "Hello, please wait.", strings.TrimSpace(f.get("/r/req_9f3a21").Find("#reply").Text()))
	f.callThem("acme", "Acme *Ltd* {request_id}")
	for _, key := range []string{adminKey, supportKey} {
		p := f.as(key).get("/r/req_9f3a21")
		assert.Equal(t, "Hello Acme *Ltd* {request_id}, please wait.", strings.TrimSpace(p.Find("#reply").Text()), "a name is no template")
		assert.Equal(t, `Hello Acme \*Ltd\* {request\_id}, please wait.`, strings.TrimSpace(p.Find("#reply-md").Text()))
	}
}

func TestFindCustomersByName(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	f.callThem("acme", "Acme Ltd")
	f.callThem("globex", "Globex")
	f.callThem("globex-eu", "Globex EU")
	f.callThem("req_9f3a21", "A Request")
	for _, key := range []string{readKey, supportKey} {
		f.as(key)
		for text, want := range map[string]string{"Acme Ltd": "/customers/acme", " acme  LTD\n": "/customers/acme", "acme": "/customers/acme", "globex-eu": "/customers/globex-eu", "req_9f3a21": "/r/req_9f3a21"} {
			p := f.post("/find", nil, "text", text)
			assert.Equal(t, []any{303, want}, []any{p.code, p.header.Get("Location")}, text)
			assert.Equal(t, 200, f.get(want).code, want)
		}
	}
}

func TestFindSeveralCustomersOfOneName(t *testing.T) {
	f := newFixture(t).signIn()
	f.callThem("c-1", "Globex")
	f.callThem("c-2", "GLOBEX")
	for _, key := range []string{readKey, supportKey} {
		p := f.as(key).post("/find", nil, "text", "globex")
		requireSound(t, p)
		assert.Equal(t, []any{200, "2 customers are called so"}, []any{p.code, words(p.Find("h1"))})
		assert.Equal(t, "/customers/c-2", p.Find("main a.row").Last().AttrOr("href", ""))
	}
	assert.Equal(t, 422, f.post("/find", nil, "text", "Hello,\nGlobex").code, "a name is the whole text")
}

// Support may name customers, as they may write notes, and sees on whose side it was
// what failed for them: not where, when, or by which code.
func TestCustomerPageOfSupport(t *testing.T) {
	f := newFixture(t)
	f.samples()
	_, err := f.RollUp(t.Context(), f.now)
	require.NoError(t, err)
	f.as(supportKey)
	p := f.callThem("acme", "Acme Ltd")
	requireSound(t, p)
	assert.Equal(t, "Customer Acme Ltd", words(p.Find("h1")))
	said := words(p.Find("main"))
	for _, part := range []string{"Customer IDacme", "sam wrote it", "the caller's limit or quota 1", "the caller's request 1", "50.0% of what failed for them was their own limits."} {
		assert.Contains(t, said, part)
	}
	for _, gone := range []string{"prompts-api", "billing", "rate_limit_exceeded", "validation_failed", "req_9f3a21", "/services", "/events", "/codes", "2026.11.20-3"} {
		assert.NotContains(t, p.body, gone)
	}
	assert.Equal(t, "/customers/acme", f.get("/r/req_9f3a21").Find(`.facts a`).AttrOr("href", ""))
	assert.Equal(t, 404, f.get("/customers/nobody").code)
	assert.Equal(t, 200, f.callThem("newcomer", "New Ltd").code, "who has a name is known, though nothing failed for them")
	bad := f.post("/customers/acme", nil, "do", "name", "name", strings.Repeat("x", 201))
	assert.Equal(t, 422, bad.code)
	requireSound(t, bad)
	assert.Equal(t, 200, f.as(readKey).get("/customers/newcomer").code)
	assert.Equal(t, 404, f.get("/customers/nobody").code)
}

// Who opens a public link learns no name.
func TestPublicLinksNameNobody(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	f.callThem("acme", "Acme Ltd")
	ctx, ws := t.Context(), store.DefaultWorkspace
	require.NoError(t, f.SetPublicLinks(ctx, store.System, ws, true))
	trail, err := f.Trail(ctx, ws, "req_9f3a21")
	require.NoError(t, err)
	secret, _, err := f.Share(ctx, store.System, ws, time.Now(), trail.Summary.EventID, 7)
	require.NoError(t, err)
	p := f.get("/s/" + secret)
	require.Equal(t, 200, p.code)
	assert.NotContains(t, p.body, "Acme")
	assert.NotContains(t, p.body, "acme")
}

// Names cost one look, however many rows there are.
func TestNamesAreReadAtOnce(t *testing.T) {
	var sent statements
	f := newFixtureWith(t, store.Options{Tracer: &sent}, func(s *store.Store) Reader { return s })
	f.decides()
	var list []event.Event
	for i := range 12 {
		list = append(list, event.Event{RequestID: "req_many" + itoa(i), Status: 429, Code: "rate_limit_exceeded", Service: "billing", Customer: "customer-" + itoa(i), Endpoint: "/v1/x", Method: "GET"})
	}
	f.write(list...)
	for i := range 12 {
		_, err := f.SetCustomerName(t.Context(), store.System, store.DefaultWorkspace, "customer-"+itoa(i), "Name "+itoa(i))
		require.NoError(t, err)
	}
	_, err := f.RollUp(t.Context(), f.now)
	require.NoError(t, err)
	issue, _ := f.get("/issues").Find("main a.row").First().Attr("href")
	for _, path := range []string{"/d", "/codes/rate_limit_exceeded", issue, "/r/req_many1", "/customers/customer-1"} {
		sent.take()
		p := f.get(path)
		require.Equal(t, 200, p.code, path)
		assert.Contains(t, words(p.Find("main")), "Name 1", path)
		n := 0
		for _, sql := range sent.take() {
			if strings.Contains(sql, "FROM customers c") {
				n++
			}
		}
		assert.Equal(t, 1, n, path)
	}
	assert.True(t, auth.Support.Includes(auth.Least(http.MethodGet, "/customers/:customer")))
}
