package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheme(t *testing.T) {
	f := newFixture(t)
	attr := func(p page, selector, name string) string { return p.Find(selector).AttrOr(name, "none") }
	shown := func(p page) []string {
		return []string{attr(p, "html", "data-theme"), attr(p, "meta[name=color-scheme]", "content"), words(p.Find(".theme [aria-pressed=true]"))}
	}
	in := f.get("/login?next=%2Fevents%3Fcode%3Dx")
	requireSound(t, in)
	assert.Equal(t, []string{"none", "light dark", "System"}, shown(in))
	back := attr(in, ".theme input[name=back]", "value")
	assert.Equal(t, "/login?next=%2Fevents%3Fcode%3Dx", back)

	res := f.post("/theme", nil, "theme", "dark", "back", back)
	assert.Equal(t, []any{http.StatusSeeOther, back}, []any{res.code, res.header.Get("Location")})
	cookie, err := http.ParseSetCookie(res.header.Get("Set-Cookie"))
	require.NoError(t, err)
	assert.Equal(t, []any{"errata_theme", "dark", "/", true, http.SameSiteLaxMode, false}, []any{cookie.Name, cookie.Value, cookie.Path, cookie.HttpOnly, cookie.SameSite, cookie.Secure})
	assert.WithinDuration(t, f.now.Add(365*24*time.Hour), cookie.Expires, time.Hour)
	assert.Equal(t, []string{"dark", "dark", "Dark"}, shown(f.get(back)), "as soon as the page is there")
	f.signIn()
	assert.Equal(t, []string{"dark", "dark", "Dark"}, shown(f.get("/d")))
	assert.Equal(t, []string{"dark", "dark", "Dark"}, shown(f.get("/nowhere")))

	tls := f.post("/theme", map[string]string{"X-Forwarded-Proto": "https"}, "theme", "light")
	assert.Contains(t, tls.header.Get("Set-Cookie"), "; Secure")
	assert.Equal(t, "/", tls.header.Get("Location"))
	f.post("/theme", nil, "theme", "light")
	assert.Equal(t, []string{"light", "light", "Light"}, shown(f.get("/d")))
	f.post("/theme", nil, "theme", "")
	assert.Equal(t, []string{"none", "light dark", "System"}, shown(f.get("/d")))
}

func TestThemeTakesNothingElse(t *testing.T) {
	f := newFixture(t).signIn()
	assert.Equal(t, 422, f.post("/theme", nil, "theme", "pink").code)
	assert.Equal(t, 403, f.post("/theme", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}, "theme", "dark").code)
	assert.Equal(t, "/", f.post("/theme", nil, "theme", "dark", "back", "//evil.test/").header.Get("Location"))
	assert.Equal(t, 422, f.post("/theme", nil, "theme", "dark", "back", "/"+strings.Repeat("x", maxThemeBody)).code)

	f.client = f.newClient()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.server.URL+"/login", nil)
	require.NoError(t, err)
	req.Header.Set("Cookie", `errata_theme="><script>x`)
	p := f.do(req)
	assert.Equal(t, "none", p.Find("html").AttrOr("data-theme", "none"))
	assert.NotContains(t, p.body, "<script>x")
}

// What answers a form cannot be opened again: there colours wait for scripts, which
// change them in place.
func TestThemeStaysAwayFromAnswers(t *testing.T) {
	f := newFixture(t).signIn()
	assert.Equal(t, 1, f.get("/").Find(".theme:not([hidden])").Length())
	assert.Equal(t, 1, f.post("/find", nil, "text", "req_nobody1").Find(".theme[hidden]").Length())
}

const ground = `getComputedStyle(document.body).backgroundColor`

func TestBrowserTheme(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	still := &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"} // colours on their way are not read well
	scheme := func(value string) {
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{still, {Name: "prefers-color-scheme", Value: value}}})
	}
	scheme("light")
	shows := func(rgb, why string) {
		t.Helper()
		assert.True(t, b.truth(ground+` === "`+rgb+`"`), "%s: %s", why, b.string(ground))
	}
	const light, dark = "rgb(255, 255, 255)", "rgb(17, 20, 24)"
	b.run(chromedp.Navigate(f.server.URL+"/login"), wait("/login"))
	shows(light, "as the system is")
	get(b, chromedp.Evaluate[bool](`(document.querySelector("#key").value = "half a k", window.stayed = true)`))
	b.run(chromedp.Click(chromedp.CSS(".theme [value=dark]")))
	shows(dark, "as it was chosen")
	assert.True(t, b.truth(`window.stayed && document.querySelector("#key").value === "half a k" && document.querySelector(".theme [value=dark]").ariaPressed === "true"`), "in place")
	b.requireAccessible("sign-in, dark by choice")
	b.run(chromedp.Reload(), wait("/login"))
	shows(dark, "it stays")
	f.signInBrowser(b)
	for _, path := range []string{"/", "/r/req_9f3a21", "/d", "/events?q=status%3A9xx"} {
		for _, width := range []int64{1280, 360} {
			b.run(chromedp.EmulateViewport(width, 800), chromedp.Navigate(f.server.URL+path))
			shows(dark, path)
			assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways", path)
			b.requireAccessible(path + ", dark by choice")
			b.picture(fmt.Sprint("theme", strings.ReplaceAll(strings.SplitN(path, "?", 2)[0], "/", "-"), "-", width))
		}
	}

	scheme("dark")
	b.run(chromedp.EmulateViewport(1280, 800), chromedp.Navigate(f.server.URL+"/d"), wait("/d"))
	assert.True(t, b.truth(`document.querySelector("footer > span").getClientRects().length === 1`), "the version is in one line")
	b.run(chromedp.Click(chromedp.CSS(".theme [value=light]")))
	shows(light, "light, whatever the system is")
	b.requireAccessible("/d, light by choice")
	b.run(chromedp.Click(chromedp.CSS(`.theme [value=""]`)))
	shows(dark, "as the system is again")

	// Paper is white.
	b.run(chromedp.Click(chromedp.CSS(".theme [value=dark]")))
	shows(dark, "chosen")
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	shows(light, "in print")

	// Without scripts a button leads back to its page.
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(f.server.URL+"/events?code=rate_limit_exceeded"), chromedp.Click(chromedp.CSS(".theme [value=light]")), wait("/events"))
	shows(light, "without scripts")
	assert.Equal(t, "?code=rate_limit_exceeded", b.string(`location.search`))
}
