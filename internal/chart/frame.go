package chart

import (
	"html/template"
	"math"
	"time"
)

// frame is a plot whose values are clean and bounded, and the pen that draws
// it. Its series all have n values.
type frame struct {
	Plot
	pen
	stacked bool
	n       int
	more    int // series that are not drawn
	ticks   []float64
	totals  []float64 // of a stack
	head    int       // pixels above the plot, for labels of marks and bands
	stop    bool      // a heat map's cell is one of the keyboard
	empty   string
	looks   []look
}

const (
	noData = "No data in this time"
	none   = "None in this time"
)

const foot = 22 // pixels below the plot, for the time axis

func newFrame(p Plot, stacked bool) *frame {
	f := &frame{Plot: p, stacked: stacked, head: 8}
	f.ID = safeID(p.ID)
	if f.Location == nil {
		f.Location = time.UTC
	}
	f.Step = min(max(p.Step, time.Second), 31*day)
	if p.Height == 0 {
		f.Height = 160
	}
	f.Height = min(max(f.Height, 40), 600)
	f.takeValues()
	f.Marks, f.Bands = f.within(p.Marks), f.spans(p.Bands)
	if len(f.Bands) > 0 {
		f.head += 14
	}
	if len(f.Marks) > 0 {
		f.head += 14
	}
	f.looks = chooseLooks(f.Series)
	return f
}

func (f *frame) begin(i int) time.Time { return f.From.Add(time.Duration(i) * f.Step) }

func (f *frame) end() time.Time { return f.begin(max(f.n, 1)) }

// across is where a time is, between 0 and 1.
func (f *frame) across(t time.Time) float64 {
	return min(max(float64(t.Sub(f.From))/float64(f.end().Sub(f.From)), 0), 1)
}

// up is how many pixels above the time axis a value is.
func (f *frame) up(v float64) int {
	return min(int(math.Round(v/f.ticks[len(f.ticks)-1]*float64(f.Height))), f.Height)
}

// unfinished is the first bucket whose values are not final, or n.
func (f *frame) unfinished() int {
	if f.CompleteUntil.IsZero() {
		return f.n
	}
	return min(max(int(f.CompleteUntil.Sub(f.From)/f.Step), 0), f.n)
}

// figure is the whole: the key, and the picture.
func (f *frame) figure(draw func(*frame)) template.HTML {
	f.b = make([]byte, 0, 12<<10)
	f.raw(`<figure class="chart">`)
	f.key()
	f.raw(`<svg class="plot" id="`, f.ID, `" role="group" tabindex="0" aria-labelledby="`, f.ID, `-t `, f.ID, `-d" width="100%"`)
	f.px("height", f.head+f.Height+foot)
	f.data()
	f.raw(`><title id="`, f.ID, `-t">`)
	f.text(f.Title)
	f.raw(`</title><desc id="`, f.ID, `-d">`)
	f.text(f.summary())
	f.raw(`</desc>`)
	f.bands()
	f.grid()
	if f.n > 0 {
		f.gaps()
		draw(f)
		f.threshold()
		f.hatch()
	}
	if f.empty != "" {
		f.raw(`<text class="none" x="50%" text-anchor="middle"`)
		f.px("y", f.head+f.Height/2)
		f.raw(`>`, f.empty, `</text>`)
	}
	f.clock()
	f.hits()
	f.marks()
	f.raw(`</svg></figure>`)
	return f.html()
}

// data is what static/chart.js reads.
func (f *frame) data() {
	f.times()
	f.raw(` data-n="`)
	f.int(f.n)
	f.raw(`" data-unit="`, suffix(f.Unit), `" data-top="`)
	f.int(f.head)
	f.raw(`" data-high="`)
	f.int(f.Height)
	f.raw(`" data-open="`)
	f.int(f.unfinished())
	f.raw(`" data-v="`)
	for k, s := range f.rows() {
		if k > 0 {
			f.raw(";")
		}
		for i, v := range s.Values {
			if i > 0 {
				f.raw(",")
			}
			f.b = plain(f.b, v)
		}
	}
	f.raw(`"`)
}

// times is when the buckets are, for the same reader.
func (f *frame) times() {
	f.raw(` data-from="`)
	f.b = appendUnix(f.b, f.From)
	f.raw(`" data-step="`)
	f.int(int(f.Step / time.Second))
	f.raw(`" data-zone="`)
	f.text(zone(f.From, f.Location))
	f.raw(`"`)
}

// rows are the series and what they are compared with.
func (f *frame) rows() []Series {
	if f.Compare == nil {
		return f.Series
	}
	return append(f.Series[:len(f.Series):len(f.Series)], *f.Compare)
}
