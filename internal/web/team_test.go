package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/note"
)

// atDesk sends a form of the desk and gives the page that it leads to.
func (f *fixture) atDesk(p page, pairs ...string) page {
	f.t.Helper()
	form := p.Find(".desk form").First()
	action, _ := form.Attr("action")
	back, _ := form.Find("input[name=back]").Attr("value")
	res := f.post(action, nil, append(pairs, "back", back)...)
	require.Equal(f.t, http.StatusSeeOther, res.code, res.body)
	to := res.header.Get("Location")
	require.True(f.t, strings.HasSuffix(to, "#desk"), to)
	return f.get(strings.TrimSuffix(to, "#desk"))
}

func TestDeskOnTheRequestPage(t *testing.T) {
	f := newFixture(t).signIn() // with a key that may only read: support does the talking
	f.samples()
	p := f.get("/r/req_9f3a21")
	requireSound(t, p)
	assert.Equal(t, "new", words(p.Find("#desk-status option[selected]")))
	assert.Zero(t, p.Find(".line .team").Length())
	p = f.atDesk(p, "do", "status", "status", "known_issue")
	assert.Equal(t, "known issue", words(p.Find("#desk-status option[selected]")))
	assert.Contains(t, words(p.Find(".desk")), "by mia")
	assert.Contains(t, words(p.Find(".line .team")), "known issue by mia,", "at the top, for who comes second")

	p = f.atDesk(p, "do", "note", "body", "told them to **batch** <script>alert(1)</script>\nhttps://acme.zendesk.com/agent/tickets/4411")
	requireSound(t, p)
	assert.Equal(t, "batch", words(p.Find(".notes strong").Last()))
	assert.Contains(t, words(p.Find(".notes")), "<script>alert(1)</script>")
	link := p.Find(".notes a")
	assert.Equal(t, "noopener nofollow noreferrer", link.AttrOr("rel", ""))
	assert.Equal(t, "Zendesk #4411", words(p.Find(".desk ul a")))
	p = f.atDesk(p, "do", "ticket", "url", " https://github.com/acme/api/issues/7?x=1 ")
	assert.Contains(t, words(p.Find(".desk")), "2 tickets on this issue")
	assert.Less(t, zipped(t, p.body), 10<<10)

	href, _ := p.Find(`.desk a[href$="#tickets"]`).Attr("href")
	issue := f.get(strings.TrimSuffix(href, "#tickets"))
	requireSound(t, issue)
	assert.Contains(t, words(issue.Find("section[aria-labelledby=tickets]")), "Zendesk #4411 about req_9f3a21")

	p = f.atDesk(p, "do", "untick", "url", "https://github.com/acme/api/issues/7")
	assert.Contains(t, words(p.Find(".desk")), "1 ticket on this issue")
	note, _ := p.Find(".notes input[name=note]").Attr("value")
	event, _ := p.Find(".notes input[name=event]").Attr("value")
	p = f.atDesk(p, "do", "unnote", "note", note, "event", event)
	assert.Zero(t, p.Find(".notes").Length())
}

func TestDeskRefuses(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	action, _ := f.get("/r/req_9f3a21").Find(".desk form").Attr("action")
	res := f.post(action, nil, "do", "note", "body", "key ep_live_0123456789abcdef and <b>")
	assert.Equal(t, 422, res.code)
	requireSound(t, res)
	assert.Contains(t, words(res.Find("[role=alert]")), "live key")
	assert.Contains(t, res.Find("#desk-note").Text(), "and <b>", "what was typed is not lost")
	res = f.post(action, nil, "do", "ticket", "url", "https://github.com.evil.test/a/b/issues/1")
	assert.Equal(t, 422, res.code)
	assert.Contains(t, words(res.Find("[role=alert]")), "Zendesk, Intercom, Jira")
	for _, bad := range []string{"", "dance"} {
		assert.Equal(t, 422, f.post(action, nil, "do", bad).code)
	}
	assert.Equal(t, 404, f.post("/desk/nope", nil, "do", "note", "body", "x").code)
	assert.Equal(t, 404, f.get("/desk/nope").code)
	assert.Equal(t, 403, f.post(action, map[string]string{"Sec-Fetch-Site": "cross-site"}, "do", "note", "body", "x").code)
	for _, back := range []string{"//evil.test", "https://evil.test/r/x", "/logout", "/r/../login"} {
		to := f.post(action, nil, "do", "status", "status", "answered", "back", back).header.Get("Location")
		assert.True(t, strings.HasPrefix(to, "/events/") || strings.HasPrefix(to, "/r/"), to)
	}
	f.client = f.newClient()
	assert.Equal(t, 401, f.post(action, nil, "do", "note", "body", "x").code)
	assert.Equal(t, "/login?"+query("next", action), f.post(action, nil, "do", "unnote", "note", "x").header.Get("Location"))
}

