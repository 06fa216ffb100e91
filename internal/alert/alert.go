// Package alert holds the words of alerting and decides about them: what an
// Incident is, what a message about one says, what a receiver's answer means,
// and when to try again.
//
// It is pure: no I/O, no clock. Everything that services or customers wrote is
// cleaned before it is shown (Clean), because these messages are read in chats
// that have markup, mentions and buttons.
package alert

import (
	"strconv"
	"time"

	"errata/internal/event"
)

// Level is what an Incident asks of people.
type Level string

// The levels, loudest first.
const (
	Page   Level = "page"   // somebody is woken up
	Ticket Level = "ticket" // somebody looks at it in working hours
	Notify Level = "notify" // somebody may want to know
)

// State is where an Incident is in its life.
type State string

// The states that messages are about.
const (
	Firing     State = "firing"
	Recovering State = "recovering"
	Stale      State = "stale" // its data stopped coming
	Resolved   State = "resolved"
)

// Rule is the condition behind an Incident.
type Rule struct {
	Letter string `json:"letter"` // "A"; empty for a rule that somebody wrote
	Name   string `json:"name"`   // "spike"
	ID     string `json:"id,omitempty"`
}

// Why is what the rule saw when it fired. Ratios are of 1; a limit that is
// zero was not asked for.
type Why struct {
	Statistic      string   `json:"statistic,omitempty"` // "z"
	Value          float64  `json:"value"`
	Limit          float64  `json:"limit,omitempty"`
	Ratio          *float64 `json:"ratio,omitempty"`
	RatioLimit     float64  `json:"ratio_limit,omitempty"`
	NormalRatio    *float64 `json:"normal_ratio,omitempty"`
	NormalErrors   *float64 `json:"normal_errors,omitempty"` // in Window, where nobody counts requests
	Minutes        int      `json:"minutes,omitempty"`       // of the last OfMinutes the condition held
	OfMinutes      int      `json:"of_minutes,omitempty"`
	WindowMinutes  int      `json:"window_minutes,omitempty"` // that Errors, Requests and Customers of the Incident are of
	LateData       bool     `json:"late_data,omitempty"`
	SingleCustomer bool     `json:"single_customer,omitempty"`
}

// Member is an endpoint and its share of an Incident's errors.
type Member struct {
	Method   string  `json:"method,omitempty"`
	Endpoint string  `json:"endpoint"`
	Share    float64 `json:"share"`
}

// Share is a name and its part of a whole.
type Share struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"`
}

// Deploy is the deploy that an Incident followed.
type Deploy struct {
	Release string    `json:"release"`
	At      time.Time `json:"at"`
}

// Incident is a period in which a rule holds for a family of failures of a
// service, as it was at one moment. Messages carry it whole, so that they say
// the same however late they are delivered.
type Incident struct {
	ID          string       `json:"id"`
	Number      int64        `json:"number"` // 12 is INC-12 in its workspace
	Workspace   string       `json:"workspace"`
	Environment string       `json:"environment,omitempty"`
	Service     string       `json:"service"`
	Family      event.Family `json:"family,omitempty"`
	Level       Level        `json:"level"`
	LowUrgency  bool         `json:"low_urgency,omitempty"` // a page that can wait for a minute
	State       State        `json:"state"`
	Rule        Rule         `json:"rule"`
	Why         Why          `json:"why"`

	StartedAt  time.Time `json:"started_at"`
	FiredAt    time.Time `json:"fired_at"`
	ResolvedAt time.Time `json:"resolved_at,omitzero"`
	// ResolvedBy says how it ended, where its numbers did not: "missing_data",
	// "accepted", "rule_off", or who closed it.
	ResolvedBy string `json:"resolved_by,omitempty"`

	Errors           int64   `json:"errors"`
	Requests         *int64  `json:"requests,omitempty"` // nil: nobody counts them
	Customers        int64   `json:"customers"`
	TopCustomer      string  `json:"top_customer,omitempty"`
	TopCustomerShare float64 `json:"top_customer_share,omitempty"`

	Members []Member `json:"members,omitempty"` // largest first
	Codes   []Share  `json:"codes,omitempty"`   // largest first
	Deploy  *Deploy  `json:"deploy,omitempty"`
	Samples []string `json:"samples,omitempty"` // request IDs

	PeakRatio   *float64 `json:"peak_ratio,omitempty"`
	PeakErrors  int64    `json:"peak_errors,omitempty"` // in its worst minute
	TotalErrors int64    `json:"total_errors,omitempty"`

	// Own is set where it is about Errata itself. Then nothing of the above counts
	// failures.
	Own *Own `json:"own,omitempty"`

	Runbook string `json:"runbook,omitempty"`
	BaseURL string `json:"base_url,omitempty"` // of Errata's own pages
}

// Name is what people call it.
func (i Incident) Name() string { return "INC-" + strconv.FormatInt(i.Number, 10) }

// Open reports whether it still goes on.
func (i Incident) Open() bool { return i.State != Resolved }

// Ratio is the share of requests that failed in the window.
func (i Incident) Ratio() (float64, bool) {
	if i.Requests == nil || *i.Requests <= 0 {
		return 0, false
	}
	return min(float64(i.Errors)/float64(*i.Requests), 1), true
}
