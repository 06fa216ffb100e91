package store

import (
	"cmp"
	"context"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/ticket"
)

const sqlInsertComment = `
INSERT INTO issue_comments (workspace_id, issue_id, id, actor_kind, actor_id, actor_label, body)
VALUES ($1::int4, $2::uuid, $3::uuid, $4::text, $5::text, $6::text, $7::text)`

// CommentIssue says something about an issue; about one that was merged, it is
// said of the one that it counts for.
func (s *Store) CommentIssue(ctx context.Context, actor Actor, ws int32, id, body string) (err error) {
	defer fault.Wrap(&err, "CommentIssue")
	if body, err = checkComment(body); err != nil {
		return err
	}
	return s.changingIssue(ctx, ws, id, func(tx pgx.Tx, root string) error {
		comment := uuid.Must(uuid.NewV7()).String()
		if _, err := tx.Exec(ctx, sqlInsertComment, ws, root, comment, actor.Kind, actor.ID, actor.Label, body); err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "issue.comment", root, map[string]any{"comment": comment})
	})
}

const sqlInsertTicket = `
INSERT INTO issue_tickets (workspace_id, issue_id, url)
SELECT $1::int4, $2::uuid, $3::text WHERE (SELECT count(*) FROM issue_tickets t WHERE t.workspace_id = $1::int4 AND t.issue_id = $2::uuid) < $4::int4
ON CONFLICT DO NOTHING`

const sqlHasTicket = `
SELECT EXISTS (SELECT FROM issue_tickets t WHERE t.workspace_id = $1::int4 AND t.issue_id = $2::uuid AND t.url = $3::text)`

// maxTickets is how many links an issue can have.
const maxTickets = 50

// LinkTicket links an issue to a ticket, once. A fault Conflict
// (too_many_tickets) where there are enough.
func (s *Store) LinkTicket(ctx context.Context, actor Actor, ws int32, id, url string) (err error) {
	defer fault.Wrap(&err, "LinkTicket")
	if err := checkTicket(url); err != nil {
		return err
	}
	return s.changingIssue(ctx, ws, id, func(tx pgx.Tx, root string) error {
		tag, err := tx.Exec(ctx, sqlInsertTicket, ws, root, url, maxTickets)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 1 {
			return audit(ctx, tx, ws, actor, "issue.ticket", root, map[string]any{"url": url})
		}
		var linked bool
		if err := tx.QueryRow(ctx, sqlHasTicket, ws, root, url).Scan(&linked); err != nil || linked {
			return err
		}
		return fault.New(fault.Conflict, "too_many_tickets", "An issue takes at most %d tickets; take one away first.", maxTickets)
	})
}

const sqlDeleteTicket = `DELETE FROM issue_tickets WHERE workspace_id = $1::int4 AND url = $3::text AND issue_id IN (
  SELECT m.id FROM issues m WHERE m.workspace_id = $1::int4 AND (m.id = $2::uuid OR m.merged_into = $2::uuid))`

// UnlinkTicket takes a link away. A fault NotFound (ticket_not_found) where
// there is none.
func (s *Store) UnlinkTicket(ctx context.Context, actor Actor, ws int32, id, url string) (err error) {
	defer fault.Wrap(&err, "UnlinkTicket")
	if hasNUL(url) || !utf8.ValidString(url) {
		return ticketNotFound()
	}
	return s.changingIssue(ctx, ws, id, func(tx pgx.Tx, root string) error {
		tag, err := tx.Exec(ctx, sqlDeleteTicket, ws, root, url)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ticketNotFound()
		}
		return audit(ctx, tx, ws, actor, "issue.untick", root, map[string]any{"url": url})
	})
}

func ticketNotFound() error {
	return fault.New(fault.NotFound, "ticket_not_found", "The issue has no such ticket.")
}

// Those that somebody linked to the issue, and those in which one of its requests
// came up: that one, or the newest of several, is named.
const sqlIssueTickets = `
SELECT u.url, min(u.at), max(u.event), max(u.request), count(u.event)::int4, bool_or(u.event IS NULL) FROM (
  SELECT t.url, t.at, NULL::text AS event, NULL::text AS request FROM issue_tickets t WHERE t.workspace_id = $1::int4 AND t.issue_id = ANY ($2::uuid[])
  UNION ALL
  SELECT r.url, r.at, r.event_id::text, r.request_id FROM request_tickets r WHERE r.workspace_id = $1::int4 AND r.issue_id = ANY ($2::uuid[])) u
GROUP BY u.url ORDER BY 2, 1 LIMIT $3::int4`

// shownTickets is more than can be linked by hand: those of requests come on top.
const shownTickets = 200

func issueTickets(ctx context.Context, tx pgx.Tx, ws int32, members []string) ([]event.Ticket, error) {
	rows, err := tx.Query(ctx, sqlIssueTickets, ws, members, shownTickets)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t event.Ticket, err error) {
		var of, request *string
		err = row.Scan(&t.URL, &t.At.Time, &of, &request, &t.Requests, &t.Linked)
		t.EventID, t.RequestID = deref(of), deref(request)
		if known, ok := ticket.Parse(t.URL); ok {
			t.Name = known.Name()
		}
		return t, err
	})
}

// The newest. A merge is told once, by the issue itself, which is the first of
// the members; what was said stands in its own table, from which it could be
// taken away, unlike what was done.
const sqlIssueActivity = `
(SELECT c.at, c.actor_label, 'comment' AS action, c.body, NULL::jsonb AS details FROM issue_comments c
 WHERE c.workspace_id = $1::int4 AND c.issue_id = ANY ($2::uuid[]) ORDER BY c.at DESC LIMIT $3::int4)
UNION ALL
(SELECT a.at, a.actor_label, substr(a.action, 7), '', a.details FROM audit a
 WHERE a.workspace_id = $1::int4 AND a.target = ANY ($2::text[]) AND a.action LIKE 'issue.%' AND a.action <> 'issue.comment'
   AND (a.target = ($2::text[])[1] OR a.action NOT IN ('issue.merge', 'issue.unmerge')) ORDER BY a.at DESC LIMIT $3::int4)`

const shownActivity = 100

// issueActivity is what was done, in time order.
func issueActivity(ctx context.Context, tx pgx.Tx, ws int32, members []string) ([]event.Activity, error) {
	rows, err := tx.Query(ctx, sqlIssueActivity, ws, members, shownActivity)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a event.Activity, err error) {
		var details []byte
		err = row.Scan(&a.At.Time, &a.Actor, &a.Action, &a.Text, &details)
		a.At.Time, a.Details = a.At.UTC(), details
		return a, err
	})
	slices.SortStableFunc(list, func(a, b event.Activity) int { return a.At.Compare(b.At.Time) })
	return list[max(0, len(list)-shownActivity):], err
}

// newestReleases sorts by when they were last seen, the newest first.
func newestReleases(byName map[string]*event.ReleaseCount) []event.ReleaseCount {
	var out []event.ReleaseCount
	for _, r := range byName {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b event.ReleaseCount) int {
		return cmp.Or(b.LastAt.Compare(a.LastAt.Time), cmp.Compare(a.Release, b.Release))
	})
	return out[:min(len(out), shownReleases)]
}

// changingIssue runs fn in a transaction that holds the issue that id counts
// for.
func (s *Store) changingIssue(ctx context.Context, ws int32, id string, fn func(tx pgx.Tx, root string) error) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		root, err := issueRoot(ctx, tx, ws, id)
		if err != nil {
			return err
		}
		return fn(tx, root)
	})
}
