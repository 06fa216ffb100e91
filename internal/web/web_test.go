package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/store"
)

func words(s *goquery.Selection) string { return strings.Join(strings.Fields(s.Text()), " ") }

func TestEverythingNeedsASession(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/events?code=x", "/d?from=now-1h", "/r/req_1", "/r/a%2Fb", "/events/abc", "/issues?state=open", "/issues/abc", "/rejections", "/alerts", "/alerts/history", "/alerts/channels", "/alerts/channels/new?kind=webhook", "/alerts/deliveries", "/i/1", "/incidents/1"} {
		res := f.get(path)
		assert.Equal(t, http.StatusSeeOther, res.code, path)
		assert.Equal(t, "/login?next="+url.QueryEscape(path), res.header.Get("Location"))
	}
	assert.Equal(t, "/login", f.get("/").header.Get("Location"))
	assert.Equal(t, "/login", f.post("/find", nil, "text", "req_secret1").header.Get("Location"))
	assert.Equal(t, http.StatusOK, f.get("/login").code)
}

func TestLoginWithKey(t *testing.T) {
	f := newFixture(t)
	for key, want := range map[string]int{"": 401, "short": 401, "an-unknown-key-of-good-length": 401, ingestKey: 403} {
		res := f.post("/login", nil, "key", key)
		assert.Equal(t, want, res.code, key)
		assert.NotEmpty(t, words(res.Find("[role=alert]")))
		if key != "" {
			assert.NotContains(t, res.body, key, "a key is never shown again")
		}
	}
	res := f.post("/login", nil, "key", readKey, "next", "/r/a%2Fb?x=1")
	assert.Equal(t, http.StatusSeeOther, res.code)
	assert.Equal(t, "/r/a%2Fb?x=1", res.header.Get("Location"))
	cookie := res.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		assert.Contains(t, cookie, want)
	}
	assert.Equal(t, http.StatusOK, f.get("/").code)
	assert.Equal(t, "/", f.get("/login").header.Get("Location"), "who is signed in has no use for the form")

	assert.Equal(t, "/login", f.post("/logout", nil).header.Get("Location"))
	assert.Equal(t, http.StatusSeeOther, f.get("/").code)
}

func TestSessionEndsWithItsKey(t *testing.T) {
	f := newFixture(t).signIn()
	require.Equal(t, http.StatusOK, f.get("/").code)
	key, err := f.KeyByHash(t.Context(), auth.Hash(readKey))
	require.NoError(t, err)
	require.NoError(t, f.RevokeKey(t.Context(), store.System, store.DefaultWorkspace, key.ID))
	assert.Equal(t, http.StatusSeeOther, f.get("/").code)
}

func TestLoginNeverLeadsElsewhere(t *testing.T) {
	for _, next := range []string{"", "//evil.test", `/\evil.test`, "https://evil.test/", "javascript:alert(1)", "evil", "/\t/evil.test", "/x\r\ny", "///evil.test", "/%zz", "http:/x", `\\evil`} {
		assert.Equal(t, "/", localPath(next), next)
	}
	for _, next := range []string{"/", "/r/a%2Fb", "/events?code=x&cursor=y", "/r/https:%2F%2Fx"} {
		assert.Equal(t, next, localPath(next))
	}
	f := newFixture(t)
	assert.Equal(t, "/", f.post("/login", nil, "key", readKey, "next", "//evil.test/x").header.Get("Location"))
}

func TestLoginIsLimited(t *testing.T) {
	f := newFixture(t)
	for range loginBurst {
		require.Equal(t, 401, f.post("/login", nil, "key", "x").code)
	}
	res := f.post("/login", nil, "key", readKey)
	assert.Equal(t, 429, res.code)
	assert.NotEmpty(t, res.header.Get("Retry-After"))
	assert.Contains(t, words(res.Find("main")), "Too many attempts")
	l := newLimiter()
	for i := range maxClients + 5 {
		require.NoError(t, l.allow(fmt.Sprint(i)))
	}
	assert.LessOrEqual(t, len(l.seen), maxClients)
}

