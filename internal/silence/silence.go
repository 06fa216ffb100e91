// Package silence decides who is not told about what. A Silence mutes the
// messages about what it matches, for a time and for a reason; the incidents
// behind them go on as ever. A maintenance window is a Silence that begins
// again and again, by a cron expression.
//
// It is pure, and errs on the side of telling: a message is muted only where
// all that it is about is matched.
package silence

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"errata/internal/event"
	"errata/internal/fault"
)

// Silence is who is not told about what. Of what it matches by, an empty field
// matches anything.
type Silence struct {
	ID          string     `json:"id"`
	Environment string     `json:"environment"`
	Service     string     `json:"service"`
	Method      string     `json:"method"`
	Endpoint    string     `json:"endpoint"`
	Code        string     `json:"code"`
	Customer    string     `json:"customer"`
	Family      string     `json:"family"`  // 5xx or 429
	RuleID      string     `json:"rule_id"` // the rule that found it
	Reason      string     `json:"reason"`
	Cron        string     `json:"cron"`      // of a maintenance window: when it begins
	Minutes     int        `json:"minutes"`   // how long it is then
	TimeZone    string     `json:"time_zone"` // whose clock Cron is about
	StartsAt    event.Time `json:"starts_at"`
	EndsAt      event.Time `json:"ends_at"`
	CreatedAt   event.Time `json:"created_at"`
	CreatedBy   string     `json:"created_by"`
	Muted       int64      `json:"muted"` // messages so far
}

// The families that can be silenced, by the column of the table incidents.
var Families = []string{"5xx", "429"}

// The bounds of a silence. What is silent for longer than MaxLength is not
// silenced but wrong: a rule's scope says so better. A maintenance window is
// silent for a part of the time only.
const (
	MaxLength    = 90 * 24 * time.Hour
	MaxWindows   = 5 * 366 * 24 * time.Hour
	MaxMinutes   = 7 * 24 * 60
	maxAhead     = 366 * 24 * time.Hour
	maxName      = 200 // bytes, as in Events
	maxMethod    = 20
	maxEndpoint  = 1 << 10
	maxReason    = 1000
	maxCronBytes = 200
)

// Window reports a maintenance window.
func (s Silence) Window() bool { return s.Cron != "" }

// Check gives the silence as it is stored. What cannot be right is a fault
// Unprocessable that names the field.
func (s Silence) Check(now time.Time) (Silence, error) {
	for _, f := range []*string{&s.Environment, &s.Service, &s.Endpoint, &s.Code, &s.Customer, &s.Family, &s.Reason, &s.TimeZone} {
		*f = strings.TrimSpace(*f)
	}
	s.Method, s.Cron = strings.ToUpper(strings.TrimSpace(s.Method)), strings.Join(strings.Fields(s.Cron), " ")
	for _, f := range []struct {
		name, value string
		limit       int
	}{{"environment", s.Environment, maxName}, {"service", s.Service, maxName}, {"method", s.Method, maxMethod}, {"endpoint", s.Endpoint, maxEndpoint}, {"code", s.Code, maxName}, {"customer", s.Customer, maxName}} {
		if !line(f.value, f.limit) {
			return s, wrong(f.name, "must be one line of at most %d bytes; leave it empty for any", f.limit)
		}
	}
	if s.Code != "" {
		s.Code = event.CanonicalCode(s.Code, 0)
	}
	switch {
	case s.Family != "" && s.Family != "5xx" && s.Family != "429":
		return s, wrong("family", "must be 5xx or 429; leave it empty for both")
	case s.RuleID != "" && uuid.Validate(s.RuleID) != nil:
		return s, wrong("rule_id", "must be the ID of a rule; leave it empty for any")
	case s.Reason == "":
		return s, wrong("reason", "must say why, for those who wonder later why nobody was told")
	case len(s.Reason) > maxReason || !utf8.ValidString(s.Reason) || strings.ContainsFunc(s.Reason, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }):
		return s, wrong("reason", "must be text of at most %d bytes", maxReason)
	}
	if err := s.checkTimes(now); err != nil {
		return s, err
	}
	return s.checkWindow()
}

func (s *Silence) checkTimes(now time.Time) error {
	if s.StartsAt.IsZero() {
		s.StartsAt.Time = now
	}
	s.StartsAt.Time, s.EndsAt.Time = s.StartsAt.UTC().Truncate(time.Second), s.EndsAt.UTC().Truncate(time.Second)
	length, most, days := s.EndsAt.Sub(s.StartsAt.Time), MaxLength, "90 days after it starts; what is to stay silent for longer is better left out of a rule's scope"
	if s.Window() {
		most, days = MaxWindows, "five years after it starts"
	}
	switch {
	case s.EndsAt.IsZero():
		return wrong("ends_at", "must say when it ends: a silence that nobody remembers hides the next failure")
	case length <= 0:
		return wrong("ends_at", "must be after 'starts_at'")
	case !s.EndsAt.After(now):
		return wrong("ends_at", "has passed already")
	case length > most:
		return wrong("ends_at", "must be at most %s", days)
	case s.StartsAt.Sub(now) > maxAhead:
		return wrong("starts_at", "must be within a year")
	}
	return nil
}

// Over reports a silence that will never be in force again.
func (s Silence) Over(now time.Time) bool { return !now.Before(s.EndsAt.Time) }

// line reports text of one line that can be stored.
func line(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func wrong(field, format string, args ...any) error {
	return fault.New(fault.Unprocessable, "validation_failed", "The '"+field+"' field "+format+".", args...).With("field", field)
}
