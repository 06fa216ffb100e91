// Package identity decides which reports are about one failure. A retry
// changes nothing; two reports of one failure become one Event, in whichever
// order they arrive; two failures never become one.
//
// It is pure and it works on sets: Cluster looks at all Parts that could have
// to do with each other and groups them by rules that do not depend on the
// order of arrival. The store loads the set, asks, and applies the difference.
package identity

import (
	"time"

	"errata/internal/event"
)

// Part is one report of a failure, normalised: an Event as it would be if
// nothing else had been reported, with what identifies it.
type Part struct {
	Workspace int32
	Source    event.Source
	Event     event.Event
	// Own is the hash of the client's event_id or of the item as it was sent:
	// the same Own is the same item.
	Own [16]byte
	// Idempotent is false for items that have nothing to be recognised by;
	// such an item is new each time.
	Idempotent bool
	// HasOccurredAt is false when the sender gave no time and received_at
	// stands in for it.
	HasOccurredAt bool
	// ClientKey says that Own comes from the client's event_id or
	// Idempotency-Key, not from the content.
	ClientKey bool
	// BodyHash and StackHash address the raw body and the stack trace, which
	// are stored once per distinct content; zero where there is none. The
	// content itself travels in Event.RawBody and Event.Exception.Stacktrace.
	BodyHash, StackHash [16]byte
}

// Verdict says what became of one item.
type Verdict string

// The verdicts.
const (
	Accepted  Verdict = "accepted"
	Duplicate Verdict = "duplicate"
	Rejected  Verdict = "rejected"
)

// Outcome is the answer for one Part after COMMIT, in the order of the Parts.
type Outcome struct {
	Verdict Verdict
	EventID string // the Event that holds the Part
	Err     error  // why it was rejected: a *fault.Fault
}

// JoinWindow is how far apart two different kinds of report with the same
// request ID and service may lie and still be one failure.
const JoinWindow = 60 * time.Second

// MaxAttempts is how many failures with one request ID and service are still
// taken for attempts of one request.
const MaxAttempts = 64
