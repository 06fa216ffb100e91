package store

import (
	"context"
	"errors"
	"time"
)

const (
	sqlForgetNotes = `
DELETE FROM request_notes b WHERE b.ctid = ANY (ARRAY(SELECT n.ctid FROM request_notes n WHERE n.day < DATE '1970-01-01' + $1::int4 LIMIT $2::int8))`

	sqlForgetStates = `
DELETE FROM request_states b WHERE b.ctid = ANY (ARRAY(SELECT n.ctid FROM request_states n WHERE n.day < DATE '1970-01-01' + $1::int4 LIMIT $2::int8))`

	sqlForgetTickets = `
DELETE FROM request_tickets b WHERE b.ctid = ANY (ARRAY(SELECT n.ctid FROM request_tickets n WHERE n.day < DATE '1970-01-01' + $1::int4 LIMIT $2::int8))`

	sqlForgetShortNotes = `
DELETE FROM request_notes b WHERE b.workspace_id = $1::int4 AND b.ctid = ANY (ARRAY(
  SELECT n.ctid FROM request_notes n WHERE n.workspace_id = $1::int4 AND n.day < DATE '1970-01-01' + $2::int4 LIMIT $3::int8))`

	sqlForgetShortStates = `
DELETE FROM request_states b WHERE b.workspace_id = $1::int4 AND b.ctid = ANY (ARRAY(
  SELECT n.ctid FROM request_states n WHERE n.workspace_id = $1::int4 AND n.day < DATE '1970-01-01' + $2::int4 LIMIT $3::int8))`
)

// forgetDesk deletes notes and statuses with the day of their Event, which for a
// workspace that keeps less comes sooner; and tickets when counts go, since issues
// show them.
func (s *Store) forgetDesk(ctx context.Context, now time.Time, short map[int32]int) error {
	day := func(days int) int32 { return dayOf(now.AddDate(0, 0, -days)) }
	var errs []error
	for _, sql := range []string{sqlForgetNotes, sqlForgetStates} {
		_, err := s.inBatches(ctx, sql, day(s.retention.Events))
		errs = append(errs, err)
	}
	_, err := s.inBatches(ctx, sqlForgetTickets, day(max(s.retention.Events, s.retention.Rollups)))
	errs = append(errs, err)
	for _, sql := range []string{sqlForgetWatches, sqlForgetShares} {
		_, err = s.inBatches(ctx, sql, now.Add(-watchKept))
		errs = append(errs, err)
	}
	for ws, days := range short {
		for _, sql := range []string{sqlForgetShortNotes, sqlForgetShortStates} {
			_, err := s.inBatches(ctx, sql, ws, day(min(days, s.retention.Events)))
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
