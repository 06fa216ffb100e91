package chart

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var morning = time.Date(2026, 11, 20, 14, 15, 0, 0, time.UTC)

// aDay is what the dashboard shows most: 24 h in quarters of an hour, by family.
func aDay() Plot {
	r := rand.New(rand.NewPCG(1, 2))
	values := func(base, spikeAt, spike float64) []float64 {
		out := make([]float64, 96)
		for i := range out {
			wave := base * (1 + .5*math.Sin(float64(i)/96*2*math.Pi))
			out[i] = math.Round(wave*(.8+.4*r.Float64()) + spike*math.Exp(-math.Pow(float64(i)-spikeAt, 2)/6))
		}
		return out
	}
	return Plot{
		ID: "kinds", Title: "Errors by kind", From: morning, Step: 15 * time.Minute, CompleteUntil: morning.Add(95*15*time.Minute + 6*time.Minute),
		Series: []Series{{"us", Us, values(1, 70, 240)}, {"upstream", Upstream, values(5, 30, 90)}, {"limits", Limits, values(40, 50, 0)}, {"caller", Caller, values(110, 0, 0)}},
		Bucket: func(from, to time.Time) string { return fmt.Sprintf("?from=%d&to=%d", from.Unix(), to.Unix()) },
	}
}

// parse reads what was drawn, which must be XML with every ID once and every
// reference to one of them.
func parse(t testing.TB, out template.HTML) *goquery.Document {
	t.Helper()
	ids, refs := map[string]bool{}, []string{}
	for d := xml.NewDecoder(strings.NewReader(string(out))); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err, "%s", out)
		start, ok := token.(xml.StartElement)
		for _, a := range start.Attr {
			require.NotContains(t, []string{"style", "onload", "onclick"}, a.Name.Local, "the page's policy refuses it")
			require.NotContains(t, a.Value, "NaN")
			require.NotContains(t, a.Value, "Inf")
			if a.Name.Local == "id" && ok {
				require.False(t, ids[a.Value], "%s is there twice", a.Value)
				ids[a.Value] = true
			}
			if _, ref, found := strings.Cut(a.Value, "url(#"); found {
				refs = append(refs, strings.TrimSuffix(ref, ")"))
			}
			if a.Name.Local == "aria-labelledby" {
				refs = append(refs, strings.Fields(a.Value)...)
			}
		}
	}
	for _, ref := range refs {
		require.True(t, ids[ref], "nothing is called %q", ref)
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(out)))
	require.NoError(t, err)
	return doc
}

func TestStacked(t *testing.T) {
	p := aDay()
	p.Marks = []Mark{{morning.Add(17 * time.Hour), "2026.11.20-3", "/deploys/1"}, {morning.Add(-time.Hour), "before", "/deploys/0"}}
	p.Bands = []Band{{From: morning.Add(23 * time.Hour), Label: "INC-12", Href: "/i/12"}}
	p.Compare = &Series{Name: "last week", Values: make([]float64, 96)}
	p.Threshold = &Threshold{"alerts above", 300}
	doc := parse(t, Stacked(p))
	svg := doc.Find("svg.plot")
	assert.Equal(t, "kinds-t kinds-d", svg.AttrOr("aria-labelledby", ""))
	assert.Equal(t, "Errors by kind", doc.Find("#kinds-t").Text())
	assert.Contains(t, doc.Find("#kinds-d").Text(), "From 20 Nov 14:15 to 21 Nov 14:15 UTC. All together: peak ")
	assert.Contains(t, doc.Find("#kinds-d").Text(), "us: peak 241 at 21 Nov 07:45, latest ")
	assert.Equal(t, 96, doc.Find(".hits a[href] path").Length())
	assert.Equal(t, "?from=1795184100&to=1795185000", doc.Find(".hits a").First().AttrOr("href", ""))
	assert.Equal(t, "us,upstream,limits,caller,last week,hatched: so far", strings.Join(texts(doc.Find(".key li")), ","))
	assert.Equal(t, "98.96%", doc.Find("rect.open").AttrOr("x", ""), "the last bucket ends after CompleteUntil")
	assert.Equal(t, 3, doc.Find(".key pattern").Length(), "ours is solid, the others have patterns")

	mark := doc.Find("a[href='/deploys/1']")
	assert.Equal(t, "2026.11.20-3, 21 Nov 07:15", mark.Find("title").Text())
	assert.Equal(t, "2026.11.20-3", mark.Find("text").Text())
	assert.Equal(t, 0, doc.Find("a[href='/deploys/0']").Length())
	assert.Equal(t, "95.83%", doc.Find("rect.band").AttrOr("x", ""))
	assert.Equal(t, "4.17%", doc.Find("rect.band").AttrOr("width", ""), "an incident without an end goes on")
	assert.Equal(t, "alerts above 300", doc.Find(".limit text").Text())
}

