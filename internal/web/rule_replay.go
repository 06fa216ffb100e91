package web

import (
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/chart"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/incident"
	"errata/internal/ruleset"
	"errata/internal/stats"
	"errata/internal/store"
)

// replayPart says what a rule would have found.
type replayPart struct {
	Headline string
	Compared string // with the rule as it is saved
	Cut      string
	LeftOut  string
	Rows     []wouldRow
	Missed   []wouldRow
	Chart    panel
	More     bool
	Took     string
	Period   string
}

// wouldRow is an incident that would have been.
type wouldRow struct {
	ID, Title, Level, Why string
	Family                event.Family
	Peak, Lasted, Noticed string
	Parts, Others         string
	Started               moment
	News                  bool // the rules do not find it as they are
	Was, WasPath, Useful  string
}

func (w *web) replayPart(out *store.Replayed, r ruleset.Rule) *replayPart {
	days := out.To.Sub(out.From.Time)
	p := &replayPart{Headline: "Would have fired " + plural(out.Count, "time", "times") + " in the last " + plural(out.Days, "day", "days"), More: out.Truncated, Took: "within a second",
		Period: out.From.Format("2 Jan 15:04") + " – " + out.To.Format("2 Jan 15:04") + " UTC"}
	if took := time.Duration(out.TookMS) * time.Millisecond; took >= time.Second {
		p.Took = "in " + catalog.Span(took)
	}
	switch {
	case r.ID == "" && out.Count > 0:
		p.Compared = "It is a new rule: " + known(out) + "."
	case r.ID != "":
		p.Compared = "As it is saved it fires " + plural(out.NowCount, "time", "times") + " in the same days."
	}
	if out.Pages < out.Count || out.Count == 0 {
		p.Compared = joinedWith(" ", p.Compared, plural(out.Pages, "page", "pages")+" among them.")
	}
	if !out.Complete {
		p.Headline = "Would have fired " + plural(out.Count, "time", "times") + " from " + out.From.Format("2 Jan 15:04") + " to " + out.To.Format("2 Jan 15:04") + " UTC"
		p.Cut = "Time was up after " + catalog.Span(days) + " of the " + plural(out.Days, "day", "days") + ": this rule looks at much. Narrow its query, such as to one service, or replay fewer days."
	}
	if out.LeftOut > 0 {
		p.LeftOut = plural(out.LeftOut, "endpoint was", "endpoints were") + " not judged by themselves, but with their services: others fail more."
	}
	for i := range out.Incidents {
		p.Rows = append(p.Rows, w.wouldRow(&out.Incidents[i], "w"+itoa(i+1), out.To.Time))
	}
	for i := range out.Missed {
		p.Missed = append(p.Missed, w.wouldRow(&out.Missed[i], "m"+itoa(i+1), out.To.Time))
	}
	return p
}

// known says how many of the incidents others find anyway.
func known(out *store.Replayed) string {
	n := 0
	for i := range out.Incidents {
		if out.Incidents[i].Now {
			n++
		}
	}
	switch n {
	case 0:
		return "what it finds no other rule does"
	case out.Count:
		return "others find all of that as well"
	}
	return "others find " + itoa(n) + " of these as well"
}

func (w *web) wouldRow(i *store.Would, id string, end time.Time) wouldRow {
	r := incident.Record{Family: i.Family, Provider: i.Provider, Peak: i.Peak, Errors: i.Errors, Why: i.Why}
	row := wouldRow{ID: id, Title: i.Title, Level: i.Level.String(), Why: incident.Explain(&i.Why), Family: sideOf(&r), Peak: peakOf(&r), Lasted: "to the end", Noticed: catalog.Span(max(i.FiredAt.Sub(i.StartedAt.Time), 0)),
		Parts: strings.Join(i.Parts[:min(len(i.Parts), 4)], ", "), Others: strings.Join(i.Rules, ", "), Started: w.moment(i.StartedAt.Time), News: !i.Now, Useful: usefulWords[i.Useful]}
	if i.Environment != "" {
		row.Title += " in " + i.Environment
	}
	if more := len(i.Parts) - 4; more > 0 {
		row.Parts += " and " + itoa(more) + " more"
	}
	if i.ResolvedAt != nil {
		row.Lasted = catalog.Span(max(i.ResolvedAt.Sub(i.StartedAt.Time), 0))
	} else if end.Sub(i.StartedAt.Time) > 0 {
		row.Lasted = catalog.Span(end.Sub(i.StartedAt.Time)) + ", to the end"
	}
	if i.Number > 0 {
		row.Was, row.WasPath = "INC-"+itoa(i.Number), "/i/"+itoa(i.Number)
	}
	return row
}

// replayChart draws the failures that a rule looks at, with a band for each
// incident.
func (w *web) replayChart(c *gin.Context, out *store.Replayed, r ruleset.Rule) (panel, error) {
	v := &view{path: rulesPath, values: map[string]string{}, now: w.Now().UTC(), zone: time.UTC, compare: stats.Week}
	v.values["q"] = strings.TrimSpace("family:us,upstream,limits " + r.Query)
	v.values["from"], v.values["to"] = out.From.Format(time.RFC3339), out.To.Format(time.RFC3339)
	empty := func(why string) panel { return panel{ID: "replayed", Title: "Failures that it looks at", Empty: why} }
	if err := v.read(); err != nil {
		return empty(fault.Of(err).Message), nil
	}
	a := asked{}
	q := v.question(stats.Errors)
	q.Step = time.Hour
	answer := a.ask(q)
	if err := w.answer(c.Request.Context(), member(c).Workspace, v.now, &a); err != nil {
		if f := fault.Of(err); f.Kind == fault.Unprocessable {
			return empty("Charts are made of hours, which do not tell apart all that this query names. The incidents below are of minutes."), nil
		}
		return panel{}, err
	}
	p := v.plot("replayed", "Failures that it looks at", answer, func([]string) (string, chart.Tone) { return "failures an hour", chart.Tone(event.FamilyUs) })
	for i := range out.Incidents {
		if i == maxBands {
			break
		}
		would := &out.Incidents[i]
		band := chart.Band{From: would.StartedAt.Time, Label: would.Title, Href: "#w" + itoa(i+1)}
		if would.ResolvedAt != nil {
			band.To = would.ResolvedAt.Time
		}
		p.Bands = append(p.Bands, band)
	}
	var notes []string
	if len(out.Incidents) > maxBands {
		notes = append(notes, "Bands are drawn for the newest "+itoa(maxBands)+"; the list has all.")
	}
	return panel{ID: p.ID, Title: p.Title, Chart: chart.Lines(p), Table: chart.Table(p), Notes: notes}, nil
}

// maxBands are the incidents that are drawn.
const maxBands = 60
