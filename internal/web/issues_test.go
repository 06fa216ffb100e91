package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/store"
)

// issueOf is the ID of the issue that the sample with that code belongs to.
func (f *fixture) issueOf(service string) string {
	f.t.Helper()
	page, err := f.Issues(f.t.Context(), store.DefaultWorkspace, event.IssueFilter{Filter: event.Filter{Service: service, Role: event.Primary}}, 10, "")
	require.NoError(f.t, err)
	require.NotEmpty(f.t, page.Issues)
	return page.Issues[0].ID
}

func TestIssuesPage(t *testing.T) {
	f := newFixture(t).decides()
	empty := f.get("/issues")
	requireSound(t, empty)
	assert.Contains(t, words(empty.Find("main")), "No failure has been reported, so there is no issue.")
	assert.Contains(t, words(empty.Find("main")), "send a fingerprint")
	f.samples()
	list := f.get("/issues")
	requireSound(t, list)
	assert.Equal(t, 5, list.Find("tbody tr").Length())
	assert.Equal(t, "LLM provider returned an error", words(list.Find("a.row").First()), "the latest first")
	first := f.get("/issues?family=limits").Find("tbody tr")
	assert.Equal(t, "Rate limit exceeded. Try again in … seconds.", words(first.Find("a.row")))
	assert.Contains(t, words(first), "prompts-api POST")
	assert.Contains(t, first.Find("svg.spark title").Text(), "2 failures in the last 24 h", "a call is a failure as well")
	assert.Equal(t, "1", words(first.Find("td.num")), "customers")
	assert.Equal(t, none, words(f.get("/issues?family=limits&from=now-20d").Find("tbody td.num")), "not asked about so long a range")
	assert.NotEmpty(t, first.Find("svg path").AttrOr("d", ""))
	assert.Equal(t, "issues", strings.ToLower(words(list.Find("nav a[aria-current]"))))

	for query, n := range map[string]int{
		"service=billing": 1, "status=5xx": 3, "family=limits": 1, "state=resolved": 0, "state=all": 5, "assignee=-": 5, "assignee=mia": 0,
		"q=" + url.QueryEscape(`is:new "text required"`): 0, "q=provider": 2, "q=service:billing": 1, "sort=events&q=status:429": 1,
		"to=" + url.QueryEscape(f.now.Add(-2*time.Hour).Format("2006-01-02T15:04")): 1,
	} {
		res := f.get("/issues?" + query)
		assert.Equal(t, n, res.Find("tbody tr").Length(), query)
	}
	assert.Contains(t, words(f.get("/issues?service=nope").Find("main")), "No issue matches all of: service nope.")
	for _, bad := range []string{"status=9", "from=yesterday", "family=x", "state=x", "sort=x", "cursor=x", "q=%00", "assignee=%FF"} {
		res := f.get("/issues?" + bad)
		assert.Equal(t, 422, res.code, bad)
		assert.NotEmpty(t, words(res.Find("[role=alert]")), bad)
	}
	mistake := f.get("/issues?q=" + url.QueryEscape("servce:billing"))
	assert.Equal(t, "servce", words(mistake.Find("mark")))
	assert.Equal(t, "/issues?q=service%3Abilling", mistake.Find("#mistake a").AttrOr("href", ""))
	assert.Contains(t, words(f.get("/issues?q=customer:acme").Find("#mistake")), "'customer' is a field of failures")

	var offers offers
	require.NoError(t, json.Unmarshal([]byte(f.get("/issues/complete?q=is:re").body), &offers))
	assert.Equal(t, []string{"regressed"}, offers.Offers)
}

func TestWhomAnIssueConcerns(t *testing.T) {
	many, nobody := int64(12345), int64(0)
	assert.Equal(t, "≈ 12,345", metBy(&event.Issue{Customers: &many}))
	assert.Equal(t, "12,345", metBy(&event.Issue{Customers: &many, CustomersExact: true}))
	assert.Equal(t, none, metBy(&event.Issue{Customers: &nobody, CustomersExact: true}), "none that says so")
	assert.Equal(t, none, metBy(&event.Issue{}))
}