// evilDesk is one in which everything that people or services wrote is hostile.
func evilDesk(evil string) *teamDesk {
	return &teamDesk{Action: "/desk/x", Back: evil, Status: evil, Decided: evil, Statuses: []choice{{evil, evil, true}},
		Notes:   []deskNote{{evil, evil, evil, moment{evil, evil, evil}, note.Render(evil), true}},
		Waits:   []deskWait{{evil, moment{evil, evil, evil}}},
		Tickets: []deskTicket{{evil, evil}}, OnIssue: []deskTicket{{evil, evil}, {evil, evil}}, Count: 2, Issue: issuePath("x"), Problem: evil, Typed: evil, TypedURL: evil}
}

func (w *web) requireTeamHarmless(t *testing.T, fr frame, evil string) {
	t.Helper()
	all := map[string]any{"audit": auditPage{fr, evil, evil, evil, []auditRow{{moment{evil, evil, evil}, evil, evil, evil, evil, eventPath("", evil), evil}}, evil, evil}, "desk": deskPage{fr, evilDesk(evil)},
		"sharing": sharingPage{fr, true, []shareRow{{evil, eventPath("", evil), evil, moment{evil, evil, evil}, moment{evil, evil, evil}, evil, moment{evil, evil, evil}, moment{evil, evil, evil}, false}}, evil, evil, []choice{{evil, evil, true}}}}
	for name, data := range all {
		require.Contains(t, teamNames, name)
		w.requireHarmless(t, name, data)
	}
	assert.Len(t, all, len(teamNames), "a new template belongs into this test")
}

func TestNothingFoundSaysHowFarTheDataGoes(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	p := f.get("/r/req_nowhere")
	requireSound(t, p)
	assert.Equal(t, 404, p.code)
	assert.Contains(t, words(p.Find("main")), "Known after")
	assert.Contains(t, words(p.Find("table.list").Last()), "production")
	assert.Contains(t, words(p.Find("button.copy")), "Copy what to ask the customer")
}

func evilWatches(evil string) []watchRow {
	return []watchRow{{evil, evil, requestPath(evil), evil, evil, evil, true}, {evil, evil, requestPath(evil), evil, evil, evil, false}}
}

func TestTellMeIfItArrives(t *testing.T) {
	f := newFixture(t).signIn()
	p := f.get("/r/req_late1")
	requireSound(t, p)
	form := p.Find(`form[action="/watches"]`)
	assert.Equal(t, "req_late1", form.Find("input[name=id]").AttrOr("value", ""))
	assert.Zero(t, form.Find("select").Length(), "there is no channel to choose")
	require.Equal(t, "/#watches", f.post("/watches", nil, "do", "watch", "id", "req_late1").header.Get("Location"))
	home := f.get("/")
	requireSound(t, home)
	assert.Contains(t, words(home.Find("section[aria-labelledby=watches]")), "req_late1 waiting; ends in 24 h")
	f.samples()
	list := f.post("/find", nil, "text", "req_9f3a21, req_edge1, req_late1 and req_late2")
	requireSound(t, list)
	assert.Equal(t, 2, list.Find(`section[aria-labelledby=absent] form[action="/watches"]`).Length(), "those that may yet arrive")
	res := f.post("/watches", nil, "do", "watch", "id", "req_9f3a21")
	assert.Equal(t, "/r/req_9f3a21", res.header.Get("Location"), "it is there")
	f.write(event.Event{RequestID: "req_late1", Service: "billing", Status: 500, Code: "boom"})
	n, err := f.NoticeWatches(t.Context(), f.now)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	assert.Regexp(t, `mia waited for it; it was seen .*ago|now`, words(f.get("/r/req_late1").Find("section[aria-labelledby=desk]")))
	assert.NotContains(t, words(f.get("/r/req_9f3a21").Find("section[aria-labelledby=desk]")), "waited for it")
	home = f.get("/")
	assert.Equal(t, "/r/req_late1", home.Find("section[aria-labelledby=watches] a.row").AttrOr("href", ""))
	assert.Contains(t, words(home.Find("section[aria-labelledby=watches]")), "arrived")
	id := home.Find("section[aria-labelledby=watches] input[name=watch]").AttrOr("value", "")
	for range 2 {
		assert.Equal(t, 303, f.post("/watches", nil, "do", "unwatch", "watch", id).code)
	}
	assert.Zero(t, f.get("/").Find("section[aria-labelledby=watches]").Length())
	assert.Equal(t, 422, f.post("/watches", nil, "do", "watch", "id", "null").code)
	assert.Equal(t, 422, f.post("/watches", nil).code)
}

