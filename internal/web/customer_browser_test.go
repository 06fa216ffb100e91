package web

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// Somebody names a customer, and finds them by that name, all by keyboard.
func TestBrowserNamesACustomer(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	f.signInBrowser(b)
	b.run(chromedp.Navigate(f.server.URL+"/customers/acme"), wait("/customers/acme"))
	b.tabOnTo(`.naming summary`)
	b.press("Enter", "Enter")
	b.tabOnTo(`.naming [name=name]`)
	b.run(chromedp.KeyEvent("Acme Ltd"))
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS(".facts")))
	assert.Equal(t, "Customer Acme Ltd", b.text("h1"))

	b.run(chromedp.Navigate(f.server.URL+"/r/req_edge1"), wait("/r/req_edge1"))
	require.True(t, b.truth(`document.querySelector("#q").focus() === undefined`))
	b.run(chromedp.KeyEvent("acme ltd"))
	b.press("Enter", "Enter")
	b.run(wait("/customers/acme"))
	b.requireQuiet()

	// Several of one name are a list, which is as accessible as other pages.
	_, err := f.SetCustomerName(t.Context(), store.System, store.DefaultWorkspace, "acme-2", "ACME LTD")
	require.NoError(t, err)
	b.run(chromedp.Navigate(f.server.URL+"/"), wait("/"), chromedp.SendKeys(chromedp.CSS("#q"), "Acme Ltd"), chromedp.Click(chromedp.CSS("main button.main")), wait("/find"))
	assert.Equal(t, "2 customers are called so", b.text("h1"))
	b.requireAccessible("called")
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}, {Name: "prefers-color-scheme", Value: "dark"}}})
	b.run(chromedp.EmulateViewport(360, 780))
	assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`))
	b.requireAccessible("called, dark, on a phone")
}
