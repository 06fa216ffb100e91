package store

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
)

// IssuePage is one page of a list of issues.
type IssuePage struct {
	Issues []event.Issue
	// From and To are what the Events were counted in.
	From, To time.Time
	Next     string // opaque cursor; "" on the last page
}

// maxCounted is the longest range that issues are sorted by their Events of, and
// their customers are counted in: a week, and some time to ask in.
const maxCounted = (7*24 + 1) * time.Hour

// issueFields are the columns of an issue (r) as lists show it; i gives when it
// was seen.
const issueFields = `r.id::text, r.title, r.template, r.state, r.assignee, r.service, r.method, r.endpoint, coalesce(r.status, 0), r.code,
  r.family, r.role, r.provider, r.exception, i.first_at, i.last_at, r.state_at, r.resolved_at, coalesce(r.resolved_in, ''), r.regressed_at,
  r.ignore_until, coalesce(r.ignore_events, 0), coalesce(r.ignore_customers, 0)`

// issueTimes are when each issue was seen, by its own Events and those of the
// issues that were merged into it. One that nobody noted as seen, since the
// writer who had taken that upon itself failed, was seen when it was made.
const issueTimes = `
  SELECT o.id, least(coalesce(s.first_at, o.first_at), x.first_at) AS first_at, greatest(coalesce(s.last_at, o.first_at), x.last_at) AS last_at
  FROM issues o LEFT JOIN issue_seen s ON s.workspace_id = o.workspace_id AND s.issue_id = o.id
  LEFT JOIN (
    SELECT m.merged_into AS id, min(ms.first_at) AS first_at, max(ms.last_at) AS last_at
    FROM issues m JOIN issue_seen ms ON ms.workspace_id = m.workspace_id AND ms.issue_id = m.id
    WHERE m.workspace_id = $1::int4 AND m.merged_into IS NOT NULL GROUP BY m.merged_into) x ON x.id = o.id
  WHERE o.workspace_id = $1::int4 AND o.merged_into IS NULL`

// hasEvents leaves out issues of which every Event turned out to belong to
// another, when a second report told more about it. The hour that was seen last
// nearly always answers; so this is asked row by row, in order, until a page is
// full (OFFSET 0 keeps it from being asked first). Issues whose hours have gone
// with their days stay.
const hasEvents = `(coalesce((
    SELECT sum(h.n) FROM issue_hours h
    WHERE h.workspace_id = $1::int4 AND h.issue_id = i.id AND h.hour = date_trunc('hour', i.last_at, 'UTC')), 0) > 0
  OR coalesce((
    SELECT sum(h.n) FROM issues m JOIN issue_hours h ON h.workspace_id = m.workspace_id AND h.issue_id = m.id
    WHERE m.workspace_id = $1::int4 AND (m.id = i.id OR m.merged_into = i.id)), 1) > 0)`

// Issues lists what a filter matches, without the issues that were merged into
// others. Errors: a fault Unprocessable for a bad value, search or cursor.
func (s *Store) Issues(ctx context.Context, ws int32, f event.IssueFilter, limit int, cursor string) (page IssuePage, err error) {
	defer fault.Wrap(&err, "Issues")
	limit = min(max(limit, 1), MaxPage)
	page.From, page.To = issueRange(f, time.Now())
	sql, args, err := issuesStatement(ws, f, page.From, page.To, limit, cursor)
	if err != nil {
		return IssuePage{}, err
	}
	var marks []int64
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: "BEGIN READ ONLY; " + listTimeout}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		page.Issues, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (event.Issue, error) {
			var mark int64
			issue, err := scanIssue(row, &mark)
			marks = append(marks, mark)
			return issue, err
		})
		if err != nil {
			return err
		}
		if len(page.Issues) > limit {
			page.Issues = page.Issues[:limit]
			page.Next = issueCursor(f.Sort, marks[limit-1], page.Issues[limit-1].ID)
		}
		return fillTrends(ctx, tx, ws, page.Issues, page.From, page.To)
	})
	if err != nil {
		return IssuePage{}, tooSlow(err)
	}
	if f.Sort == "" || f.Sort == event.ByLastSeen { // what was sorted is exact to the minute, what is shown to the microsecond
		slices.SortStableFunc(page.Issues, func(a, b event.Issue) int { return b.LastAt.Compare(a.LastAt.Time) })
	}
	return page, s.countCustomers(ctx, ws, page.Issues, page.From, page.To)
}

