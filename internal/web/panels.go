package web

import (
	"html/template"
	"time"

	"errata/internal/chart"
	"errata/internal/event"
	"errata/internal/stats"
	"errata/internal/store"
)

// panel is a chart with its table, or why there is none.
type panel struct {
	ID, Title    string
	Chart, Table template.HTML
	Notes        []string // what one has to know to read it right
	Incidents    []link   // that lasted in this time
	Empty        string
}

// ranking is a table of the largest.
type ranking struct {
	ID, Title string
	Views     []link   // what it can be ranked by
	Columns   []column // the first is of the names, after one that leads
	Rows      []rank
	Notes     []string
	Empty     string
	More      *link // to all of them
}

type column struct {
	Name, Title string
	Spoken      string // in place of a name that only takes room
	Num         bool
	Lead        bool // it stands before the names
}

type rank struct {
	Label, Detail, Path string
	Customer            string       // whose row it is
	Lead                *link        // in the column before the names; nil where there is none
	Tone                event.Family // whose side; "" for nobody's
	Tag                 string       // says it in the place of its word
	Low                 string       // why the row is grey; "" for it is not
	Cells               []cell
}

type cell struct {
	Text, Title string
	Warn, Num   bool
	Drawn       template.HTML
}

// num is a cell with a number.
func num(s string) cell { return cell{Text: s, Num: true} }

// asOf says what the numbers of a page are of, and how new they are.
type asOf struct {
	Period, Now, Upto, Step string
	NowMachine, UptoMachine string
	// Spooled is what collectors hold that is not counted yet.
	Spooled int64
	Oldest  moment
}

func (v *view) asOf(r *reply, collectors []store.Collector) asOf {
	from, to := r.From, r.To
	if r.From.IsZero() { // nothing could be answered
		from, to = v.filter.From, v.filter.To
	}
	end := v.clock(to)
	if v.moving() {
		end = "now"
	}
	out := asOf{
		Period: v.clock(from) + " – " + end + ", " + from.In(v.zone).Format("MST"),
		Now:    v.now.In(v.zone).Format("15:04:05"), NowMachine: v.now.Format(time.RFC3339),
	}
	if !r.CompleteUntil.IsZero() {
		upto := r.CompleteUntil
		if upto.After(to) {
			upto = to
		}
		out.Upto, out.UptoMachine = v.clock(upto), upto.Format(time.RFC3339)
	}
	if r.Step > 0 {
		out.Step = stepWords(r.Step)
	}
	var oldest time.Time
	for i := range collectors {
		c := &collectors[i]
		out.Spooled += c.SpoolItems
		if c.SpoolOldest != nil && (oldest.IsZero() || c.SpoolOldest.Before(oldest)) {
			oldest = c.SpoolOldest.Time
		}
	}
	out.Oldest = momentAt(oldest, v.now)
	return out
}

func stepWords(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return plural(int(d/(24*time.Hour)), "day", "days")
	case d%time.Hour == 0:
		return plural(int(d/time.Hour), "hour", "hours")
	}
	return plural(int(d/time.Minute), "minute", "minutes")
}

// named says how one series of an answer is shown.
type named func(labels []string) (name string, tone chart.Tone)

// plot is an answer over time as a chart, whose buckets lead to the failures in
// them.
func (v *view) plot(id, title string, r *reply, show named) chart.Plot {
	p := chart.Plot{ID: id, Title: title, From: r.From, Step: r.Step, Location: v.zone, CompleteUntil: r.CompleteUntil, Bands: v.bands,
		Bucket: func(from, to time.Time) string { return v.bucket(from, to) }}
	for i := range r.Series {
		s := &r.Series[i]
		values := s.Values
		if r.question.Measure == stats.Rate {
			p.Unit, values = chart.Percent, percents(values)
		}
		name, tone := show(s.Labels)
		p.Series = append(p.Series, chart.Series{Name: name, Tone: tone, Values: values})
	}
	return p
}

// compared adds the time before as a line, from an answer without By.
func (v *view) compared(p *chart.Plot, r *reply) {
	s := r.one()
	if s == nil || s.Before == nil || r.Step != p.Step || !r.From.Equal(p.From) {
		return
	}
	values := s.Before
	if p.Unit == chart.Percent {
		values = percents(values)
	}
	p.Compare = &chart.Series{Name: v.against(), Values: values}
}

// families are in this order in every stack, those of ours at the bottom.
var families = []event.Family{event.FamilyUs, event.FamilyUpstream, event.FamilyLimits, event.FamilyCaller}

// byFamily puts the series of a plot into the order of families, whose names
// they have.
func byFamily(p *chart.Plot) {
	var out []chart.Series
	for _, f := range families {
		for _, s := range p.Series {
			if s.Tone == chart.Tone(f) {
				out = append(out, s)
			}
		}
	}
	p.Series = out
}

func familyName(labels []string) (string, chart.Tone) {
	return familyWords[event.Family(labels[0])], toneOf(labels[0])
}

var familyWords = map[event.Family]string{
	event.FamilyUs: "us", event.FamilyUpstream: "upstream", event.FamilyLimits: "limits", event.FamilyCaller: "caller",
}

// marks are deploys on a chart.
func (v *view) marks(deploys []store.Deploy) []chart.Mark {
	var out []chart.Mark
	for _, d := range deploys {
		label := d.Release
		if v.values["service"] == "" {
			label = d.Service + " " + d.Release
		}
		if !d.Reported {
			label += " (first seen)"
		}
		out = append(out, chart.Mark{At: d.At.Time, Label: label, Href: v.releasePath(d.Service, d.Release)})
	}
	return out
}

// stacked is a panel with a stack.
func stacked(p chart.Plot, notes ...string) panel {
	return panel{ID: p.ID, Title: p.Title, Chart: chart.Stacked(p), Table: chart.StackedTable(p), Notes: said(notes), Incidents: bandLinks(&p)}
}

// heated is a panel with a heat map.
func heated(h chart.Heat, notes ...string) panel {
	return panel{ID: h.ID, Title: h.Title, Chart: chart.Heatmap(h), Table: chart.HeatTable(h), Notes: said(notes)}
}

// said leaves out what need not be said.
func said(notes []string) []string {
	var out []string
	for _, n := range notes {
		if n != "" {
			out = append(out, n)
		}
	}
	return out
}
