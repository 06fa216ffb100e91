package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

var leo = store.Actor{Kind: "session", ID: "k-leo", Label: "leo"}

// desk is what the page about an ID would show.
func (f *fixture) desk(t testing.TB, ws int32, id string) store.Desk {
	t.Helper()
	trail, err := f.Trail(t.Context(), ws, id)
	require.NoError(t, err)
	d, err := f.Desk(t.Context(), ws, trail.Events, trail.Summary.EventID)
	require.NoError(t, err)
	return d
}

func TestDesk(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		f.write(t,
			report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "boom"},
			report{src: event.FromHTTP, service: "billing", request: "req_2", status: 500, code: "boom"},
			report{src: event.FromHTTP, service: "search", request: "req_3", status: 500, code: "other"})
		empty := f.desk(t, ws, "req_1")
		assert.Equal(t, store.DeskNew, empty.Status)
		assert.Empty(t, empty.Notes)

		require.NoError(t, f.AddNote(ctx, mia, ws, empty.EventID, " told them to **batch**, https://acme.zendesk.com/agent/tickets/4411?x=1 "))
		require.NoError(t, f.AddTicket(ctx, leo, ws, empty.EventID, "https://linear.app/acme/issue/ENG-1/title"))
		require.NoError(t, f.AddTicket(ctx, leo, ws, empty.EventID, "https://linear.app/acme/issue/ENG-1"), "once")
		require.NoError(t, f.AddTicket(ctx, leo, ws, f.desk(t, ws, "req_2").EventID, "https://github.com/acme/api/issues/7"))
		require.NoError(t, f.SetDeskStatus(ctx, mia, ws, empty.EventID, store.DeskInvestigating))
		require.NoError(t, f.SetDeskStatus(ctx, leo, ws, empty.EventID, store.DeskEscalated))

		d := f.desk(t, ws, "req_1")
		require.Len(t, d.Notes, 1)
		assert.Equal(t, []string{"mia", "told them to **batch**, https://acme.zendesk.com/agent/tickets/4411?x=1"}, []string{d.Notes[0].Author, d.Notes[0].Body})
		assert.Equal(t, []string{"Zendesk #4411", "Linear ENG-1"}, ticketNames(d.Tickets))
		assert.Equal(t, []string{"Zendesk #4411", "Linear ENG-1", "GitHub acme/api#7"}, ticketNames(d.Issue), "those of the issue, from whichever request")
		assert.Equal(t, store.DeskEscalated, d.Status)
		assert.Equal(t, "leo", d.StatusBy)
		assert.Empty(t, f.desk(t, ws, "req_3").Issue, "another issue")

		issue, err := f.Issue(ctx, ws, d.IssueID)
		require.NoError(t, err)
		require.Len(t, issue.Tickets, 3)
		assert.Equal(t, []any{"Zendesk #4411", false, "req_1", 1}, []any{issue.Tickets[0].Name, issue.Tickets[0].Linked, issue.Tickets[0].RequestID, issue.Tickets[0].Requests})
		require.NoError(t, f.LinkTicket(ctx, ada, ws, d.IssueID, "https://jira.acme.example/browse/OPS-1"))
		assert.Equal(t, "https://jira.acme.example/browse/OPS-1", ticketNames(f.desk(t, ws, "req_3").Issue, f.desk(t, ws, "req_2").Issue...)[3])

		assert.Equal(t, 5, f.count(t, `SELECT count(*) FROM audit WHERE action IN ('request.note', 'request.ticket', 'request.status') AND target = $1 AND actor_label IN ('mia', 'leo')`, empty.EventID))
		require.NoError(t, f.RemoveTicket(ctx, leo, ws, empty.EventID, "https://linear.app/acme/issue/ENG-1"))
		assert.True(t, fault.Is(f.RemoveTicket(ctx, leo, ws, empty.EventID, "https://linear.app/acme/issue/ENG-1"), fault.NotFound))
		assert.True(t, fault.Is(f.RemoveNote(ctx, leo, store.OwnNotes, ws, empty.EventID, d.Notes[0].ID), fault.Forbidden))
		require.NoError(t, f.RemoveNote(ctx, mia, store.OwnNotes, ws, empty.EventID, d.Notes[0].ID))
		assert.True(t, fault.Is(f.RemoveNote(ctx, mia, store.AnyoneNotes, ws, empty.EventID, d.Notes[0].ID), fault.NotFound))
		assert.Empty(t, f.desk(t, ws, "req_1").Notes)
	}
}

func ticketNames(list []store.DeskTicket, more ...store.DeskTicket) (out []string) {
	for _, t := range append(list, more...) {
		out = append(out, t.Name())
	}
	return out
}

