package web

import (
	"net/url"
	"slices"
	"time"

	"errata/internal/stats"
)

// link is a choice that is an address.
type link struct {
	Label, Path, Title string
	Chosen             bool
}

// controls are what a page of statistics is steered by. All of it is links and
// GET forms, which need no script.
type controls struct {
	Path                   string
	Ranges                 []link
	Custom                 bool
	From, To               string // of the two fields, in Zone
	Zone                   string
	UTC, Local             link
	Services, Environments []choice
	Chips                  []link // what else it is filtered by; each leads to the page without it
	Compare, Refresh       []link
	// Hidden and Kept are what the form of the pickers, and that of the period,
	// pass on.
	Hidden, Kept []row
}

// maxPicks is how many services and environments can be picked from a list.
const maxPicks = 100

func (v *view) controls(services, environments []string) controls {
	c := controls{
		Path: v.path, Zone: v.zone.String(), From: v.field(v.filter.From), To: v.field(v.filter.To),
		UTC:      link{Label: "UTC", Path: v.with("tz", ""), Chosen: v.zone == time.UTC},
		Local:    link{Label: "Local time", Path: v.with("tz", ""), Chosen: v.zone != time.UTC},
		Services: picks(v.values["service"], "all services", services), Environments: picks(v.values["environment"], "all environments", environments),
		Compare: []link{
			{Label: "last week", Path: v.with("compare", ""), Chosen: v.compare == stats.Week},
			{Label: "the time before", Path: v.with("compare", "previous"), Chosen: v.compare == stats.Previous},
		},
	}
	chosen := false
	for _, r := range ranges {
		from := v.values["from"] == "now-"+r || v.values["from"] == "" && v.values["to"] == "" && r == defaultRange
		l := link{Label: r, Path: v.with("from", "now-"+r, "to", ""), Chosen: from && v.moving()}
		chosen = chosen || l.Chosen
		c.Ranges = append(c.Ranges, l)
	}
	c.Custom = !chosen
	if v.moving() {
		for _, r := range []struct {
			label, value string
			seconds      int
		}{{"off", "off", 0}, {"30 s", "30", 30}, {"1 min", "60", 60}} {
			c.Refresh = append(c.Refresh, link{Label: r.label, Path: v.with("refresh", r.value), Chosen: r.seconds == v.refresh})
		}
	}
	for _, name := range viewNames {
		value := v.values[name]
		if value == "" {
			continue
		}
		if name != "service" && name != "environment" {
			c.Hidden = append(c.Hidden, row{name, value})
		}
		if name != "from" && name != "to" {
			c.Kept = append(c.Kept, row{name, value})
		}
		if !slices.Contains([]string{"from", "to", "service", "environment", "tz", "compare", "refresh", "top"}, name) {
			c.Chips = append(c.Chips, link{Label: name + " " + value, Path: v.with(name, "")})
		}
	}
	return c
}

// field is a time as fields of the type datetime-local want it.
func (v *view) field(t time.Time) string { return t.In(v.zone).Format("2006-01-02T15:04") }

// picks always has what is chosen, also where it has no failures now.
func picks(chosen, all string, values []string) []choice {
	values = slices.Clone(values[:min(len(values), maxPicks)]) // those with the most failures
	if chosen != "" && !slices.Contains(values, chosen) {
		values = append(values, chosen)
	}
	slices.Sort(values)
	out := []choice{{Value: "", Label: all, Chosen: chosen == ""}}
	for _, value := range slices.Compact(values) {
		if value != "" {
			out = append(out, choice{value, value, value == chosen})
		}
	}
	return out
}

// The pages that rows of statistics lead to, all about the same period.

func (v *view) servicePath(service string) string { return v.to(pathOfService(service)) }

func (v *view) codePath(code string) string { return v.to(pathOfCode(v.values["service"], code)) }

func (v *view) endpointPath(service, method, endpoint string) string {
	return v.to(pathOfEndpoint(service, method, endpoint))
}

func (v *view) customerPath(customer string) string { return v.to(pathOfCustomer(customer)) }

// releasePath is the comparison of a release with the one before.
func (v *view) releasePath(service, release string) string {
	return "/releases?" + url.Values{"service": {service}, "release": {release}}.Encode()
}