func TestPublicLinks(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	assert.Zero(t, f.get("/r/req_9f3a21").Find(`.desk a[href^="/settings/sharing"]`).Length())
	assert.Equal(t, 403, f.get("/settings/sharing").code)
	assert.Equal(t, 403, f.post("/settings/sharing", nil, "do", "allow").code)
	f.decides()
	to := f.get("/r/req_9f3a21").Find(`.desk a[href^="/settings/sharing"]`).AttrOr("href", "")
	off := f.get(to)
	requireSound(t, off)
	assert.Contains(t, words(off.Find("main")), "Public links are off.")
	assert.Zero(t, off.Find("button[value=share]").Length())
	event, _ := strings.CutPrefix(to, "/settings/sharing?event=")
	assert.Equal(t, 409, f.post("/settings/sharing", nil, "do", "share", "event", event, "days", "7").code)
	require.Equal(t, 303, f.post("/settings/sharing", nil, "do", "allow").code)
	assert.Equal(t, "7 days", words(f.get(to).Find("#days option[selected]")))
	made := f.post("/settings/sharing", nil, "do", "share", "event", event, "days", "7")
	require.Equal(t, 201, made.code, made.body)
	requireSound(t, made)
	link := strings.TrimPrefix(words(made.Find("#link")), f.server.URL)
	require.True(t, strings.HasPrefix(link, "/s/"), link)
	assert.NotContains(t, f.get("/settings/sharing").body, link, "shown once")

	f.client = f.newClient() // a stranger
	p := f.get(link)
	require.Equal(t, 200, p.code, p.body)
	assert.Equal(t, "429 rate_limit_exceeded", words(p.Find("h1")))
	assert.Zero(t, p.Find("script, form, main a").Length())
	assert.Positive(t, p.Find("li").Length(), "what helps, as it is built in")
	for _, hidden := range []string{"acme", "req_9f3a21", "prompts-api", "x4f2", "Try again in", event} {
		assert.NotContains(t, p.body, hidden)
	}
	assert.Equal(t, publicPolicy, p.header.Get("Content-Security-Policy"))
	assert.Equal(t, "no-referrer", p.header.Get("Referrer-Policy"))
	assert.Contains(t, p.header.Get("X-Robots-Tag"), "noindex")
	assert.Equal(t, "no-store", p.header.Get("Cache-Control"))
	assert.Empty(t, p.header.Get("Set-Cookie"))

	f.decides()
	list := f.get("/settings/sharing")
	requireSound(t, list)
	assert.Regexp(t, `1 time, last .*ago`, words(list.Find("section[aria-labelledby=good] tbody")))
	assert.Contains(t, words(f.get("/settings/audit?action=share.opened").Find("main")), "public link")
	share := f.get("/settings/sharing").Find("input[name=share]").AttrOr("value", "")
	require.Equal(t, 303, f.post("/settings/sharing", nil, "do", "revoke", "share", share).code)
	f.client = f.newClient()
	revoked, unknown := f.get(link), f.get("/s/nope")
	assert.Equal(t, []int{404, 404}, []int{revoked.code, unknown.code})
	assert.Equal(t, unknown.body, revoked.body)
	codes := map[int]int{}
	for range 40 {
		codes[f.get("/s/nope").code]++
	}
	assert.Positive(t, codes[429], "guessing is slow")
	assert.Positive(t, codes[404])
}

func TestAuditPage(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	assert.Equal(t, 403, f.get("/settings/audit").code)
	assert.Zero(t, f.get("/").Find(`nav a[href="/settings/audit"]`).Length())
	f.post("/find", nil, "text", "jane@example.com says req_9f3a21 failed")
	p := f.atDesk(f.get("/r/req_9f3a21"), "do", "status", "status", "answered")
	require.Equal(t, 200, p.code)
	f.decides()
	assert.Equal(t, 1, f.get(f.get("/").Find(`nav a[href^="/settings"]`).AttrOr("href", "")).Find(`nav a[href="/settings/audit"]`).Length())
	log := f.get("/settings/audit")
	requireSound(t, log)
	text := words(log.Find("tbody"))
	for _, want := range []string{"mia session", "request.view", "request.status", "login"} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, log.body, "jane")
	only := f.get("/settings/audit?actor=mia&action=request")
	assert.Equal(t, "page", only.Find(`nav a[href="/settings/audit"]`).AttrOr("aria-current", ""))
	assert.NotContains(t, words(only.Find("tbody")), "login")
	href := only.Find("tbody a.row").First().AttrOr("href", "")
	assert.Equal(t, 200, f.get(href).code, href)
	assert.Contains(t, words(f.get("/settings/audit?target=nothing").Find("main")), "Nothing matches.")
	for _, bad := range []string{"cursor=x", "actor=%00", "target=%FF"} {
		res := f.get("/settings/audit?" + bad)
		assert.Equal(t, 422, res.code, bad)
		requireSound(t, res)
	}
}
