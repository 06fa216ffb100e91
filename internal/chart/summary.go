package chart

import (
	"math"
	"strconv"
	"strings"
)

// summary says the chart in words: what its peak is, its latest value, and,
// where values are counts, how many there are.
func (f *frame) summary() string {
	if f.n == 0 || f.empty == noData {
		return noData + "."
	}
	if f.empty != "" {
		return f.period() + none + "."
	}
	var b strings.Builder
	b.WriteString(f.period())
	if f.stacked {
		f.describe(&b, "All together", f.totals)
	}
	if len(f.Series) > 1 || !f.stacked {
		for _, s := range f.Series {
			f.describe(&b, cut(s.Name, 60), s.Values)
		}
	}
	if f.more > 0 {
		b.WriteString(strconv.Itoa(f.more) + " more are not drawn. ")
	}
	return strings.TrimSpace(b.String())
}

func (f *frame) period() string {
	return "From " + f.at(f.From) + " to " + f.at(f.end()) + " " + f.end().In(f.Location).Format("MST") + ". "
}

func (f *frame) describe(b *strings.Builder, name string, values []float64) {
	peak, latest, total := -1, -1, 0.0
	for i, v := range values {
		if isGap(v) {
			continue
		}
		if peak < 0 || v > values[peak] {
			peak = i
		}
		if i < f.unfinished() || latest < 0 {
			latest = i
		}
		total += v
	}
	b.WriteString(name)
	switch {
	case peak < 0:
		b.WriteString(": no data. ")
		return
	case values[peak] == 0:
		b.WriteString(": none. ")
		return
	}
	b.WriteString(": peak " + exact(values[peak], f.Unit) + " at " + f.at(f.begin(peak)) + ", latest " + exact(values[latest], f.Unit))
	if f.Unit == Count {
		b.WriteString(", total " + exact(clean(math.Min(total, maxValue)), f.Unit))
	}
	b.WriteString(". ")
}
