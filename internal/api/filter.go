package api

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	ql "errata/internal/query"
	"errata/internal/store"
)

const (
	defaultPage = 50
	maxValue    = 500 // bytes of one filter value
)

// params are the query parameters of one request, each known and given once.
type params map[string]string

// query takes the parameters that a route knows. An unknown one is refused: a
// misspelt filter that is ignored shows the wrong failures.
func query(c *gin.Context, known ...string) (params, error) {
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return nil, invalid("query", "is not a valid URL query")
	}
	p := params{}
	for _, name := range slices.Sorted(maps.Keys(values)) { // the same mistake is named each time
		switch given := values[name]; {
		case !slices.Contains(known, name):
			return nil, invalid(name, "is not known here; known are: %s", strings.Join(known, ", "))
		case len(given) > 1:
			return nil, invalid(name, "is given more than once")
		case !utf8.ValidString(given[0]) || strings.ContainsRune(given[0], 0):
			return nil, invalid(name, "must be UTF-8 text without NUL")
		}
		p[name] = values[name][0]
	}
	return p, nil
}

// page reads limit and cursor.
func (p params) page() (limit int, cursor string, err error) {
	limit = defaultPage
	if v := p["limit"]; v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > store.MaxPage {
			return 0, "", invalid("limit", "must be a number from 1 to %d", store.MaxPage)
		}
		limit = n
	}
	return limit, p["cursor"], nil
}

// filterParams are the parameters of the shared filter.
var filterParams = []string{
	"service", "endpoint", "method", "code", "status", "family", "role", "customer", "environment",
	"release", "provider", "issue", "from", "to", "q",
}

var statusForm = regexp.MustCompile(`^([1-5][0-9][0-9]|[1-5]xx)$`)

// filter reads the shared filter. An empty value matches all, as a form sends
// it.
func (p params) filter(now time.Time) (event.Filter, error) {
	for name, v := range p {
		if len(v) > maxValue && name != "cursor" {
			return event.Filter{}, invalid(name, "is longer than %d bytes", maxValue)
		}
	}
	f := event.Filter{
		Service: p["service"], Environment: p["environment"], Endpoint: p["endpoint"], Customer: p["customer"],
		Release: p["release"], Provider: p["provider"], IssueID: p["issue"], Query: p["q"],
		Method: strings.ToUpper(p["method"]), Status: strings.ToLower(p["status"]),
		Family: event.Family(p["family"]), Role: event.Role(p["role"]),
	}
	if v := p["code"]; v != "" {
		f.Code = event.CanonicalCode(v, 0) // as customers quote it: PROVIDER_ERROR finds provider_error
	}
	if f.Status != "" && !statusForm.MatchString(f.Status) {
		return f, invalid("status", "must be a status such as 429, or a class such as 5xx")
	}
	if err := oneOf("family", f.Family, "", event.FamilyCaller, event.FamilyLimits, event.FamilyUs, event.FamilyUpstream); err != nil {
		return f, err
	}
	if err := oneOf("role", f.Role, "", event.Primary, event.Upstream, event.Context); err != nil {
		return f, err
	}
	if _, err := ql.Parse(f.Query); err != nil {
		return f, err
	}
	return f, p.times(&f, now)
}

func oneOf[T ~string](field string, v T, allowed ...T) error {
	if slices.Contains(allowed, v) {
		return nil
	}
	names := make([]string, 0, len(allowed))
	for _, a := range allowed[1:] {
		names = append(names, string(a))
	}
	return invalid(field, "must be one of: %s", strings.Join(names, ", "))
}

func (p params) times(f *event.Filter, now time.Time) (err error) {
	if f.From, err = instant("from", p["from"], now); err != nil {
		return err
	}
	if f.To, err = instant("to", p["to"], now); err != nil {
		return err
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return invalid("from", "must be before 'to'")
	}
	return nil
}

// instant reads RFC 3339, "now", or "now-1h". In a query an unescaped '+' is a
// space; both forms of a zone offset are understood.
func instant(field, v string, now time.Time) (time.Time, error) {
	v = strings.ReplaceAll(v, " ", "+")
	if v == "" {
		return time.Time{}, nil
	}
	if t, ok := ql.Relative(v, now); ok {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil || t.Year() < 1970 {
		return time.Time{}, invalid(field, "must be an RFC 3339 time such as 2026-11-20T14:00:00Z, or relative such as now-1h")
	}
	return t.UTC(), nil
}
