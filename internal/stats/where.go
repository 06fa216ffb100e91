package stats

import (
	"slices"
	"strings"

	"errata/internal/event"
	"errata/internal/fault"
	ql "errata/internal/query"
	"errata/internal/rollup"
)

// dimOf are the fields of the query language that are dimensions.
var dimOf = map[ql.Field]rollup.Dim{
	ql.Service: rollup.Service, ql.Environment: rollup.Environment, ql.Endpoint: rollup.Endpoint, ql.Method: rollup.Method,
	ql.Code: rollup.Code, ql.Status: rollup.Status, ql.Family: rollup.Family, ql.Role: rollup.Role, ql.Customer: rollup.Customer,
	ql.Release: rollup.Release, ql.Provider: rollup.Provider,
}

// where are the conditions of a filter: all of a dimension's must hold.
type where map[rollup.Dim][]func(string) bool

func (w where) add(d rollup.Dim, f func(string) bool) { w[d] = append(w[d], f) }

// allows reports whether all conditions of a dimension hold for a value.
func (w where) allows(d rollup.Dim, v string) bool {
	return !slices.ContainsFunc(w[d], func(f func(string) bool) bool { return !f(v) })
}

func (w where) dims() []rollup.Dim {
	out := make([]rollup.Dim, 0, len(w))
	for d := range w {
		out = append(out, d)
	}
	slices.Sort(out)
	return out
}

// conditions reads the shared filter. services are those that it allows, where
// it names them.
func conditions(f event.Filter) (w where, services []string, err error) {
	w = where{}
	for _, c := range []struct {
		dim   rollup.Dim
		value string
	}{
		{rollup.Service, f.Service}, {rollup.Environment, f.Environment}, {rollup.Endpoint, f.Endpoint}, {rollup.Method, f.Method}, {rollup.Code, f.Code},
		{rollup.Customer, f.Customer}, {rollup.Release, f.Release}, {rollup.Provider, f.Provider}, {rollup.Family, string(f.Family)}, {rollup.Role, string(f.Role)},
	} {
		if c.value != "" {
			w.add(c.dim, func(v string) bool { return v == c.value })
		}
	}
	if f.Service != "" {
		services = []string{f.Service}
	}
	if f.IssueID != "" {
		return nil, nil, unsupported("Roll-ups do not know issues. Ask for an issue at /v1/issues.")
	}
	text := f.Query
	if f.Status != "" {
		text += " status:" + ql.Quote(f.Status)
	}
	parsed, err := ql.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, nil, err
	}
	for _, t := range parsed.Terms {
		d, ok := dimOf[t.Field]
		if !ok {
			return nil, nil, unsupported("Statistics can be filtered by " + fieldNames() + ", not by text or IDs: '" + t.String() + "'. Search for those at /v1/events.")
		}
		w.add(d, t.Holds)
		if d == rollup.Service && services == nil && !t.Not && !slices.ContainsFunc(t.Values, func(v ql.Value) bool { return v.Prefix }) {
			for _, v := range t.Values {
				services = append(services, v.Text)
			}
		}
	}
	if w[rollup.Role] == nil {
		w.add(rollup.Role, func(v string) bool { return v == string(event.Primary) })
	}
	slices.Sort(services)
	return w, slices.Compact(services), nil
}

func fieldNames() string {
	names := make([]string, 0, len(dimOf))
	for f := range dimOf {
		names = append(names, string(f))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func unsupported(why string) *fault.Fault {
	return fault.New(fault.Unprocessable, "unsupported_combination", "%s", why)
}
