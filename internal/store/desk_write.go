package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/lookup"
	"errata/internal/ticket"
)

// deskEvent is the Event that something is kept with.
type deskEvent struct {
	id, issue string
	day       int32
	request   *string
}

const sqlDeskEvent = `
SELECT e.request_id, e.issue_id::text, coalesce(e.merged_into::text, '') FROM events e
WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND e.id = $3::uuid`

// atDesk runs fn in a transaction, with the Event of that ID, or the one that it
// was folded into. A fault NotFound (event_not_found) where there is none.
func (s *Store) atDesk(ctx context.Context, ws int32, id string, fn func(tx pgx.Tx, e deskEvent) error) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		for range 5 {
			u, err := uuid.Parse(id)
			if err != nil {
				return eventNotFound()
			}
			e, into := deskEvent{id: u.String(), day: dayOfID(u.String(), time.Time{})}, ""
			err = tx.QueryRow(ctx, sqlDeskEvent, ws, e.day, e.id).Scan(&e.request, &e.issue, &into)
			switch {
			case errors.Is(err, pgx.ErrNoRows):
				return eventNotFound()
			case err != nil:
				return err
			case into == "":
				return fn(tx, e)
			}
			id = into
		}
		return eventNotFound()
	})
}

const sqlAddNote = `
INSERT INTO request_notes (workspace_id, event_id, id, day, request_id, actor_kind, actor_id, actor_label, body)
SELECT $1::int4, $2::uuid, $3::uuid, DATE '1970-01-01' + $4::int4, $5::text, $6::text, $7::text, $8::text, $9::text
WHERE (SELECT count(*) FROM request_notes n WHERE n.workspace_id = $1::int4 AND n.event_id = $2::uuid) < $10::int4`

// AddNote keeps a note with an Event, and with it the tickets that the note links
// to. A note with something like a live key in it is refused: it would stay.
func (s *Store) AddNote(ctx context.Context, actor Actor, ws int32, eventID, body string) (err error) {
	defer fault.Wrap(&err, "AddNote")
	if body, err = checkComment(body); err != nil {
		return err
	}
	if lookup.HasSecret(body) {
		return wrong("body", "holds something like a live key; leave it out, and have its owner replace it")
	}
	return s.atDesk(ctx, ws, eventID, func(tx pgx.Tx, e deskEvent) error {
		id := uuid.Must(uuid.NewV7()).String()
		tag, err := tx.Exec(ctx, sqlAddNote, ws, e.id, id, e.day, e.request, actor.Kind, actor.ID, actor.Label, body, maxDeskNotes)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fault.New(fault.Conflict, "too_many_notes", "A failure takes at most %d notes; remove one first.", maxDeskNotes).With("limit", maxDeskNotes)
		}
		if err := audit(ctx, tx, ws, actor, "request.note", e.id, map[string]any{"note": id}); err != nil {
			return err
		}
		for _, t := range ticket.Find(body) {
			if err := addTicket(ctx, tx, actor, ws, e, t); err != nil && !fault.Is(err, fault.Conflict) {
				return err
			}
		}
		return nil
	})
}

const (
	sqlNoteAuthor = `
SELECT n.actor_kind, n.actor_id FROM request_notes n WHERE n.workspace_id = $1::int4 AND n.event_id = $2::uuid AND n.id = $3::uuid FOR UPDATE`

	sqlRemoveNote = `
DELETE FROM request_notes n WHERE n.workspace_id = $1::int4 AND n.event_id = $2::uuid AND n.id = $3::uuid`
)

// NotesOf says whose notes somebody may take away.
type NotesOf string

// Whoever decides may take away those of others.
const (
	OwnNotes    NotesOf = "own"
	AnyoneNotes NotesOf = "anyone"
)

// RemoveNote takes a note away, for good. A fault NotFound (note_not_found), Forbidden.
func (s *Store) RemoveNote(ctx context.Context, actor Actor, may NotesOf, ws int32, eventID, id string) (err error) {
	defer fault.Wrap(&err, "RemoveNote")
	missing := fault.New(fault.NotFound, "note_not_found", "There is no such note, or somebody has removed it.")
	u, uerr := uuid.Parse(id)
	event, eerr := uuid.Parse(eventID)
	if uerr != nil || eerr != nil {
		return missing
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		var author Actor
		err := tx.QueryRow(ctx, sqlNoteAuthor, ws, event.String(), u.String()).Scan(&author.Kind, &author.ID)
		if errors.Is(err, pgx.ErrNoRows) {
			return missing
		}
		if err != nil {
			return err
		}
		if may != AnyoneNotes && author.ID != actor.ID {
			return fault.New(fault.Forbidden, "forbidden", "A note is removed by who wrote it, or with the scope \"admin\".").With("required_scope", "admin")
		}
		if _, err := tx.Exec(ctx, sqlRemoveNote, ws, event.String(), u.String()); err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "request.unnote", event.String(), map[string]any{"note": u.String()})
	})
}

