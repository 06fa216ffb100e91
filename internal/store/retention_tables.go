package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
)

// PlannedTable is a table, of all workspaces, and for how long what is in it is
// kept.
type PlannedTable struct {
	Table string `json:"table"`
	Days  *int   `json:"days"` // null: it goes by no age
	Why   string `json:"why"`
	Bytes int64  `json:"bytes"`
	Rows  int64  `json:"rows"` // as statistics have it
}

// keeping says how long the rows of a table are kept.
type keeping struct {
	table string
	days  func(Retention) int // nil: not by their age
	why   string
}

func days(n int) func(Retention) int { return func(Retention) int { return n } }

func rejectionAge(r Retention) int { return r.Rejections }
func idAge(r Retention) int        { return r.IDs }
func auditAge(r Retention) int     { return r.Audit }
func ticketAge(r Retention) int    { return max(r.Events, r.Rollups) }

const watchKeptDays = int(watchKept / (24 * time.Hour))

const (
	settingsStay = "a setting, until somebody removes it"
	issuesStay   = "of issues, which stay as long as their workspace"
	workingState = "what Errata works with; it replaces itself"
)

// keepings are all tables. A test holds them against the schema: whoever adds one
// says here for how long its rows are kept.
var keepings = []keeping{
	{"events", datedEvents.age, "failures, but for one of each issue that is not over"},
	{"event_parts", datedEvents.age, "the reports that failures are made of"},
	{"aliases", datedEvents.age, "other IDs of failures"},
	{"stacks", datedEvents.age, "stack traces"},
	{"request_keys", datedEvents.age, "keys of failures, of an earlier version"},
	{"bodies", datedBodies.age, "bodies as they were sent"},
	{"error_minutes", rollupAge, "counts"}, {"customer_minutes", rollupAge, "counts"}, {"request_minutes", rollupAge, "counts"}, {"issue_hours", rollupAge, "counts"},
	{"rollup_blocks", rollupAge, "counts"}, {"rollup_spans", rollupAge, "what counts are there"},
	{"deploys", rollupAge, "deploys that were told of"},
	{"expired_days", idAge, "that an ID was there"}, {"expired_ids", idAge, "that an ID was there"},
	{"rejections", rejectionAge, "what was not taken"}, {"refusals", rejectionAge, "who was refused how often"},
	{"request_notes", datedEvents.age, "notes, with the day of their failure"}, {"request_states", datedEvents.age, "statuses, with the day of their failure"},
	{"request_tickets", ticketAge, "tickets of requests, since issues show them"},
	{"request_watches", days(watchKeptDays), "after a watch has ended"}, {"request_shares", days(watchKeptDays), "after a public link has expired"},
	{"incidents", rollupAge, "after they have ended, but for the newest"}, {"incident_events", rollupAge, "with their incident"}, {"incident_members", rollupAge, "with their incident"},
	{"silences", rollupAge, "after they have ended"}, {"alert_gaps", rollupAge, "minutes that nobody judged"},
	{"deliveries", days(deliveryDays), "messages, once the end of their incident is told"}, {"delivery_attempts", days(deliveryDays), "what was said when a message was brought"},
	{"audit", auditAge, "the audit log"},

	{"catalog_entries", nil, "the catalogue, until somebody removes an entry"}, {"catalog_history", nil, "the catalogue as it was, for ever: any version can be gone back to"}, {"catalog_books", nil, workingState},
	{"issues", nil, issuesStay}, {"issue_comments", nil, issuesStay}, {"issue_customers", nil, issuesStay}, {"issue_seen", nil, issuesStay}, {"issue_tickets", nil, issuesStay},
	{"exemplars", nil, "which failures stay for an issue, until it is over"},
	{"releases", nil, "when a release was seen first"}, {"endpoints", nil, "endpoints that were seen"},
	{"alert_rules", nil, settingsStay}, {"channels", nil, settingsStay}, {"integrations", nil, settingsStay}, {"link_templates", nil, settingsStay}, {"customers", nil, "names of customers, until somebody removes them"}, {"desk_settings", nil, settingsStay},
	{"slos", nil, settingsStay}, {"thinning_rules", nil, settingsStay}, {"workspaces", nil, settingsStay}, {"api_keys", nil, "keys, also revoked ones, whose names the audit log has"},
	{"sessions", nil, "until they end"}, {"login_links", nil, "until a day after they end"}, {"collectors", nil, "until a collector was not seen for seven days"},
	{"alert_clock", nil, workingState}, {"alert_states", nil, workingState}, {"job_runs", nil, workingState}, {"old_partitions", nil, workingState}, {"event_segments", nil, "where in a day the IDs of failures are, until the day has gone"}, {"known_segments", nil, workingState},
	{"failure_keys", nil, workingState}, {"thinned_days", nil, workingState}, {"rollup_compacted", nil, workingState}, {"rollup_marks", nil, workingState},
	{"river_job", nil, "jobs, until a day after they are done"}, {"river_queue", nil, workingState}, {"river_leader", nil, workingState}, {"river_notification", nil, workingState}, {"river_migration", nil, workingState},
	{"goose_db_version", nil, "which migrations have run"},
}

