package store

import (
	"context"
	"errors"
	"time"

	"errata/internal/event"
)

const (
	// What belongs to an incident goes first: by that it is found. The newest
	// incident of a workspace stays, so that its number is not given again.
	forgotten = `SELECT i.workspace_id, i.id FROM incidents i WHERE i.phase = 'resolved' AND i.resolved_at < $1::timestamptz
    AND i.number < (SELECT max(n.number) FROM incidents n WHERE n.workspace_id = i.workspace_id)`

	sqlForgetIncidentEvents = `
DELETE FROM incident_events b WHERE b.ctid = ANY (ARRAY(
  SELECT e.ctid FROM incident_events e JOIN (` + forgotten + `) f ON f.workspace_id = e.workspace_id AND f.id = e.incident_id LIMIT $2::int8))`

	sqlForgetMembers = `
DELETE FROM incident_members b WHERE b.ctid = ANY (ARRAY(
  SELECT m.ctid FROM incident_members m JOIN (` + forgotten + `) f ON f.workspace_id = m.workspace_id AND f.id = m.incident_id LIMIT $2::int8))`

	sqlForgetIncidents = `
DELETE FROM incidents b WHERE b.ctid = ANY (ARRAY(
  SELECT i.ctid FROM incidents i JOIN (` + forgotten + `) f ON f.workspace_id = i.workspace_id AND f.id = i.id LIMIT $2::int8))`

	sqlForgetSilences = `
DELETE FROM silences b WHERE b.ctid = ANY (ARRAY(SELECT s.ctid FROM silences s WHERE s.ends_at < $1::timestamptz LIMIT $2::int8))`

	sqlForgetGaps = `
DELETE FROM alert_gaps b WHERE b.ctid = ANY (ARRAY(SELECT g.ctid FROM alert_gaps g WHERE g.to_minute < $1::timestamptz LIMIT $2::int8))`
)

// forgetAlerts deletes incidents that are over for as long as counts are kept,
// silences and gaps as old, and the log of messages. It goes by whole days.
func (s *Store) forgetAlerts(ctx context.Context, now time.Time) error {
	var errs []error
	for _, sql := range []string{sqlForgetIncidentEvents, sqlForgetMembers, sqlForgetIncidents, sqlForgetSilences, sqlForgetGaps} {
		_, err := s.inBatches(ctx, sql, daysBefore(now, s.retention.Rollups))
		errs = append(errs, err)
	}
	for _, sql := range []string{sqlForgetAttempts, sqlForgetDeliveries} {
		_, err := s.inBatches(ctx, sql, idAt(daysBefore(now, deliveryDays)))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// daysBefore is the beginning of the oldest day that is kept.
func daysBefore(now time.Time, days int) time.Time {
	return now.UTC().AddDate(0, 0, -days).Truncate(24 * time.Hour)
}

const (
	sqlPlannedIncidents = `
SELECT (i.resolved_at AT TIME ZONE 'UTC')::date - DATE '1970-01-01', count(*) FROM incidents i
WHERE i.workspace_id = $1::int4 AND i.phase = 'resolved' AND i.resolved_at < $2::timestamptz AND i.number < (SELECT max(n.number) FROM incidents n WHERE n.workspace_id = $1::int4)
GROUP BY 1 ORDER BY 1`

	sqlPlannedDeliveries = `
SELECT (d.created_at AT TIME ZONE 'UTC')::date - DATE '1970-01-01', count(*) FROM deliveries d
WHERE d.workspace_id = $1::int4 AND d.id < $2::uuid AND ` + notNeeded + `
GROUP BY 1 ORDER BY 1`
)

// planAlerts lists a workspace's incidents and messages that are going to go, by
// the day of their end.
func (s *Store) planAlerts(ctx context.Context, ws int32, until, now time.Time, plan *RetentionPlan) error {
	for _, t := range []struct {
		name, sql string
		days      int
		before    any
	}{
		{"incidents", sqlPlannedIncidents, s.retention.Rollups, daysBefore(until, s.retention.Rollups)},
		{"deliveries", sqlPlannedDeliveries, deliveryDays, idAt(daysBefore(until, deliveryDays))},
	} {
		rows, err := s.pool.Query(ctx, t.sql, ws, t.before)
		if err != nil {
			return unavailable(err)
		}
		for rows.Next() {
			var day int32
			d := PlannedDay{Table: t.name, Partly: true}
			if err := rows.Scan(&day, &d.Rows); err != nil {
				rows.Close()
				return err
			}
			at := dueAt(day, t.days)
			d.Day, d.DueAt, d.Due = dayText(day), event.Time{Time: at}, !now.Before(at)
			plan.Days = append(plan.Days, d)
		}
		if err := rows.Err(); err != nil {
			return unavailable(err)
		}
	}
	return nil
}