// issuesStatement is the list. Its last column is what it is sorted by, as a
// number.
func issuesStatement(ws int32, f event.IssueFilter, from, to time.Time, limit int, cursor string) (sql string, args []any, err error) {
	q := issueQuery{}
	q.where("r.workspace_id = %s::int4", ws)
	q.conds = append(q.conds, "r.merged_into IS NULL")
	if err := q.filter(f); err != nil {
		return "", nil, err
	}
	if len(q.reported) > 0 {
		q.conds = append(q.conds, "r.id IN (SELECT coalesce(m.merged_into, m.id) FROM issues m WHERE m.workspace_id = $1::int4 AND "+strings.Join(q.reported, " AND ")+")")
	}
	if !f.From.IsZero() {
		q.where("i.last_at >= %s::timestamptz", f.From)
	}
	if !f.To.IsZero() {
		q.where("i.first_at < %s::timestamptz", f.To)
	}
	mark, join := "(extract(epoch FROM i.last_at) * 1000000)::int8", ""
	switch f.Sort {
	case "", event.ByLastSeen:
	case event.ByFirstSeen:
		mark = "(extract(epoch FROM i.first_at) * 1000000)::int8"
	case event.ByEvents: // reads every hour of every issue
		if to.Sub(from) > maxCounted {
			return "", nil, invalid("from", "must be at most 7 days before 'to' where the most frequent come first")
		}
		mark, join = "coalesce(c.n, 0)", ` LEFT JOIN (
  SELECT coalesce(m.merged_into, h.issue_id) AS id, sum(h.n)::int8 AS n
  FROM issue_hours h LEFT JOIN issues m ON m.workspace_id = h.workspace_id AND m.id = h.issue_id AND m.merged_into IS NOT NULL
  WHERE h.workspace_id = $1::int4 AND h.hour >= `+q.arg(from.Truncate(time.Hour))+`::timestamptz AND h.hour < `+q.arg(to)+`::timestamptz GROUP BY 1) c ON c.id = r.id`
	default:
		return "", nil, invalid("sort", "must be one of: last_seen, first_seen, events")
	}
	if cursor != "" {
		after, id, ok := readIssueCursor(f.Sort, cursor)
		if !ok {
			return "", nil, invalid("cursor", "is not one that this list gave out")
		}
		q.where("("+mark+", r.id) < (%s::int8, %s::uuid)", after, id)
	}
	sorted := `SELECT r.id, i.first_at, i.last_at, ` + mark + ` AS mark FROM issues r JOIN (` + issueTimes + `) i ON i.id = r.id` + join +
		` WHERE ` + strings.Join(q.conds, " AND ") + ` ORDER BY mark DESC, r.id DESC OFFSET 0`
	return `SELECT ` + issueFields + `, i.mark FROM (
  SELECT i.id, i.first_at, i.last_at, i.mark FROM (` + sorted + `) i WHERE ` + hasEvents + ` LIMIT ` + q.arg(limit+1) + `::int4) i
JOIN issues r ON r.workspace_id = $1::int4 AND r.id = i.id ORDER BY i.mark DESC, i.id DESC`, q.args, nil
}

func scanIssue(row pgx.CollectableRow, more ...any) (event.Issue, error) {
	var i event.Issue
	var family, role int16
	var stateAt, resolvedAt, regressedAt, until *time.Time
	err := row.Scan(append([]any{&i.ID, &i.Title, &i.Template, &i.State, &i.Assignee, &i.Service, &i.Method, &i.Endpoint, &i.Status, &i.Code,
		&family, &role, &i.Provider, &i.Exception, &i.FirstAt.Time, &i.LastAt.Time, &stateAt, &resolvedAt, &i.ResolvedIn, &regressedAt,
		&until, &i.IgnoreEvents, &i.IgnoreCustomers}, more...)...)
	i.Family, i.Role = nth(families, family), nth(roles, role)
	i.StateAt, i.ResolvedAt, i.RegressedAt, i.IgnoreUntil = shown(stateAt), shown(resolvedAt), shown(regressedAt), shown(until)
	return i, err
}

func shown(t *time.Time) *event.Time {
	if t == nil {
		return nil
	}
	return &event.Time{Time: t.UTC()}
}

// A cursor is the order, the mark and the ID of the last issue.
func issueCursor(sort event.IssueSort, mark int64, id string) string {
	raw := binary.BigEndian.AppendUint64([]byte{sortByte(sort)}, uint64(mark)) //nolint:gosec // bits
	u := rawUUID(id)
	return base64.RawURLEncoding.EncodeToString(append(raw, u[:]...))
}

func readIssueCursor(sort event.IssueSort, cursor string) (mark int64, id string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) != 25 || raw[0] != sortByte(sort) {
		return 0, "", false
	}
	return int64(binary.BigEndian.Uint64(raw[1:9])), identity.FormatUUID([16]byte(raw[9:])), true //nolint:gosec // bits
}

func sortByte(sort event.IssueSort) byte {
	if sort == "" {
		sort = event.ByLastSeen
	}
	return sort[0]
}
