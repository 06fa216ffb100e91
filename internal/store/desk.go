package store

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/ticket"
)

// DeskStatus is how far a team has come with a request.
type DeskStatus string

// The statuses.
const (
	DeskNew           DeskStatus = "new"
	DeskInvestigating DeskStatus = "investigating"
	DeskAnswered      DeskStatus = "answered"
	DeskEscalated     DeskStatus = "escalated"
	DeskKnownIssue    DeskStatus = "known_issue"
)

// DeskStatuses are all of them, in the order in which a request passes them.
var DeskStatuses = []DeskStatus{DeskNew, DeskInvestigating, DeskAnswered, DeskEscalated, DeskKnownIssue}

// Desk is what a team keeps beside a request: of all Events of its Trail.
type Desk struct {
	EventID  string       `json:"event_id"` // the one that what is added now is kept with
	IssueID  string       `json:"issue_id,omitempty"`
	Status   DeskStatus   `json:"status"`
	StatusAt *event.Time  `json:"status_at,omitempty"`
	StatusBy string       `json:"status_by,omitempty"`
	Notes    []DeskNote   `json:"notes"` // in time order
	Tickets  []DeskTicket `json:"tickets"`
	// Issue are the tickets of the issue that the failure belongs to, those of this
	// request included: at most maxDeskTickets.
	Issue []DeskTicket `json:"issue_tickets"`
	// Waits are those who waited for it, the first one first.
	Waits []DeskWait `json:"waited_for"`
}

// DeskWait is that somebody waited for a request that arrived.
type DeskWait struct {
	By        string     `json:"by"`
	Since     event.Time `json:"since"`
	ArrivedAt event.Time `json:"arrived_at"` // when it was noticed
}

// DeskNote is something that somebody wrote.
type DeskNote struct {
	ID       string     `json:"id"`
	EventID  string     `json:"event_id"`
	At       event.Time `json:"at"`
	Author   string     `json:"author"`
	AuthorID string     `json:"-"`
	Body     string     `json:"body"` // a little of Markdown
}

// DeskTicket is a ticket in which a request came up.
type DeskTicket struct {
	URL    string        `json:"url"`
	System ticket.System `json:"system,omitempty"`
	Key    string        `json:"key,omitempty"`
	At     event.Time    `json:"at"`
	By     string        `json:"by,omitempty"`
}

// Name is what a list calls it.
func (t DeskTicket) Name() string {
	if t.System == "" {
		return t.URL
	}
	return ticket.Ticket{System: t.System, Key: t.Key}.Name()
}

const (
	maxDeskNotes   = 200 // of one Event
	maxDeskTickets = 50  // of one Event, and shown of one issue
	maxDeskWaits   = 20
)

// Of an Event, or of another of the same request ID.
const sqlDeskNotes = `
SELECT x.id::text, x.event_id::text, x.at, x.actor_label, x.actor_id, x.body FROM request_notes x
WHERE x.workspace_id = $1::int4 AND (x.event_id = ANY ($2::uuid[]) OR x.request_id = ANY ($3::text[])) ORDER BY x.id LIMIT $4::int4`

const sqlDeskStatus = `
SELECT x.status, x.at, x.actor_label FROM request_states x
WHERE x.workspace_id = $1::int4 AND (x.event_id = ANY ($2::uuid[]) OR x.request_id = ANY ($3::text[])) ORDER BY x.at DESC LIMIT 1`

const sqlDeskTickets = `
SELECT x.url, min(x.system), min(x.key), min(x.at), min(x.actor_label) FROM request_tickets x
WHERE x.workspace_id = $1::int4 AND (x.event_id = ANY ($2::uuid[]) OR x.request_id = ANY ($3::text[])) GROUP BY x.url ORDER BY 4, 1 LIMIT $4::int4`

// Whoever waited may have had any ID of it. A person who asked twice waited once.
const sqlDeskWaits = `
SELECT x.actor_label, min(x.created_at), min(x.arrived_at) FROM request_watches x
WHERE x.workspace_id = $1::int4 AND (x.event_id = ANY ($2::uuid[]) OR x.value = ANY ($3::text[])) AND x.arrived_at IS NOT NULL
GROUP BY x.actor_label ORDER BY 2, 1 LIMIT $4::int4`

