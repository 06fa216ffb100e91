package store

import (
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/ticket"
)

// How long things that people write may be.
const (
	maxComment  = 10_000 // characters
	maxAssignee = 100
	maxRelease  = 200 // bytes, as in Events
	maxTicket   = 500
	maxIgnored  = 366 * 24 * time.Hour
)

// check says what cannot be right about a change, naming the field.
func (c IssueChange) check(now time.Time) error {
	state := event.IssueState("")
	if c.State != nil {
		state = *c.State
	}
	switch state {
	case event.Open, event.Acknowledged, event.Resolved, event.Ignored:
	case "":
		if c.State != nil {
			return wrongState()
		}
	default:
		return wrongState()
	}
	switch {
	case c == IssueChange{}:
		return wrong("state", "or another one must be given: state, assignee, merged_into")
	case c.ResolvedIn != "" && state != event.Resolved:
		return wrong("resolved_in", "goes with the state resolved only")
	case len(c.ResolvedIn) > maxRelease || !line(c.ResolvedIn):
		return wrong("resolved_in", "must be a release: one line of at most %d bytes", maxRelease)
	case state != event.Ignored && !c.IgnoreUntil.IsZero():
		return wrong("ignore_until", "goes with the state ignored only")
	case state != event.Ignored && c.IgnoreEvents != 0:
		return wrong("ignore_events", "goes with the state ignored only")
	case state != event.Ignored && c.IgnoreCustomers != 0:
		return wrong("ignore_customers", "goes with the state ignored only")
	case !c.IgnoreUntil.IsZero() && (!c.IgnoreUntil.After(now) || c.IgnoreUntil.Sub(now) > maxIgnored):
		return wrong("ignore_until", "must be a time to come, at most a year ahead")
	case c.IgnoreEvents < 0 || c.IgnoreEvents > 1_000_000_000:
		return wrong("ignore_events", "must be a number from 1 to 1000000000")
	case c.IgnoreCustomers < 0 || c.IgnoreCustomers > 10_000:
		return wrong("ignore_customers", "must be a number from 1 to 10000")
	case c.Assignee != nil && (utf8.RuneCountInString(*c.Assignee) > maxAssignee || !line(*c.Assignee)):
		return wrong("assignee", "must be one line of at most %d characters; empty for nobody", maxAssignee)
	}
	return nil
}

func wrongState() error {
	return wrong("state", "must be one of: open, acknowledged, resolved, ignored")
}

func wrong(field, format string, args ...any) error {
	return fault.New(fault.Unprocessable, "validation_failed", "The '"+field+"' field "+format, args...).With("field", field)
}

// line reports text without control characters.
func line(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) && s == strings.TrimSpace(s)
}

// checkComment gives the comment as it is stored.
func checkComment(body string) (string, error) {
	body = strings.TrimSpace(strings.ReplaceAll(body, "\r\n", "\n"))
	if body == "" || utf8.RuneCountInString(body) > maxComment || !utf8.ValidString(body) || strings.ContainsRune(body, 0) {
		return "", wrong("body", "must be text of 1 to %d characters", maxComment)
	}
	return body, nil
}

// checkTicket lets only addresses be stored that a browser may follow without
// running anything.
func checkTicket(s string) error {
	u, err := url.Parse(s)
	if err != nil || len(s) > maxTicket || !line(s) || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return wrong("url", "must be an address that begins with https:// or http://, of at most %d bytes and without a password", maxTicket)
	}
	if ticket.Poses(s) {
		return wrong("url", "has a host that only looks like that of a ticket system; look at it again")
	}
	return nil
}
