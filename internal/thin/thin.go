// Package thin is about thinning: rules of a workspace that keep only some of the
// failures that are all alike, once their day is over. It is pure: it says what a rule
// may be, and what is told of a failure that one has let go.
//
// What a rule lets go has been counted: numbers stay as they are. It leaves a limited
// number of failures of each issue and hour.
package thin

import (
	"errors"
	"fmt"
	"strings"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/query"
)

// Rule is a rule of a workspace. Its name is unique there.
type Rule struct {
	Name      string     `json:"name"`
	Match     string     `json:"match"`      // in the language of the search
	AfterDays int        `json:"after_days"` // a day goes so long after it is over
	Keep      int        `json:"keep"`       // of each issue and hour
	Enabled   bool       `json:"enabled"`
	CreatedAt event.Time `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	UpdatedAt event.Time `json:"updated_at"`
	UpdatedBy string     `json:"updated_by"`
}

const (
	// MaxRules is how many a workspace takes.
	MaxRules = 20
	// MinDays leaves alone what a report that is repeated may still have to be
	// compared with: the window of de-duplication is 48 hours.
	MinDays = 3
	// DefaultKeep is how many failures of an issue and hour stay where nobody says
	// another number, and MaxKeep the largest.
	DefaultKeep = 100
	MaxKeep     = 100_000

	maxName = 60
)

// Check gives the rule as it is stored. retention is for how many days the workspace
// keeps failures. What cannot be right is a fault Unprocessable that names the field.
func (r Rule) Check(retention int) (Rule, error) {
	r.Name, r.Match = strings.TrimSpace(r.Name), strings.TrimSpace(r.Match)
	if err := CheckName(r.Name); err != nil {
		return r, err
	}
	q, err := query.Parse(r.Match)
	if err != nil {
		return r, ofMatch(err)
	}
	switch {
	case len(q.Terms) == 0:
		return r, wrong("match", "must say which failures, such as service:edge status:429; service:* are all")
	case r.AfterDays < MinDays:
		return r, wrong("after_days", "must be at least %d: what is younger may still be reported again", MinDays)
	case r.AfterDays > retention:
		return r, wrong("after_days", "must be at most %d, the days for which failures are kept here", retention)
	case r.Keep < 1 || r.Keep > MaxKeep:
		return r, wrong("keep", "must be from 1 to %d failures of each issue and hour; %d is usual", MaxKeep, DefaultKeep)
	}
	return r, nil
}

// CheckName refuses what cannot be the name of a rule: it stands in addresses, and
// rules go in the order of their names.
func CheckName(name string) error {
	ok := name != "" && len(name) <= maxName && strings.Trim(name, "-_.") == name
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.", c) >= 0)
	}
	if !ok {
		return wrong("name", "must be a short name of letters, digits, '-', '_' and '.', such as bots")
	}
	return nil
}

// ofMatch is what is wrong with a query, said of the rule's field.
func ofMatch(err error) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		f.With("field", "match")
	}
	return err
}

func wrong(field, format string, args ...any) error {
	return fault.New(fault.Unprocessable, "validation_failed", "The '"+field+"' field "+format+".", args...).With("field", field)
}

// Why says of an ID that nothing is kept under what a rule did on its day.
func Why(day, rule string, keep, afterDays int) string {
	return "It was counted on " + day + ", and not kept: " + Does(rule, keep, afterDays) + "."
}

// Does says what a rule does.
func Does(rule string, keep, afterDays int) string {
	failures := "failures"
	if keep == 1 {
		failures = "failure"
	}
	return fmt.Sprintf("the rule '%s' keeps %d %s of each issue and hour after %d days", rule, keep, failures, afterDays)
}
