package normalize

import (
	"strconv"
	"strings"

	"errata/internal/event"
	"errata/internal/identity"
)

// FingerprintVersion is the newest of the rules' versions. A rule that would
// group the same failures differently gets the next one.
const FingerprintVersion = 3

// changed is the version in which a rule became what it is; the others are as
// old as the tables. It goes into the fingerprint, so that the Issues of the
// rules that did not change are the same before and after.
var changed = map[string]int{event.ByProvider: 3, event.ByFrames: 3}

const firstVersion = 2

func versionOf(g event.Grouping) int { return max(changed[g.Rule()], firstVersion) }

// unmatched is the endpoint of requests that no route took.
const unmatched = "(unmatched)"

// grouping gives what all Events of one Issue have in common. Its texts are
// bounded, since they are those of the Event, or templates of them.
func (b *builder) grouping() event.Grouping {
	env, ev := b.env, b.event
	if own := strings.TrimSpace(env.Fingerprint); own != "" {
		return event.Grouping{event.ByClient, ev.Service, own}
	}
	// What was derived has no say here: the rules for it may become better, and
	// what is learned depends on what came before. An Issue must stay the same.
	noEndpoint := b.sent == "" || b.sent == unmatched
	status := strconv.Itoa(ev.Status)
	if ex := ev.Exception; ex != nil && (ex.Type != "" || ex.Stacktrace != "") && (ev.Role != event.Primary || noEndpoint) {
		if where := b.frames(); len(where) > 0 {
			return append(event.Grouping{event.ByFrames, ev.Service, ex.Type}, where...)
		}
		return event.Grouping{event.ByException, ev.Service, ex.Type, Template(first(ex.Message, ev.Message))}
	}
	switch ev.Status {
	case 502, 503, 504:
		if ev.Provider != "" {
			return event.Grouping{event.ByProvider, ev.Service, strings.ToLower(ev.Provider)}
		}
		return event.Grouping{event.ByGateway, ev.Service, "", status, ev.Code}
	}
	if noEndpoint {
		return event.Grouping{event.ByMessage, ev.Service, status, ev.Code, Template(ev.Message)}
	}
	return event.Grouping{event.ByEndpoint, ev.Service, strings.ToUpper(ev.Method), routeTemplate(b.sent), status, ev.Code}
}

func issueID(ws int32, g event.Grouping) string {
	c := newCanon()
	c.num(uint64(ws), uint64(versionOf(g))) //nolint:gosec // any bits will do
	c.str(g...)
	return identity.FormatUUID(c.sum())
}

// routeTemplate replaces the segments of a route that are IDs, for senders
// that give the path in its place. It is part of FingerprintVersion 2 and stays
// as it is, whatever package route learns.
func routeTemplate(route string) string {
	if !strings.ContainsAny(route, "0123456789") {
		return route
	}
	var out strings.Builder
	kept := 0 // what comes before has been written
	for i := 0; i <= len(route); {
		end := i
		for end < len(route) && route[end] != '/' {
			end++
		}
		if s := route[i:end]; !isVersion(s) && isID(s) {
			out.WriteString(route[kept:i])
			out.WriteString("{id}")
			kept = end
		}
		i = end + 1
	}
	if kept == 0 {
		return route
	}
	out.WriteString(route[kept:])
	return out.String()
}

// isVersion recognises v1 and v2beta1, which name a route.
func isVersion(s string) bool {
	return len(s) >= 2 && len(s) <= 8 && s[0] == 'v' && s[1] >= '0' && s[1] <= '9'
}

// isID recognises numbers, and words that are half digits or long.
func isID(s string) bool {
	digits := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_':
		default:
			return false
		}
	}
	return digits > 0 && (digits*2 >= len(s) || len(s) >= 16)
}
