package web

import (
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/chart"
)

var chartMorning = time.Date(2026, 11, 20, 14, 15, 0, 0, time.UTC)

func wave(n int, base, at, spike float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Round(base*(1+.4*math.Sin(float64(i)/9)+.2*math.Sin(float64(i*i))) + spike*math.Exp(-math.Pow(float64(i)-at, 2)/6))
	}
	return out
}

func span(from, to time.Time) string { return fmt.Sprintf("?from=%d&to=%d", from.Unix(), to.Unix()) }

func stackedPlot() chart.Plot {
	at := func(d time.Duration) time.Time { return chartMorning.Add(d) }
	limits := wave(96, 40, 50, 0)
	p := chart.Plot{
		ID: "kinds", Title: "Errors by kind", From: chartMorning, Step: 15 * time.Minute, CompleteUntil: at(94*15*time.Minute + 6*time.Minute),
		Series: []chart.Series{
			{Name: "us", Tone: chart.Us, Values: wave(96, 2, 70, 240)}, {Name: "upstream", Tone: chart.Upstream, Values: wave(96, 15, 30, 90)},
			{Name: "limits", Tone: chart.Limits, Values: limits}, {Name: "caller", Tone: chart.Caller, Values: wave(96, 110, 0, 0)},
		},
		Compare: &chart.Series{Name: "last week", Values: wave(96, 150, 20, 0)},
		Marks: []chart.Mark{{At: at(17 * time.Hour), Label: "2026.11.20-3", Href: "/deploys/1"}, {At: at(17*time.Hour + 20*time.Minute), Label: "2026.11.20-4", Href: "/deploys/2"},
			{At: at(5 * time.Hour), Label: "<b>2026.11.19-1</b>", Href: "javascript:alert(1)"}},
		Bands:  []chart.Band{{From: at(17*time.Hour + 5*time.Minute), To: at(18*time.Hour + 40*time.Minute), Label: "INC-12", Href: "/i/12"}},
		Bucket: span,
	}
	for k := range p.Series {
		for i := 40; i < 44; i++ {
			p.Series[k].Values[i] = math.NaN()
		}
	}
	return p
}

func linesPlot() chart.Plot {
	low, high := wave(60, 1, 0, 0), wave(60, 1, 0, 0)
	for i := range low {
		low[i], high[i] = .6+.1*math.Sin(float64(i)/9), 1.4+.2*math.Sin(float64(i)/9)
	}
	rate := func(base, at, spike float64) []float64 {
		out := wave(60, base*100, at, spike*100)
		for i := range out {
			out[i] /= 100
		}
		return out
	}
	p := chart.Plot{
		ID: "rate", Title: "5xx of requests", Unit: chart.Percent, From: chartMorning, Step: time.Minute,
		Series:   []chart.Series{{Name: "5xx", Tone: chart.Us, Values: rate(.9, 48, 6)}, {Name: "429", Tone: chart.Limits, Values: rate(1.6, 0, 0)}},
		Baseline: &chart.Baseline{Name: "usual", Low: low, High: high}, Threshold: &chart.Threshold{Name: "alerts above", Value: 5},
		Bucket: span,
	}
	for i := 20; i < 24; i++ {
		p.Series[0].Values[i], p.Series[1].Values[i] = math.NaN(), math.NaN()
	}
	p.Series[0].Values[22] = 2
	return p
}

func heat() chart.Heat {
	h := chart.Heat{ID: "heat", Title: "Errors by endpoint", Tone: chart.Us, From: chartMorning, Step: 5 * time.Minute,
		Cell: func(row int, from, to time.Time) string { return span(from, to) + fmt.Sprintf("&row=%d", row) }}
	for k, name := range []string{"POST /v1/charges", "GET /v1/prompts", "POST /v1/prompts/{id}/run", "GET /v1/a/rather/long/endpoint/that/does/not/fit", "GET /v1/search", "POST /v1/refunds"} {
		h.Rows = append(h.Rows, chart.HeatRow{Label: name, Href: "/e/" + fmt.Sprint(k), Values: wave(48, float64(k*k)/3, 36, float64(300/(1+k*k)))})
	}
	return h
}

