package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/fault"
	ql "errata/internal/query"
	"errata/internal/store"
)

const (
	pageSize = 50
	maxValue = 500 // bytes of one filter value
)

// filterNames are the fields of the filter, in the form and in the address.
var filterNames = []string{"service", "environment", "method", "endpoint", "code", "status", "family", "customer", "release", "role", "issue", "from", "to", "q"}

type eventsPage struct {
	frame
	Form    filterForm
	Active  []row // what is filtered by, in words
	Rows    []listRow
	Older   string
	Problem string
	Mistake *mistake // in the search; nil without one
	Thinned string   // that it lacks what was counted
}

// filterForm is the filter as it was typed, so that a mistake can be mended.
type filterForm struct {
	Service, Environment, Method, Endpoint, Code, Status, Customer, Release, Issue, From, To, Q string
	Families, Roles                                                                             []choice
}

type choice struct {
	Value, Label string
	Chosen       bool
}

func (w *web) events(c *gin.Context) error {
	values := map[string]string{}
	for _, name := range filterNames {
		values[name] = strings.TrimSpace(c.Query(name))
	}
	page := eventsPage{frame: w.frame(c, "Failures", "events"), Form: newForm(values)}
	status := http.StatusOK
	found, thinned, err := w.list(c, values)
	page.Thinned = thinned
	if f := fault.Of(err); err != nil {
		if f.Kind != fault.Unprocessable {
			return err
		}
		status = http.StatusUnprocessableEntity
		if page.Mistake = newMistake(f, "/events", values); page.Mistake == nil {
			page.Problem = f.Message
		}
	}
	page.Active = active(filterNames, values, ql.Events)
	page.Rows = w.rows(found.Events)
	if found.Next != "" {
		page.Older = listPath("/events", values, "cursor", found.Next)
	}
	return w.render(c, status, "events", page)
}

func (w *web) list(c *gin.Context, values map[string]string) (found store.Page, thinned string, err error) {
	f, err := newFilter(values, w.Now(), time.UTC)
	if err != nil {
		return found, "", err
	}
	if found, err = w.Store.Events(c.Request.Context(), member(c).Workspace, f, pageSize, c.Query("cursor")); err == nil {
		thinned, err = w.thinnedNote(c, f, found)
	}
	return found, thinned, err
}

// listPath is the list with these filters, and one value changed.
func listPath(list string, values map[string]string, changed, to string) string {
	q := url.Values{}
	for name, v := range values {
		if v != "" {
			q.Set(name, v)
		}
	}
	q.Set(changed, to)
	return list + "?" + q.Encode()
}

func newForm(v map[string]string) filterForm {
	return filterForm{
		Service: v["service"], Environment: v["environment"], Method: v["method"], Endpoint: v["endpoint"], Code: v["code"], Status: v["status"],
		Customer: v["customer"], Release: v["release"], Issue: v["issue"], From: v["from"], To: v["to"], Q: v["q"],
		Families: choices(v["family"], "", "anyone's side", "caller", "the caller's request", "limits", "a limit or quota", "us", "our service", "upstream", "a provider"),
		Roles:    choices(v["role"], "", "any kind", "primary", "answers", "upstream", "calls made", "context", "on the way"),
	}
}

func choices(chosen string, pairs ...string) []choice {
	var out []choice
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, choice{pairs[i], pairs[i+1], pairs[i] == chosen})
	}
	return out
}

// newFilter reads the shared filter. Times without a zone are of loc.
func newFilter(v map[string]string, now time.Time, loc *time.Location) (event.Filter, error) {
	for name, value := range v {
		if len(value) > maxValue || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return event.Filter{}, invalid("%q must be text of at most %d bytes.", name, maxValue)
		}
	}
	f := event.Filter{
		Service: v["service"], Environment: v["environment"], Method: strings.ToUpper(v["method"]), Endpoint: v["endpoint"], Status: v["status"], Customer: v["customer"],
		Release: v["release"], Family: event.Family(v["family"]), Role: event.Role(v["role"]), IssueID: v["issue"], Query: v["q"],
	}
	if v["code"] != "" { // as it was sent, or as it is shown
		f.Code = event.CanonicalCode(v["code"], 0)
	}
	switch f.Family {
	case "", event.FamilyCaller, event.FamilyLimits, event.FamilyUs, event.FamilyUpstream:
	default:
		return f, invalid("The side must be caller, limits, us or upstream.")
	}
	switch f.Role {
	case "", event.Primary, event.Upstream, event.Context:
	default:
		return f, invalid("The kind must be primary, upstream or context.")
	}
	var err error
	if f.From, err = parseTime("From", v["from"], now, loc); err != nil {
		return f, err
	}
	f.To, err = parseTime("To", v["to"], now, loc)
	return f, err
}

// timeForms are what date fields of browsers send, and what people type.
var timeForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"}

func parseTime(name, s string, now time.Time, loc *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, ok := ql.Relative(s, now); ok {
		return t, nil
	}
	for _, form := range timeForms {
		if t, err := time.ParseInLocation(form, s, loc); err == nil && t.Year() >= 1970 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, invalid("%s must be a time in %s such as 2026-11-20 14:00, or relative such as now-1h.", name, loc)
}

func invalid(format string, args ...any) error {
	return fault.New(fault.Unprocessable, "validation_failed", "%s", fmt.Sprintf(format, args...))
}
