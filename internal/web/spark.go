package web

import (
	"html/template"

	"errata/internal/chart"
	"errata/internal/event"
)

// bucketed draws counts of equal stretches of time as a line without axes.
func bucketed(title string, family event.Family, buckets []event.Bucket) template.HTML {
	values := make([]float64, len(buckets))
	for i, b := range buckets {
		values[i] = float64(max(b.N, 0)) // corrections may be ahead of what they correct
	}
	return spark(title, chart.Count, toneOf(string(family)), values)
}
