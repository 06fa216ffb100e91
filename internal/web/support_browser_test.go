package web

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// What a support member gets to see, the refusal included: axe-core finds nothing in
// it, light and dark, and on a phone it does not scroll sideways.
func TestBrowserPagesOfSupport(t *testing.T) {
	f := newFixture(t)
	f.samples()
	f.fiveServices()
	f.outage("checkout-api", true)
	_, err := f.SetCustomerName(t.Context(), store.System, store.DefaultWorkspace, "acme", "Acme "+strings.Repeat("und-Söhne-", 15))
	require.NoError(t, err)
	b := newBrowser(t)
	still := &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"}
	scheme := func(value string) {
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{still, {Name: "prefers-color-scheme", Value: value}}})
	}
	b.run(chromedp.Navigate(f.server.URL+"/login"), wait("/login"),
		chromedp.SendKeys(chromedp.CSS("main input[name=key]"), supportKey), chromedp.Click(chromedp.CSS("main button")), wait("/"))
	for _, p := range []struct{ name, path, title string }{
		{"home", "/", "What did the customer send you?"}, {"request", "/r/req_five", "Our upstream openai refused us"}, {"incident", "/r/req_checkout-api_1", "checkout-api failed unexpectedly"},
		{"incidents", "/alerts", "Incidents"}, {"code", "/codes/prompts-api/rate_limit_exceeded", "Code rate_limit_exceeded"}, {"none", "/r/req_9f3a2l", "No failure found"},
		{"customer", "/customers/acme", "Customer Acme"}, {"forbidden", "/events", "This is for engineers"}, {"admins", "/settings/audit", "This is for administrators"},
	} {
		scheme("light")
		b.run(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(f.server.URL+p.path), wait(p.path))
		require.True(t, strings.HasPrefix(b.text("h1"), p.title), "%s: %s", p.path, b.text("h1"))
		b.requireAccessible(p.path)
		b.picture("support-" + p.name + "-wide")
		b.run(chromedp.EmulateViewport(360, 780))
		assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways", p.path)
		b.picture("support-" + p.name + "-phone")
		scheme("dark")
		b.requireAccessible(p.path + ", dark, on a phone")
		b.run(chromedp.EmulateViewport(1280, 900))
		b.picture("support-" + p.name + "-dark")
	}
}