// Partitions count for their table.
const sqlTableSizes = `
SELECT coalesce(p.relname, c.relname)::text, coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8, coalesce(sum(greatest(c.reltuples, 0)) FILTER (WHERE c.relkind = 'r'), 0)::int8
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY 1 ORDER BY 1`

// planTables lists every table that there is, those that go by age first.
func (s *Store) planTables(ctx context.Context, plan *RetentionPlan) error {
	rows, err := s.pool.Query(ctx, sqlTableSizes)
	if err != nil {
		return unavailable(err)
	}
	there := map[string]PlannedTable{}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t PlannedTable, err error) {
		err = row.Scan(&t.Table, &t.Bytes, &t.Rows)
		return t, err
	})
	if err != nil {
		return unavailable(err)
	}
	for _, t := range all {
		there[t.Table] = t
	}
	for _, k := range keepings {
		t, ok := there[k.table]
		if !ok { // a table of River's that this version of it has not
			continue
		}
		if t.Why = k.why; k.days != nil {
			n := k.days(s.retention)
			t.Days = &n
		}
		plan.Tables = append(plan.Tables, t)
		delete(there, k.table)
	}
	for _, t := range all {
		if _, unknown := there[t.Table]; unknown {
			t.Why = "no table of this version of Errata"
			plan.Tables = append(plan.Tables, t)
		}
	}
	return nil
}

// What goes row by row: those of workspace $1 from which age counts since before
// $3, by that day, those since before $2 apart. Sizes are those of the rows
// without their indexes.
const (
	plannedHead = `
SELECT (n.at AT TIME ZONE 'UTC')::date - DATE '1970-01-01', n.at < $2::timestamptz, count(*), coalesce(sum(n.size), 0)::int8 FROM (SELECT pg_column_size(x.*) AS size, `
	plannedTail = ` LIMIT 1000000) n GROUP BY 1, 2 ORDER BY 1, 2 DESC`

	plannedDay = `x.day::timestamp AT TIME ZONE 'UTC' AS at FROM `
	ofTheDay   = ` x WHERE x.workspace_id = $1::int4 AND x.day < ($3::timestamptz AT TIME ZONE 'UTC')::date`

	sqlPlannedRejections = plannedHead + `x.received_at AS at FROM rejections x WHERE x.workspace_id = $1::int4 AND x.received_at < $3::timestamptz` + plannedTail
	sqlPlannedRefusals   = plannedHead + `x.hour AS at FROM refusals x WHERE x.workspace_id = $1::int4 AND x.hour < $3::timestamptz` + plannedTail
	sqlPlannedIDs        = plannedHead + plannedDay + `expired_ids` + ofTheDay + plannedTail
	sqlPlannedDays       = plannedHead + plannedDay + `expired_days` + ofTheDay + plannedTail
	sqlPlannedBlocks     = plannedHead + `x.start AS at FROM rollup_blocks x WHERE x.workspace_id = $1::int4 AND x.level IN (1, 2) AND x.start < $3::timestamptz` + plannedTail
	sqlPlannedSpans      = plannedHead + `x.start AS at FROM rollup_spans x WHERE x.workspace_id = $1::int4 AND x.level IN (1, 2) AND x.start < $3::timestamptz` + plannedTail
	sqlPlannedDeploys    = plannedHead + `x.deployed_at AS at FROM deploys x WHERE x.workspace_id = $1::int4 AND x.deployed_at < $3::timestamptz` + plannedTail
	sqlPlannedAudit      = plannedHead + `x.at FROM audit x WHERE x.workspace_id = $1::int4 AND x.at < $3::timestamptz` + plannedTail

	sqlPlannedNotes   = plannedHead + plannedDay + `request_notes` + ofTheDay + plannedTail
	sqlPlannedStates  = plannedHead + plannedDay + `request_states` + ofTheDay + plannedTail
	sqlPlannedTickets = plannedHead + plannedDay + `request_tickets` + ofTheDay + plannedTail
	sqlPlannedWatches = plannedHead + `x.ends_at AS at FROM request_watches x WHERE x.workspace_id = $1::int4 AND x.ends_at < $3::timestamptz` + plannedTail
	sqlPlannedShares  = plannedHead + `x.expires_at AS at FROM request_shares x WHERE x.workspace_id = $1::int4 AND x.expires_at < $3::timestamptz` + plannedTail

	overIncident             = `i.workspace_id = $1::int4 AND i.phase = 'resolved' AND i.resolved_at < $3::timestamptz AND i.number < (SELECT max(n.number) FROM incidents n WHERE n.workspace_id = $1::int4)`
	sqlPlannedIncidents      = plannedHead + `i.resolved_at AS at FROM incidents i JOIN incidents x ON x.workspace_id = i.workspace_id AND x.id = i.id WHERE ` + overIncident + plannedTail
	sqlPlannedIncidentEvents = plannedHead + `i.resolved_at AS at FROM incidents i JOIN incident_events x ON x.workspace_id = i.workspace_id AND x.incident_id = i.id WHERE ` + overIncident + plannedTail
	sqlPlannedMembers        = plannedHead + `i.resolved_at AS at FROM incidents i JOIN incident_members x ON x.workspace_id = i.workspace_id AND x.incident_id = i.id WHERE ` + overIncident + plannedTail
	sqlPlannedSilences       = plannedHead + `x.ends_at AS at FROM silences x WHERE x.workspace_id = $1::int4 AND x.ends_at < $3::timestamptz` + plannedTail
	// Minutes that were judged for no workspace.
	sqlPlannedGaps       = plannedHead + `x.to_minute AS at FROM alert_gaps x WHERE $1::int4 IS NOT NULL AND x.to_minute < $3::timestamptz` + plannedTail
	sqlPlannedDeliveries = plannedHead + `d.created_at AS at FROM deliveries d JOIN deliveries x ON x.workspace_id = d.workspace_id AND x.id = d.id
WHERE d.workspace_id = $1::int4 AND d.created_at < $3::timestamptz AND ` + notNeeded + plannedTail
	sqlPlannedAttempts = plannedHead + `d.created_at AS at FROM deliveries d JOIN delivery_attempts x ON x.workspace_id = d.workspace_id AND x.delivery_id = d.id
WHERE d.workspace_id = $1::int4 AND d.created_at < $3::timestamptz` + plannedTail
)

