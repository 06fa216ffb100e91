package chart

import (
	"html/template"
	"math"
)

// Gauge is what is left of something: the error budget of an objective.
type Gauge struct {
	Title string
	Left  float64 // of 1; below 0 when more was used than there was
	Low   float64 // what is little: below it the bar has the tone of trouble
}

// Budget draws a Gauge, and says it in words beside it.
func Budget(g Gauge) template.HTML {
	var p pen
	words, left, tone := "unknown", 0.0, Other
	switch {
	case math.IsNaN(g.Left) || math.IsInf(g.Left, 0):
	case g.Left <= 0:
		words = "used up"
		if over := clean(-g.Left * 100); over >= .5 {
			words += ", " + short(over, Percent) + " over"
		}
	default:
		left = min(g.Left, 1)
		words = short(clean(left*100), Percent) + " left"
		if tone = OK; g.Left < g.Low {
			tone = Limits
		}
	}
	p.raw(`<span class="gauge"><svg role="img" width="100%" height="8"><title>`)
	p.text(cut(g.Title, 200))
	p.raw(`: `, words, `</title><rect class="rail" width="100%" height="8" rx="2"/>`)
	if left > 0 {
		p.raw(`<rect class="solid `, tone.class(), `" height="8" rx="2"`)
		p.share("width", left)
		p.raw(`/>`)
	} else if words != "unknown" {
		p.raw(`<rect class="solid us" width="3" height="8"/>`)
	}
	p.raw(`</svg> <span>`, words, `</span></span>`)
	return p.html()
}
