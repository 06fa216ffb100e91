package event

import (
	"encoding/json"
	"time"
)

// Trail is every Event of one request ID and of its traces, across services,
// in time order.
type Trail struct {
	RequestID string    `json:"request_id"`
	TraceIDs  []string  `json:"trace_ids"`
	Services  []string  `json:"services"`
	FirstAt   time.Time `json:"first_at"`
	LastAt    time.Time `json:"last_at"`
	Summary   Summary   `json:"summary"`
	// Explanation, Retry and Replies are filled from the catalogue by the API.
	Explanation any `json:"explanation,omitempty"`
	Retry       any `json:"retry,omitempty"`
	Replies     any `json:"replies,omitempty"`
	// Story is the Trail in words.
	Story any `json:"story,omitempty"`
	// BlastRadius, Attempts and Links are filled where they were asked for.
	BlastRadius any     `json:"blast_radius,omitempty"`
	Attempts    any     `json:"attempts,omitempty"`
	Links       any     `json:"links,omitempty"`
	Events      []Event `json:"events"`
	// Truncated says that more Events exist than the 500 that are returned.
	Truncated bool `json:"truncated"`
}

// Summary is the answer in one line: what the customer saw, and which Event
// is the root cause.
type Summary struct {
	Status      int    `json:"status,omitempty"`
	Code        string `json:"code"`
	Family      Family `json:"family"`
	Service     string `json:"service"`
	Environment string `json:"environment,omitempty"`
	Method      string `json:"method,omitempty"`
	Endpoint    string `json:"endpoint,omitempty"`
	Message     string `json:"message,omitempty"`
	Customer    string `json:"customer,omitempty"`
	// CustomerName is what people call the customer, where somebody said it and the
	// reader asked for it.
	CustomerName     string `json:"customer_name,omitempty"`
	EventID          string `json:"event_id"`
	RootCauseEventID string `json:"root_cause_event_id"`
}

// Rejection is an item that was refused, kept so that nothing disappears
// without a trace.
type Rejection struct {
	ID         string          `json:"id"`
	ReceivedAt time.Time       `json:"received_at"`
	Source     Source          `json:"source"`
	Reason     string          `json:"reason"` // a stable code, e.g. "validation_failed"
	Message    string          `json:"message"`
	RequestID  string          `json:"request_id,omitempty"`
	Service    string          `json:"service,omitempty"`
	Preview    string          `json:"preview,omitempty"` // redacted, clamped
	Details    json.RawMessage `json:"details,omitempty"`
	// Replayable says that the item itself was kept and can be tried again;
	// ReplayedAt, that it was, and is stored.
	Replayable bool   `json:"replayable"`
	ReplayedAt *Time  `json:"replayed_at,omitempty"`
	Item       []byte `json:"-"` // a parcel, on its way into the store
}

// Refusal is why items of one service were not taken, by the key that they were
// sent with. They are the sender's to send again.
type Refusal struct {
	Workspace  int32
	KeyID, Key string // its ID and name
	Service    string
	Reason     string // the code that the sender was answered with
}

// Filter is the one shared filter of lists, API and UI. Zero values match all.
// Status is "429" or a class such as "5xx". From is inclusive, To exclusive.
type Filter struct {
	Service, Environment, Endpoint, Method, Code, Status string
	Family                                               Family
	Role                                                 Role
	Customer, Release, Provider, IssueID                 string
	From, To                                             time.Time
	Query                                                string // in the language of package query
}