func TestIssuePage(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	id := f.issueOf("edge-gateway")
	p := f.get("/issues/" + id)
	requireSound(t, p)
	assert.Equal(t, 200, p.code)
	assert.Equal(t, "LLM provider returned an error", words(p.Find("h1")))
	assert.Contains(t, words(p.Find(".began")), "1 failure in the last 24 h. First seen 12 min ago")
	assert.Equal(t, "/r/req_edge1", p.Find("a.row").First().AttrOr("href", ""))
	all := f.get(p.Find(`section[aria-labelledby=samples] > p a`).AttrOr("href", ""))
	assert.Equal(t, 1, all.Find("tbody tr").Length())
	assert.Equal(t, id, all.Find("input[name=issue]").AttrOr("value", ""))
	assert.Contains(t, words(p.Find("section[aria-labelledby=why]")), "Serviceedge-gateway")
	assert.Equal(t, "/issues/"+id, f.get("/r/req_edge1").Find(".facts a").Last().AttrOr("href", ""), "a request leads to its issue")
	for _, path := range []string{"/issues/nope", "/issues/00000000-0000-7000-8000-000000000000"} {
		assert.Equal(t, 404, f.get(path).code)
	}
}

// deed sends one of the page's forms and gives the page that it leads to.
func (f *fixture) deed(id string, pairs ...string) page {
	f.t.Helper()
	res := f.post("/issues/"+id, nil, pairs...)
	require.Equal(f.t, http.StatusSeeOther, res.code, res.body)
	require.Equal(f.t, "/issues/"+id, res.header.Get("Location"))
	return f.get("/issues/" + id)
}

func TestDecidingAboutAnIssue(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	id, other := f.issueOf("edge-gateway"), f.issueOf("search-api")
	assert.Equal(t, "acknowledged", words(f.deed(id, "do", "acknowledge").Find(".line .state")))
	assert.Contains(t, words(f.deed(id, "do", "resolve", "release", "edge-82").Find(".began")), "Resolved in release edge-82.")
	assert.Contains(t, words(f.deed(id, "do", "ignore", "days", "3", "events", "1000", "customers", "5").Find(".began")), "or until it has happened 1,000 more times, or until 5 customers")
	assert.Contains(t, words(f.deed(id, "do", "ignore").Find(".began")), "Ignored for good.")
	assert.Zero(t, f.deed(id, "do", "open").Find(".line .state").Length())
	assert.Contains(t, words(f.deed(id, "do", "assign", "assignee", " mia ").Find(".line")), "mia sees to it.")
	assert.Contains(t, words(f.deed(id, "do", "comment", "body", "first line\r\nsecond").Find(".timeline")), "ada wrotefirst line second")
	p := f.deed(id, "do", "ticket", "url", "https://jira.example.com/OPS-1")
	assert.Equal(t, "https://jira.example.com/OPS-1", p.Find("section[aria-labelledby=tickets] a").AttrOr("href", ""))
	requireSound(t, p)
	assert.Zero(t, f.deed(id, "do", "untick", "url", "https://jira.example.com/OPS-1").Find("section[aria-labelledby=tickets] a").Length())

	p = f.deed(id, "do", "take", "issue", other)
	assert.Contains(t, words(p.Find("section[aria-labelledby=why] ul")), "search-api")
	requireSound(t, p)
	assert.Equal(t, "/issues/"+id, f.get("/issues/"+other).header.Get("Location"), "what was merged leads to what it counts for")
	assert.Zero(t, f.deed(id, "do", "split", "issue", other).Find("section[aria-labelledby=why] ul").Length())
	res := f.post("/issues/"+other, nil, "do", "merge", "into", f.server.URL+"/issues/"+id+"?x=y")
	assert.Equal(t, http.StatusSeeOther, res.code, res.body)
	assert.Equal(t, "/issues/"+id, f.get("/issues/"+other).header.Get("Location"))

	told := words(f.get("/issues/" + id).Find(".timeline"))
	for _, want := range []string{"acknowledged it", "resolved it in release edge-82", "ignored it until " + f.now.AddDate(0, 0, 3).Format("2 Jan 2006"), "gave it to mia", "linked https://jira", "unlinked", "merged another issue into it", "undid a merge"} {
		assert.Contains(t, told, "ada "+want)
	}
	var who int
	for _, a := range f.auditOf(id) {
		assert.Equal(t, "ada", a.Actor)
		who++
	}
	assert.GreaterOrEqual(t, who, 10)
}

func (f *fixture) auditOf(id string) []event.Activity {
	f.t.Helper()
	d, err := f.Issue(f.t.Context(), store.DefaultWorkspace, id)
	require.NoError(f.t, err)
	return d.Activity
}

