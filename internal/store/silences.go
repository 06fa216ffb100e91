package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/silence"
)

// MaxSilences is how many silences of a workspace may be in force or to come.
const MaxSilences = 500

const silenceColumns = `s.id::text, s.environment, s.service, s.method, s.endpoint, s.code, s.customer, s.family, coalesce(s.rule_id::text, ''), s.reason,
  s.cron, s.minutes, s.time_zone, s.starts_at, s.ends_at, s.created_at, s.created_by, s.muted`

func scanSilence(row pgx.CollectableRow) (s silence.Silence, err error) {
	err = row.Scan(silenceFields(&s)...)
	return onUTC(s), err
}

func silenceFields(s *silence.Silence) []any {
	return []any{&s.ID, &s.Environment, &s.Service, &s.Method, &s.Endpoint, &s.Code, &s.Customer, &s.Family, &s.RuleID, &s.Reason,
		&s.Cron, &s.Minutes, &s.TimeZone, &s.StartsAt.Time, &s.EndsAt.Time, &s.CreatedAt.Time, &s.CreatedBy, &s.Muted}
}

func onUTC(s silence.Silence) silence.Silence {
	for _, t := range []*event.Time{&s.StartsAt, &s.EndsAt, &s.CreatedAt} {
		t.Time = t.UTC()
	}
	return s
}

const sqlSilences = `
SELECT ` + silenceColumns + ` FROM silences s
WHERE s.workspace_id = $1::int4 AND s.ends_at > $2::timestamptz
ORDER BY s.ends_at, s.id LIMIT $3::int4`

const sqlPastSilences = `
SELECT ` + silenceColumns + ` FROM silences s
WHERE s.workspace_id = $1::int4 AND s.ends_at <= $2::timestamptz
ORDER BY s.ends_at DESC, s.id LIMIT $3::int4`

// WorkspaceSilences are the silences of a workspace that have not ended, those
// first that end first.
func (s *Store) WorkspaceSilences(ctx context.Context, ws int32, now time.Time) (out []silence.Silence, err error) {
	defer fault.Wrap(&err, "WorkspaceSilences")
	rows, err := s.pool.Query(ctx, sqlSilences, ws, now, MaxSilences)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, scanSilence)
	return out, unavailable(err)
}

// PastSilences are the last that ended, those first that ended last.
func (s *Store) PastSilences(ctx context.Context, ws int32, now time.Time, limit int) (out []silence.Silence, err error) {
	defer fault.Wrap(&err, "PastSilences")
	rows, err := s.pool.Query(ctx, sqlPastSilences, ws, now, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, scanSilence)
	return out, unavailable(err)
}

// Whoever adds silences to a workspace waits for others who do.
const sqlLockSilences = `SELECT pg_advisory_xact_lock(7218, $1::int4)`

const sqlCountSilences = `SELECT count(*)::int4 FROM silences s WHERE s.workspace_id = $1::int4 AND s.ends_at > $2::timestamptz AND s.id <> $3::uuid`

const sqlSilence = `
SELECT ` + silenceColumns + ` FROM silences s WHERE s.workspace_id = $1::int4 AND s.id = $2::uuid FOR UPDATE`

const sqlSaveSilence = `
INSERT INTO silences AS s (workspace_id, id, environment, service, method, endpoint, code, customer, family, rule_id, reason, cron, minutes, time_zone, starts_at, ends_at, created_by)
VALUES ($1::int4, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, nullif($10::text, '')::uuid, $11::text, $12::text, $13::int4, $14::text,
  $15::timestamptz, $16::timestamptz, $17::text)
ON CONFLICT (workspace_id, id) DO UPDATE SET environment = excluded.environment, service = excluded.service, method = excluded.method, endpoint = excluded.endpoint,
  code = excluded.code, customer = excluded.customer, family = excluded.family, rule_id = excluded.rule_id, reason = excluded.reason, cron = excluded.cron,
  minutes = excluded.minutes, time_zone = excluded.time_zone, starts_at = excluded.starts_at, ends_at = excluded.ends_at
RETURNING ` + silenceColumns

// SaveSilence changes the silence with that ID, or creates one where it has
// none, and gives it as it is stored. One that has ended stays as it was. Errors:
// a fault Unprocessable that names the field, NotFound (silence_not_found),
// Conflict (silence_ended, too_many_silences).
func (s *Store) SaveSilence(ctx context.Context, actor Actor, ws int32, now time.Time, q silence.Silence) (saved silence.Silence, err error) {
	defer fault.Wrap(&err, "SaveSilence")
	if q, err = q.Check(now); err != nil {
		return saved, err
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockSilences, ws); err != nil {
			return err
		}
		saved, err = saveSilence(ctx, tx, actor, ws, now, q)
		return err
	})
	return saved, err
}

