package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/linkout"
	"errata/internal/store"
)

func TestLinkSettings(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	assert.Equal(t, http.StatusForbidden, f.get(linksPath).code, "for administrators only")
	assert.Equal(t, http.StatusForbidden, f.post(linksPath, nil, "name", "x", "url", "https://a.example/").code)
	f.client = f.newClient()
	f.decides()
	empty := f.get(linksPath)
	require.Equal(t, 200, empty.code)
	requireSound(t, empty)
	assert.Equal(t, linksPath, f.get("/r/req_9f3a21").Find("a[href='"+linksPath+"']").AttrOr("href", ""), "the page of a failure leads here while there are none")

	preset := f.get(empty.Find("main p a").FilterFunction(func(_ int, s *goquery.Selection) bool { return s.Text() == "Grafana Tempo" }).AttrOr("href", ""))
	assert.Equal(t, linkout.Presets[1].URL, preset.Find("input[name=url]").First().AttrOr("value", ""))
	form := url.Values{"name": {"Jaeger", "", "Logs"}, "url": {linkout.Presets[0].URL, "", "https://logs.example.com/?q={request_id}&c={customer_id}"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.server.URL+linksPath, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	saved := f.do(req)
	require.Equal(t, http.StatusSeeOther, saved.code, saved.body)
	list, err := f.Links(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.Len(t, list, 2)

	p := f.get(saved.header.Get("Location"))
	requireSound(t, p)
	assert.Contains(t, words(p.Find("[role=status]")), "Saved")
	tried := p.Find("section[aria-labelledby=tried]")
	assert.Contains(t, words(tried), "502 provider_error of edge-gateway")
	assert.Equal(t, "https://jaeger.example.com/trace/"+trace1, tried.Find("li a").First().AttrOr("href", ""))

	page := f.get("/r/req_edge1")
	out := page.Find(".out a")
	require.Equal(t, 2, out.Length())
	out.Each(func(_ int, s *goquery.Selection) { assert.Equal(t, "noopener noreferrer", s.AttrOr("rel", "")) })
	u, err := url.Parse(out.Eq(1).AttrOr("href", ""))
	require.NoError(t, err)
	assert.Equal(t, url.Values{"q": {"req_edge1"}, "c": {"globex"}}, u.Query())
	assert.Equal(t, 1, f.get("/r/req_9f3a21").Find(".out a").Length(), "it has no trace")

	bad := f.post(linksPath, nil, "name", "Evil", "url", "http://evil.test/{trace_id}")
	assert.Equal(t, http.StatusUnprocessableEntity, bad.code)
	requireSound(t, bad)
	assert.Contains(t, words(bad.Find("[role=alert]")), "must begin with https://")
	assert.Equal(t, "http://evil.test/{trace_id}", bad.Find("input[name=url]").First().AttrOr("value", ""), "what was typed stays")
	assert.Equal(t, http.StatusForbidden, f.post(linksPath, map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}, "name", "x", "url", "https://a.example/").code)
}

func TestBrowserLinkSettings(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	f.signInBrowser(b)
	b.run(chromedp.Navigate(f.server.URL+linksPath+"?add=Jaeger"), chromedp.Click(chromedp.CSS("form.linkform button")), chromedp.WaitVisible(chromedp.CSS("#tried")))
	assert.Contains(t, b.text("main"), "jaeger.example.com/trace/"+trace1)
	b.picture("links")
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		b.run(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#tried")))
		assert.Empty(t, get(b, chromedp.Evaluate[[]string](faint)), scheme)
	}
	b.run(chromedp.EmulateViewport(360, 800))
	assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "it scrolls sideways")
	b.picture("links-phone-dark")
	b.requireQuiet()
}
