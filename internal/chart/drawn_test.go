package chart

import (
	"html/template"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// number reads what a cell or an attribute says; a gap is NaN.
func number(t testing.TB, s string) float64 {
	t.Helper()
	s = strings.TrimSuffix(strings.TrimSuffix(strings.ReplaceAll(s, ",", ""), "%"), " ms")
	if s == "" || s == "–" {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return v
}

// tabled reads a table, oldest first, a row for each column.
func tabled(t testing.TB, doc *goquery.Document) [][]float64 {
	t.Helper()
	var out [][]float64
	doc.Find("tbody tr").Each(func(i int, tr *goquery.Selection) {
		tr.Find("td").Each(func(k int, td *goquery.Selection) {
			if len(out) <= k {
				out = append(out, nil)
			}
			out[k] = append([]float64{number(t, td.Text())}, out[k]...)
		})
	})
	return out
}

// outlined reads the levels of a stack's outline, in pixels.
func outlined(t testing.TB, d string, height int) []int {
	t.Helper()
	var out []int
	rest, ok := strings.CutPrefix(d, "M0 "+strconv.Itoa(height))
	require.True(t, ok, d)
	y := height
	for rest != "V"+strconv.Itoa(height) {
		end := 1 + strings.IndexAny(rest[1:], "hvV")
		n, err := strconv.Atoi(rest[1:end])
		require.NoError(t, err)
		if rest[0] == 'v' {
			y += n
		}
		for range n {
			if rest[0] == 'h' {
				out = append(out, height-y)
			}
		}
		rest = rest[end:]
	}
	return out
}

func samples(r *rand.Rand, unit Unit) Plot {
	p := Plot{ID: "x", Title: "x", Unit: unit, From: morning, Step: time.Minute}
	n := 1 + r.IntN(120)
	for range 1 + r.IntN(MaxSeries) {
		s := Series{Name: "s", Tone: favourites[r.IntN(len(favourites))]}
		for range n {
			v := math.Exp(r.Float64()*12 - 2)
			switch r.IntN(6) {
			case 0:
				v = 0
			case 1:
				v = math.NaN()
			case 2:
				v = math.Round(v)
			}
			s.Values = append(s.Values, v)
		}
		p.Series = append(p.Series, s)
	}
	return p
}

// The table, the attribute that the script reads, and the drawing say the same.
func TestTableHoldsWhatIsDrawn(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		p := samples(r, Unit(r.IntN(3)))
		doc, rows := parse(t, Stacked(p)), tabled(t, parse(t, StackedTable(p)))
		require.Len(t, rows, len(p.Series)+1)
		for k, values := range strings.Split(doc.Find("svg.plot").AttrOr("data-v", ""), ";") {
			for i, v := range strings.Split(values, ",") {
				require.Equal(t, strconv.FormatFloat(number(t, v), 'g', -1, 64), strconv.FormatFloat(rows[k][i], 'g', -1, 64))
				require.Equal(t, math.IsNaN(p.Series[k].Values[i]), math.IsNaN(rows[k][i]))
				if !math.IsNaN(rows[k][i]) {
					require.InEpsilon(t, 1+p.Series[k].Values[i], 1+rows[k][i], 1e-3)
				}
			}
		}
		axis := doc.Find("svg.plot > g[text-anchor=end] text")
		require.Positive(t, axis.Length())
		top := newFrame(p, true).ticks
		for k := range p.Series {
			d, found := doc.Find("#x-k" + strconv.Itoa(k) + " path").Attr("d")
			if !found {
				continue // all zero
			}
			levels := outlined(t, d, 160)
			require.Len(t, levels, len(p.Series[0].Values))
			for i, level := range levels {
				total := 0.0
				for below := range k + 1 {
					if v := rows[below][i]; v > 0 {
						total += v
					}
				}
				require.InDelta(t, total/top[len(top)-1]*160, level, float64(k)+1.5)
				require.Equal(t, total > 0, level > 0, "what is there at all is seen")
			}
		}
	}
}

func TestTable(t *testing.T) {
	p := aDay()
	p.Title, p.Compare = "Errors by kind", &Series{Name: "last week", Values: []float64{1204}}
	doc := parse(t, StackedTable(p))
	assert.Equal(t, "Errors by kind", doc.Find("caption").Text())
	assert.Equal(t, "Begins (UTC),us,upstream,limits,caller,last week,total", strings.Join(texts(doc.Find("thead th[scope=col]")), ","))
	assert.Equal(t, 96, doc.Find("tbody th[scope=row] a[href] time[datetime]").Length())
	assert.Equal(t, "21 Nov 14:00 so far", doc.Find("tbody th").First().Text(), "the newest first")
	assert.Equal(t, "20 Nov 14:15", doc.Find("tbody th").Last().Text())
	assert.Equal(t, "1,204", doc.Find("tbody tr").Last().Find("td").Eq(4).Text())
	assert.Equal(t, "–", doc.Find("tbody tr").First().Find("td").Eq(4).Text())
	assert.NotContains(t, string(Table(p)), "total")
}

func aHeat() Heat {
	return Heat{
		ID: "heat", Title: "Errors by endpoint", Tone: Us, From: morning, Step: 5 * time.Minute,
		Rows: []HeatRow{{"POST /v1/charges", "/e/1", []float64{0, 2, 2, 300, math.NaN(), 1_234_567}}, {"GET /v1/prompts", "", []float64{0, 0, 0, 0, 0, 1}}},
		Cell: func(row int, from, to time.Time) string {
			return "?row=" + strconv.Itoa(row) + "&from=" + from.Format("15:04") + "&to=" + to.Format("15:04")
		},
	}
}

func TestHeatmap(t *testing.T) {
	doc := parse(t, Heatmap(aHeat()))
	assert.Equal(t, "POST /v1/charges", doc.Find(".row span a[href='/e/1']").Text())
	cells := doc.Find("g a")
	assert.Equal(t, "2 each,300,1,234,567,1", strings.Join(texts(cells.Find("title")), ","))
	assert.Equal(t, 1, cells.Filter("[tabindex='0']").Length(), "one stop of the keyboard")
	assert.Equal(t, "POST /v1/charges, 20 Nov 14:40 – 20 Nov 14:45, 1,234,567", cells.Filter("[tabindex]").AttrOr("aria-label", ""))
	assert.Equal(t, "?row=0&from=14:20&to=14:30", cells.First().AttrOr("href", ""), "equal neighbours are one cell")
	assert.Equal(t, "M5 0h1", doc.Find(".row path.h8").AttrOr("d", ""))
	assert.Equal(t, "M4 0h1", doc.Find(".row path.h0").AttrOr("d", ""), "a gap is not a zero")
	assert.Equal(t, 8, doc.Find(".scale path").Length())
	assert.Contains(t, doc.Find("#heat-d").Text(), "busiest cell 1,234,567")
	assert.Equal(t, noData, parse(t, Heatmap(Heat{})).Find("figcaption span").Last().Text())
	rows := parse(t, HeatTable(aHeat())).Find("tbody tr")
	assert.Equal(t, "0,2,2,300,–,1,234,567", strings.Join(texts(rows.First().Find("td")), ","))
	for v, want := range map[float64]int{0: 0, 1: 1, 2: 3, 10: 8, 11: 8, .5: 1} {
		assert.Equal(t, want, level(v, 10), v)
	}
}

func TestSparkAndBudget(t *testing.T) {
	doc := parse(t, Spark(Trend{Title: "5xx", Unit: Percent, Tone: Us, Values: []float64{1, 2.5, math.NaN()}}))
	assert.Equal(t, "5xx: latest 2.5%, peak 2.5%", doc.Find("svg[role=img] > title").Text())
	assert.Equal(t, 1, doc.Find("path.curve.us").Length())
	assert.Contains(t, parse(t, Spark(Trend{Title: "5xx", Values: []float64{0}})).Text(), "5xx: none")
	assert.Contains(t, parse(t, Spark(Trend{Title: "5xx"})).Text(), "5xx: no data")

	for left, want := range map[float64]string{
		.71: "ok 71% 71% left", .12: "limits 12% 12% left", 5: "ok 100% 100% left", 0: "us 3 used up", -.4: "us 3 used up, 40% over", math.Inf(1): "  unknown",
	} {
		doc := parse(t, Budget(Gauge{Title: "checkout", Left: left, Low: .25}))
		bar := doc.Find("rect.solid")
		words := doc.Find(".gauge > span").Text()
		assert.Equal(t, want, strings.TrimPrefix(bar.AttrOr("class", ""), "solid ")+" "+bar.AttrOr("width", "")+" "+words)
		assert.Equal(t, "checkout: "+words, doc.Find("title").Text())
	}
}

func FuzzChart(f *testing.F) {
	f.Add("Errors", "us", "/i/12", 1.0, 2.0, math.NaN(), int64(1795184100), int64(time.Minute), uint16(96))
	f.Add("", "", "javascript:x", math.Inf(1), -1.0, math.MaxFloat64, int64(-1), int64(0), uint16(0))
	f.Add("<&\x00", "\xff", "http://x\"", 5e-324, 1e15, .5, int64(1)<<40, int64(math.MaxInt64), uint16(2000))
	f.Fuzz(func(t *testing.T, title, name, href string, a, b, c float64, from, step int64, n uint16) {
		values := make([]float64, n%600)
		for i := range values {
			values[i] = []float64{a, b, c, 0}[i%4]
		}
		start := time.Unix(from%(1<<40), 0)
		p := Plot{
			ID: title, Title: title, Unit: Unit(n % 4), From: start, Step: time.Duration(step), CompleteUntil: start.Add(time.Duration(step / 2)), Height: int(n) - 100,
			Series:   []Series{{name, Us, values}, {title, Tone(name), values[len(values)/2:]}},
			Compare:  &Series{Name: name, Values: values},
			Baseline: &Baseline{name, values, []float64{c, b, a}}, Threshold: &Threshold{name, b},
			Marks: []Mark{{start, name, href}, {start.Add(time.Duration(step)), name, href}}, Bands: []Band{{From: start, Label: title, Href: href}},
			Bucket: func(time.Time, time.Time) string { return href },
		}
		h := Heat{ID: title, Title: title, Tone: Tone(name), From: start, Step: time.Duration(step), Rows: []HeatRow{{name, href, values}, {title, "", values[:len(values)/2]}}, Cell: func(int, time.Time, time.Time) string { return href }}
		for _, out := range []template.HTML{Stacked(p), Lines(p), StackedTable(p), Heatmap(h), HeatTable(h), Spark(Trend{title, Count, Us, values}), Budget(Gauge{title, a, b})} {
			doc := parse(t, out)
			require.Zero(t, doc.Find("script").Length())
			require.Less(t, len(out), 1<<20+900*len(href)*4)
		}
	})
}
