// Package linkout makes links from a failure to where else it can be looked at: traces,
// logs, whatever a company has. A link is a template that an administrator wrote, and
// what fills it in came from services and their callers. So values are encoded whole,
// only https is linked to (http on this machine), no value can change which host a link
// leads to, and a value that could end a quoted text in somebody's query makes no link.
//
// It is pure.
package linkout

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"errata/internal/event"
	"errata/internal/fault"
)

// Template is a link that is filled in for each failure.
type Template struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Bounds of what a workspace may have.
const (
	MaxTemplates = 20
	MaxName      = 60
	MaxURL       = 2000
)

// Fields are what templates may use, with what they are.
var Fields = []struct{ Name, About string }{
	{"trace_id", "the trace, 32 hex digits"},
	{"span_id", "the span, 16 hex digits"},
	{"request_id", "the request ID"},
	{"service", "the name of the service"},
	{"from_ms", "five minutes before it began, in milliseconds since 1970"},
	{"to_ms", "five minutes after its end"},
	{"customer_id", "the customer"},
	{"version", "the release"},
}

// Presets are what many have, to be changed to their own host.
var Presets = []Template{
	{"Jaeger", "https://jaeger.example.com/trace/{trace_id}"},
	{"Grafana Tempo", `https://grafana.example.com/explore?schemaVersion=1&orgId=1&panes={"a":{"datasource":"tempo","queries":[{"refId":"A","queryType":"traceql","query":"{trace_id}"}],"range":{"from":"{from_ms}","to":"{to_ms}"}}}`},
	{"Loki", `https://grafana.example.com/explore?schemaVersion=1&orgId=1&panes={"a":{"datasource":"loki","queries":[{"refId":"A","expr":"{service_name=\"{service}\"} |= \"{trace_id}\""}],"range":{"from":"{from_ms}","to":"{to_ms}"}}}`},
	{"Datadog", "https://app.datadoghq.com/apm/trace/{trace_id}"},
}

var field = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// Check gives the list as it is stored. What cannot be right is a fault Unprocessable
// that names the field.
func Check(list []Template) ([]Template, error) {
	if len(list) > MaxTemplates {
		return nil, wrong("links", "has %d links; %d are taken", len(list), MaxTemplates)
	}
	out := make([]Template, 0, len(list))
	for i, t := range list {
		t.Name, t.URL = strings.TrimSpace(t.Name), strings.TrimSpace(t.URL)
		at := func(name string) string { return "links[" + strconv.Itoa(i) + "]." + name }
		switch {
		case t.Name == "" || len(t.Name) > MaxName || !isLine(t.Name):
			return nil, wrong(at("name"), "must be one line of 1 to %d bytes, such as Jaeger", MaxName)
		case slices.ContainsFunc(out, func(o Template) bool { return strings.EqualFold(o.Name, t.Name) }):
			return nil, wrong(at("name"), "is that of another link; give each its own")
		}
		if why := checkURL(t.URL); why != "" {
			return nil, wrong(at("url"), "%s", why)
		}
		out = append(out, t)
	}
	return out, nil
}

func wrong(name, format string, args ...any) error {
	return fault.New(fault.Unprocessable, "validation_failed", "The '%s' field %s", name, fmt.Sprintf(format, args...)).With("field", name)
}

func isLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) })
}

func checkURL(s string) string {
	if s == "" || len(s) > MaxURL || !isLine(s) {
		return fmt.Sprintf("must be an address of at most %d bytes, such as https://jaeger.example.com/trace/{trace_id}", MaxURL)
	}
	_, rest, ok := strings.Cut(s, "://")
	host := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
	}
	switch {
	case !ok:
		return "must begin with https://"
	case strings.ContainsAny(host, `{}@\`):
		return "must name its host as it is, without fields and without a user"
	}
	u, err := url.Parse(encode(field.ReplaceAllString(s, "x")))
	switch {
	case err != nil || u.Hostname() == "":
		return "is not an address that a browser understands"
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
	default:
		return "must begin with https://; http:// is taken for this machine only (localhost)"
	}
	for _, m := range field.FindAllStringSubmatch(s, -1) {
		if !slices.ContainsFunc(Fields, func(f struct{ Name, About string }) bool { return f.Name == m[1] }) {
			return fmt.Sprintf("has {%.40s}, which is no field; there are: %s", m[1], names())
		}
	}
	return ""
}

func names() string {
	out := make([]string, len(Fields))
	for i, f := range Fields {
		out[i] = "{" + f.Name + "}"
	}
	return strings.Join(out, " ")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Link is a template filled in. Where it could not be, URL is "" and Missing says for
// want of what.
type Link struct {
	Name    string `json:"name"`
	URL     string `json:"url,omitempty"`
	Missing string `json:"missing,omitempty"`
}

// Around is how much before and after a Trail from_ms and to_ms are.
const Around = 5 * time.Minute

// Fill makes the links of a failure and its Trail.
func Fill(list []Template, t *event.Trail, e *event.Event) []Link {
	values := map[string]string{
		"trace_id": e.TraceID, "span_id": e.SpanID, "request_id": e.RequestID, "service": e.Service, "customer_id": e.Customer, "version": e.Release,
		"from_ms": strconv.FormatInt(t.FirstAt.Add(-Around).UnixMilli(), 10), "to_ms": strconv.FormatInt(t.LastAt.Add(Around).UnixMilli(), 10),
	}
	if e.TraceID == "" && len(t.TraceIDs) > 0 {
		values["trace_id"] = t.TraceIDs[0]
	}
	if e.RequestID == "" {
		values["request_id"] = t.RequestID
	}
	out := make([]Link, len(list))
	for i, tpl := range list {
		out[i] = tpl.fill(values)
	}
	return out
}

func (t Template) fill(values map[string]string) Link {
	missing := ""
	s := field.ReplaceAllStringFunc(t.URL, func(m string) string {
		v := values[m[1:len(m)-1]]
		if v == "" || strings.ContainsAny(v, "\"\\`") || !isLine(v) {
			missing = m[1 : len(m)-1]
		}
		return strings.ReplaceAll(url.QueryEscape(v), "+", "%20")
	})
	if missing != "" || checkURL(t.URL) != "" {
		return Link{Name: t.Name, Missing: missing}
	}
	return Link{Name: t.Name, URL: encode(s)}
}

// encode writes what may not stand in an address as it is, such as the JSON that
// Grafana has in its own, and leaves what is encoded already.
func encode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
