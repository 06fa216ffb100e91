package cli

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
	"errata/internal/ticket"
)

// deskShelf keeps what a team keeps beside the one request.
type deskShelf struct {
	*shelf
	kept    store.Desk
	watched []store.RequestWatch
	shared  []store.RequestShare
	allowed bool
}

func (s *deskShelf) Desk(_ context.Context, _ int32, _ []event.Event, focus string) (store.Desk, error) {
	d := s.kept
	d.EventID, d.Waits = focus, []store.DeskWait{}
	d.Notes, d.Tickets, d.Issue = append([]store.DeskNote{}, d.Notes...), append([]store.DeskTicket{}, d.Tickets...), append([]store.DeskTicket{}, d.Issue...)
	return d, nil
}

func (s *deskShelf) AddNote(_ context.Context, actor store.Actor, _ int32, eventID, body string) error {
	if body == "" {
		return fault.New(fault.Unprocessable, "validation_failed", "The 'body' field must be text.")
	}
	s.kept.Notes = append(s.kept.Notes, store.DeskNote{ID: "n1", EventID: eventID, At: event.Time{Time: noon}, Author: actor.Label, Body: body})
	return nil
}

func (s *deskShelf) RemoveNote(_ context.Context, _ store.Actor, _ store.NotesOf, _ int32, _, id string) error {
	s.kept.Notes = slices.DeleteFunc(s.kept.Notes, func(n store.DeskNote) bool { return n.ID == id })
	return nil
}

func (s *deskShelf) SetDeskStatus(_ context.Context, actor store.Actor, _ int32, _ string, status store.DeskStatus) error {
	if !slices.Contains(store.DeskStatuses, status) {
		return fault.New(fault.Unprocessable, "validation_failed", "The 'status' field must be one of: new, …")
	}
	s.kept.Status, s.kept.StatusAt, s.kept.StatusBy = status, &event.Time{Time: noon}, actor.Label
	return nil
}

func (s *deskShelf) AddTicket(_ context.Context, actor store.Actor, _ int32, _, address string) error {
	t, ok := ticket.Parse(address)
	if !ok {
		return fault.New(fault.Unprocessable, "validation_failed", "The 'url' field must be the address of a ticket")
	}
	linked := store.DeskTicket{URL: t.URL, System: t.System, Key: t.Key, At: event.Time{Time: noon}, By: actor.Label}
	s.kept.Tickets, s.kept.Issue = append(s.kept.Tickets, linked), append(s.kept.Issue, linked)
	return nil
}

func (s *deskShelf) RemoveTicket(_ context.Context, _ store.Actor, _ int32, _, address string) error {
	if len(s.kept.Tickets) == 0 || s.kept.Tickets[0].URL != address {
		return fault.New(fault.NotFound, "ticket_not_found", "The request has no such ticket.")
	}
	s.kept.Tickets = nil
	return nil
}

func (s *deskShelf) Watch(_ context.Context, actor store.Actor, _ int32, now time.Time, value, channel string) (string, error) {
	w := store.RequestWatch{ID: "w1", Value: value, State: "waiting", By: actor.Label, CreatedAt: event.Time{Time: now}, EndsAt: event.Time{Time: now.Add(24 * time.Hour)}}
	if channel != "" {
		w.Channel, w.ChannelID = "on-call", &channel
	}
	s.watched = append(s.watched, w)
	return w.ID, nil
}

func (s *deskShelf) Watches(context.Context, int32, time.Time) ([]store.RequestWatch, error) {
	return s.watched, nil
}

func (s *deskShelf) RemoveWatch(context.Context, store.Actor, int32, string) error {
	s.watched = nil
	return nil
}

func (s *deskShelf) PublicLinks(context.Context, int32) (bool, error) { return s.allowed, nil }

func (s *deskShelf) SetPublicLinks(_ context.Context, _ store.Actor, _ int32, on bool) error {
	s.allowed = on
	return nil
}

func (s *deskShelf) Share(_ context.Context, actor store.Actor, _ int32, now time.Time, eventID string, days int) (string, store.RequestShare, error) {
	made := store.RequestShare{ID: "s1", EventID: eventID, By: actor.Label, CreatedAt: event.Time{Time: now}, ExpiresAt: event.Time{Time: now.AddDate(0, 0, days)}}
	s.shared = append(s.shared, made)
	return "erv_secret", made, nil
}

func (s *deskShelf) Shares(context.Context, int32, time.Time) ([]store.RequestShare, error) {
	return s.shared, nil
}

func (s *deskShelf) RevokeShare(_ context.Context, _ store.Actor, _ int32, id string) error {
	if len(s.shared) == 0 || s.shared[0].ID != id {
		return fault.New(fault.NotFound, "share_not_found", "There is no such link.")
	}
	s.shared = nil
	return nil
}

// teamFixture runs verbs against a desk, and gives what they print.
func teamFixture(t *testing.T) (opt Options, out *strings.Builder, printed func(error) string) {
	keys, _ := newServer(t)
	s := &deskShelf{shelf: keys, kept: store.Desk{Status: store.DeskNew, Issue: []store.DeskTicket{{URL: "https://jira.acme.example/browse/OPS-1", At: event.Time{Time: noon}}}}}
	out = &strings.Builder{}
	opt = Options{Server: serve(t, s, keys).URL, Key: secret, Out: out}
	return opt, out, func(err error) string {
		t.Helper()
		require.NoError(t, err)
		text := out.String()
		out.Reset()
		return text
	}
}

