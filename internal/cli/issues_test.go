package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

const issueID = "01970000-0000-7000-8000-0000000000aa"

func anIssue() event.Issue {
	at := event.Time{Time: noon}
	customers := int64(4100)
	return event.Issue{Customers: &customers, ID: issueID, Title: "order 17 is gone", Template: "order <*> \x1b[31mis gone", State: event.Regressed, Assignee: "mia", Service: "billing",
		Status: 500, Code: "boom", Family: event.FamilyUs, Role: event.Primary, FirstAt: at, LastAt: at, Events: 12, Trend: []event.Bucket{}}
}

// issueShelf keeps what it was asked for.
type issueShelf struct {
	*shelf
	filter  event.IssueFilter
	changes []store.IssueChange
	said    string
}

func (s *issueShelf) Issues(_ context.Context, _ int32, f event.IssueFilter, _ int, _ string) (store.IssuePage, error) {
	s.filter = f
	if f.Query == "nothing" {
		return store.IssuePage{}, nil
	}
	return store.IssuePage{Issues: []event.Issue{anIssue()}, Next: "more"}, nil
}

func (s *issueShelf) Issue(_ context.Context, _ int32, id string) (event.IssueDetail, error) {
	if id != issueID {
		return event.IssueDetail{}, fault.New(fault.NotFound, "issue_not_found", "There is no issue with this ID.")
	}
	return event.IssueDetail{Issue: anIssue(), Reasons: []event.Reason{{Name: "service", Value: "billing"}},
		Samples:  []event.Sample{{EventID: "e1", RequestID: "req_1", OccurredAt: event.Time{Time: noon}, Customer: "acme"}},
		Activity: []event.Activity{{At: event.Time{Time: noon}, Actor: "leo", Action: "comment", Text: "look\x1b at it"}}}, nil
}

func (s *issueShelf) ChangeIssue(_ context.Context, _ store.Actor, _ int32, id string, c store.IssueChange) error {
	if id != issueID {
		return fault.New(fault.Conflict, "issue_merged", "It was merged.")
	}
	s.changes = append(s.changes, c)
	return nil
}

func (s *issueShelf) CommentIssue(_ context.Context, _ store.Actor, _ int32, _, body string) error {
	s.said = body
	return nil
}

func newIssueServer(t *testing.T) (*issueShelf, Options, *strings.Builder) {
	t.Helper()
	keys, _ := newServer(t)
	s := &issueShelf{shelf: keys}
	var out strings.Builder
	return s, Options{Server: serve(t, s, keys).URL, Key: secret, Out: &out}, &out
}

func TestIssues(t *testing.T) {
	s, opt, out := newIssueServer(t)
	require.NoError(t, ListIssues(t.Context(), opt, IssueList{Query: "is:regressed order", State: "unresolved", Sort: "events", Limit: 20}))
	assert.Contains(t, out.String(), issueID+"  regressed  12      ~4100 ")
	assert.Contains(t, out.String(), "order <*> [31mis gone")
	assert.Contains(t, out.String(), "There are more")
	assert.NotContains(t, out.String(), "\x1b")
	assert.Equal(t, "is:regressed order", s.filter.Query)
	assert.Equal(t, event.ByEvents, s.filter.Sort)
	assert.Len(t, s.filter.States, 3)
	out.Reset()
	require.NoError(t, ListIssues(t.Context(), opt, IssueList{Query: "nothing", Limit: 1}))
	assert.Equal(t, "No issue matches.\n", out.String())

	out.Reset()
	require.NoError(t, ShowIssue(t.Context(), opt, issueID))
	for _, want := range []string{"500 boom  billing", "regressed, mia sees to it.", "service: billing", "req_1", "acme", "leo comment look at it"} {
		assert.Contains(t, out.String(), want)
	}
	assert.NotContains(t, out.String(), "\x1b")
	require.ErrorContains(t, ShowIssue(t.Context(), opt, "x"), "issue_not_found")
	require.ErrorContains(t, ListIssues(t.Context(), opt, IssueList{Query: "customer:acme", Limit: 1}), "field of failures")
}

func TestChangeIssues(t *testing.T) {
	s, opt, out := newIssueServer(t)
	require.NoError(t, ChangeIssues(t.Context(), opt, []string{issueID}, map[string]any{"state": "resolved", "resolved_in": "v2"}))
	assert.Equal(t, "v2", s.changes[0].ResolvedIn)
	assert.Equal(t, issueID+": done\n", out.String())
	require.NoError(t, ChangeIssues(t.Context(), opt, []string{issueID}, map[string]any{"merged_into": nil}))
	assert.Empty(t, *s.changes[1].MergedInto)
	err := ChangeIssues(t.Context(), opt, []string{"other", issueID}, map[string]any{"assignee": "mia"})
	require.ErrorContains(t, err, "1 of 2 could not be changed.")
	assert.Equal(t, 1, exitCode(t, err))
	assert.Contains(t, out.String(), "other: issue_merged: It was merged.")
	require.NoError(t, CommentIssue(t.Context(), opt, issueID, "the ledger is full"))
	assert.Equal(t, "the ledger is full", s.said)
}
