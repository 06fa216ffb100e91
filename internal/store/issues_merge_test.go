package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

// four issues, a to d, with one Event each.
func (f *fixture) four(t testing.TB) (ids [4]string) {
	t.Helper()
	for i := range ids {
		ids[i] = f.send(t, event.Envelope{
			Status: 500, FallbackCode: string(rune('a' + i)), FallbackMessage: "message " + string(rune('a'+i)), RequestID: fmt.Sprintf("req_%c1", 'a'+i),
			OccurredAt: time.Now().Add(-time.Duration(10-i) * time.Minute),
		})[0].IssueID
	}
	return ids
}

func (f *fixture) merge(t testing.TB, id, into string) error {
	t.Helper()
	return f.change(t, id, store.IssueChange{MergedInto: &into})
}

func TestMergeAndSplit(t *testing.T) {
	f := open(t, store.Options{})
	ids := f.four(t)
	a, b, c := ids[0], ids[1], ids[2]
	require.NoError(t, f.merge(t, c, b))
	require.NoError(t, f.merge(t, b, a))
	assert.Equal(t, "d a", f.listed(t, event.IssueFilter{}))
	d := f.issue(t, c)
	assert.Equal(t, a, d.ID, "whoever has an old link finds what it counts for")
	assert.EqualValues(t, 3, d.Counts.Day)
	assert.Len(t, d.Samples, 3)
	require.Len(t, d.Merged, 2)
	assert.Equal(t, []string{a, b}, []string{d.Merged[0].Under, d.Merged[1].Under})
	for _, q := range []string{"code:c", `"message b"`, "code:a"} {
		assert.Equal(t, "a", f.listed(t, event.IssueFilter{Filter: event.Filter{Query: q}}), "the search follows")
	}
	page, err := f.Issues(t.Context(), ws, event.IssueFilter{Sort: event.ByEvents}, 10, "")
	require.NoError(t, err)
	assert.EqualValues(t, 3, page.Issues[0].Events)
	assert.Equal(t, "a", page.Issues[0].Code)
	events, err := f.Events(t.Context(), ws, event.Filter{IssueID: a}, 10, "")
	require.NoError(t, err)
	assert.Len(t, events.Events, 3)
	assert.Equal(t, c, events.Events[0].IssueID, "an Event keeps its issue")
	events, err = f.Events(t.Context(), ws, event.Filter{IssueID: b}, 10, "")
	require.NoError(t, err)
	assert.Len(t, events.Events, 1)

	// New Events count for the target, and reopen it.
	at := f.resolve(t, a, "")
	f.send(t, event.Envelope{Status: 500, FallbackCode: "c", FallbackMessage: "message c", OccurredAt: at.Add(-time.Minute), RequestID: "req_c2"})
	assert.Equal(t, event.Resolved, f.issue(t, a).State)
	f.send(t, event.Envelope{Status: 500, FallbackCode: "c", FallbackMessage: "message c", OccurredAt: at.Add(time.Minute), RequestID: "req_c3"})
	d = f.issue(t, a)
	assert.Equal(t, event.Regressed, d.State)
	assert.EqualValues(t, 5, d.Counts.Day)

	// What was merged takes no change of its own.
	err = f.change(t, c, store.IssueChange{State: to(event.Resolved)})
	require.True(t, fault.Is(err, fault.Conflict))
	assert.Equal(t, a, fault.Of(err).Details["merged_into"])

	// Undone step by step: c goes with b, to which it had come.
	require.NoError(t, f.merge(t, b, ""))
	assert.Equal(t, b, f.issue(t, c).ID)
	assert.EqualValues(t, 4, f.issue(t, b).Counts.Day)
	assert.EqualValues(t, 1, f.issue(t, a).Counts.Day)
	require.NoError(t, f.merge(t, c, ""))
	require.NoError(t, f.merge(t, c, ""), "once more is no harm")
	assert.EqualValues(t, 3, f.issue(t, c).Counts.Day)
	assert.Equal(t, 4, f.count(t, `SELECT count(*) FROM issues WHERE merged_into IS NULL AND merged_under IS NULL`))
	var told []string
	for _, x := range f.issue(t, b).Activity {
		told = append(told, x.Action)
	}
	assert.Equal(t, []string{"merge", "merge", "unmerge", "unmerge"}, told)
}

