package cli

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"errata/internal/event"
	"errata/internal/silence"
	"errata/internal/store"
)

// NewSilence is a silence as the API takes it: times also as now+2h.
type NewSilence struct {
	Environment string `json:"environment,omitempty"`
	Service     string `json:"service,omitempty"`
	Method      string `json:"method,omitempty"`
	Endpoint    string `json:"endpoint,omitempty"`
	Code        string `json:"code,omitempty"`
	Customer    string `json:"customer,omitempty"`
	Family      string `json:"family,omitempty"`
	RuleID      string `json:"rule_id,omitempty"`
	Reason      string `json:"reason,omitempty"`
	Cron        string `json:"cron,omitempty"`
	Minutes     int    `json:"minutes,omitempty"`
	TimeZone    string `json:"time_zone,omitempty"`
	StartsAt    string `json:"starts_at,omitempty"`
	EndsAt      string `json:"ends_at,omitempty"`
}

// silenceAnswer is a silence as the API shows it.
type silenceAnswer struct {
	silence.Silence
	RuleID *string      `json:"rule_id"`
	Until  *event.Time  `json:"until"`
	Next   []event.Time `json:"next"`
}

// ListSilences prints silences, one on a line: those that have not ended, or the
// last that have.
func ListSilences(ctx context.Context, opt Options, ended bool) error {
	path := "/v1/alerts/silences"
	if ended {
		path += "?state=ended"
	}
	var list struct {
		Silences []silenceAnswer `json:"silences"`
	}
	p, done, err := opt.ask(ctx, http.MethodGet, path, nil, &list)
	if err != nil || done {
		return err
	}
	if len(list.Silences) == 0 {
		p.line("Nothing is silenced.")
		return p.err
	}
	rows := [][]string{{"ID", "WHAT", "WHEN", "ENDS", "MUTED", "BY", "REASON"}}
	for _, s := range list.Silences {
		rows = append(rows, []string{safe(s.ID), safe(s.what()), safe(s.when()), s.EndsAt.UTC().Format(time.DateTime), strconv.FormatInt(s.Muted, 10), safe(s.CreatedBy), safe(cutText(s.Reason, 60))})
	}
	p.table(rows)
	return p.err
}

// what says what it matches.
func (s silenceAnswer) what() string {
	var out []string
	rule := ""
	if s.RuleID != nil {
		rule = *s.RuleID
	}
	for _, f := range [...][2]string{{"environment", s.Environment}, {"service", s.Service}, {"method", s.Method}, {"endpoint", s.Endpoint}, {"code", s.Code}, {"customer", s.Customer}, {"family", s.Family}, {"rule", rule}} {
		if f[1] != "" {
			out = append(out, f[0]+":"+f[1])
		}
	}
	return orWord(strings.Join(out, " "), "everything")
}

// when says whether it mutes now, or when it will.
func (s silenceAnswer) when() string {
	out := ""
	if s.Window() {
		out = ", " + s.Cron + " (" + s.TimeZone + ") for " + silence.Length(s.Minutes)
	}
	switch {
	case s.Until != nil:
		return "until " + s.Until.UTC().Format(time.DateTime) + out
	case len(s.Next) > 0:
		return "from " + s.Next[0].UTC().Format(time.DateTime) + out
	}
	return "ended" + out
}

// AddSilence makes a silence, or a maintenance window.
func AddSilence(ctx context.Context, opt Options, s NewSilence) error {
	var made silenceAnswer
	p, done, err := opt.ask(ctx, http.MethodPost, "/v1/alerts/silences", s, &made)
	if err != nil || done {
		return err
	}
	p.line("%s: %s is silenced %s.", safe(made.ID), safe(made.what()), safe(made.when()))
	return p.err
}

// EndSilences ends silences now, up to the first that cannot be.
func EndSilences(ctx context.Context, opt Options, ids []string) error {
	c, p := newClient(opt.Server, opt.Key), printer{out: opt.Out}
	for _, id := range ids {
		if err := c.call(ctx, http.MethodPost, "/v1/alerts/silences/"+url.PathEscape(id)+"/end", nil, nil); err != nil {
			return err
		}
		p.line("%s: ended", safe(id))
	}
	return p.err
}

// PreviewSilence says what a silence would have muted.
func PreviewSilence(ctx context.Context, opt Options, s NewSilence) error {
	var got store.SilencePreview
	p, done, err := opt.ask(ctx, http.MethodPost, "/v1/alerts/silences/preview", s, &got)
	if err != nil || done {
		return err
	}
	p.line("In the last %d days it would have muted %s about %s.", store.PreviewDays, plural(got.Messages, "message", "messages"), plural(got.Count, "incident", "incidents"))
	rows := [][]string{{"INCIDENT", "OPENED", "SERVICE", "ENVIRONMENT", "FAMILY", "LEVEL", "MUTED", "TOLD"}}
	for _, i := range got.Incidents {
		rows = append(rows, []string{"INC-" + strconv.Itoa(i.Number), i.OpenedAt.UTC().Format(time.DateTime), safe(i.Service), orWord(safe(i.Environment), "-"), safe(i.Family), safe(i.Level), strconv.Itoa(i.Messages), strconv.Itoa(i.Told)})
	}
	if len(got.Incidents) > 0 {
		p.table(rows)
	}
	if got.Truncated {
		p.line("There were more.")
	}
	return p.err
}
