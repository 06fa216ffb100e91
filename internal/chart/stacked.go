package chart

import "strconv"

// stack draws from the whole down to the first series, each over the one
// before. Their outlines are clips over rectangles, in shares of these: so
// bars are stretched to the width of the page, and patterns are not.
func (f *frame) stack() {
	f.usual()
	if f.empty == "" {
		f.slots()
		f.raw(`<g mask="url(#`, f.ID, `-m)">`)
		levels := f.levels()
		for k := len(f.Series) - 1; k >= 0; k-- {
			f.raw(`<clipPath id="`, f.ID, `-k`)
			f.int(k)
			f.raw(`" clipPathUnits="objectBoundingBox"><path transform="scale(`)
			f.b = appendFraction(f.b, f.n)
			f.raw(` `)
			f.b = appendFraction(f.b, f.Height)
			f.raw(`)" d="`)
			f.outline(levels[k])
			f.raw(`"/></clipPath><rect width="100%"`)
			f.px("y", f.head)
			f.px("height", f.Height)
			f.fill(k)
			f.raw(` clip-path="url(#`, f.ID, `-k`)
			f.int(k)
			f.raw(`)"/>`)
		}
		f.raw(`</g>`)
	}
	f.past()
}

// levels are the heights of the sums up to each series. What is there at all
// is a pixel high at least: one failure of ours among thousands is seen.
func (f *frame) levels() [][]int {
	out := make([][]int, len(f.Series))
	all := make([]int, f.n*len(f.Series))
	for k := range out {
		out[k] = all[k*f.n : (k+1)*f.n]
	}
	for i := range f.n {
		total, below := 0.0, 0
		for k, s := range f.Series {
			if v := s.Values[i]; v > 0 {
				total += v
				below = min(max(f.up(total), below+1), f.Height)
			}
			out[k][i] = below
		}
	}
	return out
}

// outline is the area under steps of a bucket's width, in pixels upwards.
func (f *frame) outline(level []int) {
	f.raw(`M0 `)
	f.int(f.Height)
	at, run := 0, 0
	flush := func() {
		if run > 0 {
			f.raw(`h`)
			f.int(run)
		}
		run = 0
	}
	for _, l := range level {
		if l != at {
			flush()
			f.raw(`v`)
			f.int(at - l)
			at = l
		}
		run++
	}
	flush()
	f.raw(`V`)
	f.int(f.Height)
}

// slots leaves a little room between bars, as long as there is some.
func (f *frame) slots() {
	bar, room := 8, 2
	switch {
	case f.n > 150:
		bar, room = 10, 0
	case f.n > 40:
		bar, room = 9, 1
	}
	f.raw(`<mask id="`, f.ID, `-m"><line x2="100%" stroke="#fff"`)
	f.px("y1", f.head+f.Height/2)
	f.px("y2", f.head+f.Height/2)
	f.px("stroke-width", 2*f.Height)
	if room > 0 {
		f.px("pathLength", 10*f.n)
		f.raw(` stroke-dasharray="`)
		f.int(bar)
		f.raw(` `)
		f.int(room)
		f.raw(`" stroke-dashoffset="-`)
		f.num(float64(room) / 2)
		f.raw(`"`)
	}
	f.raw(`/></mask>`)
}

// appendFraction writes 1/n with as many digits as a plot of 2,000 pixels needs.
func appendFraction(b []byte, n int) []byte {
	s := strconv.FormatFloat(1/float64(n), 'g', 6, 64)
	if len(s) > 1 && s[0] == '0' {
		s = s[1:]
	}
	return append(b, s...)
}
