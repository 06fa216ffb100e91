// Package front is what support sees of a request: what happened in words, whose side
// it was on, whether it is just them, what to do, what to write back and why it happens.
// How services look from within is for engineers: their calls to each other, what they
// said, exceptions, bodies and headers as they were sent, releases, and the names of
// those that the story does not need.
//
// It is pure, and it is a wall: what is not named here does not pass. Everything is
// copied field by field, so that what an Event may hold one day stays inside until
// somebody decides here that support needs it. The pages and the API both take it from
// here. docs/decisions/0036-support-role.md says why.
package front

import (
	"encoding/json"
	"strings"
	"time"

	"errata/internal/catalog"
	"errata/internal/dialect"
	"errata/internal/event"
	"errata/internal/story"
)

// Seen is the failure that the customer saw, as far as support sees it. It is what to
// explain and to reply to.
func Seen(t *event.Trail) event.Event {
	e := story.Seen(t)
	out := event.Event{
		ID: e.ID, OccurredAt: e.OccurredAt, Role: e.Role, Family: e.Family, RequestID: e.RequestID,
		Service: e.Service, ServiceUnknown: e.ServiceUnknown, Environment: e.Environment, Method: e.Method, Endpoint: e.Endpoint, Customer: e.Customer,
		Status: e.Status, Code: e.Code, Message: said(&e), RetryAfter: e.RetryAfter, RateLimit: e.RateLimit,
	}
	if e.Exception == nil || e.Exception.Type != e.RawCode {
		out.RawCode = e.RawCode
	}
	if e.Role == event.Primary { // a call's are what another service found wrong with ours
		out.FieldErrors = e.FieldErrors
	}
	if e.Upstream != nil {
		out.Upstream = &event.UpstreamInfo{Provider: e.Upstream.Provider, Code: e.Upstream.Code}
	}
	return out
}

// said is the message of an answer where the customer has it, too: it is in the body
// that was sent to them. One that comes from an exception, a span or a log record is
// for engineers, and so is one whose body is no longer kept.
func said(e *event.Event) string {
	if e.Role != event.Primary || e.Message == "" || len(e.Raw) == 0 {
		return ""
	}
	body := []byte(e.Raw)
	var text string
	if json.Unmarshal(e.Raw, &text) == nil { // a body that is no JSON is kept as a string
		body = []byte(text)
	}
	answered := dialect.Read(body, nil, e.Status).Message
	if answered == "" || !strings.HasPrefix(strings.TrimSpace(answered), strings.TrimSpace(strings.TrimSuffix(e.Message, "…"))) {
		return ""
	}
	return e.Message
}

// Trail is event.Trail for support: the same JSON, with the rest left out. Its only
// Event is the one that the customer saw.
type Trail struct {
	RequestID   string              `json:"request_id"`
	Summary     Summary             `json:"summary"`
	Explanation catalog.Explanation `json:"explanation"`
	Retry       any                 `json:"retry"`
	Replies     []catalog.Reply     `json:"replies"`
	Story       Story               `json:"story"`
	BlastRadius any                 `json:"blast_radius,omitempty"`
	Attempts    any                 `json:"attempts,omitempty"` // of the same customer at the same endpoint
	Events      []Event             `json:"events"`
}

// Summary is event.Summary without where it began.
type Summary struct {
	Status      int          `json:"status,omitempty"`
	Code        string       `json:"code"`
	Family      event.Family `json:"family"`
	Service     string       `json:"service"`
	Environment string       `json:"environment,omitempty"`
	Method      string       `json:"method,omitempty"`
	Endpoint    string       `json:"endpoint,omitempty"`
	Message     string       `json:"message,omitempty"`
	Customer    string       `json:"customer,omitempty"`
	// CustomerName is what the workspace's people call them: support is among these.
	CustomerName string `json:"customer_name,omitempty"`
	EventID      string `json:"event_id"`
}

// Story is story.Story as it is told outside.
type Story struct {
	RootCause     string `json:"root_cause,omitempty"`
	NotTheirLimit bool   `json:"not_their_limit"`
}

// Event is event.Event as Seen has it.
type Event struct {
	ID          string             `json:"id"`
	OccurredAt  event.Time         `json:"occurred_at"`
	Role        event.Role         `json:"role"`
	Family      event.Family       `json:"family"`
	RequestID   string             `json:"request_id,omitempty"`
	Service     string             `json:"service"`
	Environment string             `json:"environment,omitempty"`
	Method      string             `json:"method,omitempty"`
	Endpoint    string             `json:"endpoint,omitempty"`
	Customer    string             `json:"customer,omitempty"`
	Status      int                `json:"status,omitempty"`
	Code        string             `json:"code"`
	Message     string             `json:"message,omitempty"`
	FieldErrors []event.FieldError `json:"field_errors,omitempty"`
	RetryAfter  *event.RetryAfter  `json:"retry_after,omitempty"`
	RateLimit   *event.RateLimit   `json:"rate_limit,omitempty"`
}

// Of is a Trail with what the catalogue says of it. Retry is left for the API, which
// has its own form for times.
func Of(t *event.Trail, book *catalog.Book, now time.Time) (Trail, catalog.Retry) {
	e := Seen(t)
	answer := Answer(book, e, now, catalog.About{CustomerName: t.Summary.CustomerName})
	family := t.Summary.Family // as it is stored, and as engineers get it
	return Trail{
		RequestID: t.RequestID,
		Summary: Summary{Status: e.Status, Code: e.Code, Family: family, Service: e.Service, Environment: e.Environment, Method: e.Method, Endpoint: e.Endpoint,
			Message: e.Message, Customer: e.Customer, CustomerName: t.Summary.CustomerName, EventID: e.ID},
		Explanation: answer.Explanation, Replies: answer.Replies, Story: Tell(t),
		Events: []Event{{ID: e.ID, OccurredAt: event.Time{Time: e.OccurredAt}, Role: e.Role, Family: family, RequestID: e.RequestID, Service: e.Service,
			Environment: e.Environment, Method: e.Method, Endpoint: e.Endpoint, Customer: e.Customer, Status: e.Status, Code: e.Code, Message: e.Message,
			FieldErrors: e.FieldErrors, RetryAfter: e.RetryAfter, RateLimit: e.RateLimit}},
	}, answer.Retry
}

// Tell is where it began, in words.
func Tell(t *event.Trail) Story {
	told := story.Outline(t)
	return Story{told.RootCause, told.NotTheirLimit}
}

// Answer is what the catalogue says of a failure, without where that is in the source
// and how it is spelled elsewhere.
func Answer(book *catalog.Book, e event.Event, now time.Time, about catalog.About) catalog.Answer {
	out := catalog.Resolve(book, e, now, about)
	out.SourceRefs, out.AlsoSeenAs = nil, nil
	return out
}