func TestLoginLink(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.CreateLoginLink(t.Context(), store.DefaultWorkspace, "leo", auth.Admin, auth.Hash("tok/en+1"), f.now.Add(time.Hour)))
	for range 3 { // previews
		res := f.get("/login/tok%2Fen+1")
		require.Equal(t, 200, res.code)
		action, _ := res.Find("main form").Attr("action")
		assert.Equal(t, "/login/tok%2Fen+1", action)
	}
	assert.Equal(t, "/", f.post("/login/tok%2Fen+1", nil).header.Get("Location"))
	assert.Equal(t, "leo", words(f.get("/").Find(".user span")))
	f.client = f.newClient()
	res := f.post("/login/tok%2Fen+1", nil)
	assert.Equal(t, 404, res.code)
	assert.Contains(t, words(res.Find("main")), "has been used or has expired")
	assert.NotContains(t, res.body, "tok/en")
}

func TestForeignFormsAreRefused(t *testing.T) {
	f := newFixture(t)
	foreign := map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
	assert.Equal(t, 403, f.post("/login", foreign, "key", readKey).code)
	f.signIn()
	for _, path := range []string{"/find", "/logout"} {
		assert.Equal(t, 403, f.post(path, foreign, "text", "x").code)
	}
	assert.Equal(t, 200, f.get("/").code)
}

func TestHeadersAndStatic(t *testing.T) {
	f := newFixture(t).signIn()
	for _, path := range []string{"/", "/login/x", "/nowhere", "/events/nope"} {
		h := f.get(path).header
		assert.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'", path)
		assert.Contains(t, h.Get("Content-Security-Policy"), "frame-ancestors 'none'", path)
		assert.Equal(t, "DENY", h.Get("X-Frame-Options"), path)
		assert.Equal(t, "no-store", h.Get("Cache-Control"), path)
		assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		assert.NotEmpty(t, h.Get("X-Request-Id"), path)
	}
	home := f.get("/")
	css, _ := home.Find("link[rel=stylesheet]").Attr("href")
	js, _ := home.Find("script").Attr("src")
	// 6 KB of scripts: charts that can be read and zoomed by keyboard, and pages
	// that read themselves anew, are worth two more than lists needed.
	for file, budget := range map[string]int{css: 8 << 10, js: 6 << 10} {
		res := f.get(file)
		assert.Equal(t, 200, res.code, file)
		assert.Contains(t, res.header.Get("Cache-Control"), "immutable")
		assert.Less(t, zipped(t, res.body), budget, file)
	}
	assert.Equal(t, 404, f.get("/static/nope.css").code)
	assert.Equal(t, 405, f.post("/events", nil).code)
}

func zipped(t testing.TB, s string) int {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(s))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Len()
}

// requireSound checks what every page owes its readers.
func requireSound(t *testing.T, p page) {
	t.Helper()
	assert.Equal(t, 1, p.Find("h1").Length(), "one h1")
	assert.Equal(t, 1, p.Find("main#main").Length())
	assert.Equal(t, 1, p.Find("a.skip[href='#main']").Length())
	assert.Zero(t, p.Find("[style], [onclick], style, script:not([src])").Length(), "nothing that the policy forbids")
	assert.Equal(t, p.Find("th").Length(), p.Find("th[scope]").Length())
	assert.Equal(t, p.Find("time").Length(), p.Find("time[datetime]").Length())
	ids := map[string]bool{}
	p.Find("[id]").Each(func(_ int, s *goquery.Selection) {
		id, _ := s.Attr("id")
		assert.False(t, ids[id], "id %q twice", id)
		ids[id] = true
	})
	p.Find("[aria-labelledby], label[for], [aria-describedby]").Each(func(_ int, s *goquery.Selection) {
		for _, attr := range []string{"aria-labelledby", "for", "aria-describedby"} {
			list, _ := s.Attr(attr)
			for id := range strings.FieldsSeq(list) {
				assert.True(t, ids[id], "%s=%q leads nowhere", attr, id)
			}
		}
	})
}

func TestHome(t *testing.T) {
	f := newFixture(t).signIn()
	empty := f.get("/")
	requireSound(t, empty)
	assert.Contains(t, words(empty.Find("main")), "curl http://collector.test:4318/v1/errors")
	assert.Contains(t, words(empty.Find("main")), "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector.test:4318")
	f.samples()
	home := f.get("/")
	requireSound(t, home)
	assert.Equal(t, 4+1, home.Find("tr:has(td)").Length(), "calls are not in the list")
	assert.Contains(t, words(home.Find(".status")), "Newest failure: 12 min ago")
	assert.Equal(t, "1.2.3", strings.TrimPrefix(words(home.Find("footer span").First()), "Errata "))
}

