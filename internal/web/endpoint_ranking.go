package web

import (
	"fmt"
	"slices"
	"strings"

	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

// endpointRanking is of answers by service, method and endpoint; rates may be
// nil.
func (t *topic) endpointRanking(errors, rates *reply, title string) ranking {
	out := ranking{ID: "endpoints", Title: title, Empty: errors.instead("No failures in this time."), Columns: []column{{Name: "Endpoint"}, {Name: "failures", Num: true}}}
	counted := rates != nil && rates.Why == "" && !rates.NoTotals
	if counted {
		out.Columns = append(out.Columns, column{Name: "rate", Num: true, Title: "Failures per request"})
	}
	grey, over := false, false
	for _, s := range errors.Series {
		over = over || s.Labels[2] == rollup.Other
		if len(out.Rows) == topRows || s.Total <= 0 {
			continue
		}
		r := rank{Label: endpointLabel(s.Labels[1], s.Labels[2]), Path: t.about(pathOfEndpoint(s.Labels[0], s.Labels[1], s.Labels[2])), Cells: []cell{t.endpointFailed(&s)}}
		if t.values["service"] == "" {
			r.Detail = s.Labels[0]
		}
		if counted {
			rate := num(none)
			if has := labelled(rates.totals(), s.Labels...); has != nil && has.Requests > 0 {
				rate.Text, rate.Title = percent(has.Total), "of "+count(has.Requests)+" requests"
				if has.Requests < lowTraffic {
					r.Low, grey = lowTrafficWhy, true
				}
			}
			r.Cells = append(r.Cells, rate)
		}
		out.Rows = append(out.Rows, r)
	}
	out.Notes = []string{t.further(errors, len(out.Rows), "endpoints")}
	if grey {
		out.Notes = append(out.Notes, "Grey: fewer than 100 requests in this period.")
	}
	if over {
		out.Notes = append(out.Notes, fmt.Sprintf("There are more than %d endpoints: what is beyond is counted together as %s. Send templates such as /v1/charges/{id} as endpoint.", store.MaxEndpoints, rollup.Other))
	}
	out.Notes = said(out.Notes)
	return out
}

func endpointLabel(method, endpoint string) string {
	if name := joined(method, endpoint); name != "" {
		return name
	}
	return "(no endpoint named)"
}

// endpointFailed leads to the failures of an endpoint, whose method and name may
// be missing.
func (t *topic) endpointFailed(s *stats.Series, more ...string) cell {
	pairs, without := append(slices.Clone(more), "service", s.Labels[0]), t.values["q"]
	for i, name := range []string{"method", "endpoint"} {
		if v := s.Labels[i+1]; v != "" && v != rollup.Other {
			pairs = append(pairs, name, v)
		} else if v == "" && !strings.Contains(without, "-"+name+":*") {
			without = joined("-"+name+":*", without)
		}
	}
	return t.failed(s.Total, append(pairs, "q", without)...)
}