// chartPage is a page with every chart, in the frame of the real ones.
func chartPage(t *testing.T) *httptest.Server {
	t.Helper()
	gin.SetMode(gin.TestMode)
	w := &web{assets: loadAssets(), pages: loadPages()}
	body := template.Must(template.Must(w.pages["error"].Clone()).Parse(`{{define "main"}}<h1>Charts</h1>{{range .Charts}}<section class="card">{{.}}</section>{{end}}{{end}}`))
	quiet := chart.Plot{ID: "quiet", Title: "Quiet", From: chartMorning, Step: time.Hour, Series: []chart.Series{{Name: "us", Tone: chart.Us, Values: make([]float64, 24)}}, Height: 60}
	page := struct {
		frame
		Charts []template.HTML
	}{frame{Title: "Charts", CSS: w.assets.url("style.css"), JS: w.assets.url("errata.js")}, []template.HTML{
		chart.Stacked(stackedPlot()), chart.Lines(linesPlot()), chart.Heatmap(heat()), chart.Stacked(quiet),
		chart.Stacked(chart.Plot{ID: "none", Title: "None", From: chartMorning, Step: time.Hour, Height: 60}),
		chart.Spark(chart.Trend{Title: "5xx", Tone: chart.Us, Values: wave(48, 20, 40, 80)}) + " " + chart.Spark(chart.Trend{Title: "429", Tone: chart.Limits, Values: wave(48, 20, 0, 0)}) +
			" " + chart.Budget(chart.Gauge{Title: "checkout", Left: .71, Low: .25}) + " " + chart.Budget(chart.Gauge{Title: "billing", Left: .12, Low: .25}) + " " + chart.Budget(chart.Gauge{Title: "search", Left: -.4}),
		template.HTML("<details><summary>Table</summary>") + chart.StackedTable(stackedPlot()) + "</details>", //nolint:gosec // constants
	}}
	r := gin.New()
	r.Use(headers)
	r.GET("/static/:file", func(c *gin.Context) { require.NoError(t, w.static(c)) })
	show := func(c *gin.Context) {
		c.Status(http.StatusOK)
		c.Header("Content-Type", "text/html; charset=utf-8")
		require.NoError(t, body.ExecuteTemplate(c.Writer, "layout.html", page))
	}
	for _, path := range []string{"/", "/i/12", "/deploys/1"} {
		r.GET(path, show)
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server
}

func (b *browser) string(script string) string {
	b.t.Helper()
	return get(b, chromedp.Evaluate[string](script))
}

// bucket is where a bucket of the first chart is on the screen.
func (b *browser) bucket(i int) (x, y float64) {
	b.t.Helper()
	get(b, chromedp.Evaluate[bool](`document.querySelector("svg.plot").scrollIntoView({block: "center"}), true`))
	at := get(b, chromedp.Evaluate[[]float64](fmt.Sprintf(`(a => [a.left + (%d + .5) / 96 * a.width, a.top + 100])(document.querySelector("svg.plot").getBoundingClientRect())`, i)))
	return at[0], at[1]
}

func (b *browser) mouse(kind input.DispatchMouseEventType, x, y float64) {
	b.t.Helper()
	p := input.DispatchMouseEventParams{Type: kind, X: x, Y: y}
	if kind != input.DispatchMouseEventTypeMouseMoved {
		p.Button, p.ClickCount = input.MouseButtonLeft, 1
	}
	call(b, input.DispatchMouseEvent, p)
}

// key is a key that types nothing.
func (b *browser) key(name string, modifiers int64) {
	b.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: name, Code: name, Modifiers: modifiers})
	}
}

