package event

import "encoding/json"

// IssueState is what people have decided about an Issue.
type IssueState string

// The states. Only Errata itself sets Regressed: a resolved Issue that
// happened again.
const (
	Open         IssueState = "open"
	Acknowledged IssueState = "acknowledged"
	Resolved     IssueState = "resolved"
	Regressed    IssueState = "regressed"
	Ignored      IssueState = "ignored"
)

// IssueStates are all states, those that want somebody's attention first.
var IssueStates = []IssueState{Regressed, Open, Acknowledged, Ignored, Resolved}

// Issue is the recurring problem behind Events, as lists show it.
type Issue struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`    // what its first Event said
	Template string     `json:"template"` // the same without what differs from Event to Event
	State    IssueState `json:"state"`
	Assignee string     `json:"assignee"`

	Service   string `json:"service"`
	Method    string `json:"method,omitempty"`
	Endpoint  string `json:"endpoint,omitempty"`
	Status    int    `json:"status,omitempty"`
	Code      string `json:"code"`
	Family    Family `json:"family"`
	Role      Role   `json:"role"`
	Provider  string `json:"provider,omitempty"`
	Exception string `json:"exception,omitempty"`

	FirstAt Time `json:"first_at"`
	LastAt  Time `json:"last_at"`
	// Events is how many there were in the range that was asked for, and
	// Trend how they are spread over it.
	Events int64    `json:"events"`
	Trend  []Bucket `json:"trend"`
	// Customers is how many distinct ones met the same code, status and endpoint of
	// its service in that range: nearly always those of the Issue. Roll-ups know no
	// Issues. Ranges of more than a week are not asked about it: nil.
	Customers *int64 `json:"customers"`
	// CustomersExact is false where that is an estimate.
	CustomersExact bool `json:"customers_exact"`

	StateAt         *Time  `json:"state_at,omitempty"`
	ResolvedAt      *Time  `json:"resolved_at,omitempty"`
	ResolvedIn      string `json:"resolved_in,omitempty"`
	RegressedAt     *Time  `json:"regressed_at,omitempty"`
	IgnoreUntil     *Time  `json:"ignore_until,omitempty"`
	IgnoreEvents    int64  `json:"ignore_events,omitempty"`
	IgnoreCustomers int    `json:"ignore_customers,omitempty"`
}

// Bucket is how many Events there were from a time on.
type Bucket struct {
	At Time  `json:"at"`
	N  int64 `json:"n"`
}

// IssueDetail is an Issue with all that is known about it.
type IssueDetail struct {
	Issue
	Reasons []Reason `json:"reasons"`
	// Counts end now; Hours are those of the last seven days.
	Counts   IssueCounts    `json:"counts"`
	Hours    []Bucket       `json:"hours"`
	Samples  []Sample       `json:"samples"`
	Releases []ReleaseCount `json:"releases"`
	// Merged are the issues that count for this one.
	Merged   []IssueRef `json:"merged"`
	Similar  []IssueRef `json:"similar"`
	Tickets  []Ticket   `json:"tickets"`
	Activity []Activity `json:"activity"`
}

// IssueCounts are Events of the last day, week and thirty days.
type IssueCounts struct {
	Day       int64 `json:"last_24h"`
	Week      int64 `json:"last_7d"`
	Month     int64 `json:"last_30d"`
	Customers int64 `json:"customers_7d"` // as an Issue's
	// CustomersExact is false where that is an estimate.
	CustomersExact bool `json:"customers_exact"`
}

// Sample is one Event of an Issue.
type Sample struct {
	EventID    string `json:"event_id"`
	RequestID  string `json:"request_id,omitempty"`
	OccurredAt Time   `json:"occurred_at"`
	Status     int    `json:"status,omitempty"`
	Customer   string `json:"customer,omitempty"`
	Release    string `json:"release,omitempty"`
	Message    string `json:"message,omitempty"`
}

// ReleaseCount is how often an Issue happened in a release in thirty days.
type ReleaseCount struct {
	Release string `json:"release"`
	Events  int64  `json:"events"`
	LastAt  Time   `json:"last_at"`
}

// IssueRef is another Issue in short.
type IssueRef struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Template string     `json:"template"`
	State    IssueState `json:"state"`
	Service  string     `json:"service"`
	Endpoint string     `json:"endpoint,omitempty"`
	Status   int        `json:"status,omitempty"`
	Code     string     `json:"code"`
	// Under is the issue that it was merged into by hand.
	Under string `json:"merged_into,omitempty"`
}

// Ticket is a link to where the same problem is worked on.
type Ticket struct {
	URL  string `json:"url"`
	Name string `json:"name,omitempty"` // where the address is one of a known system
	At   Time   `json:"at"`
	// Linked: to the Issue itself, and not only to Requests of it, of which one is
	// named.
	Linked    bool   `json:"linked"`
	Requests  int    `json:"requests"`
	EventID   string `json:"event_id,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// Activity is something that was done to an Issue: a comment, or a change with
// its details.
type Activity struct {
	At      Time            `json:"at"`
	Actor   string          `json:"actor"`
	Action  string          `json:"action"` // comment, state, assign, merge, unmerge, ticket, untick
	Text    string          `json:"text,omitempty"`
	Details json.RawMessage `json:"details,omitempty"`
}

// IssueFilter narrows a list of Issues. Of Filter it knows Service, Endpoint,
// Method, Code, Status, Family, Role, Provider, Query and the times.
type IssueFilter struct {
	Filter
	States   []IssueState
	Assignee string // "-": nobody
	Sort     IssueSort
}

// IssueSort is the order of a list, the first first.
type IssueSort string

// The orders.
const (
	ByLastSeen  IssueSort = "last_seen"
	ByFirstSeen IssueSort = "first_seen"
	ByEvents    IssueSort = "events" // in the range
)
