package chart

import (
	"math"
	"slices"
	"time"
)

// takeValues cleans what there is, and finds the top of the value axis.
func (f *frame) takeValues() {
	cut := f.takeSeries()
	f.bound()
	f.empty = f.emptiness()
	high := 0.0
	reach := func(values []float64) {
		for _, v := range values {
			if v > high {
				high = v
			}
		}
	}
	for _, s := range f.Series {
		reach(s.Values)
	}
	if f.stacked {
		f.totals = make([]float64, f.n)
		for i := range f.totals {
			f.totals[i] = clean(sum(f.Series, i))
		}
		reach(f.totals)
	}
	if f.Compare != nil {
		f.Compare = &Series{f.Compare.Name, f.Compare.Tone, take(f.Compare.Values, cut, f.n)}
		reach(f.Compare.Values)
	}
	if f.Baseline != nil {
		f.Baseline = &Baseline{f.Baseline.Name, take(f.Baseline.Low, cut, f.n), take(f.Baseline.High, cut, f.n)}
		reach(f.Baseline.Low)
		reach(f.Baseline.High)
	}
	if f.Threshold != nil {
		f.Threshold = &Threshold{f.Threshold.Name, clean(f.Threshold.Value)}
		if isGap(f.Threshold.Value) {
			f.Threshold = nil
		} else {
			high = max(high, f.Threshold.Value)
		}
	}
	f.ticks = ticks(high, f.Unit)
}

// takeSeries makes every series n values long, and says how many of the oldest
// it cut away for that.
func (f *frame) takeSeries() int {
	for _, s := range f.Series {
		f.n = max(f.n, len(s.Values))
	}
	cut := max(0, f.n-MaxPoints)
	f.n -= cut
	f.From = f.From.Add(time.Duration(cut) * f.Step)
	f.Series = slices.Clone(f.Series)
	for k := range f.Series {
		f.Series[k].Values = take(f.Series[k].Values, cut, f.n)
	}
	return cut
}

// take is n clean values from cut on; what is not there is a gap.
func take(values []float64, cut, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
		if cut+i < len(values) {
			out[i] = clean(values[cut+i])
		}
	}
	return out
}

// bound leaves MaxSeries: a stack stays whole, lines say how many are missing.
func (f *frame) bound() {
	if len(f.Series) <= MaxSeries {
		return
	}
	keep := MaxSeries
	if f.stacked {
		keep--
	}
	f.more = len(f.Series) - keep
	rest := f.Series[keep:]
	f.Series = f.Series[:keep:keep]
	if !f.stacked {
		return
	}
	f.more = 0
	others := Series{Name: "others", Tone: Other, Values: make([]float64, f.n)}
	for i := range others.Values {
		others.Values[i] = clean(sum(rest, i))
	}
	f.Series = append(f.Series, others)
}

// sum adds a bucket up; it is a gap where all are.
func sum(series []Series, i int) float64 {
	out := math.NaN()
	for _, s := range series {
		if v := s.Values[i]; math.IsNaN(out) {
			out = v
		} else if !math.IsNaN(v) {
			out += v
		}
	}
	return out
}

func (f *frame) emptiness() string {
	out := noData
	for _, s := range f.Series {
		for _, v := range s.Values {
			if v > 0 {
				return ""
			}
			if v == 0 {
				out = none
			}
		}
	}
	return out
}
