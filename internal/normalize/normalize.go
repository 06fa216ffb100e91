// Package normalize turns what a service sent into what is stored. One pure
// pipeline, in this order: the body's dialect is read, secrets are masked,
// everything is cut to its limits, and the failure gets its fingerprint. What
// had to be changed on the way is said in the Event's notes.
//
// Nothing that is derived for storage leaves this package unmasked.
package normalize

import (
	"math"
	"time"

	"errata/internal/dialect"
	"errata/internal/event"
	"errata/internal/identity"
)

// DefaultRetention is how long Events are kept unless configured.
const DefaultRetention = 30 * 24 * time.Hour

// Normalizer knows what the items of one installation are judged by.
type Normalizer struct {
	// Retention is how old an item may be; zero means DefaultRetention.
	Retention time.Duration
	// Memo saves work on texts that come again and again; nil for none. What
	// comes out is the same.
	Memo *Memo
}

// Item normalises with the default retention.
func Item(env event.Envelope, ws int32, receivedAt time.Time) (identity.Part, error) {
	return Normalizer{}.Item(env, ws, receivedAt)
}

// Item makes a Part of one item, or says with a *fault.Fault why it cannot be
// stored. It changes nothing that env points to.
func (n Normalizer) Item(env event.Envelope, ws int32, receivedAt time.Time) (p identity.Part, err error) {
	err = n.Into(&p, &env, ws, receivedAt)
	return p, err
}

// Into is Item without copies: env is only read, and p is written anew.
func (n Normalizer) Into(p *identity.Part, env *event.Envelope, ws int32, receivedAt time.Time) error {
	if err := n.check(env, receivedAt); err != nil {
		return err
	}
	receivedAt = receivedAt.UTC()
	*p = identity.Part{Workspace: ws, Source: env.Source, HasOccurredAt: !env.OccurredAt.IsZero()}
	at := receivedAt
	if p.HasOccurredAt {
		at = env.OccurredAt.UTC()
	}
	b := &builder{env: env, event: &p.Event, memo: n.Memo, said: dialect.Read(env.Body, withDate(env.Headers, at), env.Status)}
	b.event.OccurredAt, b.event.ReceivedAt = at, receivedAt
	if env.Source != "" {
		b.event.Sources = []event.Source{env.Source}
	}
	b.build()

	ev := b.event
	p.StackHash = b.stackStored
	p.Own, p.ClientKey = ownHash(env, b.stackSent)
	p.Idempotent = p.ClientKey || p.HasOccurredAt || ev.RequestID != "" || (ev.TraceID != "" && ev.SpanID != "")
	ev.ID = identity.NewID(at, p.Own, p.Idempotent)
	ev.Grouping = b.grouping()
	ev.FingerprintVersion = versionOf(ev.Grouping)
	ev.IssueID = issueID(ws, ev.Grouping)
	if ev.Grouping.Rule() == event.ByClient { // told apart by all of it, shown like any other text
		ev.Grouping[2] = b.line("fingerprint", ev.Grouping[2], maxName)
	}
	ev.Notes = b.notes()
	return nil
}

// withDate lends the item's time to answers without a Date header, so that
// the resets and dates in their other headers can be resolved.
func withDate(headers map[string]string, at time.Time) map[string]string {
	if len(headers) == 0 || headers["date"] != "" {
		return headers
	}
	dated := make(map[string]string, len(headers)+1)
	for k, v := range headers {
		dated[k] = v
	}
	dated["date"] = at.Format("Mon, 02 Jan 2006 15:04:05 GMT")
	return dated
}

// build fills the Event, field by field.
func (b *builder) build() {
	env, ev := b.env, b.event
	ev.Role = env.Role
	if ev.Role == "" {
		ev.Role = event.Primary
	}
	ev.Service = b.line("service", env.Service, maxName)
	ev.Environment = b.line("environment", env.Environment, maxName)
	ev.Release = b.line("release", env.Release, maxName)
	ev.Namespace = b.line("namespace", env.Namespace, maxName)
	ev.Instance = b.line("instance", env.Instance, maxName)
	ev.Customer = b.line("customer", env.Customer, maxName)
	ev.Method = b.line("method", env.Method, maxName)
	ev.Path = b.line("path", withoutQuery(env.Path), maxPath)
	ev.ServiceUnknown, ev.StatusInferred = env.ServiceUnknown, env.StatusInferred
	ev.Attempt = max(env.Attempt, 0)
	ev.DurationMS = finite(env.DurationMS)
	if !math.IsNaN(env.Weight) && !math.IsInf(env.Weight, 0) && env.Weight > 0 {
		ev.Weight = env.Weight
	}
	ev.Dialect = b.said.Dialect
	ev.RateLimit = b.said.RateLimit
	if ev.RateLimit != nil {
		ev.RateLimit.Window = b.line("window", ev.RateLimit.Window, maxName)
	}
	b.identifiers()
	b.failure()
	b.endpoint()
	b.retryAfter()
	ev.Headers = b.headers(env.Headers)
	ev.RawBody = b.body(env.Body)
}

// finite drops durations that no clock measures.
func finite(v *float64) *float64 {
	if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) || *v < 0 {
		return nil
	}
	d := *v
	return &d
}
