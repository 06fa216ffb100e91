package event

// Grouping is what all Events of an Issue have in common, as the fingerprint
// is made of it: the rule by which they were grouped, then its ingredients in
// the order that the rule has them.
type Grouping []string

// The rules, by which an Event's Issue is told.
const (
	ByClient    = "client"    // service, the fingerprint that was sent
	ByEndpoint  = "endpoint"  // service, method, route, status, code
	ByProvider  = "provider"  // service, provider
	ByGateway   = "upstream"  // service, "", status, code: a 502, 503 or 504 of nobody knows whom
	ByFrames    = "frames"    // service, type of the exception, frames of own code
	ByException = "exception" // service, type of the exception, message template
	ByMessage   = "message"   // service, status, code, message template
)

// ingredients names what a rule is made of. The last name stands for all that
// follow.
var ingredients = map[string][]string{
	ByClient:    {"service", "fingerprint"},
	ByEndpoint:  {"service", "method", "endpoint", "status", "code"},
	ByProvider:  {"service", "provider"},
	ByGateway:   {"service", "provider", "status", "code"},
	ByFrames:    {"service", "exception", "frame"},
	ByException: {"service", "exception", "message"},
	ByMessage:   {"service", "status", "code", "message"},
}

// Reason is one thing that the Events of an Issue have in common.
type Reason struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Rule is the rule's name, "" when it is not known.
func (g Grouping) Rule() string {
	if len(g) == 0 {
		return ""
	}
	return g[0]
}

// Reasons says why Events are together; nil when it is not known.
func (g Grouping) Reasons() []Reason {
	names := ingredients[g.Rule()]
	if names == nil {
		return nil
	}
	out := make([]Reason, 0, len(g)-1)
	for i, value := range g[1:] {
		if name := names[min(i, len(names)-1)]; value != "" && !(name == "status" && value == "0") {
			out = append(out, Reason{name, value})
		}
	}
	return out
}