func TestBrowserChart(t *testing.T) {
	server := chartPage(t)
	b := newBrowser(t)
	b.run(chromedp.Navigate(server.URL))
	b.picture("charts")
	for _, scheme := range []string{"dark", "light"} {
		b.scheme(scheme)
		assert.Empty(t, get(b, chromedp.Evaluate[[]string](faint)), scheme)
		b.picture("charts-" + scheme)
	}
	height := b.string(`String(document.body.offsetHeight)`)

	x, y := b.bucket(70)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, x, y)
	require.True(t, b.truth(`!!document.querySelector(".read")`))
	read := b.string(`document.querySelector(".read").textContent`)
	assert.Contains(t, read, "21 Nov, 07:45 – 21 Nov, 08:00\nus  24")
	assert.Contains(t, read, "last week  ")
	assert.Equal(t, height, b.string(`String(document.body.offsetHeight)`), "the layout jumped")
	b.picture("charts-hover")
	x, y = b.bucket(41)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, x, y)
	assert.True(t, b.truth(`document.querySelector(".read").textContent.includes("us  no data")`))
	b.mouse(input.DispatchMouseEventTypeMouseMoved, 1, 1)
	assert.True(t, b.truth(`!document.querySelector(".read,.cross,.chosen")`), "nothing stays behind")

	x, y = b.bucket(60)
	to, _ := b.bucket(69)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, x, y)
	b.mouse(input.DispatchMouseEventTypeMousePressed, x, y)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, to, y)
	require.True(t, b.truth(`parseFloat(document.querySelector(".chosen").getAttribute("width")) > 10`))
	b.mouse(input.DispatchMouseEventTypeMouseReleased, to, y)
	assert.True(t, b.truth(`location.search === "?from=2026-11-21T05%3A15%3A00Z&to=2026-11-21T07%3A45%3A00Z"`), b.string("location.search"))

	b.run(chromedp.Navigate(server.URL))
	x, y = b.bucket(60)
	b.mouse(input.DispatchMouseEventTypeMousePressed, x, y)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, to, y)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, x, y)
	b.key("Escape", 0)
	b.mouse(input.DispatchMouseEventTypeMouseReleased, x, y)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, 1, 1)
	require.True(t, b.truth(`!document.querySelector(".read,.cross,.chosen")`))
	assert.Empty(t, b.string(`location.search`), "Escape takes the selection back, and no link is followed")

	x, y = b.bucket(10)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, x, y)
	b.mouse(input.DispatchMouseEventTypeMousePressed, x, y)
	b.mouse(input.DispatchMouseEventTypeMouseReleased, x, y)
	assert.True(t, b.truth(`location.search === "?from=1795193100&to=1795194000"`), "a click opens the bucket")
	b.requireQuiet()
}

func TestBrowserChartKeyboard(t *testing.T) {
	server := chartPage(t)
	b := newBrowser(t)
	b.run(chromedp.Navigate(server.URL + "/?svc=billing&cursor=x"))
	const shift = 8
	tab := func() {
		t.Helper()
		for range 8 {
			b.key("Tab", 0)
			if get(b, chromedp.Evaluate[bool](`document.activeElement.matches("svg.plot")`)) {
				return
			}
		}
		t.Fatal("the keyboard does not reach the chart")
	}
	tab()
	assert.True(t, b.truth(`document.querySelector(".read").textContent.includes("so far")`), "it begins at the newest")
	says := func(text string) {
		t.Helper()
		assert.True(t, b.truth(`document.querySelector(".read").textContent.includes("`+text+`")`), b.string(`document.querySelector(".read").textContent`))
	}
	b.key("ArrowLeft", 0)
	b.key("ArrowLeft", 0)
	says("21 Nov, 13:30 – 21 Nov, 13:45")
	b.key("ArrowLeft", shift)
	b.key("ArrowLeft", shift)
	says("21 Nov, 13:00 – 21 Nov, 13:45")
	b.picture("charts-keyboard")
	b.key("Escape", 0)
	says("21 Nov, 13:00 – 21 Nov, 13:15")
	b.key("Escape", 0)
	assert.True(t, b.truth(`!document.querySelector(".read,.cross,.chosen")`))
	b.key("Home", 0)
	b.key("Home", 0)
	b.key("ArrowRight", shift)
	b.run(chromedp.KeyEvent(kb.Enter))
	assert.True(t, b.truth(`location.search === "?svc=billing&from=2026-11-20T14%3A15%3A00Z&to=2026-11-20T14%3A45%3A00Z"`), b.string("location.search"))

	// Swapped in, as htmx does it: no chart is known to the script beforehand.
	get(b, chromedp.Evaluate[bool](`(() => { const f = document.querySelector(".chart"); f.outerHTML = f.outerHTML; return true; })()`))
	tab()
	b.key("ArrowLeft", 0)
	b.run(chromedp.KeyEvent(kb.Enter))
	assert.True(t, b.truth(`location.search === "?from=1795268700&to=1795269600"`), b.string("location.search"))
	b.requireQuiet()
}

