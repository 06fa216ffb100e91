package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/pgtest"
	"errata/internal/store"
)

const typedLate = "told them to wait <b>\r\n\r\n\"soon\" & ünd 雪"

// again is what a page of the sign-in sends, with a key.
func (f *fixture) again(p page, key string) page {
	f.t.Helper()
	value := func(name string) string {
		s := p.Find("main [name=" + name + "]")
		require.Equal(f.t, 1, s.Length(), name)
		if s.Is("textarea") {
			return strings.ReplaceAll(strings.TrimPrefix(s.Text(), "\n"), "\n", "\r\n") // as browsers do
		}
		return s.AttrOr("value", "")
	}
	return f.post("/login", nil, "key", key, "next", value("next"), "draft-action", value("draft-action"), "draft-do", value("draft-do"), "draft", value("draft"))
}

func (f *fixture) inSessions(text string) (n int) {
	f.t.Helper()
	require.NoError(f.t, pgtest.Owner(f.t, f.url).QueryRow(f.t.Context(), `SELECT count(*) FROM sessions WHERE position(convert_to($1, 'UTF8') in data) > 0`, text).Scan(&n))
	return n
}

func TestDraftOfANote(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	action := f.get("/r/req_9f3a21").Find(".desk form").AttrOr("action", "")
	f.client = f.newClient() // the session has ended

	asked := f.post(action, nil, "do", "note", "body", typedLate, "back", "/r/req_9f3a21", "url", "other-field")
	assert.Equal(t, http.StatusUnauthorized, asked.code)
	requireSound(t, asked)
	assert.Contains(t, words(asked.Find("[role=alert]")), "this was not sent")
	assert.Equal(t, "Your note", words(asked.Find("label[for=draft]")))
	assert.Equal(t, strings.ReplaceAll(typedLate, "\r\n", "\n"), strings.TrimPrefix(asked.Find("#draft").Text(), "\n"), "there to be read, and copied")
	assert.NotContains(t, asked.body, "other-field")
	assert.Empty(t, asked.header.Get("Set-Cookie"))

	wrong := f.again(asked, "a-key-that-nobody-has-made")
	assert.Equal(t, http.StatusUnauthorized, wrong.code)
	requireSound(t, wrong)
	assert.Zero(t, f.inSessions("told them"), "nothing is kept before the sign-in")
	assert.Empty(t, pgtest.TablesWith(t, f.url, "told them"))

	in := f.again(wrong, readKey)
	assert.Equal(t, []any{http.StatusSeeOther, "/r/req_9f3a21#unsent"}, []any{in.code, in.header.Get("Location")})
	assert.Equal(t, 1, f.inSessions("told them"))
	for range 2 { // to load it again loses nothing
		p := f.get("/r/req_9f3a21")
		requireSound(t, p)
		assert.Equal(t, strings.ReplaceAll(typedLate, "\r\n", "\n"), p.Find("#desk-note").Text())
		assert.Contains(t, words(p.Find("#unsent")), "Send it again")
	}
	assert.Zero(t, f.get("/r/req_edge1").Find("#unsent").Length(), "not on another request")
	assert.Zero(t, f.get("/r/req_9f3a21").Find(".notes li").Length(), "nothing was sent by itself")

	f.atDesk(f.get("/r/req_9f3a21"), "do", "status", "status", "answered")
	assert.Equal(t, 1, f.get("/r/req_9f3a21").Find("#unsent").Length(), "another form is not this one")
	sent := f.atDesk(f.get("/r/req_9f3a21"), "do", "note", "body", typedLate)
	assert.Contains(t, words(sent.Find(".notes")), `told them to wait <b>`)
	assert.Zero(t, sent.Find("#unsent").Length())
	assert.Empty(t, sent.Find("#desk-note").Text())
	assert.Zero(t, f.inSessions("told them"))
}

