package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/incident"
	"errata/internal/ruleset"
	"errata/internal/store"
)

// replayShelf answers with one incident of each sort, and keeps what it was asked.
type replayShelf struct {
	*ruleShelf
	asked []ruleset.Rule
	days  []int
}

func (s *replayShelf) ReplayRule(_ context.Context, _ int32, r ruleset.Rule, span store.ReplaySpan) (store.Replayed, error) {
	s.asked, s.days = append(s.asked, r), append(s.days, span.Days)
	would := func(title string, number int, now bool) store.Would {
		return store.Would{Title: title, Level: detect.Page, Why: detect.Why{Rule: detect.Fast, Window: 3, Errors: 60, Requests: 90, Rate: .66}, Rules: []string{}, Parts: []string{}, Peak: .7, Number: number, Useful: incident.Noisy, Now: now,
			StartedAt: event.Time{Time: noon}, FiredAt: event.Time{Time: noon.Add(3 * time.Minute)}, ResolvedAt: &event.Time{Time: noon.Add(20 * time.Minute)}}
	}
	return store.Replayed{From: event.Time{Time: noon.AddDate(0, 0, -span.Days)}, To: event.Time{Time: noon}, Days: span.Days, Count: 2, Pages: 2, NowCount: 3,
		Incidents: []store.Would{would("billing 5xx", 12, true), would("billing 429", 0, false)}, Missed: []store.Would{would("search 5xx", 7, true)}}, nil
}

func TestReplayRules(t *testing.T) {
	keys, _ := newServer(t)
	s := &replayShelf{ruleShelf: &ruleShelf{shelf: keys, rules: []ruleset.Rule{ruleset.Default()}}}
	opt := Options{Server: serve(t, s, keys).URL, Key: secret}
	run := func(yaml string) (string, error) {
		var out strings.Builder
		o := opt
		o.Out, o.In = &out, strings.NewReader(yaml)
		err := ReplayRules(t.Context(), o, "-", 3)
		return out.String(), err
	}
	out, err := run("rules:\n  - name: default\n    sensitivity: low\n  - name: billing\n    query: service:billing\n")
	require.NoError(t, err)
	assert.Contains(t, out, "default: would have fired 2 times in 3 days, 2 pages among them; as it is saved 3 times.")
	assert.Contains(t, out, "billing: would have fired 2 times in 3 days, 2 pages among them.\n")
	assert.Contains(t, out, "Time was up")
	assert.Regexp(t, `(?m)^=\s+2026-11-20 12:00\s+billing 5xx\s+page\s+70%\s+20 min\s+INC-12 noisy\s+Rule B`, out)
	assert.Regexp(t, `(?m)^\+\s.*billing 429`, out)
	assert.Regexp(t, `(?m)^-\s.*search 5xx.*INC-7`, out)
	assert.Equal(t, []string{ruleset.DefaultID, ""}, []string{s.asked[0].ID, s.asked[1].ID})
	assert.Equal(t, []int{3, 3}, s.days)
	out, err = run("rules:\n  - name: x\n    level: loud\n")
	require.Error(t, err)
	assert.Contains(t, out, "level")
	assert.Len(t, s.asked, 2, "a file with a mistake is not sent")
}
