package chart

import (
	"slices"
	"unicode/utf8"
)

// within keeps the newest marks of the time that is shown, in order.
func (f *frame) within(marks []Mark) []Mark {
	var out []Mark
	for _, m := range marks {
		if !m.At.Before(f.From) && m.At.Before(f.end()) {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b Mark) int { return a.At.Compare(b.At) })
	return out[max(0, len(out)-MaxMarks):]
}

// spans keeps the newest bands that reach into the time that is shown.
func (f *frame) spans(bands []Band) []Band {
	var out []Band
	for _, b := range bands {
		if b.To.IsZero() {
			b.To = f.end()
		}
		if b.From.Before(f.end()) && b.To.After(f.From) && b.From.Before(b.To) {
			out = append(out, b)
		}
	}
	slices.SortStableFunc(out, func(a, b Band) int { return a.From.Compare(b.From) })
	return out[max(0, len(out)-MaxMarks):]
}

// bands tints what they cover; their links stand in a line above the plot.
func (f *frame) bands() {
	for _, b := range f.Bands {
		f.cover("band", f.across(b.From), f.across(b.To))
	}
}

// marks are the moments, and the links of moments and bands: after everything
// else, so that nothing lies over them.
func (f *frame) marks() {
	y, room := 12, 0.0
	for i, b := range f.Bands {
		from, to, next := f.across(b.From), f.across(b.To), 1.0
		if i+1 < len(f.Bands) {
			next = f.across(f.Bands[i+1].From)
		}
		f.link(b.Href)
		f.raw(`<title>`)
		f.text(cut(b.Label, 200) + ", from " + f.at(b.From) + " to " + f.at(b.To))
		f.raw(`</title><rect class="lid"`)
		f.share("x", from)
		f.share("width", to-from)
		f.px("y", f.head-3)
		f.raw(` height="3"/>`)
		room = f.label(b.Label, from, y, room, next)
		f.raw(`</a>`)
	}
	if len(f.Bands) > 0 {
		y += 14
	}
	room = 0
	for i, m := range f.Marks {
		x, next := f.across(m.At), 1.0
		if i+1 < len(f.Marks) {
			next = f.across(f.Marks[i+1].At)
		}
		f.raw(`<line class="moment"`)
		f.share("x1", x)
		f.share("x2", x)
		f.px("y1", y-4)
		f.px("y2", f.head+f.Height)
		f.raw(`/>`)
		f.link(m.Href)
		f.raw(`<title>`)
		f.text(cut(m.Label, 200) + ", " + f.at(m.At))
		f.raw(`</title><circle class="pin" r="3"`)
		f.share("cx", x)
		f.px("cy", y-4)
		f.raw(`/>`)
		room = f.label(m.Label, x, y, room, next)
		f.raw(`</a>`)
	}
}

// label writes beside a point what there is room for: right of it up to the
// next point, else left of it down to the last label or point, else nothing.
// It returns where room begins for the next. The width is taken for 800 pixels;
// narrow pages hide these labels.
func (f *frame) label(s string, x float64, y int, room, next float64) float64 {
	s = cut(s, 24)
	width := float64(utf8.RuneCountInString(s))*6.6/800 + .015
	anchor, by, end := "", "7", x+width
	if end > next {
		if x-width < room {
			return x + .01
		}
		anchor, by, end = ` text-anchor="end"`, "-7", x+.01
	}
	f.raw(`<text class="name"`, anchor)
	f.share("x", x)
	f.raw(` dx="`, by, `"`)
	f.px("y", y)
	f.raw(`>`)
	f.text(s)
	f.raw(`</text>`)
	return end
}
