package chart

import (
	"strconv"
	"time"
)

func appendUnix(b []byte, t time.Time) []byte { return strconv.AppendInt(b, t.Unix(), 10) }

// grid draws the lines of the value axis, and their labels left of the plot.
func (f *frame) grid() {
	f.canvas()
	f.raw(`<path class="grid" d="`)
	for _, v := range f.ticks {
		f.raw(`M-.5 `, itoa(f.Height-f.up(v)), `h`, itoa(max(f.n, 1)))
	}
	f.raw(`"/></svg>`)
	if f.empty == noData {
		return
	}
	f.raw(`<g text-anchor="end">`)
	for _, v := range f.ticks {
		f.raw(`<text x="-8"`)
		f.px("y", f.head+f.Height-f.up(v)+4)
		f.raw(`>`, short(v, f.Unit), `</text>`)
	}
	f.raw(`</g>`)
}

func (f *frame) clock() {
	f.raw(`<g class="clock" text-anchor="middle">`)
	for _, t := range timeTicks(f.From, f.end(), f.Location) {
		f.raw(`<text`)
		f.share("x", t.at)
		f.px("y", f.head+f.Height+17)
		if t.at > .97 {
			f.raw(` text-anchor="end"`)
		}
		f.raw(`>`, t.label, `</text>`)
	}
	f.raw(`</g>`)
}

// cover draws a rectangle over buckets, as high as the plot.
func (f *frame) cover(class string, from, to float64) {
	f.raw(`<rect class="`, class, `"`)
	f.share("x", from)
	f.share("width", to-from)
	f.px("y", f.head)
	f.px("height", f.Height)
	f.raw(`/>`)
}

// gaps tints the buckets that nothing is known of.
func (f *frame) gaps() {
	for i := 0; i < f.n; i++ {
		from := i
		for i < f.n && isGap(sum(f.Series, i)) {
			i++
		}
		if i > from {
			f.cover("gap", float64(from)/float64(f.n), float64(i)/float64(f.n))
		}
	}
}

// hatch marks the buckets that are still being filled.
func (f *frame) hatch() {
	from := f.unfinished()
	if from == f.n {
		return
	}
	f.raw(`<pattern id="`, f.ID, `-u" width="5" height="5" patternUnits="userSpaceOnUse"><path class="veil" d="M-1 1l2-2M0 5l5-5M4 6l2-2"/></pattern><g fill="url(#`, f.ID, `-u)">`)
	f.cover("open", float64(from)/float64(f.n), 1)
	f.raw(`</g>`)
}

func (f *frame) threshold() {
	if f.Threshold == nil {
		return
	}
	y := f.head + f.Height - f.up(f.Threshold.Value)
	f.raw(`<g class="limit"><line x2="100%"`)
	f.px("y1", y)
	f.px("y2", y)
	f.raw(`/><text x="4"`) // where it is quiet: what is shown ends with what happened
	if y-f.head < 14 {
		y += 16
	}
	f.px("y", y-4)
	f.raw(`>`)
	f.text(cut(f.Threshold.Name, 40))
	f.raw(` `, short(f.Threshold.Value, f.Unit), `</text></g>`)
}

// hits are the links of the buckets, as wide as these. They are hidden, which
// keeps them clickable (pointer-events), and keeps hundreds of stops out of the
// keyboard's way: that has the crosshair, and the links of the table.
func (f *frame) hits() {
	if f.Bucket == nil || f.n == 0 {
		return
	}
	f.raw(`<svg class="hits"`)
	f.px("y", f.head)
	f.px("height", f.Height)
	f.raw(` viewBox="-.5 0 `)
	f.int(f.n)
	// An empty title keeps the browser from showing the chart's own.
	f.raw(` 1" preserveAspectRatio="none" visibility="hidden" pointer-events="stroke"><title/>`)
	for i := range f.n {
		f.link(f.Bucket(f.begin(i), f.begin(i+1)))
		f.raw(`<path d="M`)
		f.int(i)
		f.raw(` 0v1"/></a>`)
	}
	f.raw(`</svg>`)
}

// at says a time for labels.
func (f *frame) at(t time.Time) string { return bucketLabel(t, min(f.Step, time.Hour), f.Location) }
