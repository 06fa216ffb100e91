package web

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// Somebody says what they found out, links the ticket and sets the status, all by
// keyboard.
func TestBrowserDesk(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	f.signInBrowser(b)
	b.run(chromedp.Navigate(f.server.URL+"/r/req_9f3a21"), wait("/r/req_9f3a21"))
	require.True(t, b.truth(`document.querySelector("#desk-status").focus() === undefined`))
	b.press("k", "KeyK") // of "known issue"
	b.tabOnTo(`.desk [value=status]`)
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS(".line .team"))) // on the page that the form led to
	assert.Equal(t, "known_issue", b.string(`document.querySelector("#desk-status").value`))
	require.True(t, b.truth(`document.querySelector("#desk-note").focus() === undefined`))
	b.run(chromedp.KeyEvent("told them to **batch**, see https://acme.zendesk.com/agent/tickets/4411"))
	b.tabOnTo(`.desk [value=note]`)
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS(".notes strong")))
	assert.Contains(t, b.text(".desk ul"), "Zendesk #4411")
	b.requireQuiet()
}

func TestBrowserTeamPagesOnAPhoneAndInTheDark(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	const long = "a-name-that-goes-on-and-on-and-does-not-break-anywhere-at-all-whatever-one-does"
	to := f.get("/r/req_9f3a21").Find(`.desk a[href^="/settings/sharing"]`).AttrOr("href", "")
	event := to[len("/settings/sharing?event="):]
	f.atDesk(f.get("/r/req_9f3a21"), "do", "note", "body", "told them to **batch**\n- `"+long+long+"`\n- https://github.com/acme/"+long+"/issues/7")
	f.atDesk(f.get("/r/req_9f3a21"), "do", "status", "status", "escalated")
	f.post("/watches", nil, "do", "watch", "id", "req_"+long+long)
	f.post("/settings/sharing", nil, "do", "allow")
	secret, _, err := f.Share(t.Context(), store.Actor{Kind: "key", ID: "k", Label: "ada"}, store.DefaultWorkspace, f.now, event, 7)
	require.NoError(t, err)
	b := newBrowser(t)
	f.signInBrowser(b)
	pages := map[string]string{"request": "/r/req_9f3a21", "desk": "/desk/" + event, "home": "/", "nothing": "/r/req_" + long, "sharing": to, "audit": "/settings/audit", "shared": "/s/" + secret, "gone": "/s/x"}
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for name, path := range pages {
			for device, width := range map[string]int64{"phone": 360, "wide": 1200} {
				b.run(chromedp.EmulateViewport(width, 844), chromedp.Navigate(f.server.URL+path))
				require.True(t, b.truth(`document.readyState === "complete" && !!document.querySelector("main h1")`), path)
				assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways at %d", path, width)
				assert.True(t, b.truth(`!(`+faint+`).length`), "%s %s", scheme, path)
				b.picture("team-" + name + "-" + scheme + "-" + device)
			}
		}
	}
	b.requireOnly("404")
}
