package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"errata/internal/catalog"
	"errata/internal/incident"
	"errata/internal/ruleset"
	"errata/internal/store"
)

// replayTimeout is how long a replay may take, waiting for others included.
const replayTimeout = 55 * time.Second

// ReplayRules says what each rule of a file would have found in the last days. It
// changes nothing.
func ReplayRules(ctx context.Context, opt Options, file string, days int) error {
	rules, mistakes, err := readRules(opt, file)
	if err != nil {
		return err
	}
	p := printer{out: opt.Out}
	for _, m := range mistakes {
		p.line("%s", safe(m.String()))
	}
	if len(mistakes) > 0 {
		return exitf("%s to mend; nothing was replayed.", plural(len(mistakes), "mistake", "mistakes"))
	}
	c := newClient(opt.Server, opt.Key)
	have, _, err := rulesOf(ctx, c)
	if err != nil {
		return err
	}
	c.http.Timeout = replayTimeout
	for _, r := range rules {
		for _, h := range have {
			if h.Name == r.Name {
				r.ID = h.ID
			}
		}
		if err := replayRule(ctx, c, &p, opt, r, days); err != nil {
			return err
		}
	}
	return p.err
}

func replayRule(ctx context.Context, c *client, p *printer, opt Options, r ruleset.Rule, days int) error {
	body := map[string]any{"name": r.Name, "query": r.Query, "sensitivity": r.Sensitivity, "advanced": r.Advanced, "level": r.Level, "days": days}
	if r.ID != "" {
		body["id"] = r.ID
	}
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodPost, "/v1/alerts/rules/replay", body, &raw); err != nil {
		return err
	}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	var out store.Replayed
	if err := c.decode(answer{body: raw}, &out); err != nil {
		return err
	}
	line := safe(r.Name) + ": would have fired " + plural(out.Count, "time", "times") + " in " + plural(days, "day", "days") + ", " + plural(out.Pages, "page", "pages") + " among them"
	if r.ID != "" {
		line += "; as it is saved " + plural(out.NowCount, "time", "times")
	}
	p.line("%s.", line)
	if !out.Complete {
		p.line("Time was up: only what was until %s is judged. Narrow the query, or take fewer days.", out.To.UTC().Format("2006-01-02 15:04"))
	}
	rows := [][]string{{"", "STARTED", "WHAT", "LEVEL", "PEAK", "LASTED", "WAS", "WHY"}}
	for _, part := range []struct {
		sign string
		list []store.Would
	}{{"+", out.Incidents}, {"-", out.Missed}} {
		for i := range part.list {
			rows = append(rows, wouldLine(part.sign, &part.list[i]))
		}
	}
	if len(rows) > 1 {
		p.table(rows)
	}
	return p.err
}

// wouldLine is an incident on a line: + one that the rule would find, = one that
// the rules find as they are, - one that nobody would find any more.
func wouldLine(sign string, w *store.Would) []string {
	if sign == "+" && w.Now {
		sign = "="
	}
	lasted := "to the end"
	if w.ResolvedAt != nil {
		lasted = catalog.Span(w.ResolvedAt.Sub(w.StartedAt.Time))
	}
	peak, was := "", ""
	if w.Peak > 0 {
		peak = incident.Percent(w.Peak)
	}
	if w.Number > 0 {
		was = strings.TrimSpace((&incident.Record{Number: w.Number}).Name() + " " + string(w.Useful))
	}
	return []string{sign, w.StartedAt.UTC().Format("2006-01-02 15:04"), safe(w.Title), w.Level.String(), peak, lasted, was, safe(incident.Explain(&w.Why))}
}
