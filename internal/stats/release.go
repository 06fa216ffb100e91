package stats

import (
	"fmt"
	"math"
)

// Verdict is what can be said of two stretches of time.
type Verdict string

// The verdicts. TooFew: the numbers are too small to say anything.
const (
	Worse   Verdict = "worse"
	Better  Verdict = "better"
	Similar Verdict = "similar"
	TooFew  Verdict = "too_few"
)

// Bucket is the failures and requests of a step of time. Requests is NaN where
// none are counted.
type Bucket struct{ Errors, Requests float64 }

// Comparison is how failures after a point in time relate to those before.
type Comparison struct {
	Before, After Bucket  // sums
	Ratio         float64 // of the rates, or of failures per step without requests; NaN if there were none before
	Low, High     float64 // the 95 % interval of Ratio
	Verdict       Verdict
	// ByRequests: the ratio is one of rates. Otherwise more traffic alone makes
	// it larger.
	ByRequests bool
	// Dispersion is by how much failures vary more than by chance (at least 1):
	// they come in bunches, and the interval is wider for it.
	Dispersion float64
}

const (
	// z95 is the normal quantile of a two-sided 95 % interval.
	z95 = 1.959964
	// enough failures in both stretches together to say anything.
	enough = 10
	// matters is the smallest factor that is called a difference.
	matters = 1.2
)

// CompareStretches compares failures after with those before. Given both
// numbers, how many of them fell into the second stretch is binomial; the
// interval is Wilson's (https://doi.org/10.1080/01621459.1927.10502953) over
// counts that are made smaller by the dispersion (quasi-Poisson), and turned into
// one of the ratio of rates.
func CompareStretches(before, after []Bucket) Comparison {
	c := Comparison{Before: sum(before), After: sum(after), Ratio: math.NaN(), Low: math.NaN(), High: math.NaN(), Verdict: TooFew, Dispersion: 1}
	c.ByRequests = c.Before.Requests > 0 && c.After.Requests > 0
	exposure := func(b Bucket, steps int) float64 {
		if c.ByRequests {
			return b.Requests
		}
		return float64(steps)
	}
	e0, e1 := exposure(c.Before, len(before)), exposure(c.After, len(after))
	if e0 <= 0 || e1 <= 0 {
		return c
	}
	c.Dispersion = max(1, (chi2(before, c.ByRequests)+chi2(after, c.ByRequests))/float64(max(1, len(before)+len(after)-2)))
	if c.Before.Errors > 0 {
		c.Ratio = (c.After.Errors / e1) / (c.Before.Errors / e0)
	}
	n := (c.Before.Errors + c.After.Errors) / c.Dispersion
	if n*c.Dispersion < enough {
		return c
	}
	low, high := wilson(c.After.Errors/c.Dispersion, n)
	c.Low, c.High = odds(low)*e0/e1, odds(high)*e0/e1
	switch {
	case c.Low > 1 && !(c.Ratio < matters): // NaN: from nothing to something
		c.Verdict = Worse
	case c.High < 1 && c.Ratio < 1/matters:
		c.Verdict = Better
	case c.High/c.Low < 4:
		c.Verdict = Similar
	}
	return c
}

func sum(list []Bucket) (out Bucket) {
	for _, b := range list {
		out.Errors += b.Errors
		if !math.IsNaN(b.Requests) {
			out.Requests += b.Requests
		}
	}
	return out
}

// chi2 is Pearson's statistic of a stretch against its own mean rate.
func chi2(list []Bucket, byRequests bool) (out float64) {
	total, exposure := 0.0, 0.0
	weight := func(b Bucket) float64 {
		switch {
		case !byRequests:
			return 1
		case math.IsNaN(b.Requests):
			return 0
		}
		return b.Requests
	}
	for _, b := range list {
		total, exposure = total+b.Errors, exposure+weight(b)
	}
	if exposure == 0 {
		return 0
	}
	for _, b := range list {
		if expected := total / exposure * weight(b); expected > 0 {
			out += (b.Errors - expected) * (b.Errors - expected) / expected
		}
	}
	return out
}

// wilson is the 95 % interval of a share of k in n.
func wilson(k, n float64) (low, high float64) {
	p, z2 := k/n, z95*z95
	mid, half := p+z2/(2*n), z95*math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	return max(0, (mid-half)/(1+z2/n)), min(1, (mid+half)/(1+z2/n))
}

func odds(p float64) float64 {
	if p >= 1 {
		return math.Inf(1)
	}
	return p / (1 - p)
}

// String says it in words.
func (c Comparison) String() string {
	what := "failures per request"
	if !c.ByRequests {
		what = "failures per minute; requests are not counted, and more traffic would look the same"
	}
	switch c.Verdict {
	case Worse:
		if math.IsNaN(c.Ratio) || math.IsInf(c.High, 1) {
			return fmt.Sprintf("More failures than before: at least %s times as many (95 %% sure; %s).", factor(c.Low), what)
		}
		return fmt.Sprintf("%s times as many failures as before (95 %% sure of %s to %s; %s).", factor(c.Ratio), factor(c.Low), factor(c.High), what)
	case Better:
		return fmt.Sprintf("Fewer failures than before: %s times as many (95 %% sure of %s to %s; %s).", factor(c.Ratio), factor(c.Low), factor(c.High), what)
	case Similar:
		return fmt.Sprintf("About as many failures as before: %s times (95 %% sure of %s to %s; %s).", factor(c.Ratio), factor(c.Low), factor(c.High), what)
	}
	if math.IsNaN(c.Low) {
		return fmt.Sprintf("Too few failures to tell: %.0f before, %.0f since.", c.Before.Errors, c.After.Errors)
	}
	return fmt.Sprintf("No difference can be told yet: somewhere between %s and %s times as many failures (%s).", factor(c.Low), factor(c.High), what)
}

func factor(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "any number of"
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	case v >= 0.1:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
