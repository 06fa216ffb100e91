package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// partition is a day of a table.
type partition struct {
	table string
	day   int32
	bytes int64
	rows  int64 // as statistics have it
}

const sqlPartitions = `
SELECT p.relname::text, to_date(right(c.relname, 8), 'YYYYMMDD') - DATE '1970-01-01', coalesce(pg_total_relation_size(c.oid), 0), greatest(c.reltuples, 0)::int8
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^[a-z_]+_[0-9]{8}$' ORDER BY 2, 1`

func (s *Store) partitions(ctx context.Context) ([]partition, error) {
	rows, err := s.pool.Query(ctx, sqlPartitions)
	if err != nil {
		return nil, unavailable(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p partition, err error) {
		err = row.Scan(&p.table, &p.day, &p.bytes, &p.rows)
		return p, err
	})
	return list, unavailable(err)
}

// RetentionPlan is what is going to go.
type RetentionPlan struct {
	At        event.Time   `json:"at"`
	Retention Retention    `json:"retention"` // days
	Workspace *int         `json:"workspace_days"`
	Days      []PlannedDay `json:"days"`
	Bytes     int64        `json:"bytes"` // of all these days
	// Uncounted is how many days there was no time to count what rules take of.
	Uncounted int `json:"uncounted_days,omitempty"`
	// Tables are all that there are, those that nothing goes from as well.
	Tables    []PlannedTable `json:"tables"`
	NextRunAt *event.Time    `json:"next_run_at"`
	Job       *JobRun        `json:"job"`
}

// PlannedDay is a day of a table, and when it goes.
type PlannedDay struct {
	Table string     `json:"table"`
	Day   string     `json:"day"`
	DueAt event.Time `json:"due_at"`
	Due   bool       `json:"due"` // the next run takes it
	Bytes int64      `json:"bytes"`
	Rows  int64      `json:"rows"` // roughly
	// Partly: only this workspace's rows go, of that many bytes, roughly.
	Partly bool `json:"partly,omitempty"`
	// Rule is the thinning rule that takes them; "": their age.
	Rule string `json:"rule,omitempty"`
}

// RetentionJob is the name of the job that runs Expire.
const RetentionJob = "retention"

// Plan tells what is due at now, and what will be within some days. The tables
// serve all workspaces; of those that a workspace's own setting shortens, it
// lists this one's.
func (s *Store) Plan(ctx context.Context, ws int32, now time.Time, within time.Duration) (plan RetentionPlan, err error) {
	defer fault.Wrap(&err, "Plan")
	plan = RetentionPlan{At: event.Time{Time: now.UTC()}, Retention: s.retention, Days: []PlannedDay{}, Tables: []PlannedTable{}}
	all, err := s.partitions(ctx)
	if err != nil {
		return plan, err
	}
	known := map[string]dated{}
	for _, t := range slices.Concat([]dated{datedBodies, datedEvents}, datedOthers, datedRollups) {
		known[t.name] = t
	}
	for _, p := range all {
		t, ok := known[p.table]
		if !ok {
			continue
		}
		if at := dueAt(p.day, t.age(s.retention)); !at.After(now.Add(within)) {
			plan.Days = append(plan.Days, PlannedDay{Table: p.table, Day: dayText(p.day), DueAt: event.Time{Time: at}, Due: !now.Before(at), Bytes: p.bytes, Rows: p.rows})
			plan.Bytes += p.bytes
		}
	}
	if err := s.planShortened(ctx, ws, now.Add(within), now, all, &plan); err != nil {
		return plan, err
	}
	if err := s.planThinned(ctx, ws, now.Add(within), now, &plan); err != nil {
		return plan, err
	}
	if err := s.planRows(ctx, ws, now.Add(within), now, &plan); err != nil {
		return plan, err
	}
	if err := s.planTables(ctx, &plan); err != nil {
		return plan, err
	}
	runs, err := s.JobRuns(ctx)
	for i := range runs {
		if runs[i].Name == RetentionJob {
			plan.Job, plan.NextRunAt = &runs[i], &runs[i].NextAt
		}
	}
	return plan, err
}

// maxPlannedRows is how far a workspace's rows of a day are counted.
const maxPlannedRows = 1_000_000

// Rows of workspace $1 of a day that stay for no issue's sake.
const (
	shortenedHead = `SELECT count(*) FROM (SELECT FROM `
	shortenedTail = ` LIMIT $3::int8) n`
	shortenedOf   = ` e WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND `

	sqlShortenedRows    = shortenedHead + `events` + shortenedOf + noExemplar + shortenedTail
	sqlShortenedParts   = shortenedHead + `event_parts` + shortenedOf + noExemplarsOwn + shortenedTail
	sqlShortenedAliases = shortenedHead + `aliases` + shortenedOf + noExemplarsOwn + shortenedTail
	sqlShortenedBodies  = shortenedHead + `bodies` + shortenedOf + noExemplarBody + shortenedTail
	sqlShortenedStacks  = shortenedHead + `stacks` + shortenedOf + noExemplarStack + shortenedTail
)

var shortenedTables = map[string]struct {
	dated
	sql string
}{
	"events": {datedEvents, sqlShortenedRows}, "bodies": {datedBodies, sqlShortenedBodies},
	"event_parts": {datedOthers[0], sqlShortenedParts}, "aliases": {datedOthers[1], sqlShortenedAliases}, "stacks": {datedOthers[2], sqlShortenedStacks},
}

// planShortened lists what goes of days that others keep. Its bytes are its share
// of the day's.
func (s *Store) planShortened(ctx context.Context, ws int32, until, now time.Time, all []partition, plan *RetentionPlan) error {
	short, err := s.shortened(ctx)
	if err != nil {
		return err
	}
	age, ok := short[ws]
	if !ok {
		return nil
	}
	plan.Workspace = &age
	for _, p := range all {
		t, ok := shortenedTables[p.table]
		at := dueAt(p.day, age)
		if !ok || at.After(until) || age >= t.age(s.retention) || !now.Before(dueAt(p.day, t.age(s.retention))) {
			continue
		}
		d := PlannedDay{Table: p.table, Day: dayText(p.day), DueAt: event.Time{Time: at}, Due: !now.Before(at), Partly: true}
		if err := s.pool.QueryRow(ctx, t.sql, ws, p.day, maxPlannedRows).Scan(&d.Rows); err != nil {
			return unavailable(err)
		}
		if d.Rows > 0 {
			d.Bytes = int64(float64(p.bytes) * float64(d.Rows) / float64(max(p.rows, d.Rows)))
			plan.Bytes += d.Bytes
			plan.Days = append(plan.Days, d)
		}
	}
	return nil
}
