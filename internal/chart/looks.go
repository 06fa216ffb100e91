package chart

import "slices"

// look is how a series is told apart without its colour: the number of a
// pattern of fills, and of a dash of lines. 0 is solid.
type look int

var favourites = []Tone{Us, Upstream, Limits, Caller, OK, Other}

// fills are the ink on a light ground of the same colour, in tiles of 6 pixels.
var fills = [...]string{
	"",
	`<circle cx="1.5" cy="1.5" r="1"/><circle cx="4.5" cy="4.5" r="1"/>`,
	`<path d="M-1 1l2-2M0 6l6-6M5 7l2-2"/>`,
	`<path d="M0 1.5h6"/>`,
	`<path d="M1.5 0v6"/>`,
	`<path d="M1.5 0v6M0 1.5h6"/>`,
}

var dashes = [...]string{"", "2 3", "7 3", "9 3 2 3", "4 2", "1 4"}

func (t Tone) class() string {
	if slices.Contains(favourites, t) {
		return string(t)
	}
	return string(Other)
}

// chooseLooks gives each series the look of its tone, or, where an earlier one
// has that, the next that is free.
func chooseLooks(series []Series) []look {
	out := make([]look, len(series))
	var taken [len(fills)]bool
	for k, s := range series {
		at := max(0, slices.Index(favourites, Tone(s.Tone.class())))
		for taken[at] {
			at = (at + 1) % len(fills)
		}
		taken[at], out[k] = true, look(at)
	}
	return out
}

// pattern defines the fill of series k; solid ones have none.
func (f *frame) pattern(k int) {
	if f.looks[k] == 0 {
		return
	}
	f.raw(`<pattern id="`, f.ID, `-p`)
	f.int(k)
	f.raw(`" class="`, f.Series[k].Tone.class(), `" width="6" height="6" patternUnits="userSpaceOnUse"><path class="ground" d="M0 0h6v6H0z"/>`, fills[f.looks[k]], `</pattern>`)
}

// fill is the attribute that paints with it.
func (f *frame) fill(k int) {
	if f.looks[k] == 0 {
		f.raw(` class="solid `, f.Series[k].Tone.class(), `"`)
		return
	}
	f.raw(` fill="url(#`, f.ID, `-p`)
	f.int(k)
	f.raw(`)"`)
}

// line is the attributes of the line of a series.
func (f *frame) line(k int) {
	f.raw(` class="curve `, f.Series[k].Tone.class(), `"`)
	if d := dashes[f.looks[k]]; d != "" {
		f.raw(` stroke-dasharray="`, d, `"`)
	}
}

// key names what is drawn, with a swatch of each. The script reads the names of
// the first entries, which are in the order of the values.
func (f *frame) key() {
	f.raw(`<ul class="key">`)
	for k, s := range f.Series {
		f.raw(`<li><svg width="14" height="12">`)
		if f.stacked {
			f.pattern(k)
			f.raw(`<rect width="14" height="12"`)
			f.fill(k)
			f.raw(`/>`)
		} else {
			f.raw(`<path d="M0 6h14"`)
			f.line(k)
			f.raw(`/>`)
		}
		f.raw(`</svg>`)
		f.text(cut(s.Name, 60))
		f.raw(`</li>`)
	}
	if f.Compare != nil {
		f.raw(`<li><svg width="14" height="12"><path class="past" d="M0 6h14"/></svg>`)
		f.text(cut(f.Compare.Name, 60))
		f.raw(`</li>`)
	}
	if f.Baseline != nil {
		f.raw(`<li><svg width="14" height="12"><rect class="usual" width="14" height="12"/></svg>`)
		f.text(cut(f.Baseline.Name, 60))
		f.raw(`</li>`)
	}
	if f.unfinished() < f.n {
		f.raw(`<li class="sofar">hatched: so far</li>`)
	}
	f.raw(`</ul>`)
}