func TestFind(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	for text, want := range map[string]string{
		"req_9f3a21": "/r/req_9f3a21",
		"Hi,\nwe get {\"error\":{\"details\":{\"request_id\":\"req_9f3a21\"}}} since lunch": "/r/req_9f3a21",
		"X-Request-Id: req_edge1\ntrace_id=" + trace1:                                       "/r/req_edge1",
		strings.ToUpper(trace1):                  "/r/" + strings.ToUpper(trace1),
		"https://errata.test/r/req%2Fodd+id%201": "/r/req%2Fodd+id%201",
	} {
		res := f.post("/find", nil, "text", text)
		assert.Equal(t, 303, res.code, text)
		assert.Equal(t, want, res.header.Get("Location"), text)
		assert.Equal(t, 200, f.get(want).code, want)
	}
	several := f.post("/find", nil, "text", "req_9f3a21, req_edge1 and req_gone77")
	assert.Equal(t, 200, several.code)
	requireSound(t, several)
	assert.Equal(t, "2 requests found", words(several.Find("h1")))
	assert.Contains(t, words(several.Find("main")), "No failure is known under: req_gone77")

	secret := f.post("/find", nil, "text", "req_9f3a21 x-api-key: ep_live_0123456789abcdef")
	assert.Equal(t, 200, secret.code, "a leaked key is worth a stop")
	assert.Contains(t, words(secret.Find(".warn")), "live key")
	assert.NotContains(t, secret.body, "ep_live_0")
	assert.Contains(t, words(secret.Find(".warn")), "ep_live_…cdef", "which key it is")
}

func TestFindNothing(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	like := f.post("/find", nil, "text", "req_9F3A2l")
	assert.Equal(t, 404, like.code)
	requireSound(t, like)
	href, _ := like.Find("a.row").Attr("href")
	assert.Equal(t, "/r/req_9f3a21", href)
	text := words(like.Find("main"))
	for _, want := range []string{"No failure found under this ID", "30 days", "Newest failure", "Ask the customer"} {
		assert.Contains(t, text, want)
	}
	prefix := f.post("/find", nil, "text", "req_9f")
	assert.Contains(t, words(prefix.Find("main")), "req_9f3a21", "a cut-off ID")
	assert.Equal(t, 422, f.post("/find", nil, "text", "hello there").code)
	assert.Equal(t, 422, f.post("/find", nil).code)
	assert.Equal(t, 413, f.post("/find", nil, "text", strings.Repeat("a ", maxText)).code)
	assert.Equal(t, 404, f.get("/r/req_nowhere").code)
	for _, path := range []string{"/r/", "/r/%FF", "/r/a%00b", "/events/nope"} {
		assert.Contains(t, []int{400, 404}, f.get(path).code, path)
	}
}

func TestRequestPage(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	p := f.get("/r/req_9f3a21")
	require.Equal(t, 200, p.code)
	requireSound(t, p)
	assert.Equal(t, "The customer went over their limit of 60 requests per minute. Nothing is broken on our side.", words(p.Find("h1")))
	assert.Contains(t, words(p.Find("main")), "45 s after the error; that was 11 min ago")
	assert.Contains(t, words(p.Find("#reply")), "req_9f3a21")
	assert.Zero(t, p.Find(".began").Length())
	assert.Less(t, zipped(t, p.body), 10<<10)
	href, _ := p.Find(".facts a").Eq(2).Attr("href")
	assert.Equal(t, "/customers/acme", href)

	v := f.get("/r/req%2Fodd+id%201")
	assert.Contains(t, words(v.Find("h1")), "the fields 'text' and 'amount'")
	assert.Equal(t, 2, v.Find("tbody th[scope=row]").Length())
}

