package incident

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"errata/internal/alert"
	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/selfwatch"
)

// Record is an incident as people read it, in lists. Its times are when something
// was seen: the end of the minute that showed it.
type Record struct {
	ID          string       `json:"id"`
	Number      int          `json:"number"` // 12 is INC-12 in its workspace
	Title       string       `json:"title"`
	Family      string       `json:"family"` // 5xx or 429
	Environment string       `json:"environment"`
	Service     string       `json:"service"`  // "" where it is a provider's
	Provider    string       `json:"provider"` // "" where it is a service's
	State       detect.Phase `json:"state"`    // firing, recovering, stale or resolved
	Level       detect.Level `json:"level"`
	RuleID      string       `json:"rule_id"`
	Why         detect.Why   `json:"why"`
	StartedAt   event.Time   `json:"started_at"` // when the failures began
	OpenedAt    event.Time   `json:"opened_at"`  // when a rule held first
	FiredAt     event.Time   `json:"fired_at"`   // when it reached its level
	ResolvedAt  *event.Time  `json:"resolved_at"`
	Reason      string       `json:"reason,omitempty"`      // of its end
	ResolvedBy  string       `json:"resolved_by,omitempty"` // where that was somebody
	Peak        float64      `json:"peak"`                  // the largest share of requests in five minutes; 0 where nobody counts them
	Errors      int64        `json:"errors"`                // while it lasted
	Facts       Facts        `json:"facts"`
	AckedAt     *event.Time  `json:"acked_at"`
	AckedBy     string       `json:"acked_by,omitempty"`
	Useful      Vote         `json:"useful"` // "" while nobody said
}

// Facts are what an incident is made of, as of the last message about it.
type Facts struct {
	Customers int64          `json:"customers"`
	Endpoints []alert.Member `json:"endpoints"` // largest first
	Codes     []alert.Share  `json:"codes"`     // largest first
	Samples   []string       `json:"samples"`   // request IDs
	Deploy    *Deploy        `json:"deploy"`
	Runbook   string         `json:"runbook,omitempty"`
}

// Deploy is the deploy that an incident followed.
type Deploy struct {
	Release string     `json:"release"`
	At      event.Time `json:"at"`
}

// Vote is whether an incident was worth its message.
type Vote string

// The votes.
const (
	Useful Vote = "yes"
	Noisy  Vote = "noisy" // nobody needed to know
	Late   Vote = "late"  // somebody knew before
)

// Votes are all of them.
var Votes = []Vote{Useful, Noisy, Late}

// The reasons of an end besides those of package detect.
const (
	ReasonByHand = "by_hand"
	ReasonRule   = "rule_off" // the rule that found it was switched off
)

// AcceptAfter is for how long an incident must have lasted before somebody may
// say that this is how it is now.
const AcceptAfter = 24 * time.Hour

// Detail is a Record with all that is known of it.
type Detail struct {
	Record
	Members   []Part     `json:"members"`
	Events    []Happened `json:"events"` // oldest first
	Similar   []Record   `json:"similar"`
	Precision Precision  `json:"precision"` // of its rule
}

// Part is a series of an incident.
type Part struct {
	Name        string       `json:"name"`
	RuleID      string       `json:"rule_id"`
	Environment string       `json:"environment"`
	Service     string       `json:"service"`
	Method      string       `json:"method"`
	Endpoint    string       `json:"endpoint"` // "": the whole service
	Code        string       `json:"code"`     // "": all of them
	State       detect.Phase `json:"state"`
	Level       detect.Level `json:"level"`
	Why         detect.Why   `json:"why"`
	Peak        float64      `json:"peak"`
	Errors      int64        `json:"errors"`
	StartedAt   event.Time   `json:"started_at"`
	FiredAt     event.Time   `json:"fired_at"`
	ResolvedAt  *event.Time  `json:"resolved_at"`
	Normal      bool         `json:"normal"` // somebody said that this is how it is now
}

// Happened is a line of an incident's timeline.
type Happened struct {
	At    event.Time  `json:"at"`
	Kind  string      `json:"kind"`
	Actor string      `json:"actor,omitempty"` // "": nobody did it
	Part  string      `json:"part,omitempty"`  // the name of a member
	Why   *detect.Why `json:"why,omitempty"`
	Text  string      `json:"text,omitempty"`
}

// Precision says how often a rule was worth its message.
type Precision struct {
	RuleID string `json:"rule_id"`
	Rule   string `json:"rule"` // its name, or its ID where it has none any more
	Days   int    `json:"days"` // that were looked at
	Fired  int    `json:"fired"`
	Yes    int    `json:"yes"`
	Noisy  int    `json:"noisy"`
	Late   int    `json:"late"`
}

// Votes is how many said anything.
func (p Precision) Votes() int { return p.Yes + p.Noisy + p.Late }

// Name is what people call it.
func (r *Record) Name() string { return fmt.Sprintf("INC-%d", r.Number) }

// Open reports whether it lasts.
func (r *Record) Open() bool { return r.State != detect.Resolved }

// Own reports whether it is about Errata itself.
func (r *Record) Own() bool { return r.Why.Condition != "" }

// Acceptable reports whether somebody may say that this is how it is now.
func (r *Record) Acceptable(now time.Time) bool {
	return r.Open() && !r.Own() && now.Sub(r.OpenedAt.Time) >= AcceptAfter
}

// Ended tells who or what ended an incident: what is no reason that Errata has
// is somebody's name.
func (r *Record) Ended(reason string, normal bool) {
	switch {
	case slices.Contains([]string{"", detect.ReasonClear, detect.ReasonMissing, detect.ReasonAccepted, ReasonRule, ReasonByHand}, reason):
		r.Reason = reason
	case normal:
		r.Reason, r.ResolvedBy = detect.ReasonAccepted, reason
	default:
		r.Reason, r.ResolvedBy = ReasonByHand, reason
	}
}

// OwnHeadline names what is wrong with Errata itself, as messages do.
func OwnHeadline(condition string) string {
	return alert.What(alert.Incident{Service: selfwatch.Service, Rule: alert.Rule{Name: selfwatch.Of(selfwatch.Condition(condition)).Title}})
}

// Headline names what fails, as messages do.
func Headline(family detect.Family, environment, service, provider string) string {
	a := alert.Incident{Service: cmp.Or(service, provider), Environment: environment, Family: event.FamilyUs}
	switch {
	case provider != "":
		a.Family = event.FamilyUpstream
	case family == detect.Limits:
		a.Family = event.FamilyLimits
	}
	return alert.What(a)
}

// Liken counts what two incidents have in common: codes and endpoints.
func Liken(a, b *Record) (n int) {
	for _, c := range a.Facts.Codes {
		if slices.ContainsFunc(b.Facts.Codes, func(o alert.Share) bool { return o.Name == c.Name }) {
			n++
		}
	}
	for _, e := range a.Facts.Endpoints {
		if slices.ContainsFunc(b.Facts.Endpoints, func(o alert.Member) bool { return o.Method == e.Method && o.Endpoint == e.Endpoint }) {
			n++
		}
	}
	return n
}

// MostAlike are those of the others that have most in common with an incident, the
// newest first of equals.
func MostAlike(r *Record, others []Record, limit int) []Record {
	out := slices.Clone(others)
	slices.SortStableFunc(out, func(a, b Record) int {
		return cmp.Or(cmp.Compare(Liken(r, &b), Liken(r, &a)), cmp.Compare(b.Number, a.Number))
	})
	return out[:min(limit, len(out))]
}
