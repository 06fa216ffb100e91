package otlp

import (
	"encoding/json"
	"net/url"
	"strings"

	"errata/internal/dialect"
	"errata/internal/route"
)

// isUpstream reports an item about a call that the service made, whose answer
// is another service's.
func isUpstream(it *item) bool {
	return it.kind == clientSpan || it.kind == logRecord && strings.HasPrefix(it.eventName, "http.client.")
}

func putRequestID(it *item, s string) bool {
	it.env.RequestID = cleanID(s)
	return it.env.RequestID != ""
}

func putUpstreamRequestID(it *item, s string) bool {
	it.env.UpstreamRequestID = cleanID(s)
	return it.env.UpstreamRequestID != ""
}

// captured is the response body that came along, if any.
func (it *item) captured() []byte {
	if it.bodyRead {
		return it.body
	}
	it.bodyRead = true
	for _, key := range bodyKeys {
		if v, ok := it.get(key); ok {
			if it.body = content(v); len(it.body) > 0 {
				return it.body
			}
		}
	}
	return nil
}

// read is what the captured body says; what it says about the status must not
// depend on the status, so none is told.
func (it *item) read() *dialect.Reading {
	if !it.readDone {
		it.readDone = true
		if body := it.captured(); body != nil {
			it.reading = dialect.Read(body, nil, 0)
		}
	}
	return &it.reading
}

func setBody(it *item) { it.env.Body = it.captured() }

// bodyRequestID: what a called service answered names its request, not ours.
func bodyRequestID(it *item) string {
	if isUpstream(it) {
		return ""
	}
	return it.read().RequestID
}

func upstreamBodyRequestID(it *item) string { return it.read().RequestID }

// bodyFails reports a body that carries errors under whatever status: GraphQL
// and many RPC styles answer 200.
func (it *item) bodyFails() bool {
	body := it.captured()
	if len(body) == 0 {
		return false
	}
	var top struct {
		Error  json.RawMessage `json:"error"`
		Errors json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(body, &top) != nil {
		return false
	}
	return says(top.Error) || says(top.Errors)
}

// says reports a JSON value that is more than "no error".
func says(v json.RawMessage) bool {
	switch string(v) {
	case "", "null", "false", "0", `""`, "[]", "{}":
		return false
	default:
		return true
	}
}

func putMethod(it *item, s string) bool {
	if s == "_OTHER" {
		return false
	}
	it.env.Method = s
	return true
}

func putEndpoint(it *item, s string) bool {
	it.env.Endpoint = s
	return true
}

func putPathAsIs(it *item, s string) bool {
	it.env.Path = s
	return true
}

// putPath takes the path out of a request target or a full URL.
func putPath(it *item, s string) bool {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i]
	}
	if strings.HasPrefix(s, "/") {
		it.env.Path = s
		return true
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return false
	}
	it.env.Path = u.EscapedPath()
	if it.env.Path == "" {
		it.env.Path = "/"
	}
	return true
}

func rpcEndpoint(it *item) string {
	method, service := it.text("rpc.method"), it.text("rpc.service")
	if method == "" || service == "" || strings.Contains(method, "/") {
		return method
	}
	return service + "/" + method
}

// nameEndpoint reads the span name, which should be "GET /users/{id}". Where
// it repeats a path that varies, it is no template; it may be a path anyway.
func nameEndpoint(it *item) string {
	var name string
	switch it.kind {
	case logRecord:
		return ""
	case metricPoint:
		name = it.pointName
	default:
		name = strings.TrimSpace(it.span.Name())
	}
	if method, rest, ok := strings.Cut(name, " "); ok && isMethod(method) {
		name = strings.TrimSpace(rest)
	}
	if !strings.HasPrefix(name, "/") {
		return ""
	}
	it.fill("path")
	if name == it.env.Path && varies(name) {
		return ""
	}
	_, it.env.EndpointRaw = route.OfRaw(name)
	return name
}

// isMethod reports a word in upper case; "HTTP" too is seen before the path.
func isMethod(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return s != ""
}

// varies reports a path with a segment that looks like somebody's ID: it has a
// digit and is no version such as "v1".
func varies(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if strings.ContainsAny(segment, "0123456789") && !isVersion(segment) {
			return true
		}
	}
	return false
}

func isVersion(s string) bool {
	return len(s) >= 2 && len(s) <= 4 && s[0] == 'v' && strings.Trim(s[1:], "0123456789.") == ""
}

// unrouted is the endpoint of a request without a route.
const unrouted = "(unmatched)"

// unmatched stands for the route of a request that has none. Items that are no
// requests (a job's exception) get nothing.
func unmatched(it *item) string {
	it.fill("method")
	it.fill("path")
	if it.kind == serverSpan || it.kind == metricPoint || it.env.Method != "" || it.env.Path != "" {
		return unrouted
	}
	return ""
}
