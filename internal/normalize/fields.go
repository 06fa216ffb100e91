package normalize

import (
	"net/http"
	"strings"

	"errata/internal/dialect"
	"errata/internal/event"
)

// first gives the first value that was sent.
func first(values ...string) string {
	for _, v := range values {
		if strings.TrimSpace(v) != "" {
			return v
		}
	}
	return ""
}

// identifiers decides every ID by which the Event is found.
func (b *builder) identifiers() {
	env, ev := b.env, b.event
	if env.Role == event.Upstream && b.said.RequestID != "" {
		// The body is the called service's answer, and so is its request ID.
		said := event.UpstreamInfo{}
		if b.said.Upstream != nil {
			said = *b.said.Upstream
		}
		said.RequestID = first(said.RequestID, b.said.RequestID)
		b.said.Upstream, b.said.RequestID = &said, ""
	}
	ev.RequestID = b.id("request_id", env.RequestID)
	if ev.RequestID == "" {
		ev.RequestID = b.id("request_id", b.said.RequestID)
	}
	ev.TraceID = event.CleanHex(env.TraceID, 32)
	if ev.TraceID == "" {
		ev.TraceID = event.CleanHex(b.said.TraceID, 32)
	}
	ev.SpanID = event.CleanHex(env.SpanID, 16)
	ev.ParentSpanID = event.CleanHex(env.ParentSpanID, 16)
	b.upstream()

	if ev.Upstream == nil && len(env.Aliases)+len(b.said.Aliases) == 0 {
		return
	}
	candidates := make([]event.Alias, 0, len(env.Aliases)+len(b.said.Aliases)+1)
	if ev.Upstream != nil && ev.Upstream.RequestID != "" {
		candidates = append(candidates, event.Alias{Kind: "upstream", Value: ev.Upstream.RequestID})
	}
	candidates = append(append(candidates, env.Aliases...), b.said.Aliases...)
	seen := map[string]bool{"": true, ev.RequestID: true, ev.TraceID: true, ev.SpanID: true}
	if key := b.idempotencyKey(candidates); !seen[key] {
		seen[key] = true
		ev.Aliases = append(ev.Aliases, event.Alias{Kind: event.Idempotency, Value: key})
	}
	for _, a := range candidates {
		if a.Kind == event.Idempotency {
			continue
		}
		value := b.id("aliases", a.Value)
		if seen[value] {
			continue
		}
		seen[value] = true
		if len(ev.Aliases) == maxAliases {
			b.note("clamped:aliases")
			break
		}
		ev.Aliases = append(ev.Aliases, event.Alias{Kind: b.line("aliases", a.Kind, maxName), Value: value})
	}
}

// idempotencyKey is the first of them, which is the only one: it says which
// requests are the same, and so comes before IDs that have its value.
func (b *builder) idempotencyKey(candidates []event.Alias) string {
	for _, a := range candidates {
		if a.Kind != event.Idempotency {
			continue
		}
		if key := b.clean("aliases", a.Value, event.CleanKey); key != "" {
			return key
		}
	}
	return ""
}

// id cleans an identifier. A credential that was sent in place of one must
// not become something to search by: it counts as absent.
func (b *builder) id(field, s string) string { return b.clean(field, s, event.CleanID) }

func (b *builder) clean(field, s string, cleaned func(string) string) string {
	id := cleaned(s)
	if _, n := maskSecrets(s, false); n > 0 || cookieLike(id) {
		b.redacted++
		b.note("redacted:" + field)
		return ""
	}
	return id
}

// cookieLike recognises "session=…" and lists of cookies.
func cookieLike(id string) bool {
	name, _, ok := strings.Cut(id, "=")
	if !ok {
		return false
	}
	name = strings.ToLower(name)
	for _, part := range []string{"sess", "sid", "auth", "cookie", "token", "csrf", "jwt"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return strings.Contains(id, "; ")
}

func (b *builder) upstream() {
	env := b.env
	said := b.said.Upstream
	if said == nil {
		said = &event.UpstreamInfo{}
	}
	up := event.UpstreamInfo{
		Provider:  b.line("provider", first(env.UpstreamProvider, said.Provider), maxName),
		Code:      b.line("provider_code", first(env.UpstreamCode, said.Code), maxName),
		RequestID: b.id("upstream_request_id", first(env.UpstreamRequestID, said.RequestID)),
	}
	if env.Role == event.Upstream {
		up.Code = first(up.Code, b.line("provider_code", b.said.RawCode, maxName))
	}
	if up != (event.UpstreamInfo{}) {
		b.event.Upstream = &up
		b.event.Provider = up.Provider
	}
}

// failure decides what is said about the failure itself.
func (b *builder) failure() {
	env, ev := b.env, b.event
	ev.GRPCCode = b.line("grpc_code", env.GRPCCode, maxName)
	ev.Status = env.Status
	if ev.Status == 0 && b.said.Status >= 100 && b.said.Status <= 599 {
		ev.Status = b.said.Status
	}
	if ev.Status == 0 {
		ev.Status = event.HTTPFromGRPC(env.GRPCCode)
	}
	canonical, said := event.CanonicalCode, first(env.ExplicitCode, b.said.RawCode)
	if said == "" {
		canonical, said = event.FallbackCode, env.FallbackCode
	}
	ev.RawCode = b.line("code", said, maxName)
	ev.Code = cutRunes(canonical(ev.RawCode, ev.Status), maxName)
	ev.Family = event.FamilyOf(ev.Status, ev.Code)
	ev.Message = b.text("message", first(env.ExplicitMessage, b.said.Message, env.FallbackMessage), maxMessage)
	details := b.said.Details
	if len(env.ExplicitDetails) > 0 {
		details = env.ExplicitDetails
	}
	ev.Details = b.json("details", details)
	b.fieldErrors()
	b.exception()
}

func (b *builder) fieldErrors() {
	list := b.said.FieldErrors
	if len(list) > maxFields {
		list = list[:maxFields]
		b.note("clamped:field_errors")
	}
	for _, f := range list {
		b.event.FieldErrors = append(b.event.FieldErrors, event.FieldError{
			Field:   b.text("field_errors", f.Field, maxName),
			Code:    b.line("field_errors", f.Code, maxName),
			Message: b.text("field_errors", f.Message, maxPath),
		})
	}
}

func (b *builder) exception() {
	ex := b.env.Exception
	if ex == nil {
		ex = b.said.Exception
	}
	if ex == nil || *ex == (event.Exception{}) {
		return
	}
	b.event.Exception = &event.Exception{
		Type:       b.line("exception.type", ex.Type, maxName),
		Message:    b.text("exception.message", ex.Message, maxMessage),
		Stacktrace: b.stacktrace(ex.Stacktrace),
	}
}

func (b *builder) retryAfter() {
	b.event.RetryAfter = b.said.RetryAfter
	// A date without the answer's own Date is one from when it was given on.
	at := b.event.OccurredAt.UTC().Format(http.TimeFormat)
	if s, ok := dialect.RetrySeconds(b.env.Headers["retry-after"], at); ok && (b.event.RetryAfter == nil || b.event.RetryAfter.Source != "header") {
		b.event.RetryAfter = &event.RetryAfter{Seconds: s, Source: "header"}
	}
	if b.env.RetryAfter == "" || (b.event.RetryAfter != nil && b.event.RetryAfter.Source != "message") {
		return
	}
	if s, ok := dialect.RetrySeconds(b.env.RetryAfter, at); ok {
		b.event.RetryAfter = &event.RetryAfter{Seconds: s, Source: "header"}
	}
}