func TestRequestPageNamesTheRootCause(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	p := f.get("/r/req_edge1")
	require.Equal(t, 200, p.code)
	requireSound(t, p)
	assert.Contains(t, words(p.Find("h1")), "the customer was not rate-limited")
	assert.Contains(t, words(p.Find(".began")), "The failure began in prompts-api, in a call that it made to openai: 429 rate_limit_exceeded.")
	steps := p.Find(".timeline li")
	require.Equal(t, 3, steps.Length())
	assert.Contains(t, words(steps.Filter(".d2")), "root cause")
	assert.Contains(t, words(steps.Filter(".d0")), "what the customer saw")
	assert.Less(t, zipped(t, p.body), 10<<10)

	inner, _ := steps.Filter(".d1").Find("a").Attr("href")
	e := f.get(inner)
	assert.Equal(t, 200, e.code)
	assert.Contains(t, words(e.Find("h1")), "prompts-api failed unexpectedly")
	assert.Zero(t, e.Find("summary:contains(Exception)").Length(), "nobody asked for it")
	full := f.get(e.Find(".unmask a").AttrOr("href", ""))
	assert.Contains(t, words(full.Find("summary")), "Exception ProviderError")
	assert.Contains(t, words(e.Find(".timeline")), "this record")
}

func TestEvents(t *testing.T) {
	f := newFixture(t).signIn()
	assert.Contains(t, words(f.get("/events").Find("main")), "No failure has been reported.")
	f.samples()
	all := f.get("/events")
	requireSound(t, all)
	assert.Equal(t, 6, all.Find("tr:has(td)").Length())
	for query, n := range map[string]int{
		"service=prompts-api": 3, "status=5xx": 3, "family=limits": 2, "role=upstream": 1, "customer=acme": 2, "code=VALIDATION_FAILED": 1,
		"release=edge-81": 1, "endpoint=%2Fv1%2Fcharges": 1, "q=required": 1, "to=" + url.QueryEscape(f.now.Add(-2*time.Hour).Format("2006-01-02T15:04")): 1,
	} {
		assert.Equal(t, n, f.get("/events?"+query).Find("tr:has(td)").Length(), query)
	}
	none := f.get("/events?service=nope&status=404")
	assert.Contains(t, words(none.Find("main")), "Nothing matches all of: service nope, status 404.")
	for _, bad := range []string{"status=9", "from=yesterday", "family=x", "role=x", "cursor=x", "q=%00", "service=%FF", "code=" + strings.Repeat("a", 600)} {
		res := f.get("/events?" + bad)
		assert.Equal(t, 422, res.code, bad)
		assert.NotEmpty(t, words(res.Find("[role=alert]")), bad)
	}
	without := f.get("/events?service=search-api")
	href, _ := without.Find("a.row").Attr("href")
	assert.True(t, strings.HasPrefix(href, "/events/"), "no request ID: %s", href)
	assert.Contains(t, words(f.get(href).Find("h1")), "search-api was not available")
}

func TestEventsSearch(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	for q, n := range map[string]int{
		"service:prompts-api status:5xx": 1, "family:limits -role:upstream": 1, `"LLM provider"`: 1, "-customer:*": 3, "customer:acme,globex": 3, "code:VALIDATION_FAILED": 1,
	} {
		assert.Equal(t, n, f.get("/events?q="+url.QueryEscape(q)).Find("tr:has(td)").Length(), q)
	}
	both := f.get("/events?customer=acme&q=" + url.QueryEscape("status:429"))
	assert.Equal(t, 1, both.Find("tr:has(td)").Length())
	requireSound(t, both)

	none := f.get("/events?q=" + url.QueryEscape(`nope -service:billing`))
	assert.Contains(t, words(none.Find("main")), "Nothing matches all of: search nope, search -service:billing.")

	bad := f.get("/events?customer=acme&q=" + url.QueryEscape(`<b> sevice:"a b"`))
	assert.Equal(t, 422, bad.code)
	requireSound(t, bad)
	box := bad.Find("#search")
	assert.Equal(t, `<b> sevice:"a b"`, box.AttrOr("value", ""), "the box keeps the text")
	assert.Equal(t, "true", box.AttrOr("aria-invalid", ""))
	assert.Equal(t, "mistake", box.AttrOr("aria-describedby", ""))
	assert.Contains(t, words(bad.Find("#mistake[role=alert] p")), "Column 5: unknown field 'sevice'; did you mean 'service'?")
	assert.Equal(t, `<b> sevice:"a b"`, bad.Find("#mistake pre").Text())
	assert.Equal(t, "sevice", bad.Find("#mistake mark").Text())
	fixed := f.get(bad.Find("#mistake a").AttrOr("href", ""))
	assert.Equal(t, 200, fixed.code)
	assert.Equal(t, `<b> service:"a b"`, fixed.Find("#search").AttrOr("value", ""))
	assert.Equal(t, "acme", fixed.Find("input[name=customer]").AttrOr("value", ""), "the other filters stay")

	end := f.get("/events?q=" + url.QueryEscape("ü service:"))
	assert.Equal(t, "ü service:\u00a0", end.Find("#mistake pre").Text(), "what is missing has a place too")
}

