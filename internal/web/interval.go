package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"unicode/utf8"

	"errata/internal/stats"
)

const (
	intervalWidth  = 160
	intervalHeight = 20
	// furthest is the factor at either end of the drawing.
	furthest = 8
)

// interval draws the bounds of a ratio around 1, where nothing changed: the
// middle. Twice as many is as far from it as half as many. Nothing is drawn
// where nothing can be said.
func interval(c stats.Comparison) template.HTML {
	if math.IsNaN(c.Low) || math.IsNaN(c.High) {
		return ""
	}
	x := func(ratio float64) float64 {
		at := math.Log(math.Min(math.Max(ratio, 1.0/furthest), furthest)) / math.Log(furthest)
		return intervalWidth / 2 * (1 + at*.95)
	}
	var b strings.Builder
	mid := float64(intervalHeight) / 2
	fmt.Fprintf(&b, `<svg class="interval is-%s" role="img" width="%d" height="%d" viewBox="0 0 %d %d"><title>`, c.Verdict, intervalWidth, intervalHeight, intervalWidth, intervalHeight)
	fmt.Fprintf(&b, `between %s and %s times as many; 1 is no change</title>`, timesAsMany(c.Low), timesAsMany(c.High))
	fmt.Fprintf(&b, `<path class="same" d="M%d 0v%d"/>`, intervalWidth/2, intervalHeight)
	low, high := x(c.Low), x(c.High)
	fmt.Fprintf(&b, `<rect class="bounds" x="%.1f" y="%.1f" width="%.1f" height="6" rx="3"/>`, low, mid-3, math.Max(high-low, 3))
	if !math.IsNaN(c.Ratio) && !math.IsInf(c.Ratio, 0) {
		fmt.Fprintf(&b, `<circle class="ratio" cx="%.1f" cy="%.1f" r="5"/>`, x(c.Ratio), mid)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers and words of ours
}

func timesAsMany(v float64) string {
	switch {
	case math.IsNaN(v):
		return none
	case math.IsInf(v, 1):
		return "any number of"
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	case v >= .1:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// firstBytes is the beginning of a text, without half a character at its end.
func firstBytes(s string, n int) string {
	s = s[:min(n, len(s))]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
