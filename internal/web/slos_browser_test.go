package web

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Somebody sets an objective by hand, on a phone, in the dark, and without
// scripts; what was not counted has no number.
func TestBrowserObjectives(t *testing.T) {
	f := newFixture(t)
	f.trade(true)
	b := newBrowser(t)
	f.signInBrowser(b)
	shown := func(objective string) { // the next page is there, and has it
		t.Helper()
		require.True(t, b.truth(`document.readyState === "complete" && [...document.querySelectorAll(".aims small")].some(s => s.textContent.split(" · ").pop() === "`+objective+`")`), objective)
	}
	set := func(path, objective, environment string) {
		b.run(chromedp.Navigate(f.server.URL+path), wait(path), chromedp.SendKeys(chromedp.CSS("input[name=objective]"), objective),
			chromedp.SendKeys(chromedp.CSS("input[name=environment]"), environment), chromedp.Click(chromedp.CSS("[value=set]")))
		shown(objective + "%")
	}
	b.run(chromedp.EmulateViewport(1280, 900))
	set("/services/billing", "99", "")
	assert.True(t, b.truth(`location.hash === "#slos"`))
	assert.Contains(t, b.text("main > .facts"), "99%")
	set("/services/billing", "97.5", "production")
	set("/e/billing/POST/v1/charges", "95", "production")
	set("/services/search", "99.5", "")
	b.run(chromedp.Navigate(f.server.URL+"/services/billing"), wait("/services/billing"))
	b.picture("slo-service-wide")

	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(f.server.URL+"/services/quiet"), chromedp.WaitVisible(chromedp.CSS("input[name=objective]")), chromedp.SendKeys(chromedp.CSS("input[name=objective]"), "100"),
		chromedp.Click(chromedp.CSS("[value=set]")), chromedp.WaitVisible(chromedp.CSS("#slos ~ [role=alert]")))
	b.picture("slo-refused")
	b.run(chromedp.Navigate(f.server.URL+"/services/quiet"), chromedp.WaitVisible(chromedp.CSS("input[name=objective]")), chromedp.SendKeys(chromedp.CSS("input[name=objective]"), "99.99"),
		chromedp.Click(chromedp.CSS("[value=set]")))
	shown("99.99%")
	b.run(chromedp.Click(chromedp.CSS("[value=remove]")))
	shown("default 99.9%, not set")
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})

	pages := map[string]string{"dashboard": "/d", "service": "/services/billing", "endpoint": "/e/billing/POST/v1/charges", "uncounted": "/services/search"}
	for name, path := range pages {
		for _, scheme := range []string{"dark", "light"} {
			b.scheme(scheme)
			for device, width := range map[string]int64{"wide": 1280, "tablet": 800, "phone": 390} {
				b.run(chromedp.EmulateViewport(width, 844), chromedp.Navigate(f.server.URL+path), wait(path))
				assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways at %d", path, width)
				assert.True(t, b.truth(`!(`+faint+`).length`), "%s %s", scheme, path)
				if scheme == "dark" || device != "tablet" {
					b.picture("slo-" + name + "-" + scheme + "-" + device)
				}
			}
		}
	}
	b.mu.Lock() // what is refused is told to the console
	b.problems = without(b.problems, "422")
	b.mu.Unlock()
	b.requireQuiet()
}
