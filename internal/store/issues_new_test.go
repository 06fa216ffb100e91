package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/store"
)

func TestNewIssues(t *testing.T) {
	f := open(t, store.Options{})
	since := now.Add(-24 * time.Hour)
	f.write(t,
		report{src: event.FromHTTP, service: "billing", at: now.Add(-30 * time.Hour), request: "req_1", status: 500, code: "old", endpoint: "/a"},
		report{src: event.FromHTTP, service: "billing", at: now.Add(-time.Hour), request: "req_2", status: 500, code: "old", endpoint: "/a"},
		report{src: event.FromHTTP, service: "billing", at: now.Add(-3 * time.Hour), request: "req_3", status: 503, code: "young", endpoint: "/a"},
		report{src: event.FromHTTP, service: "billing", at: now.Add(-time.Hour), request: "req_4", status: 503, code: "young", endpoint: "/a"},
		report{src: event.FromHTTP, service: "search", at: now.Add(-10 * time.Minute), request: "req_5", status: 429, code: "younger", endpoint: "/b"},
	)
	// What comes in late may be older than what came first.
	f.write(t, report{src: event.FromHTTP, service: "edge", at: now.Add(-time.Hour), request: "req_6", status: 500, code: "late", endpoint: "/c"})
	f.write(t, report{src: event.FromHTTP, service: "edge", at: now.Add(-50 * time.Hour), request: "req_7", status: 500, code: "late", endpoint: "/c"})
	list := func(service string, limit int) (codes []string, issues []store.NewIssue) {
		t.Helper()
		issues, err := f.NewIssues(t.Context(), store.DefaultWorkspace, service, since, now, limit)
		require.NoError(t, err)
		for _, i := range issues {
			codes = append(codes, i.Code)
		}
		return codes, issues
	}
	codes, issues := list("", 10)
	require.Equal(t, []string{"younger", "young"}, codes, "the newest first, and none that was there before")
	assert.Equal(t, event.FamilyLimits, issues[0].Family)
	assert.EqualValues(t, 2, issues[1].N)
	assert.Equal(t, 503, issues[1].Status)
	assert.Equal(t, now.Add(-3*time.Hour), issues[1].FirstAt)
	assert.Equal(t, now.Add(-time.Hour), issues[1].LastAt)
	codes, _ = list("billing", 10)
	assert.Equal(t, []string{"young"}, codes)
	codes, _ = list("", 1)
	assert.Equal(t, []string{"younger"}, codes)

	others, err := f.NewIssues(t.Context(), store.DefaultWorkspace+1, "", since, now, 10)
	require.NoError(t, err)
	assert.Empty(t, others, "another workspace's")
	_, err = f.db.Exec(t.Context(), `UPDATE issues SET state = 'resolved' WHERE code = 'young'`)
	require.NoError(t, err)
	codes, _ = list("", 10)
	assert.Equal(t, []string{"younger"}, codes, "what is done is not new")
}
