package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

const sqlIssueRoot = `SELECT coalesce(i.merged_into, i.id)::text FROM issues i WHERE i.workspace_id = $1::int4 AND i.id = $2::uuid`

const sqlIssue = `
SELECT ` + issueFields + `, r.reasons FROM issues r
JOIN (SELECT r.id, coalesce(min(s.first_at), r.first_at) AS first_at, coalesce(max(s.last_at), r.first_at) AS last_at
      FROM issues r LEFT JOIN issues m ON m.workspace_id = r.workspace_id AND (m.id = r.id OR m.merged_into = r.id)
      LEFT JOIN issue_seen s ON s.workspace_id = m.workspace_id AND s.issue_id = m.id
      WHERE r.workspace_id = $1::int4 AND r.id = $2::uuid GROUP BY r.workspace_id, r.id, r.first_at) i ON i.id = r.id
WHERE r.workspace_id = $1::int4 AND r.id = $2::uuid`

const sqlMergedIssues = `
SELECT m.id::text, m.title, m.template, m.state, m.service, m.endpoint, coalesce(m.status, 0), m.code, coalesce(m.merged_under::text, '')
FROM issues m WHERE m.workspace_id = $1::int4 AND m.merged_into = $2::uuid ORDER BY m.first_at, m.id`

// Issue gives an issue with what is known about it. The ID of one that was
// merged gives the one that it counts for. A fault NotFound (issue_not_found)
// otherwise.
func (s *Store) Issue(ctx context.Context, ws int32, id string) (d event.IssueDetail, err error) {
	defer fault.Wrap(&err, "Issue")
	err = s.readingIssue(ctx, ws, id, func(tx pgx.Tx, root string) error {
		rows, err := tx.Query(ctx, sqlIssue, ws, root)
		if err != nil {
			return err
		}
		var reasons []byte
		d.Issue, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (event.Issue, error) { return scanIssue(row, &reasons) })
		if err != nil {
			return err
		}
		if d.Reasons, err = readReasons(reasons, &d.Issue); err != nil {
			return err
		}
		if d.Merged, err = issueRefs(ctx, tx, sqlMergedIssues, ws, root); err != nil {
			return err
		}
		members := append([]string{root}, column(d.Merged, func(r event.IssueRef) string { return r.ID })...)
		return s.fillIssue(ctx, tx, ws, &d, members)
	})
	if err != nil {
		return d, err
	}
	return d, s.countCustomersOf(ctx, ws, &d)
}

// readingIssue runs fn in a transaction that changes nothing.
func (s *Store) readingIssue(ctx context.Context, ws int32, id string, fn func(tx pgx.Tx, root string) error) error {
	if uuid.Validate(id) != nil {
		return issueNotFound()
	}
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: "BEGIN READ ONLY; " + listTimeout}, func(tx pgx.Tx) error {
		root, err := issueRoot(ctx, tx, ws, id)
		if err != nil {
			return err
		}
		return fn(tx, root)
	})
	return unavailable(err)
}

type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func issueRoot(ctx context.Context, q rowQuerier, ws int32, id string) (root string, err error) {
	if uuid.Validate(id) != nil {
		return "", issueNotFound()
	}
	err = q.QueryRow(ctx, sqlIssueRoot, ws, id).Scan(&root)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", issueNotFound()
	}
	return root, err
}

func issueNotFound() error {
	return fault.New(fault.NotFound, "issue_not_found", "There is no issue with this ID.")
}

// readReasons reads the column; of an issue whose reasons nobody wrote down,
// what it has in common is at least its service and its code.
func readReasons(doc []byte, i *event.Issue) (reasons []event.Reason, err error) {
	if len(doc) == 0 {
		return []event.Reason{{Name: "service", Value: i.Service}, {Name: "code", Value: i.Code}}, nil
	}
	err = json.Unmarshal(doc, &reasons)
	return reasons, err
}

func issueRefs(ctx context.Context, q querier, sql string, args ...any) ([]event.IssueRef, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r event.IssueRef, err error) {
		err = row.Scan(&r.ID, &r.Title, &r.Template, &r.State, &r.Service, &r.Endpoint, &r.Status, &r.Code, &r.Under)
		return r, err
	})
}

const sqlIssueHours = `
SELECT h.hour, h.release, sum(h.n)::int8, max(h.last_at)
FROM issue_hours h
WHERE h.workspace_id = $1::int4 AND h.issue_id = ANY ($2::uuid[]) AND h.hour >= $3::timestamptz
GROUP BY h.hour, h.release ORDER BY h.hour, h.release`

// fillIssue adds what comes from other tables.
func (s *Store) fillIssue(ctx context.Context, tx pgx.Tx, ws int32, d *event.IssueDetail, members []string) (err error) {
	now := time.Now().UTC()
	if err := fillHours(ctx, tx, ws, d, members, now); err != nil {
		return err
	}
	if d.Samples, err = issueSamples(ctx, tx, ws, members); err != nil {
		return err
	}
	if d.Similar, err = issueRefs(ctx, tx, sqlSimilarIssues, ws, d.ID, d.Template, d.Service, d.Code); err != nil {
		return err
	}
	if d.Tickets, err = issueTickets(ctx, tx, ws, members); err != nil {
		return err
	}
	d.Activity, err = issueActivity(ctx, tx, ws, members)
	return err
}

