package web

import (
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/store"
)

func TestCatalogIsWrittenInTheBrowser(t *testing.T) {
	f := newFixture(t).decides()
	f.trade(false)
	const path = "/codes/billing/ledger_drift"
	code := f.get(path)
	require.Equal(t, 200, code.code)
	assert.Contains(t, words(code.Find("section[aria-labelledby=entry]")), "The catalogue has no entry for this code; this is what its status means. Write about it")
	assert.Contains(t, words(code.Find("section[aria-labelledby=entry]")), "Replies to the customer (1)")
	assert.Equal(t, path+"/edit", code.Find("section[aria-labelledby=entry] a:contains(Edit)").AttrOr("href", ""))

	edit := f.get(path + "/edit")
	requireSound(t, edit)
	assert.Contains(t, words(edit.Find("main")), "This is what is said now (by its status, general)")
	assert.Equal(t, "It conflicts with what is there", edit.Find("#title").AttrOr("value", ""), "there is something to begin with")
	assert.Less(t, zipped(t, edit.body), 20<<10)

	typed := []string{"version", "0", "title", "The books differ", "plain", "Two postings of an invoice disagree.", "causes", "A retry.\r\n\r\nTwo clerks.", "fixes", "Wait for the nightly run.",
		"fix", "Hi[ {customer_name}]. We look into {request_id}[ until {retry_at}].", "side", "us", "owner", "team-ledger", "source_refs", "a b.go:8", "repo_url", "https://git.example/{path}#L{line}"}
	preview := f.post(path+"/edit", nil, append(typed, "do", "preview")...)
	require.Equal(t, 200, preview.code, preview.body)
	assert.Regexp(t, `^Hi\. We look into req_t\d+\.$`, preview.Find("#reply0").Text(), "of a failure that happened")
	assert.Contains(t, words(preview.Find("#replies")), "Our fault, and known", "it is on our side now")
	assert.Regexp(t, `^/r/req_t`, preview.Find("#replies small a").AttrOr("href", ""))
	book, err := f.Catalog(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.Empty(t, book.Entries(), "a preview saves nothing")

	bad := f.post(path+"/edit", nil, append(typed, "do", "save", "fix", "At {tea_time}", "docs_url", "http://plain")...)
	assert.Equal(t, 422, bad.code)
	assert.Equal(t, 1, bad.Find("[aria-invalid]").Length())
	assert.Contains(t, words(bad.Find(".wrong")), "has {tea_time}, which is no field")
	assert.Equal(t, "The books differ", bad.Find("#title").AttrOr("value", ""), "what was typed is still there")

	saved := f.post(path+"/edit", nil, append(typed, "do", "save")...)
	require.Equal(t, 303, saved.code, saved.body)
	assert.Equal(t, path+"/edit?done=saved", saved.header.Get("Location"))
	code = f.get(path)
	entry := words(code.Find("section[aria-labelledby=entry]"))
	for _, want := range []string{"The books differ", "Lies with our service.", "A retry.Two clerks.", "team-ledger", "Written for billing."} {
		assert.Contains(t, entry, want)
	}
	assert.Equal(t, "https://git.example/a%20b.go#L8", code.Find("section[aria-labelledby=entry] a:contains('a b.go:8')").AttrOr("href", ""))
	assert.Equal(t, "noopener noreferrer", code.Find("section[aria-labelledby=entry] a:contains('a b.go:8')").AttrOr("rel", ""))
	assert.NotContains(t, table(f.get("/codes?undocumented=1&from=now-7d"), "list"), "ledger_drift")

	// The request says it, too.
	request := f.get(preview.Find("#replies small a").AttrOr("href", ""))
	assert.Contains(t, words(request.Find("h1")), "Two postings of an invoice disagree.")
	assert.Regexp(t, `^Hi\. We look into req_t\d+\.$`, request.Find("#reply").Text())
	assert.Contains(t, words(request.Find("section[aria-labelledby=why]")), "(Catalogue: for billing, by its code. Edit)")

	// Somebody else was faster.
	_, err = f.SaveCatalogEntry(t.Context(), store.Actor{Kind: "key", ID: "k", Label: "leo"}, store.DefaultWorkspace, catalog.Entry{Service: "billing", Code: "ledger_drift", Title: "Leo's", Plain: "p"}, 1)
	require.NoError(t, err)
	late := f.post(path+"/edit", nil, append(typed, "do", "save", "version", "1", "title", "Mine")...)
	assert.Equal(t, 409, late.code)
	assert.Contains(t, words(late.Find("[role=alert]")), "is at version 2, which leo made, and not at 1 any more")
	assert.Equal(t, "Mine", late.Find("#title").AttrOr("value", ""))
	assert.Equal(t, "1", late.Find(".entry input[name=version]").AttrOr("value", ""), "saving again is refused again")

	history := f.get(path + "/history")
	requireSound(t, history)
	assert.Contains(t, words(history.Find("section[aria-labelledby=v2]")), "leo wrote it")
	assert.Contains(t, history.Find("section[aria-labelledby=v2] .minus").Text(), "- title: The books differ")
	assert.Zero(t, history.Find("section[aria-labelledby=v2] form").Length(), "it is that already")
	stale := f.post(path+"/history", nil, "to", "1", "version", "1")
	assert.Equal(t, 409, stale.code)
	back := f.post(path+"/history", nil, "to", "1", "version", "2")
	require.Equal(t, 303, back.code, back.body)
	assert.Contains(t, words(f.get(back.header.Get("Location")).Find("[role=status]")), "It is what it was, as a new version.")
	assert.Equal(t, 404, f.post(path+"/history", nil, "to", "9", "version", "3").code)

	ask := f.post(path+"/edit", nil, append(typed, "do", "remove", "version", "3")...)
	assert.Contains(t, words(ask.Find("main")), "Remove this entry?")
	gone := f.post(path+"/edit", nil, "do", "remove", "version", "3", "sure", "yes")
	require.Equal(t, 303, gone.code, gone.body)
	assert.Contains(t, words(f.get(path).Find("section[aria-labelledby=entry]")), "The catalogue has no entry")
	assert.Contains(t, words(f.get(path+"/history").Find("section[aria-labelledby=v4]")), "ada removed it")
}

// What holds for all codes of a service, and for codes of all services.
func TestCatalogOfAService(t *testing.T) {
	f := newFixture(t).decides()
	f.trade(false)
	all := f.get("/codes/prompts-api/*/edit")
	requireSound(t, all)
	assert.Zero(t, all.Find("#title").Length())
	assert.Equal(t, 6, all.Find("#profile option").Length())
	require.Equal(t, 303, f.post("/codes/prompts-api/*/edit", nil, "do", "save", "version", "0", "profile", "x-api-key-tenant", "owner", "team-llm").code)
	entry := words(f.get("/codes/prompts-api/provider_error").Find("section[aria-labelledby=entry]"))
	assert.Contains(t, entry, "The model's provider failed or refused us")
	assert.Contains(t, entry, "Written for prompts-api, by its profile x-api-key-tenant, as it is built in.")
	assert.Contains(t, entry, "team-llm")
	assert.Contains(t, words(f.get("/codes/provider_error").Find("section[aria-labelledby=entry]")), "A provider behind us failed", "elsewhere it is as it was")

	require.Equal(t, 303, f.post("/codes/~/wombat/edit", nil, "do", "save", "version", "0", "title", "A wombat", "plain", "It is in the way.").code)
	unseen := f.get("/codes/wombat")
	assert.Equal(t, 404, unseen.code)
	assert.Equal(t, "/codes/~/wombat/edit", unseen.Find("a:contains('what the catalogue says')").AttrOr("href", ""))
	made := f.get("/codes/~/wombat/edit")
	assert.Contains(t, words(made.Find("#replies")), "No failure with this code in 7 days")
	for _, path := range []string{"/codes/a/%3F/edit", "/codes/a/%00/edit", "/codes/%ff/b/history"} {
		assert.Contains(t, []int{400, 422}, f.get(path).code, path)
	}
}

func TestReadersMayLookAtTheCatalogue(t *testing.T) {
	f := newFixture(t).signIn()
	f.trade(false)
	const path = "/codes/billing/ledger_drift"
	edit := f.get(path + "/edit")
	assert.Zero(t, edit.Find("button[value=save]").Length())
	assert.Contains(t, words(edit.Find(".deeds")), "You may look, but not save")
	for _, do := range []string{"save", "remove"} {
		assert.Equal(t, 403, f.post(path+"/edit", nil, "do", do, "title", "x", "plain", "y").code)
	}
	assert.Equal(t, 403, f.post(path+"/history", nil, "to", "1").code)
	assert.Equal(t, 200, f.post(path+"/edit", nil, "do", "preview", "title", "x", "plain", "y").code)
	assert.Equal(t, 200, f.get(path+"/history").code)
	assert.Equal(t, 403, f.post(path+"/edit", map[string]string{"Sec-Fetch-Site": "cross-site"}, "do", "preview").code)
}

// Nothing that is written or sent can act on the page.
func TestCatalogEscapes(t *testing.T) {
	f := newFixture(t).decides()
	f.trade(false)
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	path := pathOfEntry(catalog.Key{Service: strange, Code: catalog.KeyOf("", strange).Code}, "edit")
	res := f.post(path, nil, "do", "save", "version", "0", "title", evil, "plain", evil, "causes", evil, "fixes", evil, "fix", "Hi "+evil+" [{code} {endpoint}].", "owner", evil, "source_refs", evil, "repo_url", "https://git.example/{path}",
		"also_seen_as", evil, "docs_url", "https://docs.example/{code}?x=<b>")
	require.Equal(t, 303, res.code, res.body)
	for _, p := range []page{f.get(path), f.get(strings.TrimSuffix(path, "edit") + "history"), f.get(strings.TrimSuffix(path, "/edit"))} {
		require.Equal(t, 200, p.code)
		requireSound(t, p)
		assert.Zero(t, p.Find("main script, main img, [onerror]").Length())
		p.Find("main a").Each(func(_ int, s *goquery.Selection) {
			assert.NotContains(t, strings.ToLower(s.AttrOr("href", "")), "javascript:")
		})
	}
	for _, link := range []string{"javascript:alert(1)//{path}", "data:text/html,{path}"} {
		assert.Equal(t, 422, f.post(path, nil, "do", "save", "version", "1", "title", "t", "plain", "p", "repo_url", link, "docs_url", link).code)
	}
}

// The editor looks once for a failure to preview with, and calls its customer by name.
func TestEditorLooksForAFailureOnce(t *testing.T) {
	var sent statements
	f := newFixtureWith(t, store.Options{Tracer: &sent}, func(s *store.Store) Reader { return s })
	f.decides()
	f.samples()
	f.callThem("acme", "Acme Ltd")
	const path = "/codes/prompts-api/rate_limit_exceeded/edit"
	events := func(p page) int {
		require.Equal(t, 200, p.code)
		assert.Contains(t, words(p.Find("main")), "Hello Acme Ltd,")
		n := 0
		for _, sql := range sent.take() {
			if strings.Contains(sql, "FROM events e") {
				n++
			}
		}
		return n
	}
	sent.take()
	once := events(f.get(path))
	assert.Equal(t, once, events(f.post(path, nil, "do", "preview", "title", "t", "plain", "p", "fix", "Hello[ {customer_name}], wait.")))
	assert.Equal(t, 1, once)
}