func texts(s *goquery.Selection) []string {
	return s.Map(func(_ int, s *goquery.Selection) string { return s.Text() })
}

func TestLines(t *testing.T) {
	p := aDay()
	p.Unit = Milliseconds
	p.Series = []Series{{"p50", Caller, []float64{40, 41, math.NaN(), 43, math.Inf(1), 44, 45}}, {"p99", Caller, []float64{800, 900, -1, 1500, 1, 2, 3}}}
	p.Baseline = &Baseline{"usual", []float64{1, 2, math.NaN(), 3}, []float64{3, 4, 5, 6, 7}}
	doc := parse(t, Lines(p))
	lines := doc.Find("svg > path.curve.caller")
	require.Equal(t, 4, lines.Length(), "two in the key, two in the plot")
	p50 := lines.Eq(3).AttrOr("d", "")
	assert.Equal(t, 3, strings.Count(p50, "M"), "lifted over gaps: %s", p50)
	assert.Contains(t, p50, "m-.2 0h.4", "a value alone is seen")
	assert.NotEqual(t, lines.Eq(2).AttrOr("stroke-dasharray", ""), lines.Eq(3).AttrOr("stroke-dasharray", ""), "two of one tone differ by dash")
	assert.Equal(t, "0 ms,500 ms,1 s,1.5 s", strings.Join(texts(doc.Find("svg.plot > g[text-anchor=end] text")), ","))
	assert.Equal(t, 2, strings.Count(doc.Find("path.usual").Last().AttrOr("d", ""), "z"), "the baseline has the gap too")
	assert.Equal(t, 1, doc.Find("rect.gap").Length(), "one bucket has no value at all")
	assert.Contains(t, doc.Find("desc").Text(), "p99: peak 1,500 ms at 20 Nov 15:00, latest 3 ms.")
}

func TestEmptyAndZero(t *testing.T) {
	for name, draw := range map[string]func(Plot) template.HTML{"stacked": Stacked, "lines": Lines} {
		doc := parse(t, draw(Plot{}))
		assert.Equal(t, noData, doc.Find("text.none").Text(), name)
		assert.Equal(t, noData+".", doc.Find("desc").Text())
		p := aDay()
		p.Series = []Series{{"us", Us, []float64{math.NaN(), math.NaN()}}}
		assert.Equal(t, noData, parse(t, draw(p)).Find("text.none").Text(), name)
		p.Series[0].Values = []float64{0, math.NaN(), 0}
		doc = parse(t, draw(p))
		assert.Equal(t, none, doc.Find("text.none").Text(), name)
		assert.Equal(t, 1, doc.Find("rect.gap").Length(), "a gap is not a zero")
		assert.Contains(t, doc.Find("desc").Text(), "None in this time.")
	}
}

