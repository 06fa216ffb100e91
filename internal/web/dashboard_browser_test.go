package web

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

func (b *browser) open(f *fixture, query string) {
	b.t.Helper()
	b.run(chromedp.Navigate(f.server.URL+"/d"+query), wait("/d"))
}

// later lets the page's clock go on.
func (b *browser) later(d time.Duration) {
	b.t.Helper()
	get(b, chromedp.Evaluate[bool](`(() => { const now = Date.now.bind(Date), by = `+itoa(int(d.Milliseconds()))+`; Date.now = () => now() + by; return true; })()`))
}

func TestBrowserDashboard(t *testing.T) {
	f := newFixture(t)
	f.week(true)
	b := newBrowser(t)
	f.signInBrowser(b)
	b.run(chromedp.EmulateViewport(1280, 900))
	b.key("Escape", 0) // out of the search box
	b.press("g", "KeyG")
	b.press("d", "KeyD")
	b.run(wait("/d"))
	b.picture("dashboard-1h")
	b.run(chromedp.Click(chromedp.CSS(".controls nav a:nth-of-type(4)")), wait("/d"))
	assert.True(t, b.truth(`location.search === "?from=now-24h" && document.querySelector(".controls nav [aria-current]").textContent === "24h"`))
	b.picture("dashboard-24h")
	for _, scheme := range []string{"dark", "light"} {
		b.scheme(scheme)
		assert.True(t, b.truth(`!(`+faint+`).length`), scheme) // buttons take a moment to change
		b.picture("dashboard-" + scheme)
	}
	b.open(f, "?from=now-7d")
	b.picture("dashboard-7d")

	// By keyboard into the chart, and to a shorter period.
	b.open(f, "?from=now-6h&service=checkout-api")
	get(b, chromedp.Evaluate[bool](`(document.querySelector("svg.plot").focus(), true)`))
	b.key("ArrowLeft", 0)
	b.key("ArrowLeft", 8)
	b.key("ArrowLeft", 8)
	b.run(chromedp.KeyEvent(kb.Enter))
	assert.True(t, b.truth(`/^20\d\d-.*Z$/.test(new URLSearchParams(location.search).get("to"))`), b.string("location.search"))
	b.run(wait("/d"))
	assert.True(t, b.truth(`document.querySelector(".custom").open && document.querySelector("select[name=service]").value === "checkout-api"`))
	b.picture("dashboard-zoomed")

	// By keyboard into the heat map, and to the failures of a cell.
	b.open(f, "?from=now-7d")
	get(b, chromedp.Evaluate[bool](`(document.querySelector(".heat g a[tabindex]").focus(), true)`))
	b.key("ArrowDown", 0)
	b.key("Home", 0)
	cell := b.string(`document.activeElement.getAttribute("href")`)
	assert.True(t, b.truth(`document.activeElement.closest(".row").matches(".row ~ .row") && !!document.querySelector(".heat .read")`))
	b.picture("dashboard-heat")
	b.run(chromedp.KeyEvent(kb.Enter), wait("/events"))
	assert.True(t, b.truth(`location.href.endsWith("`+cell+`") && document.querySelectorAll("table.list tbody tr").length > 0`), b.string("location.href"))

	b.run(chromedp.EmulateViewport(390, 844))
	b.open(f, "?from=now-24h")
	assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "it scrolls sideways")
	b.picture("dashboard-phone")
	b.run(chromedp.EmulateViewport(1280, 900))
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	assert.True(t, b.truth(`getComputedStyle(document.querySelector(".controls")).display === "none"`), "paper has no controls")
	b.picture("dashboard-print")
	b.requireQuiet()
}

// The page reads itself anew, but not under somebody's hands.
func TestBrowserDashboardRefreshes(t *testing.T) {
	f := newFixture(t)
	f.week(true)
	b := newBrowser(t)
	f.signInBrowser(b)
	b.open(f, "")
	get(b, chromedp.Evaluate[bool](`(window.stayed = true, document.querySelector("#families-h ~ details").open = true)`))
	height := b.string(`String(document.querySelector(".tiles").getBoundingClientRect().top)`)
	const seen = `document.querySelector("[aria-labelledby=codes-h]").textContent.includes("brand_new")`
	f.write(event.Event{RequestID: "req_n", OccurredAt: f.now, Status: 500, Code: "brand_new", Service: "checkout-api"})

	// A chart has the focus: it does not change. The pause is the page's own
	// word, since nothing happening cannot be waited for.
	get(b, chromedp.Evaluate[bool](`(document.querySelector("svg.plot").focus(), window.asked = 0, (f => window.fetch = (...a) => (window.asked++, f(...a)))(window.fetch), true)`))
	b.later(2 * time.Minute)
	ticks := func() { // two ticks of the page's timer, which are a second each
		get(b, chromedp.Evaluate[bool](`(window.tick = 0, setInterval(() => window.tick++, 1000), true)`))
		require.True(t, b.truth(`window.tick >= 2`))
	}
	ticks()
	assert.Equal(t, "0", b.string(`String(window.asked)`), "it asked while a chart had the focus")
	get(b, chromedp.Evaluate[bool](`(document.activeElement.blur(), getSelection().selectAllChildren(document.querySelector("h1")), true)`))
	ticks()
	assert.Equal(t, "0", b.string(`String(window.asked)`), "it asked while text was selected")
	get(b, chromedp.Evaluate[bool](`(getSelection().removeAllRanges(), true)`))
	assert.True(t, b.truth(seen), "and goes on then")
	assert.True(t, b.truth(`window.stayed && document.querySelector("#families-h ~ details").open`), "in place, with what was open")
	assert.Equal(t, height, b.string(`String(document.querySelector(".tiles").getBoundingClientRect().top)`), "the layout jumped")
	b.requireQuiet()

	// What cannot be read is said; what was there stays.
	f.server.CloseClientConnections()
	f.server.Close()
	b.later(4 * time.Minute)
	assert.True(t, b.truth(`!document.querySelector(".stale").hidden && document.querySelectorAll(".tiles li").length === 5`))
}

