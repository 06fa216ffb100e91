// Package chart draws the charts of the dashboard as SVG, and writes the same
// values as tables.
//
// They are drawn on the server, and not by a library on a canvas, because a
// canvas is a picture without parts: it has no name that a screen reader could
// say, no link in it that a keyboard could follow, no text to copy, and nothing
// at all before its script has run. An SVG is part of the page. Its colours
// follow the page's style sheet through dark mode, print and forced colours,
// each bucket is a link without any script, and a test reads it as text.
//
// What is drawn is told apart twice: by a colour (Tone) and by a pattern or
// dash. A hole in the values is a hole in the drawing, not a zero. Charts are as
// wide as their place: across, everything is a share of the width; up and down
// it is pixels, so that letters and hatching are never stretched.
//
// Stacked and StackedTable are for what adds up, Lines and Table for what does
// not: percentiles. A page puts the table of the same Plot below the chart; it
// is where a keyboard finds the links of the buckets without a script:
//
//	{{.Chart}}<details><summary>As a table</summary>{{.Table}}</details>
//
// The output is whole and safe: every text is escaped, addresses other than
// http, https and relative ones are left out, sizes are bounded, and there are
// neither styles nor scripts inside, which the page's policy would refuse. The
// style sheet is web's static/chart.css; static/chart.js adds the crosshair.
package chart

import (
	"html/template"
	"time"
)

// What is drawn at most. Of more points the newest stay, of more series the
// first; further ones are added up as "others" in a stack, and counted in the
// summary otherwise.
const (
	MaxPoints = 400
	MaxSeries = 6
	MaxMarks  = 24 // deploys, and as many bands; the newest stay
	MaxRows   = 40 // of a heat map
)

// Unit is what values are of.
type Unit uint8

const (
	Count        Unit = iota
	Percent           // of 100: 0.84 is written as 0.84%
	Milliseconds      // written as ms, s or min, whichever is shorter
)

// Tone is a colour with a meaning: a family of the same name, or one of the
// others. Unknown ones are drawn as Other.
type Tone string

const (
	Us       Tone = "us"
	Upstream Tone = "upstream"
	Limits   Tone = "limits"
	Caller   Tone = "caller"
	OK       Tone = "ok"
	Other    Tone = "other"
)

// Plot is a chart over time. Series[k].Values[i] is of the bucket that begins
// at From + i·Step. Values that are NaN, infinite or negative are gaps; those
// above 1e15 are drawn as that.
type Plot struct {
	ID    string // of the element, and the beginning of those inside; one per page
	Title string
	Unit  Unit

	From     time.Time
	Step     time.Duration
	Location *time.Location // nil is UTC
	// CompleteUntil is up to where values are final: buckets that end later are
	// hatched. Zero means that all are final.
	CompleteUntil time.Time

	Series    []Series
	Compare   *Series // a thin line behind: last week, or the time before
	Baseline  *Baseline
	Threshold *Threshold
	Marks     []Mark
	Bands     []Band

	// Bucket is where a bucket leads; nil or "" is nowhere.
	Bucket func(from, to time.Time) string
	Height int // pixels of the plot itself, 40 to 600; 0 is 160
}

// Series is a row of values with a name.
type Series struct {
	Name   string
	Tone   Tone
	Values []float64
}

// Baseline is what is usual, from Low to High in each bucket.
type Baseline struct {
	Name      string
	Low, High []float64
}

// Threshold is a line across.
type Threshold struct {
	Name  string
	Value float64
}

// Mark is a moment: a deploy.
type Mark struct {
	At          time.Time
	Label, Href string
}

// Band is a span of time: an incident. Without a To it goes on.
type Band struct {
	From, To    time.Time
	Label, Href string
}

// Stacked draws the series on top of each other, the first at the bottom.
func Stacked(p Plot) template.HTML { return newFrame(p, true).figure((*frame).stack) }

// Lines draws each series as a line.
func Lines(p Plot) template.HTML { return newFrame(p, false).figure((*frame).lines) }
