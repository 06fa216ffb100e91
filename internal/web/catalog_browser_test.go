package web

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/store"
)

// An entry is written without a script and by keyboard, and its pages can be read
// in both schemes and on a phone.
func TestBrowserCatalog(t *testing.T) {
	f := newFixture(t)
	f.trade(false)
	b := newBrowser(t)
	f.signInBrowser(b)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	const path = "/codes/billing/ledger_drift"
	b.run(chromedp.Navigate(f.server.URL+path), wait(path), chromedp.Click(chromedp.CSS("section[aria-labelledby=entry] a[href$=edit]")), wait(path+"/edit"),
		chromedp.SendKeys(chromedp.CSS("#owner"), "team-ledger"), chromedp.Click(chromedp.CSS("button[value=preview]")),
		// The page before has a preview, too, but not what was typed.
		chromedp.WaitVisible(chromedp.CSS("#owner[value=team-ledger]")), chromedp.WaitVisible(chromedp.CSS("#reply0")), chromedp.Focus(chromedp.CSS("#owner")))
	b.press("Enter", "Enter") // in a field, it is the first button
	b.run(chromedp.WaitVisible(chromedp.CSS("main [role=status]")))
	book, err := f.Catalog(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	e, ok := book.Own(catalog.Key{Service: "billing", Code: "ledger_drift"})
	require.True(t, ok)
	assert.Equal(t, []string{"It conflicts with what is there", "team-ledger"}, []string{e.Title, e.Owner})
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})

	for name, p := range map[string]string{"code": path, "edit": path + "/edit", "history": path + "/history", "all": "/codes/billing/*/edit", "list": "/codes", "work": "/codes", "request": "/r/req_t4"} {
		q := ""
		if name == "work" {
			q = "?undocumented=1&from=now-7d"
		}
		for device, width := range map[string]int64{"phone": 360, "wide": 1200} {
			b.run(chromedp.EmulateViewport(width, 844), chromedp.Navigate(f.server.URL+p+q), wait(p))
			require.True(t, b.truth(`(document.querySelectorAll("main details").forEach(d => d.open = true), true)`))
			assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways at %d", p, width)
			for _, scheme := range []string{"light", "dark"} {
				b.scheme(scheme)
				assert.True(t, b.truth(`!(`+faint+`).length`), "%s %s", scheme, p)
				b.picture("catalog-" + name + "-" + scheme + "-" + device)
			}
			b.scheme("light")
		}
	}
	b.requireQuiet()
}
