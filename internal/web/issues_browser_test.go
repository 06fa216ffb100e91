package web

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBrowserIssues(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	f.signInBrowser(b)
	b.run(chromedp.Click(chromedp.CSS(`nav a[href="/issues"]`)), wait("/issues"))
	b.picture("issues")
	b.run(chromedp.SendKeys(chromedp.CSS("#search"), "is:"))
	require.True(t, b.truth(`(document.querySelector("#offers li") || {}).textContent === "unresolved"`), "issues have offers of their own")
	b.run(chromedp.SendKeys(chromedp.CSS("#search"), "new service:edge-gateway"+kb.Enter), chromedp.WaitVisible(chromedp.CSS(`#search[value^="is:new"]`)))
	assert.True(t, b.truth(`document.querySelectorAll("a.row").length === 1`))
	b.run(chromedp.KeyEvent("j"))
	require.True(t, b.truth(`document.activeElement.className === "row"`), "j walks the list")
	id := f.issueOf("edge-gateway")
	b.press("Enter", "Enter")
	b.run(wait("/issues/" + id))
	assert.Equal(t, "LLM provider returned an error", b.text("h1"))
	b.run(chromedp.SendKeys(chromedp.CSS("[name=release]"), "edge-82"), chromedp.Click(chromedp.CSS("[value=resolve]")), chromedp.WaitVisible(chromedp.CSS(".line .state")))
	assert.Contains(t, b.text(".began"), "Resolved in release edge-82.")
	b.run(chromedp.SendKeys(chromedp.CSS("#body"), "the provider is back"), chromedp.Click(chromedp.CSS("[value=comment]")), chromedp.WaitVisible(chromedp.CSS(".comment")))
	assert.Contains(t, b.text(".timeline"), "leo wrote the provider is back")
	b.picture("issue")
	b.run(chromedp.Click(chromedp.CSS("section[aria-labelledby=samples] a.row")), wait("/r/req_edge1"), chromedp.Click(chromedp.CSS(`.facts a[href^="/issues/"]`)), wait("/issues/"+id))
	b.requireQuiet()
}

func TestBrowserIssuesOnAPhoneAndInTheDark(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	b.run(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	f.signInBrowser(b)
	id := f.issueOf("edge-gateway")
	f.decides().deed(id, "do", "resolve")
	f.deed(id, "do", "comment", "body", "see https://example.com/a/very/long/address/that/does/not/break/anywhere/at/all")
	f.deed(id, "do", "ticket", "url", "https://jira.example.com/browse/OPS-1234567890123456789012345678901234567890")
	f.deed(id, "do", "take", "issue", f.issueOf("search-api"))
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for name, path := range map[string]string{"issues": "/issues?state=all", "mistake": "/issues?q=sttus:5xx", "nothing": "/issues?service=nope", "issue": "/issues/" + id} {
			b.run(chromedp.Navigate(f.server.URL + path))
			get(b, chromedp.Evaluate[bool](`document.querySelectorAll("details").forEach(d => d.open = true), true`))
			assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways", path)
			assert.Empty(t, get(b, chromedp.Evaluate[[]string](faint)), "%s %s", scheme, path)
			b.picture("phone-" + scheme + "-" + name)
		}
	}
	b.run(chromedp.EmulateViewport(1200, 900), chromedp.Navigate(f.server.URL+"/issues/"+id))
	b.picture("dark-issue")
}

// Deciding about several takes no script.
func TestBrowserIssuesWithoutScripts(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(f.server.URL+"/login"), chromedp.SendKeys(chromedp.CSS("#key"), adminKey), chromedp.Click(chromedp.CSS("main button")),
		chromedp.WaitVisible(chromedp.CSS("textarea#q")), chromedp.Click(chromedp.CSS(`nav a[href="/issues"]`)), chromedp.WaitVisible(chromedp.CSS(".issues")),
		chromedp.Click(chromedp.CSS("tr:nth-child(1) [type=checkbox]")), chromedp.Click(chromedp.CSS("tr:nth-child(2) [type=checkbox]")),
		chromedp.Click(chromedp.CSS("[value=acknowledge]")), chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	assert.Equal(t, "2 issues were changed.", b.text("[role=status]"))
	assert.Equal(t, "2", get(b, chromedp.Evaluate[string](`String(document.querySelectorAll(".issues .state").length)`)))

	// A mistake leaves what was ticked and typed, and is mended from there.
	b.run(chromedp.EmulateViewport(390, 844), chromedp.Click(chromedp.CSS("tr:nth-child(3) [type=checkbox]")), chromedp.SendKeys(chromedp.CSS("#assignee"), "mia"),
		chromedp.Click(chromedp.CSS("[value=merge]")), chromedp.WaitVisible(chromedp.CSS("[role=alert]")))
	b.mu.Lock() // the refusal is told to the console
	b.problems = without(b.problems, "422")
	b.mu.Unlock()
	assert.Contains(t, b.text("[role=alert]"), "Tick at least two issues to merge. Nothing was changed; what you ticked and typed is still there.")
	assert.Empty(t, get(b, chromedp.Evaluate[[]string](faint)))
	b.picture("issues-refused")
	assert.Equal(t, "3 mia", get(b, chromedp.Evaluate[string](`[...document.querySelectorAll(".issues [type=checkbox]")].findIndex(c => c.checked) + 1 + " " + document.querySelector("#assignee").value`)))
	b.run(chromedp.Click(chromedp.CSS("[value=assign]")), chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	assert.Equal(t, "1 issue was changed.", b.text("[role=status]"))
	b.requireQuiet()
}
