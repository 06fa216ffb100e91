package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/ruleset"
	"errata/internal/silence"
	"errata/internal/store"
)

// ruleShelf keeps rules and silences.
type ruleShelf struct {
	*shelf
	rules    []ruleset.Rule
	silences []silence.Silence
	asked    silence.Silence
}

func (s *ruleShelf) Rules(context.Context, int32) ([]ruleset.Rule, error) { return s.rules, nil }

func (s *ruleShelf) SaveRule(_ context.Context, _ store.Actor, _ int32, r ruleset.Rule) (ruleset.Rule, error) {
	r, err := r.Check()
	if err != nil {
		return r, err
	}
	if r.Name == "refused" {
		return r, fault.New(fault.Conflict, "rule_exists", "There is one.")
	}
	for i := range s.rules {
		if s.rules[i].ID == r.ID {
			s.rules[i] = r
			return r, nil
		}
	}
	r.ID = "id-" + r.Name
	s.rules = append(s.rules, r)
	return r, nil
}

func (s *ruleShelf) RemoveRule(_ context.Context, _ store.Actor, _ int32, id string) error {
	for i := range s.rules {
		if s.rules[i].ID == id {
			s.rules = append(s.rules[:i], s.rules[i+1:]...)
			return nil
		}
	}
	return fault.New(fault.NotFound, "rule_not_found", "There is no such rule.")
}

func (s *ruleShelf) WorkspaceSilences(context.Context, int32, time.Time) ([]silence.Silence, error) {
	return s.silences, nil
}

func (s *ruleShelf) PastSilences(context.Context, int32, time.Time, int) ([]silence.Silence, error) {
	return nil, nil
}

func (s *ruleShelf) SaveSilence(_ context.Context, actor store.Actor, _ int32, now time.Time, q silence.Silence) (silence.Silence, error) {
	q, err := q.Check(now)
	q.ID, q.CreatedBy = "silence-1", actor.Label
	s.silences = append(s.silences, q)
	return q, err
}

func (s *ruleShelf) EndSilence(_ context.Context, _ store.Actor, _ int32, _ time.Time, id string) (silence.Silence, error) {
	if id != "silence-1" {
		return silence.Silence{}, fault.New(fault.NotFound, "silence_not_found", "There is no such silence.")
	}
	return s.silences[0], nil
}

func (s *ruleShelf) SilencePreview(_ context.Context, _ int32, _ time.Time, q silence.Silence) (store.SilencePreview, error) {
	s.asked = q
	return store.SilencePreview{Looked: 9, Messages: 3, Count: 1, Incidents: []store.MutedIncident{{Number: 12, Service: "bil\x1bling", Family: "5xx", Level: "page", OpenedAt: event.Time{Time: noon}, Messages: 3, Told: 1}}}, nil
}

func newRuleServer(t *testing.T) (*ruleShelf, string) {
	t.Helper()
	keys, _ := newServer(t)
	odd := ruleset.New("odd \x1b[31mname")
	odd.ID, odd.Query, odd.Channels, odd.Advanced, odd.Enabled = "id-odd", "service:billing", []string{"01970000-0000-7000-8000-000000000001"}, ruleset.Overrides{"persist": 3}, false
	s := &ruleShelf{shelf: keys, rules: []ruleset.Rule{ruleset.Default(), odd}}
	return s, serve(t, s, keys).URL
}