// cell goes to a heat map's cells, by as many steps of the keyboard as it takes.
func (b *browser) cell() {
	b.t.Helper()
	for range 20 {
		b.key("Tab", 0)
		if get(b, chromedp.Evaluate[bool](`document.activeElement.matches(".heat g a")`)) {
			return
		}
	}
	b.t.Fatal("the keyboard does not reach the heat map's cells")
}

func TestBrowserHeatmapKeyboard(t *testing.T) {
	server := chartPage(t)
	b := newBrowser(t)
	b.run(chromedp.Navigate(server.URL + "/?svc=billing"))
	const shift = 8
	says := func(want string) {
		t.Helper()
		read := b.string(`[...document.querySelectorAll(".heat .read")].map(r => r.textContent).join()`)
		assert.True(t, strings.HasPrefix(read, want), read)
		assert.Equal(t, strings.ReplaceAll(want, "\n", ", "), b.string(`document.activeElement.getAttribute("aria-label")`))
	}
	b.cell()
	says("POST /v1/charges\n20 Nov, 17:45 – 20 Nov, 17:50\n1")
	height := b.string(`String(document.body.offsetHeight)`)
	b.key("ArrowRight", 0)
	says("POST /v1/charges\n20 Nov, 17:45 – 20 Nov, 17:50\n1") // there is none beyond
	b.key("ArrowLeft", 0)
	b.key("ArrowLeft", 0)
	says("POST /v1/charges\n20 Nov, 17:35 – 20 Nov, 17:40\n21")
	b.key("ArrowUp", 0)
	says("POST /v1/charges\n20 Nov, 17:35 – 20 Nov, 17:40\n21")
	b.key("ArrowDown", 0)
	says("GET /v1/prompts\n20 Nov, 17:35 – 20 Nov, 17:40\n11")
	b.picture("heat-keyboard")
	b.key("End", 0)
	b.key("Home", 0)
	b.key("ArrowDown", 0)
	b.key("ArrowUp", 0)
	assert.Equal(t, height, b.string(`String(document.body.offsetHeight)`), "the layout jumped")
	for _, scheme := range []string{"dark", "light"} {
		b.scheme(scheme)
		b.picture("heat-keyboard-" + scheme)
	}
	here := b.string(`document.activeElement.getAttribute("href")`)
	assert.Contains(t, here, "row=1")

	// It is one stop: the next one is beyond, and back is where one was.
	b.key("Tab", 0)
	assert.True(t, b.truth(`!document.activeElement.matches(".heat g a") && !document.querySelector(".read")`), "the cells are one stop")
	b.key("Tab", shift)
	assert.Equal(t, here, b.string(`document.activeElement.getAttribute("href")`))
	assert.Equal(t, "1", b.string(`String([...document.querySelectorAll(".heat g a")].filter(a => getComputedStyle(a).visibility === "visible").length)`))
	b.key("Escape", 0)
	assert.True(t, b.truth(`document.activeElement === document.body && !document.querySelector(".read")`), "Escape leaves")
	b.key("Tab", shift)
	b.key("Tab", 0)
	assert.True(t, b.truth(`document.activeElement.getAttribute("href") === "`+here+`"`), "and one is still near it")
	b.run(chromedp.KeyEvent(kb.Enter))
	assert.True(t, b.truth(`location.search === "`+here+`"`), b.string("location.search"))

	// Swapped in, as pages do that read themselves anew.
	get(b, chromedp.Evaluate[bool](`(() => { const f = document.querySelector(".heat"); f.outerHTML = f.outerHTML; return true; })()`))
	b.cell()
	b.key("ArrowDown", 0)
	b.key("ArrowDown", 0)
	assert.True(t, b.truth(`document.querySelector(".heat .read").textContent.startsWith("POST /v1/prompts/{id}/run")`))
	b.requireQuiet()
}

