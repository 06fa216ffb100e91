package web

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/store"
)

// send posts a form as browsers send one that has a file in it.
func (f *fixture) send(path, file string, pairs ...string) page {
	f.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for i := 0; i+1 < len(pairs); i += 2 {
		require.NoError(f.t, m.WriteField(pairs[i], pairs[i+1]))
	}
	part, err := m.CreateFormFile("file", "catalog.yaml")
	require.NoError(f.t, err)
	_, err = part.Write([]byte(file))
	require.NoError(f.t, err)
	require.NoError(f.t, m.Close())
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.server.URL+path, &body)
	require.NoError(f.t, err)
	req.Header.Set("Content-Type", m.FormDataContentType())
	return f.do(req)
}

func (f *fixture) entries() []catalog.Entry {
	f.t.Helper()
	book, err := f.Catalog(f.t.Context(), store.DefaultWorkspace)
	require.NoError(f.t, err)
	return book.Entries()
}

const drift = "entries:\n  - service: billing\n    code: ledger_drift\n    title: The books differ\n    plain: Two postings disagree.\n"

func TestImportCatalog(t *testing.T) {
	f := newFixture(t).decides()
	empty := f.get(catalogPath)
	requireSound(t, empty)
	assert.Contains(t, words(empty.Find("main")), "Nobody has written about a code yet")
	assert.Equal(t, "Catalogue", words(empty.Find("nav.tabs [aria-current]")))
	assert.Equal(t, "entries: []\n", f.get(catalogPath+"/export").body)
	codes := f.get("/codes")
	assert.Equal(t, []string{catalogPath + "/export", catalogPath}, []string{codes.Find("a:contains('Export')").AttrOr("href", ""), codes.Find("a:contains('Import')").AttrOr("href", "")})

	wrong := f.send(catalogPath, "\ufeffentries:\r\n  - code: x\r\n    title: t\r\n    plain: p\r\n    side: moon\r\n", "do", "check", "yaml", "what was typed counts only without a file")
	assert.Equal(t, 422, wrong.code)
	requireSound(t, wrong)
	assert.Regexp(t, `^Line 5: entries\[0\]\.side: .*$`, words(wrong.Find("[aria-labelledby=lint] ul")))
	assert.Contains(t, wrong.Find("#yaml").Text(), "side: moon", "it can be mended here")
	assert.Equal(t, 422, f.send(catalogPath, "", "do", "check", "yaml", " \r\n").code)

	seen := f.send(catalogPath, drift, "do", "check")
	require.Equal(t, 200, seen.code)
	requireSound(t, seen)
	diff := words(seen.Find("[aria-labelledby=diff]"))
	assert.Contains(t, diff, "1 added billing/ledger_drift")
	assert.Equal(t, 4, seen.Find(".diff .plus").Length())
	assert.Empty(t, f.entries(), "nothing was changed")
	plan := seen.Find("[name=plan]").AttrOr("value", "")
	other := f.send(catalogPath, "", "do", "apply", "yaml", strings.Replace(drift, "books", "ledgers", 1), "plan", plan)
	assert.Equal(t, 409, other.code, "what is applied is what was looked at")
	assert.Contains(t, words(other.Find("main [role=alert]")), "Nothing was applied")
	assert.NotEqual(t, plan, other.Find("[name=plan]").AttrOr("value", ""), "the page shows the other change")
	assert.Equal(t, 409, f.send(catalogPath, "", "do", "apply", "yaml", drift).code, "nobody looked")
	assert.Empty(t, f.entries())
	text := strings.ReplaceAll(seen.Find("form.deeds textarea").Text(), "\n", "\r\n") // as browsers send it
	done := f.send(catalogPath, "", "do", "apply", "yaml", text, "plan", plan)
	require.Equal(t, 303, done.code, done.body)
	assert.Contains(t, words(f.get(done.header.Get("Location")).Find("[role=status]")), "Imported.")
	require.Len(t, f.entries(), 1)
	assert.Equal(t, "ada", f.entries()[0].UpdatedBy)
	assert.Equal(t, f.get(catalogPath+"/export").body, drift)
	assert.Contains(t, words(f.send(catalogPath, drift, "do", "check").Find("[aria-labelledby=diff]")), "Nothing to change1 unchanged.")

	// An entry changes, another is removed, and in between somebody is faster.
	require.Equal(t, 303, f.post("/codes/~/wombat/edit", nil, "do", "save", "version", "0", "title", "A wombat", "plain", "It is in the way.").code)
	changed := strings.Replace(drift, "Two postings disagree.", "They do.", 1)
	left := f.send(catalogPath, changed, "do", "check")
	assert.Contains(t, words(left.Find("[aria-labelledby=diff]")), "1 is not in the file, and stays any/wombat")
	assert.Contains(t, words(left.Find("#changed + ul summary")), "billing/ledger_drift plain")
	pruned := f.send(catalogPath, changed, "do", "check", "prune", "1")
	assert.Contains(t, words(pruned.Find("[aria-labelledby=diff]")), "1 removed any/wombat")
	plan = pruned.Find("[name=plan]").AttrOr("value", "")
	assert.Equal(t, 409, f.send(catalogPath, "", "do", "apply", "yaml", changed, "plan", plan).code, "without the removal it is another change")
	require.Equal(t, 303, f.post("/codes/~/wombat/edit", nil, "do", "save", "version", "1", "title", "Two wombats", "plain", "They are in the way.").code)
	assert.Equal(t, 409, f.send(catalogPath, "", "do", "apply", "yaml", changed, "prune", "1", "plan", plan).code)
	require.Len(t, f.entries(), 2)
	again := f.send(catalogPath, changed, "do", "check", "prune", "1")
	require.Equal(t, 303, f.send(catalogPath, "", "do", "apply", "yaml", changed, "prune", "1", "plan", again.Find("[name=plan]").AttrOr("value", "")).code)
	require.Len(t, f.entries(), 1)
	assert.Equal(t, "They do.", f.entries()[0].Plain)
	assert.Contains(t, words(f.get("/codes/billing/ledger_drift/history").Find("main")), "ada imported it")
}

