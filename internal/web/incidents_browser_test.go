package web

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Somebody is woken up: from the search page to the incident, who sees to it, and
// how it ends.
func TestBrowserIncident(t *testing.T) {
	f := newFixture(t)
	f.samples()
	f.outage("checkout-api", true)
	b := newBrowser(t)
	f.signInBrowser(b)
	assert.Contains(t, b.text(".now"), "1 incident now")
	b.picture("incident-home")
	get(b, chromedp.Evaluate[bool](`document.activeElement.blur(), true`))
	b.run(chromedp.KeyEvent("g"), chromedp.KeyEvent("a"), wait("/alerts"))
	b.picture("alerts")
	b.run(chromedp.KeyEvent("j"))
	require.True(t, b.truth(`document.activeElement.className === "row"`), "j walks the list")
	b.press("Enter", "Enter")
	b.run(wait("/i/1"))
	b.picture("incident")
	assert.True(t, b.truth(`!document.querySelector("button[data-copy=tell]").hidden`), "the text can be copied")
	b.run(chromedp.Click(chromedp.CSS("[value=ack]")), chromedp.WaitNotPresent(chromedp.CSS("[value=ack]")))
	assert.Contains(t, b.text(".line"), "leo sees to it.")
	b.run(chromedp.Click(chromedp.CSS("[name=vote][value=noisy]")), chromedp.WaitVisible(chromedp.CSS("[value=noisy][aria-pressed=true]")))
	b.run(chromedp.Click(chromedp.CSS("section[aria-labelledby=samples] a.row")), chromedp.WaitVisible(chromedp.CSS("#known")))
	b.picture("incident-request")
	b.run(chromedp.Navigate(f.server.URL+"/d"), wait("/d"))
	b.picture("incident-dashboard")
	b.run(chromedp.Click(chromedp.CSS(".over a")), wait("/i/1"), chromedp.Click(chromedp.CSS("[value=resolve]")), chromedp.WaitNotPresent(chromedp.CSS("[value=resolve]")))
	assert.Contains(t, b.text(".line"), "leo ended it.")
	b.run(chromedp.Navigate(f.server.URL+"/alerts"), wait("/alerts"))
	b.picture("alerts-quiet")
	b.run(chromedp.Click(chromedp.CSS(`.tabs a[href="/alerts/history"]`)), wait("/alerts/history"))
	b.picture("alerts-history")
	b.requireQuiet()
}

func TestBrowserIncidentsOnAPhoneAndInTheDark(t *testing.T) {
	f := newFixture(t)
	f.samples()
	f.breaks("a-service-with-a-name-that-goes-on-and-on-and-does-not-break-anywhere-at-all", false)
	f.outage("checkout-api", true)
	b := newBrowser(t)
	f.signInBrowser(b)
	pages := map[string]string{"home": "/", "alerts": "/alerts", "history": "/alerts/history", "incident": "/i/1", "asked": "/i/1?do=vote", "uncounted": "/i/2"}
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for name, path := range pages {
			for device, width := range map[string]int64{"phone": 390, "wide": 1200} {
				b.run(chromedp.EmulateViewport(width, 844), chromedp.Navigate(f.server.URL+path))
				require.True(t, b.truth(`document.readyState === "complete" && !!document.querySelector("main h1")`), path)
				assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways at %d", path, width)
				assert.True(t, b.truth(`!(`+faint+`).length`), "%s %s", scheme, path)
				b.picture("incident-" + name + "-" + scheme + "-" + device)
			}
		}
	}
	b.requireQuiet()
}

// What a pager leads to works without scripts.
func TestBrowserIncidentWithoutScripts(t *testing.T) {
	f := newFixture(t)
	f.outage("checkout-api", true)
	b := newBrowser(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(f.server.URL+"/incidents/"+f.incidentNow("1").ID+"?do=ack"), chromedp.WaitVisible(chromedp.CSS("#key")),
		chromedp.SendKeys(chromedp.CSS("#key"), adminKey), chromedp.Click(chromedp.CSS("main button")), chromedp.WaitVisible(chromedp.CSS(".asked")),
		chromedp.Click(chromedp.CSS("[value=ack]")), chromedp.WaitNotPresent(chromedp.CSS(".asked")))
	assert.Contains(t, b.text(".line"), "ada sees to it.")
	assert.NotNil(t, f.incidentNow("1").AckedAt)
	b.requireQuiet()
}
