package web

import (
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	ql "errata/internal/query"
	"errata/internal/ruleset"
	"errata/internal/store"
)

// quietDays is how far back a page looks for what rules found.
const quietDays = 30

// rulesHere are the rules that watch an endpoint, and what each found lately.
func (w *web) rulesHere(c *gin.Context, t *endpointTopic) (ranking, error) {
	ctx, ws := c.Request.Context(), member(c).Workspace
	out := ranking{ID: "rules", Title: "Alert rules on this endpoint", Empty: "No rule looks at this endpoint, so nothing is told of it.",
		Columns: []column{{Name: "Rule"}, {Name: "at most"}, {Name: "found here in 30 days", Title: "At this endpoint, or at its service as a whole"}}}
	rules, err := w.Store.Rules(ctx, ws)
	if err != nil {
		return out, err
	}
	found, err := w.Store.IncidentsOver(ctx, ws, store.IncidentSpan{Service: t.values["service"], Environment: t.filter.Environment, Method: t.values["method"], Endpoint: t.values["endpoint"],
		From: t.now.Add(-quietDays * 24 * time.Hour), To: t.now})
	if err != nil {
		return out, err
	}
	for _, r := range rules {
		if !r.Enabled || !t.watchedBy(r) {
			continue
		}
		n, last := 0, time.Time{}
		for i := range found {
			if found[i].RuleID == r.ID {
				n++
				if at := found[i].StartedAt.Time; at.After(last) {
					last = at
				}
			}
		}
		what := cell{Text: "quiet"}
		if n > 0 {
			what.Text = plural(n, "incident", "incidents") + ", the last " + momentAt(last, t.now).Ago
		}
		out.Rows = append(out.Rows, rank{Label: r.Name, Detail: r.Query, Path: rulePath(r), Cells: []cell{{Text: r.Level}, what}})
	}
	out.More = &link{Label: "Silence it for a time", Path: silencesPath + "/new?" + query("service", t.values["service"], "method", t.values["method"], "endpoint", t.values["endpoint"])}
	return out, nil
}

// watchedBy reports whether a rule looks at some failures of the endpoint, as far as
// its query says of where they happen.
func (t *endpointTopic) watchedBy(r ruleset.Rule) bool {
	q, err := ql.Rules.Parse(r.Query)
	if err != nil {
		return false
	}
	at := map[ql.Field]string{ql.Service: t.values["service"], ql.Method: t.values["method"], ql.Endpoint: t.values["endpoint"]}
	if env := t.filter.Environment; env != "" {
		at[ql.Environment] = env
	}
	return !slices.ContainsFunc(q.Terms, func(term ql.Term) bool {
		value, asks := at[term.Field]
		return asks && !term.Holds(value)
	})
}
