package identity

import (
	"cmp"
	"slices"
	"strings"

	"errata/internal/event"
)

// maxAliases bounds the further IDs of one Event.
const maxAliases = 32

// Merge makes the one Event that its Parts describe. It is a function of the
// set: for each field the first non-empty value in a fixed order of trust
// wins. ID, ReceivedAt and RequestID are left to the caller where an Event
// exists already; here they are those of the earliest Part.
func Merge(parts []Part) Part {
	if len(parts) == 1 {
		return parts[0]
	}
	words := ranked(parts, wordRank)
	clocks := ranked(parts, clockRank)
	out := *words[0]
	e := &out.Event
	e.Notes = nil
	mergeIdentity(e, parts, words)
	mergePlace(e, words, clocks)
	mergeWords(&out, words)
	mergeTiming(e, clocks)
	mergeEvidence(&out, words)
	e.Family = event.FamilyOf(e.Status, e.Code)
	mergeIssue(e, words)
	return out
}

// ranked sorts by trust in the source, then by time and item.
func ranked(parts []Part, rank map[event.Source]int) []*Part {
	out := make([]*Part, len(parts))
	for i := range parts {
		out[i] = &parts[i]
	}
	slices.SortFunc(out, func(a, b *Part) int {
		return cmp.Or(cmp.Compare(rank[a.Source], rank[b.Source]), compareParts(a, b))
	})
	return out
}

// first is the first non-zero field in order.
func first[T comparable](order []*Part, field func(*event.Event) T) T {
	var zero T
	for _, p := range order {
		if v := field(&p.Event); v != zero {
			return v
		}
	}
	return zero
}

func mergeIdentity(e *event.Event, parts []Part, words []*Part) {
	earliest := slices.MinFunc(words, func(a, b *Part) int {
		return cmp.Or(a.Event.ReceivedAt.Compare(b.Event.ReceivedAt), compareParts(a, b))
	})
	e.ID, e.ReceivedAt = earliest.Event.ID, earliest.Event.ReceivedAt
	e.RequestID = first(words, func(e *event.Event) string { return e.RequestID })
	e.Role = event.Context
	sources := map[event.Source]bool{}
	for i := range parts {
		e.Role = stronger(e.Role, parts[i].Event.Role)
		sources[parts[i].Source] = true
	}
	e.Sources = e.Sources[:0:0]
	for s := range sources {
		e.Sources = append(e.Sources, s)
	}
	slices.Sort(e.Sources)
}

func mergePlace(e *event.Event, words, clocks []*Part) {
	e.Service = first(words, func(e *event.Event) string {
		if e.ServiceUnknown {
			return ""
		}
		return e.Service
	})
	e.ServiceUnknown = e.Service == ""
	if e.ServiceUnknown {
		e.Service = first(words, func(e *event.Event) string { return e.Service })
	}
	e.Environment = first(words, func(e *event.Event) string { return e.Environment })
	e.Release = first(words, func(e *event.Event) string { return e.Release })
	e.Namespace = first(words, func(e *event.Event) string { return e.Namespace })
	e.Instance = first(words, func(e *event.Event) string { return e.Instance })
	e.Customer = first(words, func(e *event.Event) string { return e.Customer })
	e.Method = first(clocks, func(e *event.Event) string { return e.Method })
	e.Path = first(clocks, func(e *event.Event) string { return e.Path })
	mergeEndpoint(e, clocks)
	// A span ID means nothing without its trace: the three come from one part.
	for _, p := range clocks {
		if p.Event.TraceID != "" && p.Event.SpanID != "" {
			e.TraceID, e.SpanID, e.ParentSpanID = p.Event.TraceID, p.Event.SpanID, p.Event.ParentSpanID
			return
		}
	}
	e.TraceID = first(clocks, func(e *event.Event) string { return e.TraceID })
	e.SpanID, e.ParentSpanID = "", ""
}

// unmatched is the endpoint of requests that no route took.
const unmatched = "(unmatched)"

// mergeEndpoint takes what somebody named before what was made from a path,
// and that before nothing.
func mergeEndpoint(e *event.Event, clocks []*Part) {
	claim := func(e *event.Event) int {
		switch {
		case e.Endpoint == "":
			return 0
		case e.Endpoint == unmatched:
			return 1
		case e.EndpointDerived:
			return 2
		default:
			return 3
		}
	}
	best := clocks[0]
	for _, p := range clocks {
		if claim(&p.Event) > claim(&best.Event) {
			best = p
		}
	}
	e.Endpoint, e.EndpointDerived = best.Event.Endpoint, best.Event.EndpointDerived
}

