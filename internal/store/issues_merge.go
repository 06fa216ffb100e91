package store

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// Whoever merges in a workspace waits for others who do.
const sqlLockMerges = `SELECT pg_advisory_xact_lock(7209, $1::int4)`

// maxMerged is how many issues may count for one.
const maxMerged = 200

const sqlCountMerged = `
SELECT count(*)::int4 FROM issues m WHERE m.workspace_id = $1::int4 AND (m.merged_into = $2::uuid OR m.merged_into = $3::uuid)`

// All that counted for the issue counts for the target from now on: whatever
// leads to an issue is one step long.
const sqlMergeIssue = `
UPDATE issues SET merged_into = $3::uuid, merged_under = CASE WHEN id = $2::uuid THEN $4::uuid ELSE merged_under END
WHERE workspace_id = $1::int4 AND (id = $2::uuid OR merged_into = $2::uuid)`

// moveIssue merges an issue into another, or takes it out of the one that it
// was merged into.
func moveIssue(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, id, from, to string) error {
	switch {
	case to == "" && from == "":
		return nil
	case to == "":
		return splitIssue(ctx, tx, actor, ws, id, from)
	case uuid.Validate(to) != nil:
		return targetNotFound()
	}
	root, err := issueRoot(ctx, tx, ws, to)
	if fault.Is(err, fault.NotFound) {
		return targetNotFound()
	}
	if err != nil {
		return err
	}
	if root == id {
		return fault.New(fault.Conflict, "merge_cycle", "An issue cannot be merged into itself, or into one that was merged into it.").With("field", "merged_into")
	}
	var members int
	if err := tx.QueryRow(ctx, sqlCountMerged, ws, id, root).Scan(&members); err != nil {
		return err
	}
	if members >= maxMerged {
		return fault.New(fault.Conflict, "too_many_merged", "At most %d issues can be merged into one.", maxMerged).With("field", "merged_into")
	}
	if _, err := tx.Exec(ctx, sqlMergeIssue, ws, id, root, to); err != nil {
		return err
	}
	if err := audit(ctx, tx, ws, actor, "issue.merge", root, map[string]any{"issue": id}); err != nil {
		return err
	}
	return audit(ctx, tx, ws, actor, "issue.merge", id, map[string]any{"into": root})
}

func targetNotFound() error {
	return fault.New(fault.Unprocessable, "validation_failed", "The 'merged_into' field must be the ID of an issue").With("field", "merged_into")
}

// What had been merged into the issue before it was merged goes with it. UNION
// ends the search even if there were a ring.
const sqlSplitIssue = `
WITH RECURSIVE below AS (
  SELECT $2::uuid AS id
  UNION
  SELECT m.id FROM below b JOIN issues m ON m.workspace_id = $1::int4 AND m.merged_under = b.id AND m.merged_into = $3::uuid)
UPDATE issues i SET merged_into = nullif($2::uuid, i.id), merged_under = CASE WHEN i.id = $2::uuid THEN NULL ELSE i.merged_under END
FROM below b WHERE i.workspace_id = $1::int4 AND i.id = b.id`

// An issue that was resolved when it was merged may have happened since.
const sqlReopenSplit = `
UPDATE issues t SET state = 'regressed', state_at = now(), regressed_at = (
  SELECT max(h.last_at) FROM issues m JOIN issue_hours h ON h.workspace_id = m.workspace_id AND h.issue_id = m.id
  WHERE m.workspace_id = t.workspace_id AND (m.id = t.id OR m.merged_into = t.id) AND h.n > 0)
WHERE t.workspace_id = $1::int4 AND t.id = $2::uuid AND t.state = 'resolved' AND EXISTS (
  SELECT FROM issues m JOIN issue_hours h ON h.workspace_id = m.workspace_id AND h.issue_id = m.id AND h.n > 0
  WHERE m.workspace_id = t.workspace_id AND (m.id = t.id OR m.merged_into = t.id)
    AND h.hour >= date_trunc('hour', t.resolved_at, 'UTC') AND h.last_at > t.resolved_at
    AND (t.resolved_in IS NULL OR h.release = t.resolved_in OR EXISTS (
      SELECT FROM releases x JOIN releases y ON y.workspace_id = x.workspace_id AND y.service = x.service AND y.environment = x.environment AND y.first_seen >= x.first_seen
      WHERE x.workspace_id = t.workspace_id AND x.service = m.service AND x.release = t.resolved_in AND y.release = h.release)))`

func splitIssue(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, id, from string) error {
	if _, err := tx.Exec(ctx, sqlSplitIssue, ws, id, from); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlReopenSplit, ws, id); err != nil {
		return err
	}
	if err := audit(ctx, tx, ws, actor, "issue.unmerge", from, map[string]any{"issue": id}); err != nil {
		return err
	}
	return audit(ctx, tx, ws, actor, "issue.unmerge", id, map[string]any{"from": from})
}
