package store

import (
	"context"
	"errors"
	"time"
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