// One fingerprint can be moved out from the middle; what had been merged into
// it goes along, the rest stays.
func TestSplitFromTheMiddle(t *testing.T) {
	f := open(t, store.Options{})
	ids := f.four(t)
	require.NoError(t, f.merge(t, ids[1], ids[0]))
	require.NoError(t, f.merge(t, ids[2], ids[1])) // into one that is merged already
	require.NoError(t, f.merge(t, ids[3], ids[0]))
	assert.Equal(t, "a", f.listed(t, event.IssueFilter{}))
	require.NoError(t, f.merge(t, ids[1], ""))
	assert.Len(t, f.issue(t, ids[0]).Merged, 1)
	assert.Len(t, f.issue(t, ids[1]).Merged, 1)
	assert.Equal(t, ids[1], f.issue(t, ids[2]).ID)
}

// An issue that was resolved when it was merged, and happened since, comes out
// as one that is back; one that did not comes out as it went in.
func TestSplitRemembersItsState(t *testing.T) {
	f := open(t, store.Options{})
	ids := f.four(t)
	at := f.resolve(t, ids[1], "")
	f.resolve(t, ids[2], "")
	require.NoError(t, f.merge(t, ids[1], ids[0]))
	require.NoError(t, f.merge(t, ids[2], ids[0]))
	f.send(t, event.Envelope{Status: 500, FallbackCode: "b", FallbackMessage: "message b", OccurredAt: at.Add(time.Minute)})
	assert.Equal(t, event.Open, f.issue(t, ids[0]).State)
	require.NoError(t, f.merge(t, ids[1], ""))
	require.NoError(t, f.merge(t, ids[2], ""))
	assert.Equal(t, event.Regressed, f.issue(t, ids[1]).State)
	assert.Equal(t, event.Resolved, f.issue(t, ids[2]).State)
}

func TestMergeRefuses(t *testing.T) {
	f := open(t, store.Options{})
	ids := f.four(t)
	foreign := report{ws: 2, src: event.FromHTTP, service: "x", status: 500, code: "x"}
	f.write(t, foreign)
	for _, into := range []string{"x", "00000000-0000-7000-8000-000000000000", foreign.part().Event.IssueID} {
		assert.True(t, fault.Is(f.merge(t, ids[0], into), fault.Unprocessable), into)
	}
	assert.True(t, fault.Is(f.merge(t, ids[0], ids[0]), fault.Conflict), "itself")
	require.NoError(t, f.merge(t, ids[1], ids[0]))
	assert.True(t, fault.Is(f.merge(t, ids[0], ids[1]), fault.Conflict), "a ring")
	assert.True(t, fault.Is(f.merge(t, ids[1], ids[2]), fault.Conflict), "merged already")
}

// Whoever merges at the same time, everything leads to a root in one step.
func TestMergesMakeNoRing(t *testing.T) {
	f := open(t, store.Options{})
	other := reopen(t, store.Options{URL: f.url})
	for range 5 {
		ids := f.four(t)
		var wg sync.WaitGroup
		for i := range ids {
			for _, s := range []*store.Store{f.Store, other} {
				wg.Go(func() {
					err := s.ChangeIssue(t.Context(), mia, ws, ids[i], store.IssueChange{MergedInto: &ids[(i+1)%4]})
					assert.True(t, err == nil || fault.Is(err, fault.Conflict), "%v", err)
				})
			}
		}
		wg.Wait()
		assert.Zero(t, f.count(t, `SELECT count(*) FROM issues a JOIN issues b ON b.id = a.merged_into WHERE b.merged_into IS NOT NULL`))
		assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM issues WHERE merged_into IS NULL`))
		for i := range ids {
			require.NoError(t, f.merge(t, ids[i], ""))
		}
	}
}
