package web

import (
	"html/template"
	"math"
	"time"

	"errata/internal/chart"
	"errata/internal/stats"
)

// tile is one number, how it went, and how it compares.
type tile struct {
	Name, Value, Unit string
	Path              string // what it counts; "" for nothing to show
	Note              string // what it is of, where that is not obvious
	Change            string // against the time before
	Worse             bool
	Spark             template.HTML
}

// rateTile is a share of all requests, or, where nobody counts requests, how
// many failures there were: a rate is never made up.
func (v *view) rateTile(name string, tone chart.Tone, rate, counted *reply, path string) tile {
	t := tile{Name: name, Path: path, Value: none}
	if s := rate.one(); s != nil && !rate.NoTotals {
		t.Value, t.Spark = percent(s.Total), spark(name, chart.Percent, tone, rate.over(s.Values))
		t.compare(v, s)
		if s.Requests < lowTraffic {
			t.Note = "of only " + count(s.Requests) + " requests"
		} else if rate.Covered < .98 {
			t.Note = "of " + percent(rate.Covered) + " of the failures"
		}
		return t
	}
	s := counted.one()
	if s == nil {
		t.Note = "not with this filter"
		return t
	}
	t.Value, t.Unit, t.Spark = count(s.Total), unitOf(s.Total, "failure"), spark(name, chart.Count, tone, counted.over(s.Values))
	t.compare(v, s)
	t.Note = uncounted(rate)
	return t
}

// uncounted is why there is no rate.
func uncounted(r *reply) string {
	if r.Why != "" {
		return "no rates with this filter"
	}
	return "requests are not counted"
}

// flowTile is how many requests come a minute, or how many failures where
// nobody counts requests.
func (v *view) flowTile(requests, failures *reply) tile {
	r, name, unit, note := requests, "Requests", "/min", ""
	if requests.total() == 0 {
		r, name, note = failures, "Failures", uncounted(requests)
	}
	t := tile{Name: name, Unit: unit, Note: note, Value: none}
	s := r.one()
	if s == nil {
		t.Note = "not with this filter"
		return t
	}
	if name == "Failures" {
		t.Path = v.failures()
	}
	length := min(r.To.Sub(r.From), v.now.Sub(r.From))
	t.Value = perMinute(s.Total, math.Max(length.Minutes(), 1))
	t.Spark = spark(name+" per "+stepWords(max(r.Step, time.Minute)), chart.Count, chart.Other, r.over(s.Values))
	t.compare(v, s)
	t.Worse = t.Worse && name == "Failures" // more requests are no trouble
	return t
}

// customersTile is how many customers were affected.
func (v *view) customersTile(r *reply) tile {
	t := tile{Name: "Customers affected", Value: none}
	s := r.one()
	if s == nil {
		t.Note = "not with this filter"
		return t
	}
	if t.Value = count(s.Total); !r.Exact {
		t.Value, t.Note = "≈ "+t.Value, "estimated within 2 %"
	}
	t.Path, t.Spark = v.failures(), spark("Customers affected", chart.Count, chart.Other, r.over(s.Values))
	t.compare(v, s)
	return t
}

func (t *tile) compare(v *view, s *stats.Series) {
	t.Change, t.Worse = v.change(s), worse(s) || s.Change() > 2 && s.Total < 1 && s.Errors >= 10
}
