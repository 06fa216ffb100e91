package web

import (
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

// shifted is by how much a page moved while it loaded.
const shifted = `new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => list.getEntries().forEach(e => { sum += e.value; })).observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => requestAnimationFrame(() => done(sum)));
})`

// strange are failures that are hard to show: very long, right to left, and with next
// to nothing known.
func (f *fixture) strange() {
	f.write(
		event.Event{RequestID: "req_long", Status: 422, Code: strings.Repeat("very_long_code_", 12), Service: strings.Repeat("service-without-an-end-", 6), Endpoint: "/v1/" + strings.Repeat("segment/", 40),
			Method: "POST", Customer: strings.Repeat("x", 180), Message: strings.Repeat("Averyverylongwordwithoutanyspace", 40), FieldErrors: []event.FieldError{{Field: strings.Repeat("f", 300), Message: strings.Repeat("m", 600)}}},
		event.Event{RequestID: "req_rtl", Status: 422, Code: "validation_failed", Customer: "شركة الاختبار", Message: "الحقل 'amount' مطلوب ويجب أن يكون أكبر من صفر.", Endpoint: "/v1/تقارير/{id}", Method: "POST",
			FieldErrors: []event.FieldError{{Field: "amount", Message: "הסכום חייב להיות חיובי"}}},
		event.Event{RequestID: "req_bare", Code: "boom", Service: "jobs"},
	)
}

func TestBrowserRequest(t *testing.T) {
	f := newFixture(t)
	f.samples()
	f.write(f.fiveMore()...)
	f.strange()
	f.retried()
	b := newBrowser(t)
	f.signInBrowser(b)
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		call(b, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{Permission: &cdpbrowser.PermissionDescriptor{Name: name}, Setting: cdpbrowser.PermissionSettingGranted})
	}
	clipboard := func() string {
		return get(b, chromedp.Evaluate[string](`navigator.clipboard.readText()`, chromedp.EvalAwaitPromise))
	}
	b.run(chromedp.Navigate(f.server.URL+"/r/req_9f3a21"), wait("/r/req_9f3a21"))
	b.picture("request-limit")
	const copied = `document.querySelector("[data-copy=reply]").textContent === "Copied"`
	b.press("c", "KeyC")
	assert.True(t, b.truth(copied), "c copies the reply")
	assert.Equal(t, get(b, chromedp.Evaluate[string](`document.getElementById("reply").textContent`)), clipboard())
	b.run(chromedp.Click(chromedp.CSS("[data-copy=reply-md]")))
	assert.True(t, b.truth(`document.querySelector("[data-copy=reply-md]").textContent === "Copied"`))
	assert.Contains(t, clipboard(), "`req_9f3a21`", "with the ID as code")
	assert.Equal(t, "Copy link", b.text("[data-copy=link]"))
	b.run(chromedp.Click(chromedp.CSS("[data-copy=link]")))
	assert.True(t, b.truth(`document.querySelector("[data-copy=link]").textContent === "Copied"`))
	assert.Equal(t, f.server.URL+"/r/req_9f3a21", clipboard())
	b.run(chromedp.SendKeys(chromedp.CSS("#q"), "c"))
	assert.Equal(t, "c", get(b, chromedp.Evaluate[string](`document.getElementById("q").value`)), "who types a c types a c")

	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for _, size := range []struct {
			name  string
			width int64
		}{{"wide", 1200}, {"phone", 360}} {
			b.run(chromedp.EmulateViewport(size.width, 900))
			for _, id := range []string{"req_five", "req_long", "req_rtl", "req_bare", "req_edge1", "req_try3"} {
				b.run(chromedp.Navigate(f.server.URL+"/r/"+id), wait("/r/"+id))
				assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways on a %s %s screen", id, scheme, size.name)
				assert.Less(t, get(b, chromedp.Evaluate[float64](shifted, chromedp.EvalAwaitPromise)), 0.01, "%s moves while it loads on a %s screen", id, size.name)
				if scheme == "light" || size.name == "wide" && (id == "req_five" || id == "req_try3") {
					b.picture(strings.Join([]string{"r", id, size.name, scheme}, "-"))
				}
				assert.Empty(t, get(b, chromedp.Evaluate[[]string](faint)), "%s %s %s", id, scheme, size.name)
			}
		}
	}
	const yours = `document.querySelector("[data-yours]")`
	assert.True(t, b.truth(yours+".hidden"), "in London in winter there is one time")
	call(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kolkata"})
	b.run(chromedp.Navigate(f.server.URL+"/r/req_five"), wait("/r/req_five"))
	at, err := time.Parse(time.RFC3339, b.string(`document.querySelector(".line time").dateTime`))
	require.NoError(t, err)
	assert.Equal(t, at.In(time.FixedZone("", 19800)).Format("2 Jan, 15:04:05")+" GMT+5:30 for you", get(b, chromedp.Evaluate[string](yours+".textContent")))
	assert.Less(t, get(b, chromedp.Evaluate[float64](shifted, chromedp.EvalAwaitPromise)), 0.01, "it moves nothing")
	b.requireQuiet()
}

// fiveMore is a request over five services, and others with the same failure.
func (f *fixture) fiveMore() []event.Event {
	f.fiveServices()
	var out []event.Event
	for i := range 40 {
		out = append(out, event.Event{Service: "edge-gateway", Status: 502, Code: "bad_gateway", Method: "POST", Endpoint: "/v1/edge-gateway", Customer: []string{"acme", "globex", "initech", "hooli"}[i%4],
			OccurredAt: f.now.Add(-time.Duration(2+i) * time.Minute)})
	}
	return out
}
