package web

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// All pages of topics in a real browser: nothing is refused by the policy or
// thrown, nothing scrolls sideways on a phone, and all text can be read.
func TestBrowserTopics(t *testing.T) {
	f := newFixture(t)
	f.trade(true)
	b := newBrowser(t)
	f.signInBrowser(b)
	for i, path := range append(topics(), "/services/nobody") {
		u, err := url.Parse(path)
		require.NoError(t, err)
		at := wait(u.EscapedPath())
		name := fmt.Sprintf("topic-%02d", i)
		b.run(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(f.server.URL+path), at)
		b.picture(name + "-wide")
		for _, scheme := range []string{"dark", "light"} {
			b.scheme(scheme)
			assert.True(t, b.truth(`!(`+faint+`).length`), "%s %s", scheme, path)
			if scheme == "dark" {
				b.picture(name + "-dark")
			}
		}
		b.run(chromedp.EmulateViewport(390, 844), chromedp.Navigate(f.server.URL+path), at)
		assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways", path)
		b.picture(name + "-phone")
	}
	b.mu.Lock() // a page that is not there is told to the console
	b.problems = without(b.problems, "404")
	b.mu.Unlock()
	b.requireQuiet()

	// By mouse from a list to a page, and from there to a request.
	b.run(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(f.server.URL+"/codes"), wait("/codes"), chromedp.Click(chromedp.CSS("table.rank a.row")), wait("/codes/billing/db_pool_exhausted"),
		chromedp.Click(chromedp.CSS("[aria-labelledby=endpoints-h] a.row")), wait("/e/billing/POST/v1/charges"),
		chromedp.Click(chromedp.CSS(".facts a")), wait("/services/billing"))
	b.run(chromedp.Click(chromedp.CSS("[aria-labelledby=releases-h] a.row")), wait("/releases"))
	b.run(chromedp.Navigate(f.server.URL+"/codes/db_pool_exhausted"), wait("/codes/db_pool_exhausted"), chromedp.Click(chromedp.CSS("[aria-labelledby=services-h] a.row")), wait("/codes/billing/db_pool_exhausted"))
	b.requireQuiet()
}