func TestDraftsOfOtherForms(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	desk := f.get("/r/req_9f3a21").Find(".desk form").AttrOr("action", "")
	issue := f.get("/r/req_9f3a21").Find(`.facts a[href^="/issues/"]`).AttrOr("href", "")
	const ticket = "https://acme.zendesk.com/agent/tickets/4411"
	for _, one := range []struct{ action, do, field, text, back, next, shows string }{
		{desk, "ticket", "url", ticket, "/r/req_9f3a21", "/r/req_9f3a21#unsent", "#desk-ticket"},
		{desk, "status", "status", "escalated", "/r/req_9f3a21", "/r/req_9f3a21#unsent", "#desk-status [selected]"},
		{desk, "note", "body", "x", "//evil.test", strings.Replace(desk, "/desk/", "/events/", 1) + "#unsent", "#desk-note"},
		{issue, "comment", "body", "it was the proxy", "", issue + "#unsent", "#body"},
		{issue, "ticket", "url", ticket, "", issue + "#unsent", "#url"},
	} {
		f.client = f.newClient()
		asked := f.post(one.action, nil, "do", one.do, one.field, one.text, "back", one.back)
		require.Equal(t, http.StatusUnauthorized, asked.code, one.do)
		requireSound(t, asked)
		in := f.again(asked, adminKey)
		require.Equal(t, one.next, in.header.Get("Location"), one.do)
		p := f.get(strings.TrimSuffix(one.next, "#unsent"))
		requireSound(t, p)
		assert.Equal(t, 1, p.Find("#unsent").Length(), one.do)
		field := p.Find(one.shows)
		assert.Equal(t, one.text, field.AttrOr("value", field.Text()), one.do)
	}
}

// Whoever has no key signs in with a link, which opens in another tab.
func TestDraftAfterALink(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	action := f.get("/r/req_9f3a21").Find(".desk form").AttrOr("action", "")
	f.client = f.newClient()
	asked := f.post(action, nil, "do", "note", "body", "from a link", "back", "/r/req_9f3a21")
	assert.Equal(t, http.StatusUnauthorized, f.again(asked, "").code, "not yet")
	require.NoError(t, f.CreateLoginLink(t.Context(), store.DefaultWorkspace, "leo", auth.Admin, auth.Hash("once"), f.now.Add(time.Hour)))
	f.post("/login/once", nil)
	assert.Equal(t, "/r/req_9f3a21#unsent", f.again(asked, "").header.Get("Location"))
	assert.Equal(t, "from a link", f.get("/r/req_9f3a21").Find("#desk-note").Text())
}

func TestDraftOutlivesTooManyAttempts(t *testing.T) {
	f := newFixture(t)
	asked := f.post("/desk/x", nil, "do", "note", "body", "patience")
	for range loginBurst {
		require.Equal(t, 401, f.again(asked, "an-unknown-key-of-good-length").code)
	}
	held := f.again(asked, readKey)
	assert.Equal(t, 429, held.code)
	assert.NotEmpty(t, held.header.Get("Retry-After"))
	assert.Contains(t, words(held.Find("#problem")), "Too many attempts")
	assert.Equal(t, "patience", strings.TrimSpace(held.Find("#draft").Text()))
}

func TestDraftsEnd(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	action := f.get("/r/req_9f3a21").Find(".desk form").AttrOr("action", "")
	now := time.Now()
	server := httptest.NewServer(New(Deps{Store: f.Store, Desk: deskOf(f.Store), Keys: auth.NewKeyring(f.KeyByHash, 0), Sessions: f.Sessions(), Now: func() time.Time { return now }}))
	t.Cleanup(server.Close)
	f.server, f.client = server, f.newClient()
	f.again(f.post(action, nil, "do", "note", "body", "told them", "back", "/r/req_9f3a21"), readKey)
	require.Equal(t, 1, f.get("/r/req_9f3a21").Find("#unsent").Length())
	now = now.Add(draftKept + time.Second)
	assert.Zero(t, f.get("/r/req_9f3a21").Find("#unsent").Length())
	assert.Zero(t, f.inSessions("told them"))

	f.client = f.newClient()
	long := f.post(action, nil, "do", "note", "body", strings.Repeat("x", maxDraft+1), "back", "/r/req_9f3a21")
	assert.Equal(t, "/login?next=%2Fr%2Freq_9f3a21", long.header.Get("Location"), "longer than a note can be")
	assert.Equal(t, 401, f.post(action, nil, "do", "note", "body", strings.Repeat("𝄞", 10_000)).code, "as long as one can be")
	assert.Equal(t, http.StatusSeeOther, f.post(action, nil, "do", "note", "body", " \r\n").code, "nothing was typed")
}

