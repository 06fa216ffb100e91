package simulate

import (
	"slices"

	"errata/internal/detect"
)

// slack is for how many minutes after an incident's end a page still counts as
// one about it.
const slack = 5

// Score is how a detector did over some series.
type Score struct {
	Incidents, Found   int // that must page
	False              int // pages about nothing
	Flaps              int // further pages about an incident
	Weeks              float64
	Delay, OutageDelay []int // minutes from the beginning until the end of the minute that paged
	Missed             map[string]int
	FalseIn            map[string]int
}

// Add scores the pages of one series.
func (c *Score) Add(s *Series, pages []detect.Minute) {
	if c.Missed == nil {
		c.Missed, c.FalseIn = map[string]int{}, map[string]int{}
	}
	c.Weeks += Days/7 - Warm/7
	used := make([]bool, len(pages))
	for _, e := range s.Truth {
		first := -1
		for i, p := range pages {
			at := int(p - Start)
			if at < e.From || at >= e.To+slack || e.Kind == Blip {
				continue
			}
			used[i] = true
			if first >= 0 {
				c.Flaps++
			} else {
				first = at
			}
		}
		if !e.Kind.MustPage() {
			continue
		}
		c.Incidents++
		if first < 0 {
			c.Missed[s.Class.Name+" "+string(e.Kind)]++
			continue
		}
		c.Found++
		c.Delay = append(c.Delay, first+1-e.From)
		if e.Kind != Partial {
			c.OutageDelay = append(c.OutageDelay, first+1-e.From)
		}
	}
	for i, p := range pages {
		if !used[i] && int(p-Start) >= Warm*day {
			c.False++
			c.FalseIn[s.Class.Name+" "+s.near(int(p-Start))]++
		}
	}
}

// near names what was there where nobody should have been woken.
func (s *Series) near(at int) string {
	for _, e := range s.Truth {
		if at >= e.From && at < e.To+60 {
			return "after " + string(e.Kind)
		}
	}
	return "noise"
}

// Precision, Recall and F1 count events.
func (c *Score) Precision() float64 { return share(c.Found, c.Found+c.False) }

// OfPages is the share of pages that are about an incident, further pages about
// the same included: what it looks like to who is paged, and kinder to rules that flap.
func (c *Score) OfPages() float64 { return share(c.Found+c.Flaps, c.Found+c.Flaps+c.False) }

// Recall is the share of incidents that paged.
func (c *Score) Recall() float64 { return share(c.Found, c.Incidents) }

// F1 is the harmonic mean of both.
func (c *Score) F1() float64 {
	p, r := c.Precision(), c.Recall()
	if p+r == 0 {
		return 0
	}
	return 2 * p * r / (p + r)
}

// FalsePerWeek is per 100 series.
func (c *Score) FalsePerWeek() float64 { return 100 * float64(c.False) / c.Weeks }

// FlapsPerIncident is how many pages too many an incident has.
func (c *Score) FlapsPerIncident() float64 { return share(c.Flaps, c.Incidents) }

func share(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// Quantile of delays; 0 when there are none.
func Quantile(delays []int, q float64) int {
	if len(delays) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(delays))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
