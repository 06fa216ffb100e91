package web

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Somebody makes a rule by keyboard alone: begins it, has its query completed,
// replays it, reads what it would have found, and saves it.
func TestBrowserRuleByKeyboard(t *testing.T) {
	f := newFixture(t)
	f.outage("checkout-api", true)
	f.channel("ops")
	b := newBrowser(t)
	f.signInBrowser(b)
	b.run(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(f.server.URL+"/alerts/rules"), wait("/alerts/rules"))
	b.picture("rules")
	to := func(selector string) { // as Tab gets there
		t.Helper()
		for range 150 {
			if get(b, chromedp.Evaluate[bool]("!!document.activeElement && document.activeElement.matches('"+selector+"')")) {
				return
			}
			b.run(chromedp.KeyEvent(kb.Tab))
		}
		require.Fail(t, "Tab does not lead to "+selector)
	}
	to(`a[href="/alerts/rules/new"]`)
	b.press("Enter", "Enter")
	b.run(wait("/alerts/rules/new"))
	to("#name")
	b.run(chromedp.KeyEvent("checkout"))
	to("#search")
	b.run(chromedp.KeyEvent("service:check"), chromedp.WaitVisible(chromedp.CSS("#offers li")))
	b.key("ArrowDown", 0)
	b.press("Enter", "Enter")
	require.True(t, b.truth(`document.getElementById("search").value === "service:checkout-api "`), "the service is offered")
	to("[name=channel]")
	b.run(chromedp.KeyEvent(" "))
	to("[value=replay]")
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS("#replay-h")))
	assert.Equal(t, "Would have fired 1 time in the last 14 days", b.text("#replay-h"))
	assert.Contains(t, b.text("#w1"), "INC-1")
	require.True(t, b.truth(`document.readyState === "complete" && document.getElementById("name").value === "checkout" && document.querySelector("[name=channel]").checked`), "what was typed is still there")
	b.picture("rule-replayed")
	to("[value=save]")
	b.press("Enter", "Enter")
	b.run(wait("/alerts/rules"))
	assert.Contains(t, b.text("main .note"), "Saved.")
	r := f.ruleNamed("checkout")
	require.NotNil(t, r)
	assert.Equal(t, "service:checkout-api", r.Query)
	assert.Len(t, r.Channels, 1)
	b.requireQuiet()
}

// The pages fit a phone and are read in the dark; without scripts they do the same.
func TestBrowserRulesOnAPhoneAndInTheDark(t *testing.T) {
	f := newFixture(t)
	f.outage("checkout-api", true)
	f.channel("a-channel-with-a-name-that-goes-on-and-on-and-does-not-break")
	b := newBrowser(t)
	f.signInBrowser(b)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(f.server.URL+"/alerts/rules/default?sensitivity=low"), chromedp.WaitVisible(chromedp.CSS("[value=replay]")), chromedp.Click(chromedp.CSS("[value=replay]")), chromedp.WaitVisible(chromedp.CSS("#replay-h")))
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for device, width := range map[string]int64{"phone": 360, "wide": 1200} {
			b.run(chromedp.EmulateViewport(width, 844))
			assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "the replay scrolls sideways at %d", width)
			assert.True(t, b.truth(`!(`+faint+`).length`), scheme)
			b.picture("rule-replay-" + scheme + "-" + device)
		}
	}
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
	for name, path := range map[string]string{"rules": "/alerts/rules", "new": "/alerts/rules/new?q=service:checkout-api", "import": "/alerts/rules/import"} {
		for _, scheme := range []string{"light", "dark"} {
			b.scheme(scheme)
			for device, width := range map[string]int64{"phone": 360, "wide": 1200} {
				b.run(chromedp.EmulateViewport(width, 844), chromedp.Navigate(f.server.URL+path))
				require.True(t, b.truth(`document.readyState === "complete" && !!document.querySelector("main h1")`), path)
				if name == "new" {
					require.True(t, b.truth(`(document.querySelector("details.numbers").open = true)`))
				}
				assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways at %d", path, width)
				assert.True(t, b.truth(`!(`+faint+`).length`), "%s %s", scheme, path)
				b.picture("rules-" + name + "-" + scheme + "-" + device)
			}
		}
	}
	b.requireQuiet()
}