func fileOf(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestRules(t *testing.T) {
	s, url := newRuleServer(t)
	var out strings.Builder
	opt, ctx := Options{Server: url, Key: secret, Out: &out}, t.Context()
	require.NoError(t, ListRules(ctx, opt))
	assert.Contains(t, out.String(), ruleset.DefaultID+"  default")
	assert.Contains(t, out.String(), "normal, 1 number of its own  page   1 channel  no")
	assert.NotContains(t, out.String(), "\x1b")

	s.rules[1].Name = "odd"
	out.Reset()
	require.NoError(t, ExportRules(ctx, opt))
	text := out.String()
	assert.Contains(t, text, "rules:\n  - name: default\n")
	out.Reset()
	file := fileOf(t, text)
	differ, err := DiffRules(ctx, opt, file, true)
	require.NoError(t, err)
	assert.False(t, differ, "what was exported changes nothing")
	assert.Equal(t, "Nothing to change.\n", out.String())
	require.NoError(t, ApplyRules(ctx, opt, file, true, AskRefuse), "there is nothing to ask about")

	file = fileOf(t, "rules:\n  - name: default\n    level: ticket\n  - name: new\n")
	for ask, in := range map[Ask]string{AskRefuse: "yes\n", AskPerson: "no\n"} {
		out.Reset()
		opt.In = strings.NewReader(in)
		require.ErrorContains(t, ApplyRules(ctx, opt, file, false, ask), "Nothing was changed")
		assert.Len(t, s.rules, 2)
		assert.Equal(t, "page", s.rules[0].Level)
	}
	assert.Contains(t, out.String(), "  level: page → ticket\n")
	assert.Contains(t, out.String(), "    - level: page\n    + level: ticket\n")
	assert.Contains(t, out.String(), "create new\n")
	assert.Contains(t, out.String(), "odd is not in the file, and stays; --prune removes it")
	opt.In = strings.NewReader("YES\n")
	require.NoError(t, ApplyRules(ctx, opt, file, false, AskPerson))
	require.Len(t, s.rules, 3)
	assert.Equal(t, []string{"ticket", "new"}, []string{s.rules[0].Level, s.rules[2].Name})
	require.NoError(t, ApplyRules(ctx, opt, file, true, AskNobody))
	require.Len(t, s.rules, 2, "odd is gone")
	opt.In = strings.NewReader("rules: []\n")
	require.ErrorContains(t, ApplyRules(ctx, opt, "-", true, AskPerson), "--yes", "standard input is the file")

	// What is refused halfway is said, with what was done before.
	out.Reset()
	require.ErrorContains(t, ApplyRules(ctx, opt, fileOf(t, "rules:\n  - name: a\n  - name: refused\n  - name: z\n"), false, AskNobody), "409 rule_exists")
	assert.Contains(t, out.String(), "1 of 3 were applied.")
}

func TestLintRules(t *testing.T) {
	var out strings.Builder
	opt := Options{Out: &out, In: strings.NewReader("rules: []\n")}
	bad := fileOf(t, "rules:\n  - name: x\n    level: loud\n    query: customer:acme\n")
	require.EqualError(t, LintRules(opt, []string{"-", bad}), "2 mistakes to mend.")
	assert.Contains(t, out.String(), "-: 0 rules, nothing wrong\n"+bad+":3: rules[0].level: must be one of: page, ticket, notify\n"+bad+":4: rules[0].query: Column 1: ")
	require.ErrorContains(t, LintRules(opt, []string{filepath.Join(t.TempDir(), "none")}), "Cannot read")
	_, url := newRuleServer(t)
	opt.Server, opt.Key = url, secret
	require.ErrorContains(t, ApplyRules(t.Context(), opt, bad, true, AskNobody), "nothing was changed")
}

func TestSilences(t *testing.T) {
	s, url := newRuleServer(t)
	var out strings.Builder
	opt, ctx := Options{Server: url, Key: secret, Out: &out}, t.Context()
	require.NoError(t, ListSilences(ctx, opt, false))
	assert.Equal(t, "Nothing is silenced.\n", out.String())
	out.Reset()
	require.NoError(t, AddSilence(ctx, opt, NewSilence{Service: "billing", Code: "boom", Reason: "we know", EndsAt: "now+2h"}))
	assert.Equal(t, "silence-1: service:billing code:boom is silenced until 2026-11-20 15:00:00.\n", out.String())
	require.NoError(t, AddSilence(ctx, opt, NewSilence{Reason: "nightly", Cron: "30 2 * * *", Minutes: 60, TimeZone: "Europe/Berlin", EndsAt: "now+52w"}))
	out.Reset()
	require.NoError(t, ListSilences(ctx, opt, false))
	assert.Contains(t, out.String(), "everything                 from 2026-11-21 01:30:00, 30 2 * * * (Europe/Berlin) for 1 h")
	require.ErrorContains(t, AddSilence(ctx, opt, NewSilence{EndsAt: "now+2h"}), "'reason' field")

	out.Reset()
	require.NoError(t, PreviewSilence(ctx, opt, NewSilence{Service: "billing"}))
	assert.Equal(t, "billing", s.asked.Service)
	assert.Contains(t, out.String(), "In the last 14 days it would have muted 3 messages about 1 incident.\n")
	assert.Contains(t, out.String(), "INC-12    2026-11-20 12:00:00  billing  -            5xx     page   3      1")
	require.NoError(t, EndSilences(ctx, opt, []string{"silence-1"}))
	require.ErrorContains(t, EndSilences(ctx, opt, []string{"silence-2"}), "404 silence_not_found")
}