// Of all that forms can be sent with, only the words of people come back: no key and no
// secret does, whatever the form is, and nothing gets into an address.
func TestOnlyWordsOfPeopleComeBack(t *testing.T) {
	f := newFixture(t)
	deeds := []string{"", "note", "comment", "ticket", "status", "save", "rotate", "add", "import", "test", "check"}
	fields := []string{"body", "url", "status", "key", "token", "secret", "password", "new_secret", "text", "yaml", "file", "name", "secrets.signing_secret", "secrets.bot_token", "webhook", "to", "address", "reason", "title"}
	came := map[string]bool{}
	for route := range auth.Doors() {
		path, ok := strings.CutPrefix(route, "POST /")
		if !ok || strings.HasPrefix(path, "v1/") || path == "login" || path == "login/:token" || path == "logout" || path == "theme" {
			continue
		}
		path = "/" + regexp.MustCompile(`[:*]\w+`).ReplaceAllString(path, "x")
		for _, do := range deeds {
			pairs := []string{"do", do}
			for _, field := range fields {
				pairs = append(pairs, field, "typed-into-"+field)
			}
			res := f.post(path, nil, pairs...)
			require.Contains(t, []int{http.StatusSeeOther, http.StatusUnauthorized}, res.code, path)
			assert.NotContains(t, fmt.Sprint(res.header), "typed-into")
			for _, found := range regexp.MustCompile(`typed-into-[\w.]+`).FindAllString(res.body, -1) {
				came[path+" "+do+" "+found] = true
			}
		}
	}
	var all []string
	for one := range came {
		all = append(all, one)
	}
	slices.Sort(all)
	assert.Equal(t, []string{
		"/desk/x note typed-into-body", "/desk/x status typed-into-status", "/desk/x ticket typed-into-url", "/issues/x comment typed-into-body", "/issues/x ticket typed-into-url",
	}, all)
	foreign := map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
	assert.NotContains(t, f.post("/desk/x", foreign, "do", "note", "body", "planted").body, "planted")
	assert.NotContains(t, f.post("/login", nil, "key", "x", "draft-action", "/alerts/channels/x", "draft-do", "note", "draft", "planted").body, "planted")
}

func TestFormsLeadBackAfterTheSignIn(t *testing.T) {
	f := newFixture(t)
	for _, one := range [][3]string{
		{"/i/1", "/alerts", "/alerts"}, {"/i/1", "", "/i/1"}, {"/i/1", "//evil.test/", "/i/1"}, {"/codes/billing/a%2Fb/edit", "", "/codes/billing/a%2Fb/edit"}, {"/issues", "/issues?state=open", "/issues?state=open"},
		{"/alerts/channels/x", "/events?code=x", "/events?code=x"}, {"/customers/acme", "", "/customers/acme"}, {"/settings/links", "", "/settings/links"}, {"/watches", "", ""}, {"/find", "", ""},
	} {
		want := "/login"
		if one[2] != "" {
			want += "?" + query("next", one[2])
		}
		res := f.post(one[0], nil, "do", "x", "text", "typed", "back", one[1])
		assert.Equal(t, []any{http.StatusSeeOther, want}, []any{res.code, res.header.Get("Location")}, one[0])
	}
}

// A note is sent after the session has ended, without scripts.
func TestBrowserDraft(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	f.signInBrowser(b)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(f.server.URL+"/r/req_9f3a21"), wait("/r/req_9f3a21"), chromedp.SendKeys(chromedp.CSS("#desk-note"), "ten minutes of work"))
	call(b, network.ClearBrowserCookies, struct{}{})
	b.run(chromedp.Click(chromedp.CSS(".desk [value=note]")), chromedp.WaitVisible(chromedp.CSS("#draft")))
	for _, size := range []int64{1200, 360} {
		b.run(chromedp.EmulateViewport(size, 800))
		b.picture(fmt.Sprint("draft-sign-in-", size))
		assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`))
	}
	b.run(chromedp.SendKeys(chromedp.CSS("#key"), adminKey), chromedp.Click(chromedp.CSS("button.main")), wait("/r/req_9f3a21"))
	assert.Equal(t, "ten minutes of work", b.string(`document.querySelector("#desk-note").value`))
	assert.True(t, b.truth(`(r => r.top >= 0 && r.bottom <= innerHeight)(document.querySelector("#desk-note").getBoundingClientRect())`), "in sight")
	b.picture("draft-request-360")
	b.run(chromedp.Click(chromedp.CSS(".desk [value=note]")), chromedp.WaitVisible(chromedp.CSS(".notes li")))
	assert.Contains(t, b.text(".notes"), "ten minutes of work")
	assert.True(t, b.truth(`!document.querySelector("#unsent")`))

	// With scripts, so that axe-core can look.
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
	b.run(chromedp.SendKeys(chromedp.CSS("#desk-note"), "more"))
	call(b, network.ClearBrowserCookies, struct{}{})
	b.run(chromedp.Click(chromedp.CSS(".desk [value=note]")), chromedp.WaitVisible(chromedp.CSS("#draft")))
	b.requireAccessible("sign-in with a draft")
	b.run(chromedp.SendKeys(chromedp.CSS("#key"), adminKey), chromedp.Click(chromedp.CSS("button.main")), wait("/r/req_9f3a21"))
	b.requireAccessible("request with a draft")
}