// What cannot be is said on the page, and what was typed stays.
func TestDecisionsThatCannotBe(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	id := f.issueOf("edge-gateway")
	for _, c := range []struct {
		code  int
		says  string
		pairs []string
	}{
		{422, "Choose what to do", []string{"do", "nonsense"}},
		{422, "must be a number", []string{"do", "ignore", "days", "three"}},
		{422, "'ignore_until' field must be a time to come", []string{"do", "ignore", "days", "999999"}},
		{422, "'url' field must be an address", []string{"do", "ticket", "url", "javascript:alert(1)"}},
		{422, "'body' field must be text", []string{"do", "comment", "body", " "}},
		{422, "Say which issue", []string{"do", "merge"}},
		{422, "must be the ID of an issue", []string{"do", "merge", "into", "nope"}},
		{409, "cannot be merged into itself", []string{"do", "merge", "into", id}},
	} {
		res := f.post("/issues/"+id, nil, c.pairs...)
		assert.Equal(t, c.code, res.code, c.pairs)
		assert.Contains(t, words(res.Find("[role=alert]")), c.says)
		requireSound(t, res)
	}
	long := strings.Repeat("x", 10_001)
	assert.Equal(t, long, f.post("/issues/"+id, nil, "do", "comment", "body", long).Find("#body").Text())
	assert.Equal(t, 403, f.post("/issues/"+id, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}, "do", "resolve").code)
	assert.Equal(t, 404, f.post("/issues/nope", nil, "do", "resolve").code)
	assert.Empty(t, f.auditOf(id))
}

