package chart

import (
	"html/template"
	"math"
	"time"
)

// Heat is counts of rows over time: where, and since when.
type Heat struct {
	ID       string
	Title    string
	Tone     Tone
	From     time.Time
	Step     time.Duration
	Location *time.Location
	Rows     []HeatRow
	// Cell is where a row's stretch of time leads; nil or "" is nowhere.
	Cell func(row int, from, to time.Time) string
}

// HeatRow is one row of a Heat; its Values are as a Series' are.
type HeatRow struct {
	Label, Href string
	Values      []float64
}

const levels = 8

// Heatmap draws a Heat: a picture for each row, of eight steps that grow with
// the logarithm of the count. Neighbours with the same count are one cell, and
// cells without any lead nowhere. One cell, the newest of the first row that has
// any, is a stop of the keyboard; from there static/chart.js goes on.
func Heatmap(h Heat) template.HTML {
	f, high := h.frame()
	f.b = make([]byte, 0, 24<<10)
	f.raw(`<figure class="chart heat" id="`, f.ID, `" aria-labelledby="`, f.ID, `-t `, f.ID, `-d"`)
	f.times()
	f.raw(`><figcaption><span id="`, f.ID, `-t">`)
	f.text(h.Title)
	f.raw(`</span> <span id="`, f.ID, `-d">`)
	if f.empty != "" {
		f.raw(f.empty)
	} else {
		f.raw(`busiest cell `, exact(high, Count))
	}
	f.raw(`</span><svg class="scale `, h.Tone.class(), `" width="80" height="10" viewBox="0 -.5 8 1" preserveAspectRatio="none" aria-hidden="true">`)
	for l := range levels {
		f.raw(`<path class="h`, itoa(l+1), `" d="M`, itoa(l), ` 0h1"/>`)
	}
	f.raw(`</svg></figcaption>`)
	for k := range f.Series {
		f.heatRow(h, k, high)
	}
	if f.n > 0 {
		f.raw(`<div class="row"><span></span><svg aria-hidden="true">`)
		f.head, f.Height = 0, -4
		f.clock()
		f.raw(`</svg></div>`)
	}
	f.raw(`</figure>`)
	return f.html()
}

// HeatTable writes what Heatmap draws: a row for each row, a column for each
// of its buckets.
func HeatTable(h Heat) template.HTML {
	f, _ := h.frame()
	f.b = make([]byte, 0, 24<<10)
	f.raw(`<div class="wide"><table class="values"><caption>`)
	f.text(h.Title)
	f.raw(`</caption><thead><tr><th scope="col">From (`)
	f.text(f.From.In(f.Location).Format("MST"))
	f.raw(`)</th>`)
	for i := range f.n {
		f.raw(`<th scope="col">`, bucketLabel(f.begin(i), f.Step, f.Location), `</th>`)
	}
	f.raw(`</tr></thead><tbody>`)
	for k, s := range f.Series {
		f.raw(`<tr><th scope="row">`)
		f.linked(h.Rows[k].Href, cut(s.Name, 200))
		f.raw(`</th>`)
		for _, v := range s.Values {
			f.cell(v)
		}
		f.raw(`</tr>`)
	}
	f.raw(`</tbody></table></div>`)
	return f.html()
}

func (h Heat) frame() (*frame, float64) {
	f := &frame{Plot: Plot{ID: safeID(h.ID), From: h.From, Step: min(max(h.Step, time.Second), 31*day), Location: h.Location}}
	if f.Location == nil {
		f.Location = time.UTC
	}
	for _, r := range h.Rows[:min(len(h.Rows), MaxRows)] {
		f.Series = append(f.Series, Series{Name: r.Label, Values: r.Values})
	}
	f.takeSeries()
	f.empty = f.emptiness()
	high := 0.0
	for _, s := range f.Series {
		for _, v := range s.Values {
			if v > high {
				high = v
			}
		}
	}
	return f, high
}

// level is the step of a count: 1 to 8, 0 for none.
func level(v, high float64) int {
	switch {
	case !(v > 0):
		return 0
	case high <= 1:
		return levels
	}
	return min(levels, 1+int(math.Max(0, math.Log(v)/math.Log(high))*(levels-1)+1e-9))
}

func (f *frame) heatRow(h Heat, k int, high float64) {
	s := f.Series[k]
	f.raw(`<div class="row"><span>`)
	f.linked(h.Rows[k].Href, cut(s.Name, 200))
	f.raw(`</span><svg class="`, h.Tone.class(), `" viewBox="0 -.5 `, itoa(f.n), ` 1" preserveAspectRatio="none" role="presentation">`)
	for l := range levels + 1 {
		f.heatStep(s.Values, l, high)
	}
	f.raw(`<g visibility="hidden" pointer-events="stroke">`)
	cells := busy(s.Values)
	for i, c := range cells {
		href, said := "", exact(s.Values[c.from], Count)
		if h.Cell != nil {
			href = safeURL(h.Cell(k, f.begin(c.from), f.begin(c.to)))
		}
		if c.to-c.from > 1 {
			said += " each"
		}
		if href != "" && !f.stop && i == len(cells)-1 {
			f.stop = true
			f.link(href, "tabindex", "0", "aria-label", cut(s.Name, 200)+", "+bucketLabel(f.begin(c.from), f.Step, f.Location)+" – "+bucketLabel(f.begin(c.to), f.Step, f.Location)+", "+said)
		} else {
			f.link(href)
		}
		f.raw(`<path d="M`, itoa(c.from), ` 0h`, itoa(c.to-c.from), `"/><title>`, said, `</title></a>`)
	}
	f.raw(`</g></svg></div>`)
}

// heatCell is a stretch of buckets with the same count.
type heatCell struct{ from, to int }

// busy are the cells that have a count.
func busy(values []float64) (out []heatCell) {
	for i := 0; i < len(values); {
		from := i
		for i++; i < len(values) && same(values[i], values[from]); i++ {
		}
		if values[from] > 0 {
			out = append(out, heatCell{from, i})
		}
	}
	return out
}

// heatStep draws the cells of one step as one path; step 0 is the gaps.
func (f *frame) heatStep(values []float64, step int, high float64) {
	begun := false
	for i := 0; i < f.n; {
		from := i
		for i < f.n && level(values[i], high) == step && isGap(values[i]) == (step == 0) {
			i++
		}
		if i == from {
			i++
			continue
		}
		if !begun {
			begun = true
			f.raw(`<path class="h`, itoa(step), `" d="`)
		}
		f.raw(`M`, itoa(from), ` 0h`, itoa(i-from))
	}
	if begun {
		f.raw(`"/>`)
	}
}

func same(a, b float64) bool { return a == b || isGap(a) && isGap(b) }
