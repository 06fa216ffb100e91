package web

import (
	"fmt"
	"slices"
	"strings"

	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

// ranked are the links by which endpoints are ranked, where there are rates.
func ranked(v *view, rates bool) []link {
	if !rates {
		return nil
	}
	byTop := func(label, top string) link {
		return link{Label: label, Path: v.with("top", top) + "#endpoints-h", Chosen: (v.values["top"] == byRate) == (top == byRate)}
	}
	return []link{byTop("failures", ""), byTop("rate", byRate)}
}

// rated reports whether an answer has rates to rank by, and why not where it was
// asked for them.
func (r *reply) rated() (ok bool, why string) {
	switch {
	case r == nil:
		return false, ""
	case r.Why != "":
		return false, "Not ranked by rate. " + r.Why
	case r.NoTotals:
		return false, "Not ranked by rate: there is none, since nobody counts the requests here."
	}
	return true, ""
}

// greyNote says why rows are grey, and come last among rates.
func greyNote(grey, rated bool) string {
	switch {
	case grey && rated:
		return "Grey, and last: fewer than 100 requests in this period. That is too few to tell a rate: a single failure moves it a lot."
	case grey:
		return "Grey: fewer than 100 requests in this period."
	}
	return ""
}

// endpointRanking is of answers by service, method and endpoint; rates may be
// nil.
func (t *topic) endpointRanking(errors, rates *reply, title string) ranking {
	out := ranking{ID: "endpoints", Title: title, Empty: errors.instead("No failures in this time."), Columns: []column{{Name: "Endpoint"}, {Name: "failures", Num: true}}}
	counted, why := rates.rated()
	chosen := counted && t.values["top"] == byRate
	if t.values["top"] != byRate {
		why = ""
	}
	out.Views = ranked(t.page, counted || why != "")
	if counted {
		out.Columns = append(out.Columns, column{Name: "rate", Num: true, Title: "Failures per request"})
	}
	list, shares := errors.Series, map[string]*stats.Series{}
	if counted {
		shares = rates.totals()
	}
	if chosen {
		list = inOrderOf(rates, errors)
	}
	grey, over := false, false
	for _, s := range list {
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
			if has := labelled(shares, s.Labels...); has != nil && has.Requests > 0 {
				rate.Text, rate.Title = percent(has.Total), "of "+count(has.Requests)+" requests"
				if has.Requests < lowTraffic {
					r.Low, grey = lowTrafficWhy, true
				}
			}
			r.Cells = append(r.Cells, rate)
		}
		out.Rows = append(out.Rows, r)
	}
	out.Notes = []string{t.further(errors, len(out.Rows), "endpoints"), why, greyNote(grey, chosen)}
	if over {
		out.Notes = append(out.Notes, fmt.Sprintf("There are more than %d endpoints: what is beyond is counted together as %s. Send templates such as /v1/charges/{id} as endpoint.", store.MaxEndpoints, rollup.Other))
	}
	out.Notes = said(out.Notes)
	return out
}

// inOrderOf are the series of an answer in the order of another's, and those that it
// does not have at the end.
func inOrderOf(order, of *reply) (out []stats.Series) {
	have, taken := of.totals(), map[*stats.Series]bool{}
	for i := range order.Series {
		if s := labelled(have, order.Series[i].Labels...); s != nil {
			out, taken[s] = append(out, *s), true
		}
	}
	for i := range of.Series {
		if s := &of.Series[i]; !taken[s] {
			out = append(out, *s)
		}
	}
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