func TestDecidingAboutMany(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	a, b, c := f.issueOf("edge-gateway"), f.issueOf("search-api"), f.issueOf("billing")
	send := func(do, back string, ids ...string) page {
		form := url.Values{"id": ids, "do": {do}, "back": {back}, "assignee": {"leo"}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.server.URL+"/issues", strings.NewReader(form.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return f.do(req)
	}
	res := send("resolve", "/issues?service=billing&state=all", a, c)
	assert.Equal(t, "/issues?changed=2&failed=0&service=billing&state=all", res.header.Get("Location"))
	list := f.get(res.header.Get("Location"))
	assert.Equal(t, "2 issues were changed.", words(list.Find("[role=status]")))
	assert.Equal(t, "resolved", words(list.Find("tbody .state")))
	assert.Equal(t, 3, f.get("/issues").Find("tbody tr").Length(), "what is resolved wants nobody")
	send("assign", "/issues", b)
	assert.Equal(t, 1, f.get("/issues?assignee=leo").Find("tbody tr").Length())
	assert.Equal(t, "/issues?changed=1&failed=0", send("merge", "//evil.test/x", a, b).header.Get("Location"), "never elsewhere")
	assert.Equal(t, "/issues/"+b, f.get("/issues/"+a).header.Get("Location"))
	assert.Equal(t, "/issues?changed=1&failed=1", send("open", "/issues", a, b).header.Get("Location"))
}

// A decision that cannot be carried out leaves the list as it was, with its filter,
// what was ticked and what was typed.
func TestRefusedDecisionsAboutMany(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	a, b := f.issueOf("edge-gateway"), f.issueOf("search-api")
	send := func(do, back, assignee string, ids ...string) page {
		form := url.Values{"id": ids, "do": {do}, "back": {back}, "assignee": {assignee}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.server.URL+"/issues", strings.NewReader(form.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		p := f.do(req)
		requireSound(t, p)
		return p
	}
	ticked := func(p page) (ids []string) {
		p.Find("input[name=id][checked]").Each(func(_ int, s *goquery.Selection) { ids = append(ids, s.AttrOr("value", "")) })
		slices.Sort(ids)
		return ids
	}
	both := slices.Sorted(slices.Values([]string{a, b}))
	const all = "/issues?sort=events&state=all"
	for _, x := range []struct {
		do, back, assignee, says string
		ids, ticked              []string
		rows                     int
	}{
		{"resolve", "/issues", "", "Tick 1 to 100 issues first.", nil, nil, 5},
		{"merge", "/issues?service=edge-gateway", "", "Tick at least two issues to merge.", []string{a}, []string{a}, 1},
		{"", all + "&changed=1&failed=0", "leo", "Choose what to do. Nothing was changed", []string{a, b}, both, 5},
		{"assign", all, strings.Repeat("x", 101), "'assignee'", []string{a, b}, both, 5},
		{"", "/issues?service=edge-gateway", "", "1 issue that was ticked is not in this list any more.", []string{a, b}, []string{a}, 1},
		{"assign", "//evil.test/issues", strings.Repeat("<", 101), "'assignee'", []string{a}, []string{a}, 5},
		{"resolve", all, "leo", "Tick 1 to 100", append(make([]string, 100), a), nil, 5},
	} {
		p := send(x.do, x.back, x.assignee, x.ids...)
		assert.Equal(t, 422, p.code, x)
		assert.Contains(t, words(p.Find("[role=alert]")), x.says)
		assert.Zero(t, p.Find("[role=status]").Length(), "what was done before is not news")
		assert.Equal(t, x.ticked, ticked(p), x)
		assert.Equal(t, x.assignee, p.Find("#assignee").AttrOr("value", ""))
		assert.Equal(t, x.rows, p.Find("table.issues tbody tr").Length(), x.back)
		if back := p.Find("input[name=back]").AttrOr("value", ""); strings.HasPrefix(x.back, "/issues") {
			assert.Equal(t, x.back, back)
		} else {
			assert.Equal(t, "/issues", back)
		}
	}
	p := send("assign", all, strings.Repeat("x", 101), a, b)
	assert.Equal(t, "all", p.Find("select[name=state] option[selected]").AttrOr("value", ""))
	assert.Equal(t, "events", p.Find("select[name=sort] option[selected]").AttrOr("value", ""))
	assert.Empty(t, f.auditOf(a))
	assert.Empty(t, f.auditOf(b))
}

// Who may only look sees no form, and sends none.
func TestLookingIsNotDeciding(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	id := f.issueOf("edge-gateway")
	assert.Zero(t, f.get("/issues").Find("main [type=checkbox], main button[name=do]").Length())
	assert.Zero(t, f.get("/issues/"+id).Find("main form").Length())
	requireSound(t, f.get("/issues/"+id))
	for _, path := range []string{"/issues", "/issues/" + id} {
		res := f.post(path, nil, "do", "resolve", "id", id)
		assert.Equal(t, 403, res.code)
		assert.Contains(t, words(res.Find("main")), "You may look, but not decide")
	}
	assert.Empty(t, f.auditOf(id))
}

func evilIssue(w *web, fr frame) issuePage {
	now := event.Time{Time: time.Now()}
	ref := event.IssueRef{ID: evil, Title: evil, Template: evil, State: evil, Service: evil, Endpoint: evil, Code: evil}
	d := event.IssueDetail{
		Issue: event.Issue{ID: evil, Title: evil + "x", Template: evil, State: event.Ignored, Assignee: evil, Service: evil, Method: evil, Endpoint: evil, Code: evil,
			Family: evil, ResolvedIn: evil, IgnoreUntil: &now, FirstAt: now, LastAt: now},
		Reasons: []event.Reason{{Name: evil, Value: evil}}, Hours: []event.Bucket{{At: now, N: 3}},
		Samples:  []event.Sample{{EventID: evil, RequestID: evil, Customer: evil, Release: evil, Message: evil}},
		Releases: []event.ReleaseCount{{Release: evil}}, Merged: []event.IssueRef{ref}, Similar: []event.IssueRef{ref}, Tickets: []event.Ticket{{URL: evil}, {URL: "javascript:alert(1)"}},
		Activity: []event.Activity{{Actor: evil, Action: "comment", Text: evil}, {Actor: evil, Action: evil}, {Actor: evil, Action: "ticket", Details: []byte(`{"url":"<script>x</script>"}`)}},
	}
	p := w.issuePage(&d, map[string]string{evil: evil})
	p.frame, p.Decides, p.Problem, p.Comment = fr, true, evil, evil
	return p
}

func evilIssues(w *web, fr frame) []any {
	choice := []choice{{evil, evil, true}}
	form := issueForm{evil, evil, evil, evil, evil, evil, choice, choice, choice}
	rows := w.issueRows([]event.Issue{{ID: evil, Title: evil, Template: evil, State: evil, Assignee: evil, Service: evil, Method: evil, Endpoint: evil, Code: evil, Family: evil}}, evil)
	return []any{
		issuesPage{frame: fr, Form: form, Rows: rows, Counted: evil, Older: evil, Done: evil, Decides: true, Back: evil, Fields: []string{evil}, Refused: &refusedMany{Why: evil, Assignee: evil, Missing: evil}},
		issuesPage{frame: fr, Form: form, Active: []row{{evil, evil}}}, issuesPage{frame: fr, Form: form, Problem: evil}, issuesPage{frame: fr, Empty: true}, issuesPage{frame: fr},
		issuesPage{frame: fr, Form: form, Mistake: &mistake{evil, evil, evil, evil, evil, evil}},
	}
}
