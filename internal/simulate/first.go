package simulate

import (
	"math"
	"slices"

	"errata/internal/detect"
)

// First is rules A to D as the page on alerting gives them, with the rates that
// ours learned: what the rules of package detect are measured against.
func First() Detector {
	return firstWritten("rules A-D as first written", true, func(c *sums, t int, b *detect.Baseline, phi float64) (fires, spike, well bool) {
		return c.first(t, b.Rate, phi)
	})
}

// CountFirst is rule F as it was written there, with the counts that ours learned.
func CountFirst() Detector {
	return firstWritten("rule F as first written, no totals", false, func(c *sums, t int, b *detect.Baseline, _ float64) (fires, spike, well bool) {
		return c.firstCount(t, b.Count)
	})
}

type firstRules func(c *sums, t int, b *detect.Baseline, phi float64) (fires, spike, well bool)

func firstWritten(name string, totals bool, rules firstRules) Detector {
	return Detector{name, func(s *Series) []detect.Minute {
		c, set := newSums(s), detect.Default()
		history := detect.NewHistory(s.Samples[0].Minute, totals)
		var b detect.Baseline
		phi := 1.0
		var pages []detect.Minute
		firing, held, clear, resolved := false, 0, 0, -1000
		for t, sample := range s.Samples {
			if !totals {
				sample.Requests = detect.Unknown
			}
			history.Add(sample)
			if t%5 == 0 && !firing {
				past := history.Past(sample.Minute)
				b, phi = detect.Learn(past, &set), firstPhi(past)
			}
			fires, spike, well := rules(c, t, &b, phi)
			if spike {
				held++
			} else {
				held = 0
			}
			if fires = fires || held >= 5; fires || !well {
				clear = 0
			} else {
				clear++
			}
			switch {
			case !firing && fires && b.Minutes >= set.NewMinutes:
				firing = true
				history.Mask(sample.Minute-15, sample.Minute)
				if t-resolved > 30 {
					pages = append(pages, sample.Minute)
				}
			case firing && clear >= 10:
				firing, resolved = false, t
			}
			if firing {
				history.Mask(sample.Minute, sample.Minute)
			}
		}
		return pages
	}}
}

// firstCount compares counts with mu, normal errors per minute.
func (c *sums) firstCount(t int, mu float64) (fires, spike, well bool) {
	errors := func(w int) float64 { e, _ := c.window(t, w); return e }
	z := func(w int) float64 { return 2 * (math.Sqrt(errors(w)+0.375) - math.Sqrt(float64(w)*mu+0.375)) }
	above := func(w int, times float64) bool { return errors(w) >= times*float64(w)*mu }
	spike = z(5) >= 5 && errors(5) >= max(10, 20*mu) && errors(1) >= max(1, 2*mu)
	slow := z(60) >= 5 && errors(60) >= 30 && above(60, 4) && above(20, 2) && above(5, 2) && above(2, 2) && errors(2) >= 1
	return slow, spike, errors(5) <= max(2, 10*mu)
}

func (c *sums) first(t int, p0, phi float64) (fires, spike, well bool) {
	z := func(w int) float64 {
		e, n := c.window(t, w)
		return 2 * (math.Sqrt(e+0.375) - math.Sqrt(p0*n+0.375)) / math.Sqrt(phi)
	}
	limit := max(3*p0, 0.02)
	e1, n1 := c.window(t, 1)
	e2, _ := c.window(t, 2)
	e5, n5 := c.window(t, 5)
	e15, n15 := c.window(t, 15)
	e60, n60 := c.window(t, 60)
	r5, r15, r60 := e5/max(n5, 1), e15/max(n15, 1), e60/max(n60, 1)
	spike = z(5) >= 5 && e5 >= 10 && r5 >= limit && e1 >= 1 && e1/max(n1, 1) >= limit/2
	fast := z(5) >= 12 && e2 >= 20
	for i := range 3 {
		if t >= i {
			e, n := c.window(t-i, 1)
			fast = fast && n > 0 && e/n >= 0.25
		}
	}
	slow := e60 >= 30 && r60 >= limit && z(60) >= 5 && z(15) >= 3
	low := n5 < 100 && e60 >= 8 && wilson(e60, n60) >= 0.15 && z(60) >= 4 && e15 >= 2 && r15 >= 0.15
	well = (r5 < max(1.5*p0, 0.01) || z(5) < 2 && r5 < limit) && (n5 >= 100 || r15 < 0.10)
	return fast || slow || low, spike, well
}

// firstPhi is how much more than chance five minutes of the day vary, the 3 % that
// do most left out; at most 10.
func firstPhi(past *detect.Past) float64 {
	errors, requests := 0.0, 0.0
	for _, b := range past.Day {
		errors, requests = errors+float64(b.Errors), requests+float64(b.Requests)
	}
	var seen []float64
	for _, b := range past.Day {
		if mu := errors / max(requests, 1) * float64(b.Requests); mu > 0.2 {
			d := float64(b.Errors) - mu
			seen = append(seen, d*d/mu)
		}
	}
	if len(seen) < 12 {
		return 1
	}
	slices.Sort(seen)
	sum, n := 0.0, len(seen)-int(math.Ceil(0.03*float64(len(seen))))
	for _, x := range seen[:n] {
		sum += x
	}
	return min(max(sum/float64(n), 1), 10)
}

func wilson(e, n float64) float64 {
	if n == 0 {
		return 0
	}
	const z = 1.96
	p := e / n
	return (p + z*z/(2*n) - z*math.Sqrt(max(p*(1-p), 0)/n+z*z/(4*n*n))) / (1 + z*z/n)
}