func TestBrowserChartWithoutScripts(t *testing.T) {
	server := chartPage(t)
	b := newBrowser(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(server.URL))
	x, y := b.bucket(10)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, x, y)
	b.mouse(input.DispatchMouseEventTypeMousePressed, x, y)
	b.mouse(input.DispatchMouseEventTypeMouseReleased, x, y)
	assert.True(t, b.truth(`location.search === "?from=1795193100&to=1795194000"`), "a bucket is a link")
	b.run(chromedp.Click(chromedp.CSS("svg.plot > a[href='/i/12'] text")), wait("/i/12"))
	b.run(chromedp.Click(chromedp.CSS("svg.plot > a[href='/deploys/1'] circle")), wait("/deploys/1"))
	at := get(b, chromedp.Evaluate[[]float64](`(a => [a.left + 37.5 / 48 * a.width, a.top + 9])((s => (s.scrollIntoView({block: "center"}), s.getBoundingClientRect()))(document.querySelector(".heat .row svg")))`))
	b.mouse(input.DispatchMouseEventTypeMousePressed, at[0], at[1])
	b.mouse(input.DispatchMouseEventTypeMouseReleased, at[0], at[1])
	assert.True(t, b.truth(`location.search.endsWith("&row=0")`), "a cell is a link: "+b.string("location.search"))
	b.run(chromedp.Navigate(server.URL))
	b.cell()
	assert.Equal(t, "POST /v1/charges, 20 Nov 17:45 – 20 Nov 17:50, 1", b.string(`document.activeElement.getAttribute("aria-label")`))
	b.run(chromedp.KeyEvent(kb.Enter))
	assert.True(t, b.truth(`location.search === "?from=1795196700&to=1795197000&row=0"`), "one is a stop of the keyboard: "+b.string("location.search"))
	b.requireQuiet()
}

// Without colours, patterns and labels are left.
func TestBrowserChartForcedColors(t *testing.T) {
	server := chartPage(t)
	b := newBrowser(t)
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}})
	b.run(chromedp.Navigate(server.URL))
	ink := func(selector, property string) string {
		return b.string(`getComputedStyle(document.querySelector("` + selector + `")).` + property)
	}
	assert.Equal(t, ink("body", "color"), ink(".chart .solid.us", "fill"))
	assert.Equal(t, ink("body", "color"), ink(".chart .limits path + path", "stroke"))
	b.picture("charts-forced")
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	b.picture("charts-print")
	b.requireQuiet()
}

func TestBrowserChartPhone(t *testing.T) {
	server := chartPage(t)
	b := newBrowser(t)
	b.run(chromedp.EmulateViewport(390, 844), chromedp.Navigate(server.URL))
	assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "it scrolls sideways")
	b.picture("charts-phone")
	// Without a name, a picture is nothing to a screen reader.
	assert.True(t, b.truth(`[...document.querySelectorAll("svg.plot")].every(s => s.getAttribute("aria-labelledby").split(" ").every(id => s.querySelector("#" + id).textContent))`))
	b.requireQuiet()
}
