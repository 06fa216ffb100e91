package detect

import (
	"math"
	"slices"
	"time"
)

// Values is the two-sided mode, for series that are measures and not counts: no
// requests, no zero, no direction that is good. It follows the plan of the
// rules: windows of several lengths are compared with what comes before them,
// and what differs more than such windows ever did is an incident, which is
// said once. It shares no number with the rules. A missing value is skipped: it
// is neither zero nor like its neighbours.
type Values struct {
	at    []time.Time
	x     []float64 // the values kept, oldest first
	all   ranked    // the same, by size
	past  [comparisons]ranked
	first time.Time
	seen  int // values so far
	fired int // seen when it last fired; 0: never
}

const (
	comparisons  = 5
	usualValues  = 2016           // values that say what is usual: a week at five minutes each
	warmValues   = 150            // values of a comparison before it may fire
	warmTime     = 48 * time.Hour // each time of day was there twice
	quietValues  = 144            // values after an incident that are part of it
	extremeRank  = 0.998
	extremeTimes = 1.3 // above the usual extreme
)

// NewValues begins a series. There is nothing to set.
func NewValues() *Values { return &Values{} }

// Add takes the next value, and says whether an incident begins with it.
func (v *Values) Add(at time.Time, value float64) bool {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return false
	}
	if v.seen++; v.seen == 1 {
		v.first = at
	}
	v.at, v.x = append(v.at, at), append(v.x, value)
	v.all.add(value)
	if len(v.x) > usualValues {
		v.at, v.x = v.at[1:], v.x[1:]
	}
	worst := 0.0
	for i := range v.past {
		d, ok := v.differs(i)
		if !ok {
			continue
		}
		worst = max(worst, v.past[i].times(d))
		v.past[i].add(d)
	}
	if worst < extremeTimes || at.Sub(v.first) < warmTime || (v.fired > 0 && v.seen-v.fired < quietValues) {
		return false
	}
	v.fired = v.seen
	return true
}

// differs says by how much the newest values differ from what is compared with
// them, in five ways; and whether there is enough to compare.
func (v *Values) differs(way int) (float64, bool) {
	n := len(v.x)
	last, before := 0.0, 0.0
	switch way {
	case 0: // one value, and the middle of all
		if n <= 50 {
			return 0, false
		}
		last, before = v.x[n-1], v.all.at(0.5)
	case 1: // one value, and the middle of those just before
		if n < 8 {
			return 0, false
		}
		near := slices.Clone(v.x[n-8 : n-1])
		slices.Sort(near)
		last, before = v.x[n-1], near[3]
	case 2: // an hour, and five hours
		if n < 72 {
			return 0, false
		}
		last, before = mean(v.x[n-12:]), mean(v.x[n-72:n-12])
	case 3: // half a day, and half a day
		if n < 300 {
			return 0, false
		}
		last, before = mean(v.x[n-144:]), mean(v.x[n-300:n-144])
	case 4: // half an hour, and the same yesterday
		yesterday, ok := v.yesterday()
		if !ok || n < 6 {
			return 0, false
		}
		last, before = mean(v.x[n-6:]), yesterday
	}
	return math.Abs(last - before), true
}

// yesterday is the half hour that ended a day before the newest value.
func (v *Values) yesterday() (float64, bool) {
	want := v.at[len(v.at)-1].Add(-24 * time.Hour)
	i, _ := slices.BinarySearchFunc(v.at, want, func(a, b time.Time) int { return a.Compare(b) })
	if i < 6 || i >= len(v.at)-1 || v.at[i].Sub(want) > time.Hour {
		return 0, false
	}
	return mean(v.x[i-5 : i+1]), true
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// ranked keeps the last numbers in their order and by their size.
type ranked struct{ order, size []float64 }

func (r *ranked) add(x float64) {
	i, _ := slices.BinarySearch(r.size, x)
	r.size = slices.Insert(r.size, i, x)
	if r.order = append(r.order, x); len(r.order) > usualValues {
		i, _ := slices.BinarySearch(r.size, r.order[0])
		r.size, r.order = slices.Delete(r.size, i, i+1), r.order[1:]
	}
}

func (r *ranked) at(rank float64) float64 {
	return r.size[min(int(rank*float64(len(r.size))), len(r.size)-1)]
}

// times is how many times the usual extreme a number is.
func (r *ranked) times(x float64) float64 {
	if len(r.size) < warmValues {
		return 0
	}
	switch usual := r.at(extremeRank); {
	case usual > 0:
		return x / usual
	case x > 0:
		return math.Inf(1)
	}
	return 0
}
