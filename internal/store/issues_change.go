package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// IssueChange is what is to become of an issue; what is nil stays. The fields
// behind State say more about it and mean nothing without it.
type IssueChange struct {
	State           *event.IssueState
	ResolvedIn      string    // a release; "": at once
	IgnoreUntil     time.Time // the zero time, like the zeros below: no such end
	IgnoreEvents    int64
	IgnoreCustomers int

	Assignee   *string
	MergedInto *string // "" undoes it
}

const sqlLockIssue = `
SELECT i.state, i.assignee, coalesce(i.merged_into::text, ''), coalesce(i.resolved_in, '') FROM issues i
WHERE i.workspace_id = $1::int4 AND i.id = $2::uuid FOR UPDATE`

type lockedIssue struct {
	state      event.IssueState
	assignee   string
	mergedInto string
	resolvedIn string
}

// ChangeIssue changes an issue and leaves rows in the audit log. An issue that
// was merged takes no change but the undoing of that: a fault Conflict
// (issue_merged) names the one that it counts for. What cannot be right is a
// fault Unprocessable that names the field.
func (s *Store) ChangeIssue(ctx context.Context, actor Actor, ws int32, id string, c IssueChange) (err error) {
	defer fault.Wrap(&err, "ChangeIssue")
	if uuid.Validate(id) != nil {
		return issueNotFound()
	}
	if err := c.check(time.Now()); err != nil {
		return err
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if c.MergedInto != nil { // one at a time, so that no ring is made by two
			if _, err := tx.Exec(ctx, sqlLockMerges, ws); err != nil {
				return err
			}
		}
		var have lockedIssue
		err := tx.QueryRow(ctx, sqlLockIssue, ws, id).Scan(&have.state, &have.assignee, &have.mergedInto, &have.resolvedIn)
		if errors.Is(err, pgx.ErrNoRows) {
			return issueNotFound()
		}
		if err != nil {
			return err
		}
		if have.mergedInto != "" && (c.State != nil || c.Assignee != nil || c.MergedInto == nil || *c.MergedInto != "") {
			return fault.New(fault.Conflict, "issue_merged", "This issue was merged into another, which has its state. Change that one, or undo the merge first.").
				With("merged_into", have.mergedInto)
		}
		if c.State != nil {
			if err := setState(ctx, tx, actor, ws, id, have, c); err != nil {
				return err
			}
		}
		if c.Assignee != nil && *c.Assignee != have.assignee {
			if err := setAssignee(ctx, tx, actor, ws, id, have.assignee, *c.Assignee); err != nil {
				return err
			}
		}
		if c.MergedInto != nil {
			return moveIssue(ctx, tx, actor, ws, id, have.mergedInto, *c.MergedInto)
		}
		return nil
	})
}

// An issue that is ignored for so many Events remembers how many its hour had
// already.
const sqlSetIssueState = `
UPDATE issues i SET state = $3::text, state_at = now(),
  resolved_at = CASE WHEN $3::text = 'resolved' THEN now() END, resolved_in = nullif($4::text, ''),
  regressed_at = NULL,
  ignored_at = CASE WHEN $3::text = 'ignored' THEN now() END, ignore_until = $5::timestamptz,
  ignore_events = nullif($6::int8, 0), ignore_customers = nullif($7::int4, 0),
  ignore_base = CASE WHEN $6::int8 > 0 THEN (
    SELECT coalesce(sum(h.n), 0) FROM issues m JOIN issue_hours h ON h.workspace_id = m.workspace_id AND h.issue_id = m.id
    WHERE m.workspace_id = $1::int4 AND (m.id = $2::uuid OR m.merged_into = $2::uuid) AND h.hour >= date_trunc('hour', now(), 'UTC')) END
WHERE i.workspace_id = $1::int4 AND i.id = $2::uuid`

const sqlForgetCustomers = `DELETE FROM issue_customers WHERE workspace_id = $1::int4 AND issue_id = $2::uuid`

func setState(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, id string, have lockedIssue, c IssueChange) error {
	var until *time.Time
	if !c.IgnoreUntil.IsZero() {
		until = &c.IgnoreUntil
	}
	if _, err := tx.Exec(ctx, sqlSetIssueState, ws, id, string(*c.State), c.ResolvedIn, until, c.IgnoreEvents, c.IgnoreCustomers); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlForgetCustomers, ws, id); err != nil {
		return err
	}
	details := map[string]any{"from": have.state, "to": *c.State}
	if c.ResolvedIn != "" {
		details["resolved_in"] = c.ResolvedIn
	}
	if until != nil {
		details["ignore_until"] = event.Time{Time: *until}
	}
	if c.IgnoreEvents > 0 {
		details["ignore_events"] = c.IgnoreEvents
	}
	if c.IgnoreCustomers > 0 {
		details["ignore_customers"] = c.IgnoreCustomers
	}
	return audit(ctx, tx, ws, actor, "issue.state", id, details)
}

const sqlSetAssignee = `UPDATE issues SET assignee = $3::text WHERE workspace_id = $1::int4 AND id = $2::uuid`

func setAssignee(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, id, from, to string) error {
	if _, err := tx.Exec(ctx, sqlSetAssignee, ws, id, to); err != nil {
		return err
	}
	return audit(ctx, tx, ws, actor, "issue.assign", id, map[string]any{"from": from, "to": to})
}

// Ignoring ends at its time, or when enough has happened since, which is not
// asked of issues that do not wait for it.
const sqlWakeIssues = `
WITH woken AS (
  UPDATE issues i SET state = 'open', state_at = now()
  WHERE i.state = 'ignored' AND (i.ignore_until <= now()
    OR CASE WHEN i.ignore_events IS NOT NULL THEN i.ignore_events <= (
      SELECT coalesce(sum(h.n), 0) FROM issues m JOIN issue_hours h ON h.workspace_id = m.workspace_id AND h.issue_id = m.id
      WHERE m.workspace_id = i.workspace_id AND (m.id = i.id OR m.merged_into = i.id) AND h.hour >= date_trunc('hour', i.ignored_at, 'UTC')) - i.ignore_base END
    OR CASE WHEN i.ignore_customers IS NOT NULL THEN i.ignore_customers <= (
      SELECT count(*) FROM issue_customers c WHERE c.workspace_id = i.workspace_id AND c.issue_id = i.id) END)
  RETURNING i.workspace_id, i.id)
INSERT INTO audit (workspace_id, id, actor_kind, actor_id, actor_label, action, target, details)
SELECT workspace_id, gen_random_uuid(), 'system', 'errata', 'Errata', 'issue.state', id::text, '{"from": "ignored", "to": "open"}' FROM woken`

// WakeIssues opens what was ignored long enough, in every workspace. Several
// may do it at once.
func (s *Store) WakeIssues(ctx context.Context) (woken int64, err error) {
	defer fault.Wrap(&err, "WakeIssues")
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlWakeIssues)
		woken = tag.RowsAffected()
		return err
	})
	return woken, err
}
