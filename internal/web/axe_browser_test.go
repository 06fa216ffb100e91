package web

import (
	_ "embed"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// axe-core 4.14.1 as it is published (MPL-2.0, see testdata/axe/LICENSE).
//
//go:embed testdata/axe/axe.min.js
var axeScript string

// requireAccessible runs axe-core's rules, best practices included, over the page
// that is shown.
func (b *browser) requireAccessible(name string) {
	b.t.Helper()
	get(b, chromedp.Evaluate[bool](axeScript+`;
globalThis.found = null;
axe.run({resultTypes: ["violations"]}).then(r => {
  found = r.violations.map(v => v.id + ": " + v.help + v.nodes.slice(0, 4).map(n => "\n    " + n.target.join(" ") + "  " + n.html.slice(0, 160) + n.any.map(c => "\n      " + c.message).join("")).join(""))
}, e => { found = ["axe: " + e] });
true`))
	require.True(b.t, b.truth(`globalThis.found !== null`), "axe-core ends: %s", name)
	assert.Empty(b.t, get(b, chromedp.Evaluate[[]string](`found`)), name)
}

// kindOf is a path without what differs between pages of a kind.
func kindOf(u *url.URL) string {
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i := range parts {
		if i > 0 && !regexp.MustCompile(`^(rules|silences|channels|history|new|import|deliveries|settings|audit|links|catalog|integrations|thinning)$`).MatchString(parts[i]) {
			parts[i] = "*"
		}
	}
	if parts[0] == "e" {
		parts = parts[:2]
	}
	return "/" + strings.Join(parts, "/")
}

// Every kind of page that can be reached from the first one, by links: axe-core
// finds nothing in it, light and dark, and on a phone it does not scroll sideways.
func TestBrowserEveryPage(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	f.retried()
	f.trade(true)
	f.outage("checkout-api", true)
	f.aim("/services/billing", "objective", "99")
	f.addHook("on-call", newHook(t, "whsec_"+strings.Repeat("MfKQ9r8G", 4)))
	f.silences("service", "search", "for", "1h", "reason", "it moves house", "do", "save")

	_, err := f.SetCustomerName(t.Context(), store.System, store.DefaultWorkspace, "acme", "Acme "+strings.Repeat("und-Söhne-", 15))
	require.NoError(t, err)

	b := newBrowser(t)
	still := &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"} // colours on their way are not read well
	scheme := func(value string) {
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{still, {Name: "prefers-color-scheme", Value: value}}})
	}
	b.run(chromedp.Navigate(f.server.URL+"/login"), wait("/login"))
	b.requireAccessible("/login")
	b.run(chromedp.SendKeys(chromedp.CSS("main input[name=key]"), adminKey), chromedp.Click(chromedp.CSS("main button")), wait("/"))
	seen := map[string]int{}
	queue := []string{"/", "/nowhere", "/r/req_none", "/r/req_9f3a21", "/r/" + trace1, "/r/req_try3", "/codes/nobody/knows", "/e/billing/POST/v1/charges"}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		u, err := url.Parse(path)
		require.NoError(t, err)
		kind := kindOf(u)
		if seen[kind]++; seen[kind] > 1 && kind != "/r/*" || seen[kind] > 4 || len(seen) > 80 {
			continue
		}
		name := fmt.Sprintf("%s (%s)", kind, path)
		scheme("light")
		if p := f.get(path); !strings.HasPrefix(p.header.Get("Content-Type"), "text/html") || p.header.Get("Content-Disposition") != "" {
			continue // to keep, not to look at
		}
		b.run(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(f.server.URL+path))
		require.True(t, b.truth(`document.readyState === "complete"`), name)
		for _, link := range get(b, chromedp.Evaluate[[]string](`[...document.querySelectorAll("a[href]:not([download])")].map(a => new URL(a.getAttribute("href"), location)).filter(u => u.origin === location.origin).map(u => u.pathname + u.search)`)) {
			if !slices.Contains(queue, link) {
				queue = append(queue, link)
			}
		}
		b.requireAccessible(name)
		scheme("dark")
		b.run(chromedp.EmulateViewport(360, 780))
		assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways", name)
		b.requireAccessible(name + ", dark, on a phone")
	}
	kinds := slices.Sorted(func(yield func(string) bool) {
		for k := range seen {
			if !yield(k) {
				return
			}
		}
	})
	t.Logf("%d kinds of pages: %s", len(kinds), strings.Join(kinds, " "))
	assert.Greater(t, len(kinds), 25)
}