// An issue, what it counts for, and what else counts for that.
const sqlDeskIssue = `
WITH root AS MATERIALIZED (SELECT coalesce(i.merged_into, i.id) AS id FROM issues i WHERE i.workspace_id = $1::int4 AND i.id = $2::uuid),
  members AS MATERIALIZED (
    SELECT r.id FROM root r UNION SELECT m.id FROM root r JOIN issues m ON m.workspace_id = $1::int4 AND m.merged_into = r.id)
SELECT u.url, coalesce(min(u.system), ''), coalesce(min(u.key), ''), min(u.at), '' FROM (
  SELECT t.url, NULL::text AS system, NULL::text AS key, t.at FROM members m JOIN issue_tickets t ON t.workspace_id = $1::int4 AND t.issue_id = m.id
  UNION ALL
  SELECT t.url, t.system, t.key, t.at FROM members m JOIN request_tickets t ON t.workspace_id = $1::int4 AND t.issue_id = m.id) u
GROUP BY u.url ORDER BY 4, 1 LIMIT $3::int4`

// Desk reads what is kept beside the request that these Events are the Trail of;
// focus is the one that the page is about.
func (s *Store) Desk(ctx context.Context, ws int32, events []event.Event, focus string) (d Desk, err error) {
	defer fault.Wrap(&err, "Desk")
	d = Desk{EventID: focus, Status: DeskNew, Notes: []DeskNote{}, Tickets: []DeskTicket{}, Issue: []DeskTicket{}, Waits: []DeskWait{}}
	ids, requests, values := make([]string, 0, len(events)), []string{}, []string{}
	seen := map[string]bool{}
	for i := range events {
		e := &events[i]
		ids = append(ids, e.ID)
		if e.RequestID != "" && !seen[e.RequestID] {
			seen[e.RequestID] = true
			requests = append(requests, e.RequestID)
		}
		for _, v := range []string{e.RequestID, e.TraceID} {
			if v != "" && !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		if e.ID == focus {
			d.IssueID = e.IssueID
		}
	}
	b := &pgx.Batch{}
	b.Queue(sqlDeskNotes, ws, ids, requests, maxDeskNotes).Query(func(rows pgx.Rows) (err error) {
		d.Notes, err = pgx.AppendRows(d.Notes, rows, scanDeskNote)
		return err
	})
	b.Queue(sqlDeskStatus, ws, ids, requests).Query(func(rows pgx.Rows) error {
		at := event.Time{}
		_, err := pgx.ForEachRow(rows, []any{&d.Status, &at.Time, &d.StatusBy}, func() error {
			at.Time = at.UTC()
			d.StatusAt = &at
			return nil
		})
		return err
	})
	b.Queue(sqlDeskTickets, ws, ids, requests, maxDeskTickets).Query(func(rows pgx.Rows) (err error) {
		d.Tickets, err = pgx.AppendRows(d.Tickets, rows, scanDeskTicket)
		return err
	})
	b.Queue(sqlDeskWaits, ws, ids, values, maxDeskWaits).Query(func(rows pgx.Rows) (err error) {
		d.Waits, err = pgx.AppendRows(d.Waits, rows, func(row pgx.CollectableRow) (w DeskWait, err error) {
			err = row.Scan(&w.By, &w.Since.Time, &w.ArrivedAt.Time)
			w.Since.Time, w.ArrivedAt.Time = w.Since.UTC(), w.ArrivedAt.UTC()
			return w, err
		})
		return err
	})
	if d.IssueID != "" {
		b.Queue(sqlDeskIssue, ws, d.IssueID, maxDeskTickets).Query(func(rows pgx.Rows) (err error) {
			d.Issue, err = pgx.AppendRows(d.Issue, rows, scanDeskTicket)
			return err
		})
	}
	return d, unavailable(s.pool.SendBatch(ctx, b).Close())
}

func scanDeskNote(row pgx.CollectableRow) (n DeskNote, err error) {
	err = row.Scan(&n.ID, &n.EventID, &n.At.Time, &n.Author, &n.AuthorID, &n.Body)
	n.At.Time = n.At.UTC()
	return n, err
}

func scanDeskTicket(row pgx.CollectableRow) (t DeskTicket, err error) {
	err = row.Scan(&t.URL, &t.System, &t.Key, &t.At.Time, &t.By)
	t.At.Time = t.At.UTC()
	if known, ok := ticket.Parse(t.URL); ok && t.System == "" { // linked to the issue by hand
		t.System, t.Key = known.System, known.Key
	}
	return t, err
}
