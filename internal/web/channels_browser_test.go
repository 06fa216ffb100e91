package web

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// Somebody sets up where messages go, by keyboard: a form, a test that is really
// sent, and its delivery in the log.
func TestBrowserChannelByKeyboard(t *testing.T) {
	f, h := newFixture(t), newHook(t, hush)
	b := newBrowser(t)
	f.signInBrowser(b)
	b.run(chromedp.Navigate(f.server.URL+"/alerts/channels"), wait("/alerts/channels"))
	b.picture("channels-empty")
	focused := func(what string) {
		t.Helper()
		require.True(t, b.truth(`document.activeElement.matches('`+what+`')`), what)
	}
	// follow walks the list to a kind.
	for range 20 {
		b.run(chromedp.KeyEvent("j"))
		if get(b, chromedp.Evaluate[bool](`document.activeElement.textContent === "Webhook"`)) {
			break
		}
	}
	focused(`a[href$="kind=webhook"]`)
	b.press("Enter", "Enter")
	b.run(wait("/alerts/channels/new"), chromedp.Focus(chromedp.CSS("#f-name")))
	b.run(chromedp.KeyEvent("ops"+kb.Tab), chromedp.KeyEvent(h.URL+"/errata"+kb.Tab))
	focused(`[name="secrets.secret"]`)
	b.run(chromedp.KeyEvent("whsec_dG9vIHNob3J0" + kb.Enter))
	focused(`[name="secrets.secret"][aria-invalid]`)
	b.picture("channel-refused")
	b.mu.Lock()
	b.problems = nil // Chromium notes the status 422 of the page
	b.mu.Unlock()
	b.run(chromedp.KeyEvent(hush+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#tested")))
	assert.NotContains(t, get(b, chromedp.Evaluate[string](`document.documentElement.outerHTML`)), hush)
	b.run(chromedp.Focus(chromedp.CSS("[value=test]")))
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS("#attempt-1")))
	assert.EqualValues(t, 1, h.signed.Load(), "it was signed as the receiver wants it")
	assert.Contains(t, b.text("section[aria-labelledby=tested]"), "The test was delivered.")
	assert.NotContains(t, get(b, chromedp.Evaluate[string](`document.documentElement.outerHTML`)), hush)
	b.picture("channel-tested")
	b.run(chromedp.Focus(chromedp.CSS("section[aria-labelledby=log] p a")))
	b.press("Enter", "Enter")
	b.run(wait("/alerts/deliveries"), chromedp.KeyEvent("j"))
	focused("a.row")
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS("#attempt-1")))
	assert.Contains(t, b.text("main"), "[TEST] Nothing is wrong.")
	b.picture("delivery")
	b.requireQuiet()
}

// A channel dies: every page says so until it delivers again, or somebody says
// that they have seen it. Without scripts, too.
func TestBrowserDeadChannel(t *testing.T) {
	f, h := newFixture(t), newHook(t, hush)
	f.samples()
	f.addHook("a-channel-with-a-name-that-goes-on-and-on-and-does-not-break-anywhere-at-all", h)
	ops := f.addHook("ops", h)
	h.status.Store(404)
	b := newBrowser(t)
	f.signInBrowser(b)
	assert.False(t, get(b, chromedp.Evaluate[bool](`!!document.querySelector(".alarm")`)))
	f.outage("checkout-api", true)
	f.deliver()
	until(t, "two dead channels", func() bool {
		dead, err := f.DeadChannels(t.Context(), store.DefaultWorkspace)
		return err == nil && len(dead) == 2
	})
	b.run(chromedp.Navigate(f.server.URL + "/events"))
	until(t, "the banner", func() bool {
		b.run(chromedp.Reload(), wait("/events"))
		return get(b, chromedp.Evaluate[int](`document.querySelectorAll(".alarm").length`)) == 2
	})
	assert.Contains(t, b.text(".alarms"), "Messages to ops do not arrive since")
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for name, path := range map[string]string{"events": "/events", "channels": "/alerts/channels", "channel": channelPath(ops.ID), "new": "/alerts/channels/new?kind=email", "deliveries": "/alerts/deliveries", "opsgenie": "/alerts/channels/new?kind=opsgenie"} {
			for device, width := range map[string]int64{"phone": 360, "wide": 1200} {
				b.run(chromedp.EmulateViewport(width, 844), chromedp.Navigate(f.server.URL+path))
				require.True(t, b.truth(`document.readyState === "complete" && !!document.querySelector("main h1")`), path)
				assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways at %d", path, width)
				assert.Empty(t, get(b, chromedp.Evaluate[[]string](faint)), "%s %s", scheme, path)
				b.picture("dead-" + name + "-" + scheme + "-" + device)
			}
		}
	}
	b.scheme("light")
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(f.server.URL+"/events"), chromedp.WaitVisible(chromedp.CSS(".alarm + .alarm")), chromedp.Click(chromedp.CSS(`.alarm form:not([action="`+channelPath(ops.ID)+`"]) button`)), chromedp.WaitNotPresent(chromedp.CSS(".alarm + .alarm")), wait("/events"))
	h.status.Store(200)
	b.run(chromedp.Navigate(f.server.URL+channelPath(ops.ID)), chromedp.Click(chromedp.CSS("section[aria-labelledby=log] a.row")), chromedp.WaitVisible(chromedp.CSS("[value=again]")), chromedp.Click(chromedp.CSS("[value=again]")), chromedp.WaitVisible(chromedp.CSS("main [role=status]")))
	until(t, "it is delivered, and the banner gone", func() bool {
		b.run(chromedp.Navigate(f.server.URL+"/events"), wait("/events"))
		return !get(b, chromedp.Evaluate[bool](`!!document.querySelector(".alarm")`))
	})
	b.requireQuiet()
}