func mergeWords(out *Part, words []*Part) {
	e := &out.Event
	e.Status, e.StatusInferred = 0, false
	for _, inferred := range []bool{false, true} {
		if e.Status == 0 {
			e.Status = first(words, func(e *event.Event) int {
				if e.StatusInferred != inferred {
					return 0
				}
				return e.Status
			})
			e.StatusInferred = inferred && e.Status != 0
		}
	}
	mergeCode(e, words)
	e.GRPCCode = first(words, func(e *event.Event) string { return e.GRPCCode })
	e.Message = first(words, func(e *event.Event) string { return e.Message })
	e.Dialect = first(words, func(e *event.Event) string { return e.Dialect })
	e.Provider = first(words, func(e *event.Event) string { return e.Provider })
	e.Upstream = first(words, func(e *event.Event) *event.UpstreamInfo { return e.Upstream })
	e.RetryAfter = first(words, func(e *event.Event) *event.RetryAfter { return e.RetryAfter })
	e.RateLimit = first(words, func(e *event.Event) *event.RateLimit { return e.RateLimit })
	e.Details, e.FieldErrors = nil, nil
	for _, p := range words {
		if len(e.Details) == 0 {
			e.Details = p.Event.Details
		}
		if len(e.FieldErrors) == 0 {
			e.FieldErrors = p.Event.FieldErrors
		}
	}
}

// mergeCode takes the first code that says something. One that does not may
// have been all that its own part had, for want of the status that another
// part knows.
func mergeCode(e *event.Event, words []*Part) {
	e.RawCode, e.Code = "", event.CanonicalCode("", e.Status)
	for _, p := range words {
		switch {
		case p.Event.RawCode == "":
		case !standIn(p):
			e.RawCode, e.Code = p.Event.RawCode, p.Event.Code
			return
		case e.RawCode == "":
			e.RawCode, e.Code = p.Event.RawCode, event.FallbackCode(p.Event.RawCode, e.Status)
		}
	}
}

// standIn reports a code that is the vague type of an error. Where a body said
// the same word, as it may, it was made a code although there is a status.
func standIn(p *Part) bool {
	e := &p.Event
	return p.Source != event.FromHTTP && event.Vague(e.RawCode) && e.Code == event.FallbackCode(e.RawCode, e.Status)
}

func mergeTiming(e *event.Event, clocks []*Part) {
	e.OccurredAt = clocks[0].Event.OccurredAt
	for _, p := range clocks { // a time that was sent beats one that stands in
		if p.HasOccurredAt {
			e.OccurredAt = p.Event.OccurredAt
			break
		}
	}
	e.DurationMS = first(clocks, func(e *event.Event) *float64 { return e.DurationMS })
	e.Attempt = first(clocks, func(e *event.Event) int { return e.Attempt })
	e.Weight = first(clocks, func(e *event.Event) float64 { return e.Weight })
}

// mergeEvidence keeps the bodies, the exception and every ID.
func mergeEvidence(out *Part, words []*Part) {
	e := &out.Event
	e.RawBody, out.BodyHash = nil, [16]byte{}
	e.Exception, out.StackHash = nil, [16]byte{}
	headers := map[string]string{}
	var aliases []event.Alias
	notes := map[string]bool{}
	for _, p := range words {
		if out.BodyHash == ([16]byte{}) && p.BodyHash != ([16]byte{}) {
			e.RawBody, out.BodyHash = p.Event.RawBody, p.BodyHash
		}
		for k, v := range p.Event.Headers {
			if _, ok := headers[k]; !ok {
				headers[k] = v
			}
		}
		aliases = append(aliases, p.Event.Aliases...)
		for _, n := range p.Event.Notes {
			notes[n] = true
		}
		aliases = append(aliases, ownIDs(&p.Event)...)
	}
	// An exception log knows most about its exception.
	for _, p := range slices.Backward(words) {
		if e.Exception == nil && p.Event.Exception != nil {
			e.Exception, out.StackHash = p.Event.Exception, p.StackHash
		}
	}
	e.Headers = headers
	if len(headers) == 0 {
		e.Headers = nil
	}
	e.Aliases = otherAliases(e, aliases)
	e.Notes = nil
	for n := range notes {
		e.Notes = append(e.Notes, n)
	}
	slices.Sort(e.Notes)
}

func ownIDs(e *event.Event) []event.Alias {
	return []event.Alias{{Kind: "request", Value: e.RequestID}, {Kind: "trace", Value: e.TraceID}, {Kind: "span", Value: e.SpanID}}
}

// otherAliases sorts, de-duplicates and bounds what is not the Event's own.
func otherAliases(e *event.Event, all []event.Alias) []event.Alias {
	slices.SortFunc(all, func(a, b event.Alias) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Value, b.Value))
	})
	var out []event.Alias
	for _, a := range slices.Compact(all) {
		if a.Value != "" && a.Value != e.RequestID && a.Value != e.TraceID && a.Value != e.SpanID && len(out) < maxAliases {
			out = append(out, a)
		}
	}
	return out
}

// mergeIssue takes the issue of the part with the strongest claim.
func mergeIssue(e *event.Event, words []*Part) {
	for _, p := range words {
		if p.Event.Role == e.Role {
			e.IssueID, e.FingerprintVersion, e.Grouping = p.Event.IssueID, p.Event.FingerprintVersion, p.Event.Grouping
			return
		}
	}
}
