package simulate

import "errata/internal/detect"

// Detector says in which minutes of a series it pages.
type Detector struct {
	Name string
	Page func(*Series) []detect.Minute
}

// Ours is the product's own evaluator.
func Ours(name string, set detect.Settings) Detector {
	return Detector{name, func(s *Series) []detect.Minute { return paged(Incidents(s, true, set)) }}
}

// CountMode is the same without request totals, paging.
func CountMode(set detect.Settings) Detector {
	set.CountPages = true
	return Detector{"ours, no totals", func(s *Series) []detect.Minute { return paged(Incidents(s, false, set)) }}
}

func paged(all []detect.Incident) (pages []detect.Minute) {
	for _, i := range all {
		if i.Level == detect.Page {
			pages = append(pages, i.Fired)
		}
	}
	return pages
}

// Incidents replays a series, with or without its totals.
func Incidents(s *Series, totals bool, set detect.Settings) []detect.Incident {
	replay := detect.NewReplay(s.Samples[0].Minute, totals, detect.Server, &set)
	var book detect.Book
	for _, sample := range s.Samples {
		if !totals {
			sample.Requests = detect.Unknown
		}
		replay.Add(sample)
		book.Note(replay.Close(sample.Minute))
	}
	return book.Incidents
}

// Practices are what people commonly write into their alerting rules. They end
// as such rules do, in the first minute in which they do not hold.
func Practices() []Detector {
	return []Detector{
		practice("5m > 5 %, no guard", 1, func(s *Series, c *sums, t int) bool {
			return c.rate(t, 5) > 0.05
		}),
		practice("1m > 10 % and > 3 errors", 1, func(s *Series, c *sums, t int) bool {
			e, _ := c.window(t, 1)
			return c.rate(t, 1) > 0.10 && e > 3
		}),
		practice("5m > 5 %, >= 10 errors, for 5m", 5, func(s *Series, c *sums, t int) bool {
			e, _ := c.window(t, 5)
			return c.rate(t, 5) > 0.05 && e >= 10
		}),
		practice("multi-window burn rate, >= 10 errors", 1, func(s *Series, c *sums, t int) bool {
			budget := s.Base
			e60, _ := c.window(t, 60)
			e360, _ := c.window(t, 360)
			return e60 >= 10 && c.rate(t, 60) > 14.4*budget && c.rate(t, 5) > 14.4*budget ||
				e360 >= 10 && c.rate(t, 360) > 6*budget && c.rate(t, 30) > 6*budget
		}),
	}
}

// practice pages when a condition has held for so many minutes.
func practice(name string, lasting int, holds func(*Series, *sums, int) bool) Detector {
	return Detector{name, func(s *Series) []detect.Minute {
		c := newSums(s)
		var pages []detect.Minute
		held := 0
		for t := range s.Samples {
			if !holds(s, c, t) {
				held = 0
				continue
			}
			if held++; held == lasting {
				pages = append(pages, s.Samples[t].Minute)
			}
		}
		return pages
	}}
}

// sums are running sums of a series.
type sums struct{ e, n []float64 }

func newSums(s *Series) *sums {
	c := &sums{e: make([]float64, len(s.Samples)+1), n: make([]float64, len(s.Samples)+1)}
	for i, m := range s.Samples {
		c.e[i+1] = c.e[i] + float64(m.Errors)
		c.n[i+1] = c.n[i] + float64(m.Requests)
	}
	return c
}

func (c *sums) window(t, minutes int) (e, n float64) {
	from := max(t+1-minutes, 0)
	return c.e[t+1] - c.e[from], c.n[t+1] - c.n[from]
}

func (c *sums) rate(t, minutes int) float64 {
	e, n := c.window(t, minutes)
	if n == 0 {
		return 0
	}
	return e / n
}
