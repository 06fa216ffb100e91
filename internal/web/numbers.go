package web

import (
	"html/template"
	"math"
	"strconv"
	"strings"

	"errata/internal/chart"
	"errata/internal/stats"
)

// none stands for what is not known. It is never a zero.
const none = "—"

// lowTraffic is how many requests a rate needs to be worth a look.
const lowTraffic = 100

const lowTrafficWhy = "Fewer than 100 requests in this period: a single failure moves the rate a lot"

// count writes how many; large numbers with three digits.
func count(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return none
	case v >= 999_500_000:
		return digits(v/1e9) + "G"
	case v >= 999_500:
		return digits(v/1e6) + "M"
	case v >= 99_950:
		return digits(v/1e3) + "k"
	}
	return grouped(int64(math.Round(v)))
}

// digits writes three digits without zeros behind the point.
func digits(v float64) string {
	places := 0
	if v < 100 {
		places = 2 - int(math.Floor(math.Log10(math.Max(v, .01))))
	}
	s := strconv.FormatFloat(v, 'f', min(max(places, 0), 2), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// percent writes a share (0..1). What is there at all is not 0%.
func percent(share float64) string {
	switch p := share * 100; {
	case math.IsNaN(p) || math.IsInf(p, 0):
		return none
	case p > 0 && p < .01:
		return "<0.01%"
	case p < 10:
		return digits(math.Round(p*100)/100) + "%"
	case p < 99.95:
		return strconv.FormatFloat(p, 'f', 1, 64) + "%"
	case p < 100:
		return ">99.9%"
	default:
		return "100%"
	}
}

// perMinute writes how often something happens.
func perMinute(n, minutes float64) string {
	switch v := n / minutes; {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return none
	case v == 0 || v >= 100:
		return count(v)
	case v < .01:
		return "<0.01"
	default:
		return digits(v)
	}
}

// factor writes a change: 4.1x.
func factor(f float64) string {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return none
	case f < 9.95:
		return strconv.FormatFloat(f, 'f', 1, 64) + "x"
	case f < 999.5:
		return strconv.FormatFloat(f, 'f', 0, 64) + "x"
	}
	return ">999x"
}

// change is how a series compares with the time before: "new" where there was
// nothing, "—" where that is not known.
func (v *view) change(s *stats.Series) string {
	if !v.blank && s.Before != nil && s.TotalBefore == 0 && s.Same > 0 {
		return "new"
	}
	return factor(s.Change())
}

// worse: more than twice, and not a handful.
func worse(s *stats.Series) bool { return s.Change() > 2 && s.Same-s.TotalBefore >= 10 }

// toneOf is the colour of a family.
func toneOf(family string) chart.Tone {
	switch t := chart.Tone(family); t {
	case chart.Us, chart.Upstream, chart.Limits, chart.Caller:
		return t
	}
	return chart.Other
}

// spark is a series as a line without axes.
func spark(title string, unit chart.Unit, tone chart.Tone, values []float64) template.HTML {
	if unit == chart.Percent {
		values = percents(values)
	}
	return chart.Spark(chart.Trend{Title: title, Unit: unit, Tone: tone, Values: values})
}

func percents(shares []float64) []float64 {
	out := make([]float64, len(shares))
	for i, v := range shares {
		out[i] = v * 100
	}
	return out
}

// unitOf is what so many of something are called.
func unitOf(n float64, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}
