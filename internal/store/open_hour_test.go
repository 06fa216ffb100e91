package store_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

// said is what a store answers to questions about the last hour and the last day.
func said(t *testing.T, s *store.Store, at time.Time) (out []string) {
	t.Helper()
	var questions []stats.Question
	for _, length := range []time.Duration{time.Hour, 24 * time.Hour} {
		for _, filter := range []event.Filter{{}, {Service: "edge"}} {
			filter.From, filter.To = at.Add(-length), at
			for _, q := range []stats.Question{
				{Measure: stats.Rate, By: []rollup.Dim{rollup.Service}},
				{Measure: stats.Requests, By: []rollup.Dim{rollup.Service, rollup.Endpoint}},
				{Measure: stats.Errors, By: []rollup.Dim{rollup.Family, rollup.Code}},
				{Measure: stats.Customers, By: []rollup.Dim{rollup.Code}},
			} {
				q.Filter, q.Whole, q.Limit = filter, true, 1000
				questions = append(questions, q)
			}
		}
	}
	answers, err := s.Stats(t.Context(), store.DefaultWorkspace, at, questions...)
	require.NoError(t, err)
	for i, a := range answers {
		for _, s := range a.Series {
			out = append(out, fmt.Sprintf("%d %s %.3f of %.3f", i, strings.Join(s.Labels, " "), s.Total, s.Requests))
		}
	}
	return out
}

// Who has looked before sees the same as who looks for the first time, whatever
// came in between, and where.
func TestLookingAgain(t *testing.T) {
	f := open(t, store.Options{})
	r := rand.New(rand.NewPCG(21, 22))
	at := newest.Add(2 * time.Minute)
	for round := range 12 {
		f.write(t, scattered(r, 30)...)
		for range 3 {
			q := requests([]string{"billing", "edge", "search"}[r.IntN(3)], fmt.Sprintf("/v1/%d", r.IntN(4)), float64(r.IntN(500)))
			q.Minute, q.Source = at.Add(-time.Duration(r.IntN(90))*time.Minute).Truncate(time.Minute), event.RequestSource(1+r.IntN(7))
			q.Key = [16]byte{byte(r.IntN(256)), byte(r.IntN(256)), byte(round)}
			f.countRequests(t, q)
		}
		switch round % 4 {
		case 1: // the hour has blocks for its first minutes
			_, err := f.db.Exec(t.Context(), `INSERT INTO rollup_spans (workspace_id, level, start, upto) VALUES (1, 1, $1, $1) ON CONFLICT DO NOTHING`, at.Truncate(time.Hour))
			require.NoError(t, err)
		case 3:
			_, err := f.RollUp(t.Context(), at)
			require.NoError(t, err)
			at = at.Add(time.Duration(r.IntN(25)) * time.Minute)
		}
		assert.Equal(t, said(t, reopen(t, store.Options{URL: f.url}), at), said(t, f.Store, at), "round %d", round)
	}
}

// Pieces of an hour in which nothing was counted are not read again, and marks
// that were folded say the same as before.
func TestOnlyChangedPiecesAreRead(t *testing.T) {
	f := open(t, store.Options{})
	at := now.Truncate(time.Hour).Add(40 * time.Minute)
	failure := func(minute int, code string) {
		require.NoError(t, writeAll(t, f.Store, []report{{src: event.FromHTTP, service: "billing", request: code + fmt.Sprint(minute), status: 500, code: code, at: at.Truncate(time.Hour).Add(time.Duration(minute) * time.Minute)}}))
	}
	codes := func(s *store.Store) map[string]float64 {
		a, err := s.Stats(t.Context(), store.DefaultWorkspace, at, stats.Question{Measure: stats.Errors, By: []rollup.Dim{rollup.Code}, Whole: true, Filter: event.Filter{From: at.Add(-24 * time.Hour), To: at}})
		require.NoError(t, err)
		return totals(a[0])
	}
	for minute := range 38 {
		failure(minute, "old")
	}
	require.Equal(t, map[string]float64{"old": 38}, codes(f.Store))
	// Nobody does this; it shows what is read.
	_, err := f.db.Exec(t.Context(), `UPDATE error_minutes SET n = 100 WHERE code = 'old'`)
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"old": 38}, codes(f.Store))
	failure(11, "late")
	failure(39, "new")
	assert.Equal(t, map[string]float64{"old": 38 - 5 - 3 + 800, "late": 1, "new": 1}, codes(f.Store), "two of its pieces")

	_, err = f.db.Exec(t.Context(), `INSERT INTO rollup_marks (workspace_id, level, start, pieces) SELECT 1, 1, $1, 128 FROM generate_series(1, 600)`, at.Truncate(time.Hour))
	require.NoError(t, err)
	_, err = f.RollUp(t.Context(), at)
	require.NoError(t, err)
	var left int
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT count(*) FROM rollup_marks`).Scan(&left))
	assert.Equal(t, 1, left)
	other := reopen(t, store.Options{URL: f.url})
	assert.Equal(t, map[string]float64{"old": 3800, "late": 1, "new": 1}, codes(other))
	failure(12, "late")
	assert.Equal(t, map[string]float64{"old": 3800, "late": 2, "new": 1}, codes(other))
	assert.Equal(t, map[string]float64{"old": 3800, "late": 2, "new": 1}, codes(f.Store))
}
