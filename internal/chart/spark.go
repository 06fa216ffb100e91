package chart

import "html/template"

// Trend is a line without axes, for tiles and rows of tables.
type Trend struct {
	Title  string // what it is of, for readers and for screen readers
	Unit   Unit
	Tone   Tone
	Values []float64
}

// Spark draws a Trend. Its size is the style sheet's.
func Spark(t Trend) template.HTML {
	f := &frame{Plot: Plot{Unit: t.Unit, Height: 24, Series: []Series{{Values: t.Values}}}}
	f.takeValues()
	f.b = make([]byte, 0, 512)
	f.raw(`<svg class="spark" role="img" viewBox="-.5 0 `)
	f.int(max(f.n, 1))
	f.raw(` 24" preserveAspectRatio="none"><title>`)
	f.text(cut(t.Title, 200))
	f.raw(`: `)
	f.text(f.trend())
	f.raw(`</title><path class="grid" d="M-.5 24h`)
	f.int(max(f.n, 1))
	f.raw(`"/>`)
	if f.empty == "" {
		f.raw(`<path class="curve `, t.Tone.class(), `" d="`)
		f.polyline(0, f.Series[0].Values)
		f.raw(`"/>`)
	}
	f.raw(`</svg>`)
	return f.html()
}

func (f *frame) trend() string {
	switch {
	case f.empty == none:
		return "none"
	case f.empty != "":
		return "no data"
	}
	values, last, peak := f.Series[0].Values, "", 0.0
	for _, v := range values {
		if !isGap(v) {
			last, peak = exact(v, f.Unit), max(peak, v)
		}
	}
	return "latest " + last + ", peak " + exact(peak, f.Unit)
}
