package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"errata/internal/incident"
	"errata/internal/selfwatch"
)

// IncidentList says which incidents, as the API takes it.
type IncidentList struct {
	State, Service, Environment, Family, Level, From string
	Limit                                            int
}

const incidentsPath = "/v1/alerts/incidents"

// ListIncidents prints incidents, one on a line, those that last first.
func ListIncidents(ctx context.Context, opt Options, list IncidentList) error {
	return listing[incident.Record]{
		path: incidentsPath, limit: list.Limit, field: "incidents", none: "No incident matches.",
		query: map[string]string{"state": list.State, "service": list.Service, "environment": list.Environment, "family": list.Family, "level": list.Level, "from": list.From},
		head:  []string{"INCIDENT", "STATE", "LEVEL", "WHAT", "PEAK", "ERRORS", "CUSTOMERS", "STARTED", "LASTED", "SEEN TO BY", "USEFUL"},
		row: func(r *incident.Record) []string {
			return []string{r.Name(), r.State.String(), r.Level.String(), safe(r.Title), peakText(r), strconv.FormatInt(r.Errors, 10), strconv.FormatInt(r.Facts.Customers, 10),
				r.StartedAt.UTC().Format(time.DateTime), lastedText(r, time.Now()), orWord(safe(r.AckedBy), "-"), orWord(safe(string(r.Useful)), "-")}
		},
	}.print(ctx, newClient(opt.Server, opt.Key), &printer{out: opt.Out}, opt.JSON)
}

// peakText is the largest share of requests, where these are counted.
func peakText(r *incident.Record) string {
	if r.Peak == 0 {
		return "-"
	}
	return strconv.FormatFloat(100*r.Peak, 'f', 1, 64) + "%"
}

func lastedText(r *incident.Record, now time.Time) string {
	if r.ResolvedAt != nil {
		now = r.ResolvedAt.Time
	}
	return span(max(now.Sub(r.StartedAt.Time), 0))
}

// ShowIncident prints what is known of an incident: ref is its number or ID.
func ShowIncident(ctx context.Context, opt Options, ref string) error {
	return opt.incident(ctx, http.MethodGet, ref, "", nil)
}

// DecideIncident does something to an incident (ack, resolve, vote), with the
// body that the API takes for it, and prints what has become of it.
func DecideIncident(ctx context.Context, opt Options, ref, deed string, body any) error {
	return opt.incident(ctx, http.MethodPost, ref, "/"+deed, body)
}

func (opt Options) incident(ctx context.Context, method, ref, deed string, body any) error {
	var raw json.RawMessage
	c := newClient(opt.Server, opt.Key)
	if err := c.call(ctx, method, incidentsPath+"/"+url.PathEscape(ref)+deed, body, &raw); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	var d struct {
		incident.Detail
		Tell string `json:"text_for_customers"`
	}
	if err := c.decode(answer{body: raw}, &d); err != nil {
		return err
	}
	if deed == "" {
		p.incident(&d.Detail, d.Tell, time.Now())
	} else {
		p.line("%s %s: %s%s", d.Name(), safe(d.Title), d.State, decidedText(&d.Record))
	}
	return p.err
}

// decidedText is what people decided about it.
func decidedText(r *incident.Record) (s string) {
	if r.AckedAt != nil {
		s += ", " + safe(r.AckedBy) + " sees to it"
	}
	if r.ResolvedBy != "" {
		s += ", ended by " + safe(r.ResolvedBy)
	}
	if r.Useful != "" {
		s += ", useful: " + safe(string(r.Useful))
	}
	return s
}

func (p *printer) incident(d *incident.Detail, tell string, now time.Time) {
	p.line("%s %s", d.Name(), safe(d.Title))
	p.line("%s, %s%s. Started %s, seen %s; lasted %s; %d errors.", d.State, d.Level, decidedText(&d.Record),
		d.StartedAt.UTC().Format(time.DateTime), d.OpenedAt.UTC().Format(time.DateTime), lastedText(&d.Record, now), d.Errors)
	p.line("%s", safe(incident.Explain(&d.Why)))
	if d.Own() {
		p.line("What to do: %s", selfwatch.Of(selfwatch.Condition(d.Why.Condition)).Do)
	}
	rows := [][]string{{"", "MEMBER", "STATE", "LEVEL", "ERRORS"}}
	for _, m := range d.Members {
		rows = append(rows, []string{"", safe(m.Name), m.State.String(), m.Level.String(), strconv.FormatInt(m.Errors, 10)})
	}
	p.line("")
	p.table(rows)
	p.line("")
	for _, e := range d.Events {
		who := ""
		if e.Actor != "" {
			who = " by " + e.Actor
		}
		p.line("  %s %s", e.At.UTC().Format(time.DateTime), safe(fmt.Sprintf("%s%s %s %s", e.Kind, who, e.Part, e.Text)))
	}
	if len(d.Similar) > 0 {
		p.line("")
		p.line("Similar")
		for i := range d.Similar {
			s := &d.Similar[i]
			p.line("  %s %s, %s, lasted %s", s.Name(), safe(s.Title), ago(s.StartedAt.Time, now), lastedText(s, now))
		}
	}
	p.line("")
	p.line("For customers: %s", safe(tell))
}
