// Package retries tells what a customer tried again: failures with IDs of their own
// that are attempts of one thing.
//
// It is pure. The store finds what may belong together; what that says is decided
// here, once, for pages and the API alike. Two mistakes must not happen: to call
// attempts what nothing shows to be the same request, and to say that it went well in
// the end because no failure followed. Successes are not reported, so that silence is
// called silence.
package retries

import (
	"cmp"
	"slices"
	"time"

	"errata/internal/event"
)

const (
	// Window is how long before and after a failure its other attempts are looked for.
	Window = 10 * time.Minute
	// MaxKeyed is how many failures may have a key before it is none of one request.
	MaxKeyed = 100
	// MaxAlike is how many other failures that are only alike may be attempts. Who
	// meets more of them within the window sends many requests.
	MaxAlike = 5
	// maxListed is how many are given one by one.
	maxListed = 20
)

// Basis is what makes attempts of failures.
type Basis string

// The bases.
const (
	// ByKey: the client sent the same idempotency key with each of them.
	ByKey Basis = "idempotency_key"
	// ByLikeness: the same customer met the same code at the same endpoint. That is
	// a guess, and is called one.
	ByLikeness Basis = "likeness"
)

// Found is what the store found beside a failure: of the same workspace, customer,
// service, method and endpoint, within the Window.
type Found struct {
	Basis  Basis
	Events []event.Event
	// More: there are too many for them to be attempts of one thing.
	More bool
}

// Answer is what was tried again, and in which of the attempts the failure is.
type Answer struct {
	Basis Basis  `json:"basis"`
	Text  string `json:"text"`
	// This is which of Total the failure is, in order of time.
	This  int `json:"this"`
	Total int `json:"total"`
	// Seconds are between the first and the last of them.
	Seconds float64 `json:"seconds"`
	// SucceededOn is which of them went well, where that was reported; else 0.
	SucceededOn int `json:"succeeded_on,omitempty"`
	// Attempts are those nearest to the failure, in order of time.
	Attempts []Attempt `json:"attempts"`
}

// Attempt is one of them.
type Attempt struct {
	N         int        `json:"n"`
	EventID   string     `json:"event_id"`
	RequestID string     `json:"request_id,omitempty"`
	At        event.Time `json:"occurred_at"`
	Status    int        `json:"status,omitempty"`
	Code      string     `json:"code"`
	OK        bool       `json:"ok"`
	// Gap is how long after the answer before it began, nil for the first and for
	// one that began before that answer was there; Asked is how long that answer
	// asked to wait, nil where it named no time.
	Gap   *float64 `json:"gap_seconds"`
	Asked *float64 `json:"asked_seconds"`

	inner bool // made within the same trace as the one before: perhaps not by the customer
}

// Early reports an attempt that did not wait for as long as was asked. The times are
// of two clocks, so that half a second is nothing.
func (a *Attempt) Early() bool { return a.Gap != nil && a.Asked != nil && *a.Gap < *a.Asked-0.5 }

// Judge says what was tried again; nil where there is nothing to say.
func Judge(e *event.Event, found Found, now time.Time) *Answer {
	key := found.Basis == ByKey
	switch {
	case found.More && key:
		return &Answer{Basis: ByKey, Text: "More than " + count(MaxKeyed) + " failures within 10 minutes have the same idempotency key. It is not made anew for each request, so that it does not tell what was tried again.", Attempts: []Attempt{}}
	case found.More:
		return nil
	}
	list := []*event.Event{e}
	for i := range found.Events {
		if o := &found.Events[i]; o.ID != e.ID && (key || alike(e, o)) {
			list = append(list, o)
		}
	}
	if !key && (len(list) == 1 || len(list) > MaxAlike+1) {
		return nil
	}
	slices.SortFunc(list, func(a, b *event.Event) int {
		return cmp.Or(a.OccurredAt.Compare(b.OccurredAt), cmp.Compare(a.ID, b.ID))
	})
	out := &Answer{Basis: found.Basis, Total: len(list), This: slices.Index(list, e) + 1, Seconds: list[len(list)-1].OccurredAt.Sub(list[0].OccurredAt).Seconds()}
	for i, o := range list {
		a := Attempt{N: i + 1, EventID: o.ID, RequestID: o.RequestID, At: event.Time{Time: o.OccurredAt}, Status: o.Status, Code: o.Code, OK: o.WentWell()}
		if a.OK && out.SucceededOn == 0 {
			out.SucceededOn = a.N
		}
		if i > 0 {
			a.after(list[i-1], o)
		}
		out.Attempts = append(out.Attempts, a)
	}
	out.Text = out.words(now.Sub(e.OccurredAt) < Window)
	out.shorten()
	return out
}

// alike leaves out what the Trail tells already, and what was asked of another thing.
func alike(e, o *event.Event) bool {
	return (e.RequestID == "" || o.RequestID != e.RequestID) && (e.TraceID == "" || o.TraceID != e.TraceID) && o.Path == e.Path
}

// after works out how long it was since the one before.
func (a *Attempt) after(before, e *event.Event) {
	a.inner = e.TraceID != "" && e.TraceID == before.TraceID
	if before.RetryAfter != nil && !before.WentWell() {
		a.Asked = &before.RetryAfter.Seconds
	}
	gap := e.OccurredAt.Sub(before.OccurredAt)
	if d := e.DurationMS; d != nil && *d > 0 {
		gap -= time.Duration(min(*d, float64(Window/time.Millisecond)) * float64(time.Millisecond))
	}
	if gap >= 0 {
		seconds := gap.Seconds()
		a.Gap = &seconds
	}
}

// shorten keeps those around the failure.
func (a *Answer) shorten() {
	from := min(max(a.This-1-maxListed/2, 0), max(len(a.Attempts)-maxListed, 0))
	a.Attempts = a.Attempts[from:min(from+maxListed, len(a.Attempts))]
}
