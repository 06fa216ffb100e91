package web

import (
	"context"
	"html/template"
	"time"

	"errata/internal/blast"
	"errata/internal/catalog"
	"errata/internal/chart"
	"errata/internal/event"
	"errata/internal/incident"
	"errata/internal/linkout"
	"errata/internal/store"
)

// Requests is what the page of a request needs of the store besides its Trail.
type Requests interface {
	Around(ctx context.Context, ws int32, e *event.Event, now time.Time) (store.Around, error)
	Catalog(ctx context.Context, ws int32) (*catalog.Book, error)
	Links(ctx context.Context, ws int32) ([]linkout.Template, error)
	SetLinks(ctx context.Context, actor store.Actor, ws int32, list []linkout.Template) ([]linkout.Template, error)
}

// justThem is the answer to "is it just them?".
type justThem struct {
	blast.Answer
	When  string // which time was looked at
	Spark template.HTML
	Seen  string // first and last, in that time
	Path  string // to these failures
	Label string
}

func justThemOf(e *event.Event, a blast.Answer, now time.Time) justThem {
	out := justThem{Answer: a, When: "last hour"}
	if w := blast.WindowOf(e.OccurredAt, now); !w.Fresh {
		out.When = "30 minutes before and after it"
	}
	if a.Events <= 0 {
		return out
	}
	const clock = "15:04"
	out.Spark = spark("Failures by minute", chart.Count, toneOf(string(e.Family)), byFives(a.Minutes))
	if out.Seen = a.FirstAt.UTC().Format(clock); !a.LastAt.Equal(a.FirstAt.Time) {
		out.Seen += " – " + a.LastAt.UTC().Format(clock)
	}
	out.Path = "/events?" + query("service", e.Service, "environment", e.Environment, "method", e.Method, "endpoint", e.Endpoint, "code", e.Code, "role", string(e.Role),
		"from", a.From.UTC().Format(time.RFC3339), "to", a.To.UTC().Format(time.RFC3339))
	out.Label = "See the " + grouped(a.Events)
	if a.Events == 1 {
		out.Label = "See it"
	}
	return out
}

// byFives adds minutes up, so that a line of them can be read.
func byFives(minutes []int64) []float64 {
	const five = 5
	out := make([]float64, (len(minutes)+five-1)/five)
	for i, n := range minutes {
		out[i/five] += float64(n)
	}
	return out
}

// knownIncident is an incident that a failure was part of.
type knownIncident struct {
	incidentRow
	Tell string // while it lasts
}

func (w *web) knownIncident(r *incident.Record) *knownIncident {
	if r == nil {
		return nil
	}
	out := &knownIncident{incidentRow: w.incidentRow(r)}
	if r.Open() {
		out.Tell = incident.ForCustomers(r)
	}
	return out
}
