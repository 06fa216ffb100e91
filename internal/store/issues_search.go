package store

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"errata/internal/event"
	ql "errata/internal/query"
)

// issueColumns are the fields that are one text column each. What a query
// names is looked up here and never becomes part of a statement.
var issueColumns = map[ql.Field]string{
	ql.Service: "service", ql.Endpoint: "endpoint", ql.Method: "method", ql.Code: "code", ql.Provider: "provider", ql.Exception: "exception",
	ql.Assignee: "assignee", ql.State: "state",
}

// issueQuery has conditions of two kinds: on what was reported, which an issue
// also meets through those that were merged into it (m), and on what people
// have decided, which is about the issue itself (r).
type issueQuery struct {
	query
	reported []string
}

// filter adds the conditions of the parameters and of the search.
func (q *issueQuery) filter(f event.IssueFilter) error {
	for _, c := range []struct{ column, value string }{
		{"service", f.Service}, {"endpoint", f.Endpoint}, {"method", f.Method}, {"code", f.Code}, {"provider", f.Provider},
	} {
		if c.value != "" {
			q.reported = append(q.reported, "m."+c.column+" = "+q.arg(c.value)+"::text")
		}
	}
	if f.Family != "" {
		q.reported = append(q.reported, "m.family = "+q.arg(ordinal(families, f.Family))+"::int2")
	}
	if f.Role != "" {
		q.reported = append(q.reported, "m.role = "+q.arg(ordinal(roles, f.Role))+"::int2")
	}
	if f.Status != "" { // the language knows all forms
		parsed, err := ql.Issues.Parse("status:" + ql.Quote(f.Status))
		if err != nil || len(parsed.Terms) != 1 {
			return invalid("status", "must be a status such as 429, or a class such as 5xx")
		}
		q.reported = append(q.reported, q.issueTerm("m.", parsed.Terms[0]))
	}
	if len(f.States) > 0 {
		q.where("r.state = ANY (%s::text[])", column(f.States, func(s event.IssueState) string { return string(s) }))
	}
	switch f.Assignee {
	case "":
	case "-":
		q.conds = append(q.conds, "r.assignee = ''")
	default:
		q.where("r.assignee = %s::text", f.Assignee)
	}
	parsed, err := ql.Issues.Parse(f.Query)
	if err != nil {
		return err
	}
	for _, t := range parsed.Terms {
		switch t.Field {
		case ql.State, ql.Assignee, ql.Is:
			q.conds = append(q.conds, q.issueTerm("r.", t))
		default:
			q.reported = append(q.reported, q.issueTerm("m.", t))
		}
	}
	return nil
}

// issueTerm is one condition, in parentheses of its own: no term can widen what
// the others narrow.
func (q *issueQuery) issueTerm(table string, t ql.Term) string {
	either := make([]string, 0, len(t.Values))
	var exact []string
	for _, v := range t.Values {
		if _, ok := issueColumns[t.Field]; ok && !v.Prefix {
			exact = append(exact, v.Text)
			continue
		}
		either = append(either, q.issueValue(table, t.Field, v))
	}
	if exact != nil {
		either = append(either, table+issueColumns[t.Field]+" = ANY ("+q.arg(exact)+"::text[])")
	}
	cond := "(" + strings.Join(either, " OR ") + ")"
	if t.Not {
		cond += " IS NOT TRUE"
	}
	return cond
}

func (q *issueQuery) issueValue(table string, field ql.Field, v ql.Value) string {
	switch field {
	case ql.Text:
		return q.issueText(table, v.Text)
	case ql.Message:
		switch {
		case v.Any():
			return table + "title <> ''"
		case v.Prefix:
			return table + "title ILIKE " + q.arg(escapeLike(v.Text)+"%") + "::text"
		}
		like := q.arg(containing(v.Text))
		// The index is over all texts; the rest is looked at row by row.
		return table + "haystack ILIKE " + like + "::text AND (" + table + "title ILIKE " + like + "::text OR " + table + "template ILIKE " + like + "::text)"
	case ql.Status:
		if v.Any() {
			return table + "status IS NOT NULL"
		}
		return table + "status BETWEEN " + q.arg(int16(v.Low)) + "::int2 AND " + q.arg(int16(v.High)) + "::int2" //nolint:gosec // 100..599
	case ql.Family:
		return table + "family = " + q.arg(ordinal(families, event.Family(v.Text))) + "::int2"
	case ql.Role:
		return table + "role = " + q.arg(ordinal(roles, event.Role(v.Text))) + "::int2"
	case ql.Is:
		switch v.Text {
		case "new": // and nobody has looked at it
			return table + "state = 'open' AND " + table + "first_at >= now() - interval '1 day'"
		case "regressed":
			return table + "state = 'regressed'"
		}
		return table + "state IN ('open', 'acknowledged', 'regressed')"
	}
	column := table + issueColumns[field]
	if v.Any() {
		return column + " <> ''"
	}
	return "starts_with(" + column + ", " + q.arg(v.Text) + "::text)"
}

// issueText finds a part of a word by trigrams, and words one behind the other
// whatever stands between them: "rate limit" is in rate_limit_exceeded.
func (q *issueQuery) issueText(table, text string) string {
	cond := table + "haystack ILIKE " + q.arg(containing(text)) + "::text"
	if spoken := strings.TrimSpace(words(text)); spoken != "" {
		cond += " OR " + table + "words @@ phraseto_tsquery('simple', " + q.arg(spoken) + "::text)"
	}
	if id, err := uuid.Parse(text); err == nil {
		cond += " OR " + table + "id = " + q.arg(id.String()) + "::uuid"
	}
	return cond
}

// words leaves out what the column of words leaves out.
func words(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`_./:-{}<>()[]*#@=,;&?`, r) {
			return ' '
		}
		return r
	}, text)
}

// issueRange is the hours that a list counts in: the last day unless asked
// otherwise, and never more than buckets of whole hours can tell.
func issueRange(f event.IssueFilter, now time.Time) (from, to time.Time) {
	if to = f.To; to.IsZero() || to.After(now.Add(time.Hour)) {
		to = now
	}
	if from = f.From; from.IsZero() {
		from = to.Add(-24 * time.Hour)
	}
	if oldest := to.AddDate(-1, 0, 0); from.Before(oldest) {
		from = oldest
	}
	return from.UTC(), to.UTC()
}