const kept = "req_abc123xyz"

func TestNotes(t *testing.T) {
	opt, out, printed := teamFixture(t)
	ctx := t.Context()
	assert.Equal(t, "Nobody has written anything about it.\n", printed(ListNotes(ctx, opt, kept)))
	opt.In = strings.NewReader("told them\nto \x1b[31mbatch\n")
	want := "n1  2026-11-20 12:00:00  admin\n  told them\n  to [31mbatch\n"
	assert.Equal(t, want, printed(AddNote(ctx, opt, kept, "-")), "a terminal is not coloured by what somebody wrote")
	assert.Equal(t, want, printed(ListNotes(ctx, opt, kept)))
	assert.Equal(t, "n1: removed\n", printed(RemoveNote(ctx, opt, kept, "n1")))
	require.ErrorContains(t, AddNote(ctx, opt, kept, ""), "422 validation_failed")
	require.ErrorContains(t, ListNotes(ctx, opt, "req_nope"), "404 request_not_found")
	out.Reset()
	opt.JSON = true
	assert.Contains(t, printed(ListNotes(ctx, opt, kept)), `"notes":[]`)
	opt.Key = supportSecret
	assert.Contains(t, printed(AddNote(ctx, opt, kept, "by support")), `"author":"mia"`)
}

func TestTickets(t *testing.T) {
	opt, _, printed := teamFixture(t)
	ctx := t.Context()
	const issue = "https://jira.acme.example/browse/OPS-1"
	assert.Contains(t, printed(ListTickets(ctx, opt, kept)), "its issue")
	both := printed(AddTicket(ctx, opt, kept, "https://acme.zendesk.com/agent/tickets/4411?x=1"))
	assert.Equal(t, "TICKET                                  OF            LINKED               BY     ADDRESS\n"+
		"Zendesk #4411                           this request  2026-11-20 12:00:00  admin  https://acme.zendesk.com/agent/tickets/4411\n"+
		issue+"  its issue     2026-11-20 12:00:00  -      "+issue+"\n", both)
	assert.Contains(t, printed(RemoveTicket(ctx, opt, kept, "https://acme.zendesk.com/agent/tickets/4411")), "no longer linked")
	require.ErrorContains(t, RemoveTicket(ctx, opt, kept, "https://acme.zendesk.com/agent/tickets/4411"), "404 ticket_not_found")
	require.ErrorContains(t, AddTicket(ctx, opt, kept, "https://evil.test"), "422 validation_failed")
}

func TestStatus(t *testing.T) {
	opt, _, printed := teamFixture(t)
	ctx := t.Context()
	assert.Equal(t, "req_abc123xyz: new\n", printed(ShowStatus(ctx, opt, kept)))
	assert.Equal(t, "req_abc123xyz: known_issue, set by admin at 2026-11-20 12:00:00\n", printed(SetStatus(ctx, opt, kept, "known-issue")))
	require.ErrorContains(t, SetStatus(ctx, opt, kept, "done"), "422 validation_failed: The 'status' field must be one of: new")
	assert.Equal(t, "a/b c+d: known_issue, set by admin at 2026-11-20 12:00:00\n", printed(ShowStatus(ctx, opt, "a/b c+d")), "any ID")
}

func TestWatches(t *testing.T) {
	opt, _, printed := teamFixture(t)
	ctx := t.Context()
	assert.Equal(t, "Nobody waits for an ID.\n", printed(ListWatches(ctx, opt)))
	assert.Contains(t, printed(AddWatch(ctx, opt, "req_later", "c1")), "w1     req_later  waiting  admin  2026-11-20 13:00:00  2026-11-21 13:00:00  on-call")
	opt.JSON = true
	assert.Contains(t, printed(ListWatches(ctx, opt)), `"request_id":"req_later"`)
	assert.Equal(t, "w1: nobody waits for it any more\n", printed(RemoveWatch(ctx, opt, "w1")))
}

func TestShares(t *testing.T) {
	opt, _, printed := teamFixture(t)
	ctx := t.Context()
	assert.Contains(t, printed(ListShares(ctx, opt)), "'errata shares allow' turns them on")
	assert.Contains(t, printed(AllowShares(ctx, opt, LinksOn)), "there is none")
	made := printed(AddShare(ctx, opt, kept, 3))
	assert.True(t, strings.HasPrefix(made, opt.Server+"/s/erv_secret\n"), made)
	assert.Contains(t, made, "until 2026-11-23 13:00:00 UTC")
	assert.Contains(t, printed(ListShares(ctx, opt)), "s1    e1     admin  2026-11-20 13:00:00  2026-11-23 13:00:00  0       -")
	assert.Equal(t, "s1: revoked\n", printed(RevokeShare(ctx, opt, "s1")))
	require.ErrorContains(t, RevokeShare(ctx, opt, "s1"), "404 share_not_found")
	assert.Contains(t, printed(AllowShares(ctx, opt, LinksOff)), "has no public links")
	opt.Key = supportSecret
	require.ErrorContains(t, ListShares(ctx, opt), "403 forbidden")
}
