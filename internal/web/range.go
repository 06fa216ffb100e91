package web

import (
	"net/url"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a container has no zones of its own

	"github.com/gin-gonic/gin"

	"errata/internal/chart"
	"errata/internal/event"
	"errata/internal/stats"
)

// view is what a page of statistics looks at: a period, a filter, and how its
// times are written. All of it stands in the address, so that a page can be
// kept, sent to others and gone back to, and every control of it is a link or a
// form that changes one parameter and keeps the others.
type view struct {
	path    string
	values  map[string]string
	now     time.Time
	filter  event.Filter // with From and To
	zone    *time.Location
	compare stats.Compare
	refresh int // seconds; 0 is off
	// blank: nothing at all is known of the time compared with.
	blank bool
	bands []chart.Band // incidents, on every chart
}

// viewNames are the parameters of a page of statistics: those of the list of
// failures, and how it is shown.
var viewNames = append(slices.Clone(filterNames), "tz", "compare", "refresh", "top")

// byRate is what top is where endpoints are ranked by their rates, and not by how
// many of their requests failed.
const byRate = "rate"

const defaultRange = "1h"

// ranges are offered as links; any other period can be typed.
var ranges = []string{"15m", "1h", "6h", "24h", "7d", "30d"}

// newView reads the address. After a mistake in it (a fault of kind
// Unprocessable) the view still has the controls to mend it. refresh is how
// often the page reads itself anew where the address does not say.
func (w *web) newView(c *gin.Context, path string, refresh int) (*view, error) {
	v := &view{path: path, values: map[string]string{}, now: w.Now().UTC(), zone: time.UTC, compare: stats.Week, refresh: refresh}
	for _, name := range viewNames {
		v.values[name] = strings.TrimSpace(c.Query(name))
	}
	v.filter.From, v.filter.To = v.now.Add(-time.Hour), v.now
	return v, v.read()
}

func (v *view) read() error {
	if name := v.values["tz"]; name != "" {
		zone, err := time.LoadLocation(name)
		if err != nil || name == "Local" {
			return invalid("The time zone must be a name such as UTC or Europe/Berlin.")
		}
		v.zone = zone
	}
	switch v.values["compare"] {
	case "", "week":
	case "previous":
		v.compare = stats.Previous
	default:
		return invalid("compare must be week or previous.")
	}
	switch v.values["refresh"] {
	case "":
	case "off":
		v.refresh = 0
	case "30":
		v.refresh = 30
	case "60":
		v.refresh = 60
	default:
		return invalid("refresh must be off, 30 or 60 (seconds).")
	}
	if top := v.values["top"]; top != "" && top != "failures" && top != byRate {
		return invalid("top must be failures or rate.")
	}
	f, err := newFilter(v.values, v.now, v.zone)
	if err != nil {
		return err
	}
	if f.To.IsZero() {
		f.To = v.now
	}
	if f.From.IsZero() {
		f.From = f.To.Add(-time.Hour)
	}
	if !f.From.Before(f.To) {
		return invalid("From must be before To.")
	}
	v.filter = f
	if !v.moving() { // what is over does not change
		v.refresh = 0
	}
	return nil
}

// moving reports whether the period ends now, and so moves on.
func (v *view) moving() bool { return v.values["to"] == "" || v.values["to"] == "now" }

// with is the page with some parameters changed: pairs of a name and a value.
func (v *view) with(pairs ...string) string { return v.address(v.path, v.values, pairs) }

// to is another page about the same period and filter: a list of failures, or
// the statistics of something in it.
func (v *view) to(path string, pairs ...string) string {
	values := map[string]string{"from": v.values["from"], "to": v.values["to"]}
	for _, name := range viewNames {
		if path != "/events" || slices.Contains(filterNames, name) {
			values[name] = v.values[name]
		}
	}
	delete(values, "refresh")
	delete(values, "top")
	if values["from"] == "" && values["to"] == "" {
		values["from"] = "now-" + defaultRange
	}
	return v.address(path, values, pairs)
}

// failures is the list of what a number counts: like statistics it is about
// services' own answers, as long as the filter says no other.
func (v *view) failures(pairs ...string) string {
	if v.values["role"] == "" {
		pairs = append([]string{"role", string(event.Primary)}, pairs...)
	}
	return v.to("/events", pairs...)
}

// bucket is the list of the failures of one stretch of time.
func (v *view) bucket(from, to time.Time, pairs ...string) string {
	return v.failures(append([]string{"from", from.UTC().Format(time.RFC3339), "to", to.UTC().Format(time.RFC3339)}, pairs...)...)
}

func (v *view) address(path string, values map[string]string, pairs []string) string {
	q := url.Values{}
	for name, value := range values {
		if value != "" {
			q.Set(name, value)
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Del(pairs[i]); pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// narrowed reports whether the page is about less than everything.
func (v *view) narrowed() bool {
	f := v.filter
	f.From, f.To = time.Time{}, time.Time{}
	return f != event.Filter{}
}

// question is one about the page's period and filter.
func (v *view) question(m stats.Measure) stats.Question {
	return stats.Question{Measure: m, Filter: v.filter}
}

// length is how long the period is so far.
func (v *view) length() time.Duration {
	return max(min(v.filter.To.Sub(v.filter.From), v.now.Sub(v.filter.From)), time.Minute)
}

// against says what the page compares with.
func (v *view) against() string {
	weeks := (v.filter.To.Sub(v.filter.From) + 7*24*time.Hour - 1) / (7 * 24 * time.Hour)
	switch {
	case v.compare == stats.Previous:
		return "the time before"
	case weeks > 1:
		return itoa(int(weeks)) + " weeks before"
	}
	return "last week"
}

// clock writes a time in the page's zone, as short as it is clear.
func (v *view) clock(t time.Time) string {
	t, now := t.In(v.zone), v.now.In(v.zone)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04")
	}
	return t.Format("2 Jan 15:04")
}