func saveSilence(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, now time.Time, q silence.Silence) (saved silence.Silence, err error) {
	details := silenceDetails(q)
	if q.ID == "" {
		q.ID = uuid.Must(uuid.NewV7()).String()
	} else {
		had, err := silenceByID(ctx, tx, ws, q.ID)
		if err != nil {
			return saved, err
		}
		if had.Over(now) {
			return saved, silenceEnded()
		}
		details["before"] = silenceDetails(had)
	}
	if err := roomForSilence(ctx, tx, ws, now, q); err != nil {
		return saved, err
	}
	rows, err := tx.Query(ctx, sqlSaveSilence, ws, q.ID, q.Environment, q.Service, q.Method, q.Endpoint, q.Code, q.Customer, q.Family, q.RuleID, q.Reason,
		q.Cron, q.Minutes, q.TimeZone, q.StartsAt.Time, q.EndsAt.Time, actor.Label)
	if err != nil {
		return saved, err
	}
	if saved, err = pgx.CollectExactlyOneRow(rows, scanSilence); err != nil {
		return saved, err
	}
	return saved, audit(ctx, tx, ws, actor, "silence.save", q.ID, details)
}

func roomForSilence(ctx context.Context, tx pgx.Tx, ws int32, now time.Time, q silence.Silence) error {
	if q.RuleID != "" {
		if _, err := ruleByID(ctx, tx, ws, q.RuleID); fault.Is(err, fault.NotFound) {
			return fault.New(fault.Unprocessable, "validation_failed", "The 'rule_id' field names a rule that is not there; leave it empty for any.").With("field", "rule_id")
		} else if err != nil {
			return err
		}
	}
	var n int
	if err := tx.QueryRow(ctx, sqlCountSilences, ws, now, q.ID).Scan(&n); err != nil {
		return err
	}
	if n >= MaxSilences {
		return fault.New(fault.Conflict, "too_many_silences", "A workspace takes at most %d silences that have not ended; end one that nobody needs first.", MaxSilences).With("limit", MaxSilences)
	}
	return nil
}

func silenceByID(ctx context.Context, tx pgx.Tx, ws int32, id string) (q silence.Silence, err error) {
	if uuid.Validate(id) != nil {
		return q, silenceNotFound()
	}
	rows, err := tx.Query(ctx, sqlSilence, ws, id)
	if err != nil {
		return q, err
	}
	q, err = pgx.CollectExactlyOneRow(rows, scanSilence)
	if errors.Is(err, pgx.ErrNoRows) {
		return q, silenceNotFound()
	}
	return q, err
}

func silenceNotFound() error {
	return fault.New(fault.NotFound, "silence_not_found", "There is no silence with this ID.")
}

func silenceEnded() error {
	return fault.New(fault.Conflict, "silence_ended", "This silence has ended, and stays as it was. Make a new one.")
}

// One that has not begun ends all the same, and then began just before.
const sqlEndSilence = `
UPDATE silences AS s SET ends_at = $3::timestamptz, starts_at = least(s.starts_at, $3::timestamptz - interval '1 second')
WHERE s.workspace_id = $1::int4 AND s.id = $2::uuid
RETURNING ` + silenceColumns

// EndSilence ends a silence now; one that has ended already is a fault Conflict
// (silence_ended).
func (s *Store) EndSilence(ctx context.Context, actor Actor, ws int32, now time.Time, id string) (ended silence.Silence, err error) {
	defer fault.Wrap(&err, "EndSilence")
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		had, err := silenceByID(ctx, tx, ws, id)
		switch {
		case err != nil:
			return err
		case had.Over(now):
			return silenceEnded()
		}
		rows, err := tx.Query(ctx, sqlEndSilence, ws, id, now)
		if err != nil {
			return err
		}
		if ended, err = pgx.CollectExactlyOneRow(rows, scanSilence); err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "silence.end", id, map[string]any{"ends_at_before": had.EndsAt, "reason": had.Reason})
	})
	return ended, err
}

// silenceDetails is a silence in the audit log: what it matches by, and when.
func silenceDetails(q silence.Silence) map[string]any {
	out := map[string]any{"reason": q.Reason, "starts_at": q.StartsAt, "ends_at": q.EndsAt}
	for name, v := range map[string]string{"environment": q.Environment, "service": q.Service, "method": q.Method, "endpoint": q.Endpoint, "code": q.Code,
		"customer": q.Customer, "family": q.Family, "rule_id": q.RuleID, "cron": q.Cron} {
		if v != "" {
			out[name] = v
		}
	}
	if q.Window() {
		out["minutes"], out["time_zone"] = q.Minutes, q.TimeZone
	}
	return out
}
