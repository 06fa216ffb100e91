package web

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tabOnTo walks to an element with the tabulator, as somebody without a mouse does.
func (b *browser) tabOnTo(selector string) {
	b.t.Helper()
	for range 60 {
		if get(b, chromedp.Evaluate[bool](`!!document.activeElement?.matches('`+selector+`')`)) {
			return
		}
		b.press("Tab", "Tab")
	}
	require.Fail(b.t, "the tabulator does not lead there", selector)
}

// Somebody who is woken up follows the message's link, silences the incident, sees
// it in the list, and ends it there, all by keyboard.
func TestBrowserSilence(t *testing.T) {
	f := newFixture(t)
	f.samples()
	f.outage("checkout-api", true)
	b := newBrowser(t)
	f.signInBrowser(b)
	b.run(chromedp.Navigate(f.server.URL+"/incidents/"+f.incidentNow("1").ID+"?do=silence&for=1h"), wait("/i/1"))
	require.True(t, b.truth(`document.activeElement.matches("button[name=for][value='1h']")`), "the link leads to the button")
	b.picture("silence-asked")
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS(".silenced")))
	assert.Contains(t, b.text(".silenced"), "by leo: incident #1")
	b.picture("silence-incident")
	b.tabOnTo(`.silenced a`)
	b.press("Enter", "Enter")
	b.run(wait("/alerts/silences"))
	assert.Contains(t, b.text(".silences li"), "5xx of checkout-api in production")
	b.picture("silences-one")
	b.tabOnTo(`.silences [value=end]`)
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS("section[aria-labelledby=ended]")))
	assert.Empty(t, f.currentSilences())

	b.tabOnTo(`.deed`)
	b.press("Enter", "Enter")
	b.run(wait("/alerts/silences/new"))
	b.tabOnTo(`#service`)
	b.run(chromedp.KeyEvent("checkout-api"))
	b.tabOnTo(`[value=preview]`)
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS("#preview")))
	b.tabOnTo(`#reason`)
	b.run(chromedp.KeyEvent("the bank moves house"))
	b.tabOnTo(`[value=save]`)
	b.press("Enter", "Enter")
	b.run(wait("/alerts/silences"))
	assert.Contains(t, b.text(".silences li"), "the bank moves house")
	require.Len(t, f.currentSilences(), 1)
	b.requireQuiet()
}

func TestBrowserSilenceWithoutScripts(t *testing.T) {
	f := newFixture(t)
	f.outage("checkout-api", true)
	b := newBrowser(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(f.server.URL+"/incidents/"+f.incidentNow("1").ID+"?do=silence&for=1h"), chromedp.WaitVisible(chromedp.CSS("#key")),
		chromedp.SendKeys(chromedp.CSS("#key"), adminKey), chromedp.Click(chromedp.CSS("main button")), chromedp.WaitVisible(chromedp.CSS(".asked")))
	assert.Empty(t, f.currentSilences())
	b.run(chromedp.Click(chromedp.CSS("[name='for'][value='1h']")), chromedp.WaitVisible(chromedp.CSS("[value=unsilence]")))
	assert.Len(t, f.currentSilences(), 1)
	b.run(chromedp.Click(chromedp.CSS("[value=unsilence]")), chromedp.WaitNotPresent(chromedp.CSS("[value=unsilence]")))
	assert.Empty(t, f.currentSilences())

	b.run(chromedp.Navigate(f.server.URL+"/alerts/silences/new?kind=window"), chromedp.WaitVisible(chromedp.CSS("#cron")), chromedp.SendKeys(chromedp.CSS("#service"), "billing"),
		chromedp.SendKeys(chromedp.CSS("#cron"), "30 25 * * SUN"), chromedp.SendKeys(chromedp.CSS("#minutes"), "90"), chromedp.SendKeys(chromedp.CSS("#reason"), "weekly"),
		chromedp.Click(chromedp.CSS("[value=save]")), chromedp.WaitVisible(chromedp.CSS("#cron-note [role=alert]")))
	b.picture("silence-mistake")
	b.requireOnly("422")
}

// requireOnly wants nothing but that in the console.
func (b *browser) requireOnly(text string) {
	b.t.Helper()
	b.mu.Lock()
	b.problems = without(b.problems, text)
	b.mu.Unlock()
	b.requireQuiet()
}

func TestBrowserSilencesOnAPhoneAndInTheDark(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	f.outage("checkout-api", true)
	const long = "a-service-with-a-name-that-goes-on-and-on-and-does-not-break-anywhere-at-all"
	f.silences("service", long, "endpoint", "POST /v1/"+long+"/"+long, "code", "provider_error", "customer", long, "for", "3d", "reason", "the bank moves house: "+long)
	f.silences("kind", "window", "service", "billing", "cron", "30 2 * * SUN", "minutes", "90", "time_zone", "Europe/Berlin", "for", "365d", "reason", "weekly maintenance")
	f.incidentDeed("do", "silence", "for", "4h")
	f.silences("service", "checkout-api", "for", "1h", "reason", "over soon")
	f.post("/alerts/silences/"+f.currentSilences()[0].ID, nil, "do", "end")
	b := newBrowser(t)
	f.signInBrowser(b)
	pages := map[string]string{"list": "/alerts/silences", "new": "/alerts/silences/new?service=" + long, "window": "/alerts/silences/new?kind=window&service=billing&cron=30+2+*+*+SUN&minutes=90&time_zone=Europe/Berlin", "incident": "/i/1", "alerts": "/alerts",
		"service": "/services/checkout-api"}
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for name, path := range pages {
			for device, width := range map[string]int64{"phone": 360, "wide": 1200} {
				b.run(chromedp.EmulateViewport(width, 844), chromedp.Navigate(f.server.URL+path))
				require.True(t, b.truth(`document.readyState === "complete" && !!document.querySelector("main h1")`), path)
				assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways at %d", path, width)
				assert.True(t, b.truth(`!(`+faint+`).length`), "%s %s", scheme, path)
				b.picture("silences-" + name + "-" + scheme + "-" + device)
			}
		}
	}
	b.run(chromedp.EmulateViewport(1200, 844), chromedp.Navigate(f.server.URL+"/alerts/silences/new"), wait("/alerts/silences/new"), chromedp.SendKeys(chromedp.CSS("#service"), "checkout-api"),
		chromedp.Click(chromedp.CSS("[value=preview]")), chromedp.WaitVisible(chromedp.CSS("#preview")))
	b.picture("silences-preview")
	b.requireQuiet()
}
