package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
)

// trendBuckets is into about how many pieces a range is cut.
const trendBuckets = 24

// The buckets begin at full hours, so the first may be older than the range.
const sqlTrends = `
SELECT coalesce(m.merged_into, m.id)::text, (extract(epoch FROM h.hour - $3::timestamptz)::int8 / $5::int8)::int4, sum(h.n)::int8, max(h.last_at)
FROM issues m JOIN issue_hours h ON h.workspace_id = m.workspace_id AND h.issue_id = m.id
WHERE m.workspace_id = $1::int4 AND (m.id = ANY ($2::uuid[]) AND m.merged_into IS NULL OR m.merged_into = ANY ($2::uuid[]))
  AND h.hour >= $3::timestamptz AND h.hour < $4::timestamptz
GROUP BY 1, 2`

// fillTrends counts the Events of the issues in a range. What came within the
// last minute makes an issue's time of last sight exact.
func fillTrends(ctx context.Context, q querier, ws int32, issues []event.Issue, from, to time.Time) error {
	if len(issues) == 0 {
		return nil
	}
	start := from.Truncate(time.Hour)
	step := max(to.Sub(start)/trendBuckets/time.Hour, 1) * time.Hour
	byID := make(map[string]*event.Issue, len(issues))
	for i := range issues {
		byID[issues[i].ID] = &issues[i]
		for at := start; at.Before(to); at = at.Add(step) {
			issues[i].Trend = append(issues[i].Trend, event.Bucket{At: event.Time{Time: at}})
		}
	}
	rows, err := q.Query(ctx, sqlTrends, ws, column(issues, func(i event.Issue) string { return i.ID }), start, to, int64(step/time.Second))
	if err != nil {
		return err
	}
	var id string
	var bucket int32
	var n int64
	var last time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &bucket, &n, &last}, func() error {
		i := byID[id]
		if i == nil || int(bucket) >= len(i.Trend) {
			return nil
		}
		i.Trend[bucket].N += n
		i.Events += n
		i.LastAt.Time = later(i.LastAt.Time, last).UTC()
		return nil
	})
	return err
}
