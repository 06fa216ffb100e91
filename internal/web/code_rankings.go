package web

import (
	"fmt"
	"slices"
	"strings"

	"errata/internal/chart"
	"errata/internal/event"
	ql "errata/internal/query"
)

// countTile is a number of failures, also where requests are counted: there is
// nothing that the failures of a customer are a share of.
func (t *topic) countTile(name string, r *reply, path string) tile {
	out := tile{Name: name, Value: none, Path: path}
	s := r.one()
	if s == nil {
		out.Note = "not with this filter"
		return out
	}
	out.Value, out.Spark = count(s.Total), spark(name, chart.Count, chart.Other, s.Values)
	out.compare(t.view, s)
	return out
}

// releasesWithIt are the releases that fail with the code.
func (t *codeTopic) releasesWithIt(service string) ranking {
	out := ranking{ID: "releases", Title: "Releases", Empty: t.releases.instead("No failure here names its release. Services can send it as release."),
		Columns: []column{{Name: "Release"}, {Name: "failures", Num: true}}}
	for _, s := range t.releases.Series {
		if len(out.Rows) == topRows || s.Labels[1] == "" || s.Total <= 0 {
			continue
		}
		r := rank{Label: s.Labels[1], Path: pathOfRelease(s.Labels[0], t.values["environment"], s.Labels[1]), Cells: []cell{t.topic.failed(s.Total, "service", s.Labels[0], "release", s.Labels[1])}}
		if service == "" {
			r.Detail = s.Labels[0]
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}

// innerCodes are the providers behind the code. What they themselves answered is
// not counted, and known of the latest failures only.
func (t *codeTopic) innerCodes(list []event.Event) ranking {
	out := t.plainRanking("providers", "Providers", "provider", "", t.providers, t.failed.total(), nil)
	inner := map[string]map[string]int{}
	for _, e := range list {
		if e.Upstream == nil || e.Upstream.Code == "" {
			continue
		}
		if inner[e.Upstream.Provider] == nil {
			inner[e.Upstream.Provider] = map[string]int{}
		}
		inner[e.Upstream.Provider][e.Upstream.Code]++
	}
	for i := range out.Rows {
		r := &out.Rows[i]
		r.Cells[0] = t.topic.failed(t.providers.Series[i].Total, "q", joined("provider:"+ql.Quote(r.Label), t.values["q"]))
		var words []string
		for code, n := range inner[r.Label] {
			words = append(words, fmt.Sprintf("%s %d", code, n))
		}
		slices.Sort(words)
		r.Detail = strings.Join(words[:min(len(words), 5)], ", ")
	}
	out.Notes = append(out.Notes, "The codes below a provider are its own, in the latest failures.")
	return out
}
