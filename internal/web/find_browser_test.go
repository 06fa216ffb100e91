package web

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBrowserFindMany(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	f.signInBrowser(b)
	paste := func(text string) {
		b.run(chromedp.Navigate(f.server.URL+"/"), wait("/"))
		get(b, chromedp.Evaluate[bool](`(document.getElementById("q").value = `+"`"+text+"`"+`, document.querySelector(".find button").click(), true)`))
		b.run(wait("/find"))
	}
	paste("req_9f3a21, req_edge1 with sk_live_51Habc9Zz0QkX7Lm3\nand req_9f3a2177?")
	assert.Equal(t, "2 requests found", b.text("h1"))
	b.pictures("find-several")

	var list strings.Builder
	for i := range 12 {
		list.WriteString("req_absent" + itoa(100+i) + "\n")
	}
	paste(list.String() + "req_9f3a21\nreq_edge1\nREQ_9F3A2l\n" + trace1)
	assert.Equal(t, "3 of 16 IDs found", b.text("h1"))
	b.pictures("find-many")

	b.run(chromedp.Navigate(f.server.URL+"/"), wait("/"))
	get(b, chromedp.Evaluate[bool](`(document.getElementById("q").value = "X-Request-Id: req_9f3a21", document.getElementById("q").dispatchEvent(new Event("input")))`))
	require.Eventually(t, func() bool { return b.text("#says") == "In it: 1 request ID" }, 10*time.Second, 50*time.Millisecond, "what is in a text is said before it is sent")
	b.run(chromedp.Navigate(f.server.URL+"/r/req_edge1"), wait("/r/req_edge1"), chromedp.Navigate(f.server.URL+"/"), wait("/"))
	b.pictures("find-again")

	paste("it says Y9Q-77213 when I pay")
	b.pictures("find-guess")
	for _, path := range []string{"/", "/d", "/events", "/issues", "/services", "/codes", "/releases", "/rejections", "/alerts", "/alerts/rules", "/alerts/channels", "/r/req_9f3a21", "/nowhere"} {
		b.run(chromedp.Navigate(f.server.URL+path), wait(path))
		get(b, chromedp.Evaluate[bool](`(document.activeElement.blur(), true)`))
		b.press("/", "Slash")
		assert.True(t, b.truth(`document.activeElement.id === "q" && document.activeElement.value === ""`), path)
	}
}

// pictures are of the page as it is, wide and on a phone, light and dark: it
// fits.
func (b *browser) pictures(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for device, width := range map[string]int64{"phone": 360, "wide": 1200} {
			b.run(chromedp.EmulateViewport(width, 900))
			assert.True(b.t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), name+" fits on a "+device)
			b.picture(name + "-" + device + "-" + scheme)
		}
	}
}