// A request gets further Events, of other services or by another try: the notes
// stay with it, whichever of them a page is about.
func TestDeskIsFoundByALaterTrail(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws, trace := t.Context(), store.DefaultWorkspace, hex(7, 32)
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "boom", at: now.Add(-time.Minute)})
	require.NoError(t, f.AddNote(ctx, mia, ws, f.desk(t, ws, "req_1").EventID, "first"))
	f.write(t, report{src: event.FromHTTP, service: "edge", request: "req_1", trace: trace, span: hex(1, 16), status: 502, code: "provider_error", at: now})
	d := f.desk(t, ws, "req_1")
	require.Len(t, d.Notes, 1)
	assert.NotEqual(t, d.Notes[0].EventID, d.EventID, "the page is about another Event now")
	require.NoError(t, f.AddNote(ctx, mia, ws, d.EventID, "second"))
	assert.Len(t, f.desk(t, ws, trace).Notes, 2, "by the trace as well")
}

func TestDeskRefuses(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "boom"})
	id := f.desk(t, ws, "req_1").EventID
	for _, body := range []string{"", " \n ", strings.Repeat("a", 10_001), "a\x00b", "\xff", "the key is ep_live_0123456789abcdef"} {
		err := f.AddNote(ctx, mia, ws, id, body)
		require.True(t, fault.Is(err, fault.Unprocessable), "%.20q: %v", body, err)
		assert.Equal(t, "body", fault.Of(err).Details["field"])
	}
	for _, address := range []string{"", "https://github.com.evil.test/a/b/issues/1", "https://tickets.acme.example/1", "javascript:alert(1)", "a\x00"} {
		assert.True(t, fault.Is(f.AddTicket(ctx, mia, ws, id, address), fault.Unprocessable), address)
	}
	assert.True(t, fault.Is(f.LinkTicket(ctx, ada, ws, f.desk(t, ws, "req_1").IssueID, "https://github.com.evil.test/a/b/issues/1"), fault.Unprocessable), "nor at an issue")
	assert.True(t, fault.Is(f.SetDeskStatus(ctx, mia, ws, id, "done"), fault.Unprocessable))
	for _, missing := range []string{"nope", uuid.Must(uuid.NewV7()).String(), ""} {
		assert.True(t, fault.Is(f.AddNote(ctx, mia, ws, missing, "x"), fault.NotFound), missing)
		assert.True(t, fault.Is(f.SetDeskStatus(ctx, mia, ws, missing, store.DeskAnswered), fault.NotFound), missing)
	}
	// Another workspace's Event is not there, and what is kept with it cannot be touched.
	require.NoError(t, f.AddNote(ctx, mia, ws, id, "ours"))
	note := f.desk(t, ws, "req_1").Notes[0].ID
	assert.True(t, fault.Is(f.AddNote(ctx, mia, 2, id, "x"), fault.NotFound))
	assert.True(t, fault.Is(f.RemoveNote(ctx, mia, store.AnyoneNotes, 2, id, note), fault.NotFound))
	trail, err := f.Trail(ctx, ws, "req_1")
	require.NoError(t, err)
	foreign, err := f.Desk(ctx, 2, trail.Events, id)
	require.NoError(t, err)
	assert.Empty(t, foreign.Notes)
	_, err = f.db.Exec(ctx, `INSERT INTO request_notes SELECT workspace_id, event_id, gen_random_uuid(), day, request_id, now(), '', '', '', 'x' FROM request_notes, generate_series(1, 199)`)
	require.NoError(t, err)
	assert.Equal(t, "too_many_notes", fault.Of(f.AddNote(ctx, mia, ws, id, "one more")).Code)
}

func TestDeskGoesWithItsDay(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "boom"})
	id := f.desk(t, ws, "req_1").EventID
	require.NoError(t, f.AddNote(ctx, mia, ws, id, "see https://github.com/a/b/issues/1"))
	require.NoError(t, f.SetDeskStatus(ctx, mia, ws, id, store.DeskAnswered))
	left := func() []int {
		return []int{f.count(t, `SELECT count(*) FROM request_notes`), f.count(t, `SELECT count(*) FROM request_states`), f.count(t, `SELECT count(*) FROM request_tickets`)}
	}
	require.NoError(t, f.Expire(ctx, now.AddDate(0, 0, 29)))
	assert.Equal(t, []int{1, 1, 1}, left(), "the last day on which they are kept")
	require.NoError(t, f.Expire(ctx, now.AddDate(0, 0, 31)))
	assert.Equal(t, []int{0, 0, 1}, left(), "issues show their tickets for as long as there are counts")
	_, err := f.db.Exec(ctx, `UPDATE request_tickets SET day = day - 402`)
	require.NoError(t, err)
	require.NoError(t, f.Expire(ctx, now))
	assert.Equal(t, []int{0, 0, 0}, left())
}

func TestDeskGoesSoonerWhereLessIsKept(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "boom"})
	id := f.desk(t, ws, "req_1").EventID
	require.NoError(t, f.AddNote(ctx, mia, ws, id, "they know"))
	require.NoError(t, f.SetDeskStatus(ctx, mia, ws, id, store.DeskAnswered))
	f.exec(t, `UPDATE workspaces SET retention_days = 2 WHERE id = 1`)
	require.NoError(t, f.Expire(ctx, now.AddDate(0, 0, 4)))
	assert.Zero(t, f.count(t, `SELECT count(*) FROM request_notes`))
	assert.Zero(t, f.count(t, `SELECT count(*) FROM request_states`))
}
