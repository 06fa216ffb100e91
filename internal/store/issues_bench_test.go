package store_test

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/pgtest"
	"errata/internal/store"
)

// BenchmarkIssues asks for first pages and single issues, of
// ERRATA_BENCH_ISSUES issues (5,000) that happened every hour, or seldom, for
// thirty days: two million rows of hours, as ten million Events leave them.
func BenchmarkIssues(b *testing.B) {
	issues := 5000
	if v := os.Getenv("ERRATA_BENCH_ISSUES"); v != "" {
		var err error
		issues, err = strconv.Atoi(v)
		require.NoError(b, err)
	}
	f := open(b, store.Options{})
	now := time.Now()
	pgtest.FillIssues(b, f.db, now, 30, issues)
	_, err := f.db.Exec(b.Context(), `VACUUM ANALYZE issues, issue_hours, issue_seen`)
	require.NoError(b, err)
	b.Logf("%d issues, %d rows of hours", issues, f.count(b, `SELECT count(*) FROM issue_hours`))
	unresolved := []event.IssueState{event.Open, event.Acknowledged, event.Regressed}
	month := event.Filter{From: now.AddDate(0, 0, -30)}
	for _, c := range []struct {
		name   string
		filter event.IssueFilter
	}{
		{"newest", event.IssueFilter{States: unresolved}},
		{"first seen", event.IssueFilter{Sort: event.ByFirstSeen}},
		{"by events, a day", event.IssueFilter{Sort: event.ByEvents}},
		{"by events, a week", event.IssueFilter{Sort: event.ByEvents, Filter: event.Filter{From: now.AddDate(0, 0, -7)}}},
		{"newest, a month", event.IssueFilter{Filter: month}},
		{"service and class", event.IssueFilter{Filter: event.Filter{Query: "service:service-7 status:5xx"}}},
		{"part of a word", event.IssueFilter{Filter: event.Filter{Query: "c4ca4238"}}},
		{"two letters", event.IssueFilter{Filter: event.Filter{Query: "c4"}}},
		{"phrase", event.IssueFilter{Filter: event.Filter{Query: `"cannot be"`}}},
		{"not", event.IssueFilter{Filter: event.Filter{Query: "-service:service-7 -cannot"}}},
	} {
		timed(b, c.name, func() error {
			_, err := f.Issues(b.Context(), ws, c.filter, 50, "")
			return err
		})
	}
	page, err := f.Issues(b.Context(), ws, event.IssueFilter{Sort: event.ByEvents}, 50, "")
	require.NoError(b, err)
	n := 0
	timed(b, "one issue", func() error {
		n++
		_, err := f.Issue(b.Context(), ws, page.Issues[n%50].ID)
		return err
	})
}

func timed(b *testing.B, name string, fn func() error) {
	b.Helper()
	const rounds = 40
	var took []time.Duration
	for range rounds {
		start := time.Now()
		require.NoError(b, fn())
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.Logf("%-20s p50 %6.1f ms, p95 %6.1f ms", name, took[rounds/2].Seconds()*1000, took[rounds*95/100].Seconds()*1000)
}
