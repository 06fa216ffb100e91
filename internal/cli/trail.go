package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/thin"
)

// trail is the API's Trail, with what the catalogue says of it.
type trail struct {
	RequestID   string              `json:"request_id"`
	TraceIDs    []string            `json:"trace_ids"`
	FirstAt     time.Time           `json:"first_at"`
	Summary     event.Summary       `json:"summary"`
	Explanation catalog.Explanation `json:"explanation"`
	Retry       catalog.Retry       `json:"retry"`
	Story       struct {
		RootCause string `json:"root_cause"`
	} `json:"story"`
	Attempts struct {
		Text string `json:"text"`
	} `json:"attempts"`
	Events    []event.Event `json:"events"`
	Truncated bool          `json:"truncated"`
}

// gap separates one answer from the next.
func (f *finding) gap() {
	if f.shown > 0 {
		f.line("")
	}
	f.shown++
}

// trail prints the answer in the order in which it is needed: what it was,
// what that means, the facts, whether to try again, and how it came about.
func (f *finding) trail(t *trail) {
	f.gap()
	s := &t.Summary
	f.line("%s", f.style(bold, joined(status(s.Status), s.Code, s.Method, s.Endpoint)))
	f.explain(&t.Explanation)
	f.facts(t)
	if t.Retry.Text != "" {
		f.line("")
		f.line("Retry: %s", safe(t.Retry.Text))
	}
	if t.Attempts.Text != "" {
		f.line("Attempts: %s", safe(t.Attempts.Text))
	}
	if t.FirstAt.IsZero() { // for support, which is told of it in words
		if t.Story.RootCause != "" {
			f.line("")
			f.line("%s", safe(t.Story.RootCause))
		}
		return
	}
	f.timeline(t)
}

func (f *finding) explain(e *catalog.Explanation) {
	if e.Verdict != "" {
		f.line("%s", safe(e.Verdict))
	}
	f.line("")
	f.line("%s", safe(e.Plain))
	for _, list := range []struct {
		name  string
		items []string
	}{{"Causes", e.Causes}, {"What helps", e.Fixes}} {
		if len(list.items) == 0 {
			continue
		}
		f.line("%s:", list.name)
		for _, item := range list.items {
			f.line("  - %s", safe(item))
		}
	}
}

func (f *finding) facts(t *trail) {
	s := &t.Summary
	at := t.FirstAt
	release := ""
	for i := range t.Events {
		if t.Events[i].ID == s.EventID {
			at, release = t.Events[i].OccurredAt, t.Events[i].Release
		}
	}
	f.line("")
	rows := [][]string{}
	for _, fact := range [][2]string{
		{"Message", s.Message}, {"Request", t.RequestID}, {"Time", at.UTC().Format(clock) + " (" + ago(at, f.Now()) + ")"}, {"Service", s.Service},
		{"Environment", s.Environment}, {"Release", release}, {"Customer", namedText(s.CustomerName, s.Customer)}, {"Side", t.Explanation.Side},
		{"Trace", strings.Join(t.TraceIDs, ", ")},
	} {
		if fact[1] != "" {
			rows = append(rows, []string{fact[0], safe(fact[1])})
		}
	}
	f.table(rows)
}

// timeline shows every Event, with the time since the first.
func (f *finding) timeline(t *trail) {
	f.line("")
	f.line("Timeline:")
	rows := make([][]string, 0, len(t.Events))
	for i := range t.Events {
		e := &t.Events[i]
		mark := ""
		if e.ID == t.Summary.RootCauseEventID {
			mark = "← root cause"
		}
		rows = append(rows, []string{
			"  " + e.OccurredAt.UTC().Format("15:04:05.000"), fmt.Sprintf("+%d ms", e.OccurredAt.Sub(t.FirstAt).Milliseconds()),
			safe(e.Service), joined(status(e.Status), e.Code), joined(e.Method, e.Endpoint), upstream(e), mark,
		})
	}
	f.table(rows)
	if t.Truncated {
		f.line("  … and more: the API shows the first %d.", len(t.Events))
	}
}

func upstream(e *event.Event) string {
	if e.Upstream == nil || e.Upstream.Provider == "" {
		return ""
	}
	return joined("via", e.Upstream.Provider, e.Upstream.Code)
}

func status(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// joined is what is there, made safe, with spaces between.
func joined(parts ...string) string {
	kept := parts[:0]
	for _, p := range parts {
		if p = safe(p); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " ")
}

// goneRow is what is known of an ID that nothing is kept under.
type goneRow struct {
	RetentionDays int    `json:"retention_days"`
	Day           string `json:"day"`
	Rule          string `json:"rule"`
	Kept          int    `json:"kept"`
	AfterDays     int    `json:"after_days"`
}

// gone reads it from the details of an error.
func gone(details map[string]any) (g goneRow) {
	number := func(name string) int { n, _ := details[name].(float64); return int(n) }
	g.RetentionDays, g.Kept, g.AfterDays = number("retention_days"), number("kept"), number("after_days")
	g.Day, _ = details["day"].(string)
	g.Rule, _ = details["rule"].(string)
	return g
}

// absence says why there is nothing under an ID.
func absence(reason string, g goneRow) string {
	days := "the retention time"
	if g.RetentionDays > 0 {
		days = plural(g.RetentionDays, "day", "days")
	}
	switch reason {
	case "rejected":
		return "not found. A report with it came in, but was rejected."
	case "probably_expired":
		if g.Day != "" {
			return "not found. It was probably reported on " + safe(g.Day) + ", and has expired: failures are kept for " + days + "."
		}
		return "not found. It was probably seen, and has expired: failures are kept for " + days + "."
	case "thinned":
		if g.Rule != "" && g.Day != "" {
			return "not found. " + thin.Why(safe(g.Day), safe(g.Rule), g.Kept, g.AfterDays)
		}
		return "not found. It was counted but not kept, because there were too many like it."
	case "not_checked":
		return "not found."
	}
	return "not found. No failure with this ID has been reported within " + days + "."
}

// namedText is a name with the ID that it stands for, or only the ID.
func namedText(name, id string) string {
	if name == "" {
		return id
	}
	return name + " (" + id + ")"
}