// aged is a table whose rows go one by one.
type aged struct {
	table, sql string
	whole      bool // by whole days; otherwise as each row's age is over
	short      bool // sooner in a workspace that keeps failures for a shorter time
}

var agedTables = []aged{
	{"rejections", sqlPlannedRejections, false, true}, {"refusals", sqlPlannedRefusals, false, false},
	{"request_notes", sqlPlannedNotes, true, true}, {"request_states", sqlPlannedStates, true, true}, {"request_tickets", sqlPlannedTickets, true, false},
	{"request_watches", sqlPlannedWatches, false, false}, {"request_shares", sqlPlannedShares, false, false},
	{"rollup_blocks", sqlPlannedBlocks, true, false}, {"rollup_spans", sqlPlannedSpans, true, false}, {"deploys", sqlPlannedDeploys, true, false},
	{"incidents", sqlPlannedIncidents, true, false}, {"incident_events", sqlPlannedIncidentEvents, true, false}, {"incident_members", sqlPlannedMembers, true, false},
	{"silences", sqlPlannedSilences, true, false}, {"alert_gaps", sqlPlannedGaps, true, false},
	{"deliveries", sqlPlannedDeliveries, true, false}, {"delivery_attempts", sqlPlannedAttempts, true, false},
	{"expired_ids", sqlPlannedIDs, true, false}, {"expired_days", sqlPlannedDays, true, false},
	{"audit", sqlPlannedAudit, false, false},
}

// planRows lists a workspace's rows that are going to go one by one.
func (s *Store) planRows(ctx context.Context, ws int32, until, now time.Time, plan *RetentionPlan) error {
	for _, t := range agedTables {
		k := keepings[slices.IndexFunc(keepings, func(k keeping) bool { return k.table == t.table })]
		age := k.days(s.retention)
		if t.short && plan.Workspace != nil {
			age = min(age, *plan.Workspace)
		}
		due, cut := now.AddDate(0, 0, -age), until.AddDate(0, 0, -age)
		if t.whole {
			due, cut = daysBefore(now, age), daysBefore(until, age)
		}
		rows, err := s.pool.Query(ctx, t.sql, ws, due, cut)
		if err != nil {
			return unavailable(err)
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d PlannedDay, err error) {
			var day int32
			d = PlannedDay{Table: t.table, Partly: t.table != "alert_gaps"}
			err = row.Scan(&day, &d.Due, &d.Rows, &d.Bytes)
			d.Day, d.DueAt = dayText(day), event.Time{Time: dueAt(day, age)}
			return d, err
		})
		if err != nil {
			return unavailable(err)
		}
		for _, d := range list {
			plan.Bytes += d.Bytes
		}
		plan.Days = append(plan.Days, list...)
	}
	return nil
}