func TestEventsComplete(t *testing.T) {
	f := newFixture(t)
	assert.Equal(t, http.StatusSeeOther, f.get("/events/complete?q=service:").code, "not for everybody")
	f.signIn().samples()
	f.write(event.Event{Service: "a b", Status: 500, Code: "internal_error", Customer: "x"})
	for q, want := range map[string]string{
		"timeout se":                `{"typed":"se","offers":["service:"]}`,
		"family:u":                  `{"typed":"u","offers":["us","upstream"]}`,
		"-service:P":                `{"typed":"P","offers":["prompts-api"]}`,
		`service:"a`:                `{"typed":"\"a","offers":["\"a b\""]}`,
		"customer:gl":               `{"typed":"gl","offers":["globex"]}`,
		"nofield:x":                 `{"typed":"","offers":[]}`,
		"service:\x00":              `{"typed":"\u0000","offers":[]}`,
		strings.Repeat("a", 501):    `{"typed":"","offers":[]}`,
		"req_9f3a":                  `{"typed":"","offers":[]}`,
		"\xffservice:search-api,se": `{"typed":"se","offers":["search-api"]}`,
	} {
		res := f.get("/events/complete?q=" + url.QueryEscape(q))
		assert.Equal(t, 200, res.code, q)
		assert.JSONEq(t, want, res.body, q)
		assert.Equal(t, "no-store", res.header.Get("Cache-Control"))
	}
}

func TestEventsPages(t *testing.T) {
	f := newFixture(t).signIn()
	var many []event.Event
	for i := range pageSize + 3 {
		many = append(many, event.Event{RequestID: fmt.Sprintf("req_many%d", i), Status: 500, Code: "internal_error", OccurredAt: f.now.Add(-time.Duration(i) * time.Second)})
	}
	f.write(many...)
	first := f.get("/events?service=billing")
	assert.Equal(t, pageSize, first.Find("tr:has(td)").Length())
	older, _ := first.Find("a[rel=next]").Attr("href")
	assert.Contains(t, older, "service=billing")
	second := f.get(older)
	assert.Equal(t, 3, second.Find("tr:has(td)").Length())
	assert.Zero(t, second.Find("a[rel=next]").Length())
}

func TestRejections(t *testing.T) {
	f := newFixture(t).signIn()
	assert.Contains(t, words(f.get("/rejections").Find("main")), "Nothing has been rejected.")
	require.NoError(t, f.Reject(t.Context(), store.DefaultWorkspace, []event.Rejection{{
		ID: "01970000-0000-7000-8000-0000000000aa", Source: event.FromHTTP, Reason: "validation_failed", Message: "status is missing", RequestID: "req_rejected1", Preview: "<b>x</b>",
	}}))
	p := f.get("/rejections")
	requireSound(t, p)
	assert.Contains(t, words(p.Find("table")), "validation_failed status is missing")
	assert.Contains(t, words(f.get("/r/req_rejected1").Find("main")), "was rejected: status is missing")
}

const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`

func TestErrorsBecomePages(t *testing.T) {
	s := New(Deps{Store: nil, Keys: auth.NewKeyring(nil, 0)})
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/nowhere", nil))
	assert.Equal(t, 404, rec.Code)
	doc, err := goquery.NewDocumentFromReader(rec.Body)
	require.NoError(t, err)
	assert.Equal(t, "There is nothing here", words(doc.Find("h1")))
	assert.Contains(t, words(doc.Find("main")), rec.Header().Get("X-Request-Id"))
}