const sqlSetDeskStatus = `
INSERT INTO request_states (workspace_id, event_id, day, request_id, status, at, actor_label)
VALUES ($1::int4, $2::uuid, DATE '1970-01-01' + $3::int4, $4::text, $5::text, clock_timestamp(), $6::text)
ON CONFLICT (workspace_id, event_id) DO UPDATE SET status = excluded.status, at = excluded.at, actor_label = excluded.actor_label`

// SetDeskStatus says how far the team has come with a request.
func (s *Store) SetDeskStatus(ctx context.Context, actor Actor, ws int32, eventID string, status DeskStatus) (err error) {
	defer fault.Wrap(&err, "SetDeskStatus")
	if !slices.Contains(DeskStatuses, status) {
		return wrong("status", "must be one of: new, investigating, answered, escalated, known_issue")
	}
	return s.atDesk(ctx, ws, eventID, func(tx pgx.Tx, e deskEvent) error {
		if _, err := tx.Exec(ctx, sqlSetDeskStatus, ws, e.id, e.day, e.request, string(status), actor.Label); err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "request.status", e.id, map[string]any{"to": status})
	})
}

const (
	sqlAddRequestTicket = `
INSERT INTO request_tickets (workspace_id, event_id, url, day, request_id, issue_id, system, key, actor_label)
SELECT $1::int4, $2::uuid, $3::text, DATE '1970-01-01' + $4::int4, $5::text, $6::uuid, $7::text, $8::text, $9::text
WHERE (SELECT count(*) FROM request_tickets t WHERE t.workspace_id = $1::int4 AND t.event_id = $2::uuid) < $10::int4
ON CONFLICT DO NOTHING`

	sqlHasRequestTicket = `
SELECT EXISTS (SELECT FROM request_tickets t WHERE t.workspace_id = $1::int4 AND t.event_id = $2::uuid AND t.url = $3::text)`
)

// AddTicket links a request to the ticket that the address is of, once.
func (s *Store) AddTicket(ctx context.Context, actor Actor, ws int32, eventID, address string) (err error) {
	defer fault.Wrap(&err, "AddTicket")
	t, ok := ticket.Parse(address)
	if !ok {
		return wrong("url", "must be the https address of a ticket in Zendesk, Intercom, Jira (atlassian.net), Linear or GitHub")
	}
	return s.atDesk(ctx, ws, eventID, func(tx pgx.Tx, e deskEvent) error { return addTicket(ctx, tx, actor, ws, e, t) })
}

func addTicket(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, e deskEvent, t ticket.Ticket) error {
	tag, err := tx.Exec(ctx, sqlAddRequestTicket, ws, e.id, t.URL, e.day, e.request, e.issue, string(t.System), t.Key, actor.Label, maxDeskTickets)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 1 {
		return audit(ctx, tx, ws, actor, "request.ticket", e.id, map[string]any{"url": t.URL})
	}
	var linked bool
	if err := tx.QueryRow(ctx, sqlHasRequestTicket, ws, e.id, t.URL).Scan(&linked); err != nil || linked {
		return err
	}
	return fault.New(fault.Conflict, "too_many_tickets", "A failure takes at most %d tickets; take one away first.", maxDeskTickets)
}

// The page shows the ticket once, however many Events of the request have it.
const sqlRemoveRequestTicket = `
DELETE FROM request_tickets t WHERE t.workspace_id = $1::int4 AND t.url = $3::text AND (t.event_id = $2::uuid OR t.request_id = $4::text)`

// RemoveTicket takes a link away. A fault NotFound (ticket_not_found).
func (s *Store) RemoveTicket(ctx context.Context, actor Actor, ws int32, eventID, address string) (err error) {
	defer fault.Wrap(&err, "RemoveTicket")
	t, ok := ticket.Parse(address)
	missing := fault.New(fault.NotFound, "ticket_not_found", "The request has no such ticket.")
	if !ok {
		return missing
	}
	return s.atDesk(ctx, ws, eventID, func(tx pgx.Tx, e deskEvent) error {
		tag, err := tx.Exec(ctx, sqlRemoveRequestTicket, ws, e.id, t.URL, e.request)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return missing
		}
		return audit(ctx, tx, ws, actor, "request.untick", e.id, map[string]any{"url": t.URL})
	})
}
