package store

import (
	"strings"

	"errata/internal/event"
	ql "errata/internal/query"
)

// searchColumns are the fields that are one text column each. What a query
// names is looked up here and never becomes part of a statement.
var searchColumns = map[ql.Field]string{
	ql.Service: "e.service", ql.Endpoint: "e.endpoint", ql.Method: "e.method", ql.Code: "e.code", ql.Customer: "e.customer",
	ql.Environment: "e.environment", ql.Release: "e.release", ql.Provider: "e.provider",
}

// search adds the conditions of a query. Each stands in parentheses of its
// own, beside the workspace's: no term can widen what the others narrow.
func (q *query) search(text string) error {
	parsed, err := ql.Parse(text)
	if err != nil {
		return err
	}
	for _, t := range parsed.Terms {
		cond := q.term(t)
		if t.Not { // an Event that has no such value is one that has not this one
			cond += " IS NOT TRUE"
		}
		q.conds = append(q.conds, cond)
	}
	return nil
}

func (q *query) term(t ql.Term) string {
	either := make([]string, 0, len(t.Values))
	var exact []string
	for _, v := range t.Values {
		if _, ok := searchColumns[t.Field]; ok && !v.Prefix {
			exact = append(exact, v.Text)
			continue
		}
		either = append(either, q.value(t.Field, v))
	}
	if exact != nil {
		either = append(either, searchColumns[t.Field]+" = ANY ("+q.arg(exact)+"::text[])")
	}
	return "(" + strings.Join(either, " OR ") + ")"
}

func (q *query) value(field ql.Field, v ql.Value) string {
	switch field {
	case ql.Text:
		like := q.arg(containing(v.Text))
		return "e.message ILIKE " + like + "::text OR e.code ILIKE " + like + "::text OR e.request_id ILIKE " + like + "::text"
	case ql.Message:
		switch {
		case v.Any():
			return "e.message <> ''"
		case v.Prefix:
			return "e.message ILIKE " + q.arg(escapeLike(v.Text)+"%") + "::text"
		}
		return "e.message ILIKE " + q.arg(containing(v.Text)) + "::text"
	case ql.Status:
		if v.Any() {
			return "e.status IS NOT NULL"
		}
		return "e.status BETWEEN " + q.arg(int16(v.Low)) + "::int2 AND " + q.arg(int16(v.High)) + "::int2" //nolint:gosec // 100..599
	case ql.Family:
		return "e.family = " + q.arg(ordinal(families, event.Family(v.Text))) + "::int2"
	case ql.Role:
		return "e.role = " + q.arg(ordinal(roles, event.Role(v.Text))) + "::int2"
	case ql.Request:
		return q.requestID(v)
	case ql.Trace:
		lo, hi, _ := traceRange(v.Text) // the language knows hexadecimal digits only
		switch {
		case v.Any():
			return "e.trace_id IS NOT NULL"
		case v.Prefix:
			return "(e.trace_id BETWEEN " + q.arg(lo) + "::uuid AND " + q.arg(hi) + "::uuid AND " + anySegment + ")"
		}
		return "(e.trace_id = " + q.arg(lo) + "::uuid AND " + anySegment + ")"
	}
	column := searchColumns[field]
	if v.Any() {
		return column + " <> ''"
	}
	return "starts_with(" + column + ", " + q.arg(v.Text) + "::text)" // prefixes only; term has the rest
}

// requestID also asks for what the index of request IDs is over.
func (q *query) requestID(v ql.Value) string {
	const folded = "translate(lower(e.request_id), 'oil', '011')"
	if v.Any() {
		return "e.request_id IS NOT NULL"
	}
	fold := event.Fold(v.Text)
	if v.Prefix {
		return "(" + folded + " >= " + q.arg(fold) + "::text AND " + folded + " < " + q.arg(after(fold)) + "::text AND starts_with(e.request_id, " + q.arg(v.Text) + "::text) AND " + anySegment + ")"
	}
	return "(" + folded + " = " + q.arg(fold) + "::text AND e.request_id = " + q.arg(v.Text) + "::text AND " + anySegment + ")"
}

func containing(text string) string { return "%" + escapeLike(text) + "%" }

func escapeLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}