func TestImportCatalogIsBounded(t *testing.T) {
	f := newFixture(t).decides()
	large := strings.Repeat("#", catalog.MaxFile+1)
	assert.Equal(t, 413, f.send(catalogPath, large, "do", "check").code)
	assert.Equal(t, 413, f.post(catalogPath, nil, "do", "check", "yaml", large).code)
	assert.Equal(t, 413, f.send(catalogPath, strings.Repeat("#", maxCatalogForm)).code)
	var many strings.Builder
	many.WriteString("entries:\n")
	for i := range maxDiffs + 1 {
		many.WriteString("  - {code: c" + itoa(i) + ", title: t, plain: p}\n")
	}
	p := f.send(catalogPath, many.String(), "do", "check")
	require.Equal(t, 200, p.code, p.body)
	assert.Equal(t, maxDiffs, p.Find("pre.diff").Length())
	assert.Equal(t, maxDiffs+1, p.Find(".steps li").Length())
	assert.Equal(t, http.StatusForbidden, f.post(catalogPath, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}, "do", "check").code)

	f.client = f.newClient()
	f.signIn()
	for _, path := range []string{catalogPath, catalogPath + "/export"} {
		assert.Equal(t, http.StatusForbidden, f.get(path).code)
	}
	assert.Equal(t, http.StatusForbidden, f.send(catalogPath, drift, "do", "check").code)
	assert.Zero(t, f.get("/codes").Find("a[href^='"+catalogPath+"']").Length())
}

// Whatever a file says acts on no page.
func TestImportCatalogEscapes(t *testing.T) {
	w := &web{assets: loadAssets(), pages: loadPages()}
	fr := frame{Title: evil, User: evil, Version: evil, CSS: w.assets.url("style.css"), JS: w.assets.url("errata.js")}
	w.requireHarmless(t, "catalog_import", catalogFiles{frame: fr, Text: evil, Mistakes: []string{evil}, Problem: evil, Done: evil})
	w.requireHarmless(t, "catalog_import", catalogFiles{frame: fr, Text: "</textarea>" + evil, Checked: true, Changes: 2, Plan: evil, Left: []string{evil}, Prune: true, Same: 1,
		Steps: []catalogSteps{{ID: "added", Title: evil, Rows: []catalogStep{{Name: evil, Fields: evil, Lines: []diffLine{{evil, evil}}}, {Name: evil, Fields: evil}}}}})
}

// A file is imported without a script and by keyboard.
func TestBrowserImportCatalog(t *testing.T) {
	f := newFixture(t)
	f.trade(false)
	b := newBrowser(t)
	f.signInBrowser(b)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(f.server.URL+"/codes"), chromedp.Click(chromedp.CSS("a[href='"+catalogPath+"']")), wait(catalogPath), chromedp.Focus(chromedp.CSS("#yaml")),
		chromedp.SendKeys(chromedp.CSS("#yaml"), drift))
	b.press("Tab", "Tab") // to the tick box
	b.press("Tab", "Tab")
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS("#diff")), chromedp.Focus(chromedp.CSS("button[value=apply]")))
	assert.Empty(t, f.entries())
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS("main [role=status]")))
	require.Len(t, f.entries(), 1)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
	b.requireQuiet()

	still := &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"}
	more := strings.Replace(drift, "Two postings", "Many postings", 1) + "  - code: wombat\n    title: A wombat\n    plain: It is in the way, says the text of a very long sentence that goes on and on.\n"
	for name, text := range map[string]string{"wrong": strings.Replace(drift, "title", "titel", 1), "plan": more} {
		for device, width := range map[string]int64{"phone": 360, "wide": 1200} {
			b.run(chromedp.EmulateViewport(width, 844), chromedp.Navigate(f.server.URL+catalogPath), chromedp.SendKeys(chromedp.CSS("#yaml"), text), chromedp.Click(chromedp.CSS("button[value=check]")),
				chromedp.WaitVisible(chromedp.CSS("#diff, #lint")))
			require.True(t, b.truth(`(document.querySelectorAll("main details").forEach(d => d.open = true), true)`))
			assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways at %d", name, width)
			for _, scheme := range []string{"light", "dark"} {
				call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{still, {Name: "prefers-color-scheme", Value: scheme}}})
				b.requireAccessible(name + " " + scheme)
				assert.True(t, b.truth(`!(`+faint+`).length`), "%s %s", scheme, name)
				b.picture("catalog-import-" + name + "-" + scheme + "-" + device)
			}
			b.scheme("light")
		}
	}
}