// Who has just installed it sees the first failure without a reload.
func TestBrowserDashboardWaitsForTheFirst(t *testing.T) {
	f := newFixture(t)
	b := newBrowser(t)
	f.signInBrowser(b)
	b.open(f, "")
	assert.True(t, b.truth(`document.querySelector("main").textContent.includes("Waiting for the first failure") && !document.querySelector("[data-copy=curl]").hidden`))
	f.write(event.Event{RequestID: "req_first", OccurredAt: f.now.Add(-time.Minute), Status: 500, Code: "boom"})
	b.later(2 * time.Minute)
	assert.True(t, b.truth(`document.querySelector("[aria-labelledby=codes-h]")?.textContent.includes("boom") === true`))
	b.requireQuiet()
}

func TestBrowserDashboardKeysCanBeTurnedOff(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	f.signInBrowser(b)
	b.open(f, "")
	b.run(chromedp.Click(chromedp.CSS("#keys")))
	b.press("/", "Slash")
	assert.NotEqual(t, "q", b.string(`document.activeElement.id`))
	b.run(chromedp.Reload(), wait("/d"))
	assert.Equal(t, "Turn keys on", b.text("#keys"), "it is remembered")
	b.run(chromedp.Click(chromedp.CSS("#keys")))
	b.press("/", "Slash")
	assert.Equal(t, "q", b.string(`document.activeElement.id`))
	b.key("Escape", 0) // out of the box
	b.press("?", "Slash")
	assert.Equal(t, "keys", b.string(`document.activeElement.id`), "which stands beside the list of keys")
	b.press("g", "KeyG")
	b.press("c", "KeyC")
	b.run(wait("/codes"))
	b.requireQuiet()
}

func TestBrowserDashboardLocalTime(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	call(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Tokyo"})
	f.signInBrowser(b)
	b.open(f, "?from=now-6h")
	assert.Contains(t, b.text(".asof"), "UTC")
	b.run(chromedp.Click(chromedp.CSS("a[data-zone]")))
	assert.True(t, b.truth(`location.search === "?from=now-6h&tz=Asia%2FTokyo" && document.querySelector(".asof").textContent.includes("JST")`), b.string("location.search"))
	b.requireQuiet()
}

func TestBrowserDashboardWithoutScripts(t *testing.T) {
	f := newFixture(t)
	f.week(true)
	b := newBrowser(t)
	f.signInBrowser(b)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(f, "?from=now-24h")
	b.run(chromedp.SendKeys(chromedp.CSS("select[name=service]"), "checkout"), chromedp.Click(chromedp.CSS(".controls > form button")))
	assert.True(t, b.truth(`new URLSearchParams(location.search).get("service") === "checkout-api" && new URLSearchParams(location.search).get("from") === "now-24h"`), b.string("location.search"))
	b.run(wait("/d"), chromedp.Click(chromedp.CSS(".controls nav a:nth-of-type(2)")))
	assert.True(t, b.truth(`location.search.includes("from=now-1h") && location.search.includes("service=checkout-api")`), b.string("location.search"))
	b.run(wait("/d"), chromedp.Click(chromedp.CSS(".controls summary")), chromedp.Click(chromedp.CSS(".custom button")))
	assert.True(t, b.truth(`/from=\d{4}-/.test(location.search)`), b.string("location.search"))
	b.open(f, "")
	b.run(chromedp.Click(chromedp.CSS(".how span:nth-of-type(3) a:nth-of-type(2)")))
	assert.True(t, b.truth(`document.querySelector("meta[http-equiv=refresh]") !== null`), "the page loads itself again")
	b.picture("dashboard-noscript")
	b.open(f, "?from=now-6h")
	b.run(chromedp.Click(chromedp.CSS("[aria-labelledby=endpoints-h] .views a:not([aria-current])")), wait("/d"), chromedp.WaitVisible(chromedp.CSS("[aria-labelledby=endpoints-h] .views a:nth-of-type(2)[aria-current]")))
	assert.True(t, b.truth(`location.search.includes("top=rate") && location.hash === "#endpoints-h" && document.querySelector("[aria-labelledby=endpoints-h] tbody tr:last-child").className === "low"`))
	b.picture("dashboard-by-rate")
	b.open(f, "")
	at := get(b, chromedp.Evaluate[[]float64](`(a => [a.left + a.width - 30, a.top + a.height / 2])(document.querySelector("svg.plot").getBoundingClientRect())`))
	b.mouse(input.DispatchMouseEventTypeMousePressed, at[0], at[1])
	b.mouse(input.DispatchMouseEventTypeMouseReleased, at[0], at[1])
	b.run(wait("/events"))
	b.requireQuiet()
}