func TestEverythingIsEscaped(t *testing.T) {
	const evil = "<script>alert(1)</script>\"'&\x01\xff"
	p := aDay()
	p.ID, p.Title, p.Series[0].Name, p.Series[0].Tone = evil, evil, evil, evil
	p.Compare, p.Baseline, p.Threshold = &Series{Name: evil, Values: p.Series[1].Values}, &Baseline{evil, p.Series[1].Values, p.Series[2].Values}, &Threshold{evil, 1}
	p.Marks, p.Bands = []Mark{{morning, evil, "javascript:alert(1)"}}, []Band{{From: morning, Label: evil, Href: evil}}
	p.Bucket = func(time.Time, time.Time) string { return evil }
	h := Heat{ID: evil, Title: evil, Tone: evil, From: morning, Step: time.Minute, Rows: []HeatRow{{evil, "JavaScript:x", []float64{1}}}, Cell: func(int, time.Time, time.Time) string { return evil }}
	for _, out := range []template.HTML{Stacked(p), Lines(p), Table(p), StackedTable(p), Heatmap(h), HeatTable(h), Spark(Trend{Title: evil, Tone: evil, Values: []float64{1, 2}}), Budget(Gauge{Title: evil, Left: 1})} {
		doc := parse(t, out)
		assert.Equal(t, 0, doc.Find("script").Length())
		assert.Contains(t, doc.Text(), "<script>alert(1)</script>\"'&")
		assert.NotContains(t, strings.ToLower(string(out)), "javascript:")
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]bool{
		"/i/12": true, "?from=10:00": true, "https://ci.example/1": true, "HTTP://x": true, "events:x": false, "javascript:alert(1)": false,
		"java\nscript:x": false, " javascript:x": false, "data:text/html,x": false, "/a:b": true, "": false,
	} {
		assert.Equal(t, want, safeURL(in) != "", "%q", in)
	}
	var p pen
	p.link("https://ci.example/1")
	assert.Equal(t, `<a href="https://ci.example/1" rel="noopener noreferrer">`, string(p.b))
}

func TestBounds(t *testing.T) {
	p := Plot{From: morning, Step: time.Minute}
	for k := range 9 {
		values := make([]float64, 1000)
		for i := range values {
			values[i] = float64(k + 1)
		}
		p.Series = append(p.Series, Series{Name: fmt.Sprint("s", k), Tone: Us, Values: values})
	}
	for i := range 100 {
		p.Marks = append(p.Marks, Mark{At: morning.Add(time.Duration(600+i) * time.Minute), Label: fmt.Sprint("deploy ", i)})
	}
	doc := parse(t, Stacked(p))
	assert.Equal(t, "400", doc.Find("svg.plot").AttrOr("data-n", ""))
	assert.Equal(t, fmt.Sprint(morning.Add(600*time.Minute).Unix()), doc.Find("svg.plot").AttrOr("data-from", ""), "the newest stay")
	assert.Equal(t, "s0,s1,s2,s3,s4,others", strings.Join(texts(doc.Find(".key li")), ","))
	assert.Contains(t, doc.Find("desc").Text(), "total 18,000.", "a stack stays whole")
	assert.Equal(t, MaxMarks, doc.Find("circle.pin").Length())
	assert.Equal(t, "deploy 99, 21 Nov 01:54", doc.Find("svg.plot > a title").Last().Text())
	assert.Contains(t, parse(t, Lines(p)).Find("desc").Text(), "3 more are not drawn.")
}

func TestSizes(t *testing.T) {
	assert.Less(t, len(Stacked(aDay())), 12<<10)
	h := Heat{ID: "heat", Title: "Errors by endpoint", From: morning, Step: 30 * time.Minute, Cell: func(row int, from, to time.Time) string {
		return fmt.Sprintf("?e=%d&from=%d&to=%d", row, from.Unix(), to.Unix())
	}}
	r := rand.New(rand.NewPCG(3, 4))
	for k := range 12 { // few endpoints fail all the time, most now and then
		rank := float64(1 + k)
		row := HeatRow{Label: fmt.Sprintf("POST /v1/prompts/{id}/run%d", k), Href: fmt.Sprintf("/e/%d", k), Values: make([]float64, 48)}
		for i := range row.Values {
			row.Values[i] = math.Floor(r.ExpFloat64() * 60 / (rank * rank))
		}
		h.Rows = append(h.Rows, row)
	}
	out := Heatmap(h)
	assert.Less(t, len(out), 30<<10, "%d links", strings.Count(string(out), "<a "))
	for k := range h.Rows {
		for i := range h.Rows[k].Values {
			h.Rows[k].Values[i] = float64(1 + (i+k)%97)
		}
	}
	assert.Less(t, len(Heatmap(h)), 64<<10, "not one cell is empty, or like the next")
	assert.Less(t, len(Spark(Trend{Title: "5xx", Tone: Us, Values: aDay().Series[0].Values})), 1<<10)
}

func BenchmarkStacked(b *testing.B) {
	p := aDay()
	b.ReportAllocs()
	for b.Loop() {
		Stacked(p)
	}
}
