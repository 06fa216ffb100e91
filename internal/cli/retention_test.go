package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

func TestRetentionPlan(t *testing.T) {
	shelf, server := newServer(t)
	var out strings.Builder
	opt := RetentionOptions{Server: server.URL, Key: secret, Days: 3, Out: &out}
	require.NoError(t, PlanRetention(context.Background(), opt))
	assert.Contains(t, out.String(), "Nothing is going to go within 3 days.")
	shelf.runs = []func(){func() {}, func() {}}
	out.Reset()
	require.NoError(t, PlanRetention(context.Background(), opt))
	lines := strings.Split(out.String(), "\n")
	assert.Equal(t, "events  2026-10-20  with the next run  1000  2.5 MB", lines[1])
	assert.Contains(t, lines[2], "stacks")
	assert.Equal(t, "2.5 MB in all.", lines[3])
	assert.Regexp(t, `(?s)events +30 days +9 +3.0 MB +failures\n.*goose +- +0 +0 B +migrations`, out.String())
	assert.Contains(t, out.String(), "failures 30 days, raw bodies 7")
	out.Reset()
	opt.JSON = true
	require.NoError(t, PlanRetention(context.Background(), opt))
	var plan map[string]any
	require.NoError(t, json.Unmarshal([]byte(out.String()), &plan))
	assert.Len(t, plan["days"], 2)
}

func TestRetentionRun(t *testing.T) {
	shelf, server := newServer(t)
	var out strings.Builder
	opt := RetentionOptions{Server: server.URL, Key: secret, Out: &out, Every: time.Millisecond}
	nothing := func() {}
	shelf.runs = []func(){nothing, nothing, nothing, func() { shelf.job.SucceededAt = &event.Time{Time: noon} }}
	require.NoError(t, RunRetention(context.Background(), opt))
	assert.Equal(t, "2 days of tables to go, 2.5 MB.\nDone.\n", out.String())
	shelf.runs = []func(){nothing, nothing, func() { shelf.job.Failures, shelf.job.Error = 1, "a lock" }}
	assert.ErrorContains(t, RunRetention(context.Background(), opt), "The run failed, and is tried again: a lock")
}

func TestExpiredIDIsSaid(t *testing.T) {
	assert.Contains(t, absence("probably_expired", goneRow{RetentionDays: 30, Day: "2026-10-01"}), "on 2026-10-01")
	assert.Contains(t, absence("probably_expired", goneRow{RetentionDays: 30}), "30 days")
	said := gone(map[string]any{"retention_days": 30.0, "day": "2026-11-03", "rule": "bots", "kept": 100.0, "after_days": 3.0})
	assert.Equal(t, "not found. It was counted on 2026-11-03, and not kept: the rule 'bots' keeps 100 failures of each issue and hour after 3 days.", absence("thinned", said))
	assert.Contains(t, absence("thinned", goneRow{}), "counted but not kept")
}