const (
	shownDays     = 7
	countedDays   = 30
	shownReleases = 10
)

func fillHours(ctx context.Context, tx pgx.Tx, ws int32, d *event.IssueDetail, members []string, now time.Time) error {
	this := now.Truncate(time.Hour)
	start := this.Add(-(shownDays*24 - 1) * time.Hour)
	for at := start; !at.After(this); at = at.Add(time.Hour) {
		d.Hours = append(d.Hours, event.Bucket{At: event.Time{Time: at}})
	}
	day := len(d.Hours) - 24
	d.Trend = d.Hours[day:]
	rows, err := tx.Query(ctx, sqlIssueHours, ws, members, this.Add(-(countedDays*24-1)*time.Hour))
	if err != nil {
		return err
	}
	releases := map[string]*event.ReleaseCount{}
	var hour, last time.Time
	var release string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&hour, &release, &n, &last}, func() error {
		d.Counts.Month += n
		d.LastAt.Time = later(d.LastAt.Time, last).UTC()
		// What senders whose clocks are ahead sent counts as of now.
		if i := min(int(hour.Sub(start)/time.Hour), len(d.Hours)-1); !hour.Before(start) {
			d.Hours[i].N += n
			d.Counts.Week += n
			if i >= day {
				d.Counts.Day += n
			}
		}
		if release != "" && n > 0 {
			r := releases[release]
			if r == nil {
				r = &event.ReleaseCount{Release: release}
				releases[release] = r
			}
			r.Events += n
			r.LastAt.Time = later(r.LastAt.Time, last).UTC()
		}
		return nil
	})
	d.Events = d.Counts.Day
	d.Releases = newestReleases(releases)
	return err
}

// A sample must still be an Event of the issue: it may have been folded into
// another since, or have been given another issue by what came later. The day
// of an Event is in its ID, so that only its partition is read.
const sqlIssueSamples = `
SELECT e.id::text, coalesce(e.request_id, ''), e.occurred_at, coalesce(e.status, 0), e.customer, e.release, e.message
FROM events e
JOIN unnest($2::int4[], $3::uuid[]) AS u(d, i) ON e.day = DATE '1970-01-01' + u.d AND e.id = u.i
WHERE e.workspace_id = $1::int4 AND e.merged_into IS NULL AND e.issue_id = ANY ($4::uuid[])
ORDER BY e.occurred_at DESC, e.id DESC LIMIT $5::int4`

const sqlSampleIDs = `
SELECT DISTINCT u.id::text FROM (
  SELECT h.samples FROM issue_hours h WHERE h.workspace_id = $1::int4 AND h.issue_id = ANY ($2::uuid[]) AND h.samples IS NOT NULL
  ORDER BY h.hour DESC, h.last_at DESC LIMIT $3::int4) x, unnest(x.samples) AS u(id)`

const (
	sampleRows   = 40
	shownSamples = 20
)

func issueSamples(ctx context.Context, tx pgx.Tx, ws int32, members []string) ([]event.Sample, error) {
	rows, err := tx.Query(ctx, sqlSampleIDs, ws, members, sampleRows)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	days := column(ids, func(id string) int32 { return dayOfID(id, time.Time{}) })
	if rows, err = tx.Query(ctx, sqlIssueSamples, ws, days, ids, members, shownSamples); err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e event.Sample, err error) {
		err = row.Scan(&e.EventID, &e.RequestID, &e.OccurredAt.Time, &e.Status, &e.Customer, &e.Release, &e.Message)
		e.OccurredAt.Time, e.Message = e.OccurredAt.UTC(), shortened(e.Message, maxTitle)
		return e, err
	})
}

// Similar are those whose message is nearly the same, and those with the same
// code in the same service: some of both by an index, the best first.
const sqlSimilarIssues = `
SELECT i.id::text, i.title, i.template, i.state, i.service, i.endpoint, coalesce(i.status, 0), i.code, ''
FROM issues i JOIN (
  (SELECT a.id FROM issues a
   WHERE a.workspace_id = $1::int4 AND a.merged_into IS NULL AND a.id <> $2::uuid AND $3::text <> '' AND a.template % $3::text LIMIT 500)
  UNION
  (SELECT b.id FROM issues b
   WHERE b.workspace_id = $1::int4 AND b.merged_into IS NULL AND b.id <> $2::uuid
     AND b.words @@ phraseto_tsquery('simple', translate($5::text, '_', ' ')) AND b.service = $4::text AND b.code = $5::text LIMIT 500)
) c ON c.id = i.id
WHERE i.workspace_id = $1::int4
ORDER BY similarity(i.template, $3::text) + (i.service = $4::text)::int * 0.3 + (i.code = $5::text)::int * 0.3 DESC, i.id
LIMIT 5`
