package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/thin"
)

const sqlThinning = `
SELECT r.workspace_id, ` + thinningColumns + ` FROM thinning_rules r WHERE r.enabled ORDER BY r.workspace_id, r.name`

// thinning is a rule and whose it is.
type thinning struct {
	ws int32
	thin.Rule
}

func (s *Store) thinnings(ctx context.Context) ([]thinning, error) {
	rows, err := s.pool.Query(ctx, sqlThinning)
	if err != nil {
		return nil, unavailable(err)
	}
	var t thinning
	var out []thinning
	_, err = pgx.ForEachRow(rows, []any{&t.ws, &t.Name, &t.Match, &t.AfterDays, &t.Keep, &t.Enabled, &t.CreatedAt.Time, &t.CreatedBy, &t.UpdatedAt.Time, &t.UpdatedBy}, func() error {
		out = append(out, t)
		return nil
	})
	return out, unavailable(err)
}

const (
	sqlAnyThinned = `SELECT EXISTS (SELECT FROM thinned_days)`

	// Marks of days that have gone since.
	sqlForgetThinnedDays = `DELETE FROM thinned_days d WHERE d.day < DATE '1970-01-01' + $1::int4`
)

// thin has the rules of workspaces let go what they do not keep, rule by rule in the
// order of their names, and day by day. Only Events go: they stay counted.
//
// What one rule has against it does not hold up the others. Broken off, a run leaves
// less than there was, all of it remembered; the next one goes on. Of several at once
// none takes what another keeps, since all keep the same.
func (s *Store) thin(ctx context.Context, now time.Time) (err error) {
	defer fault.Wrap(&err, "thin")
	rules, err := s.thinnings(ctx)
	if err != nil {
		return err
	}
	if len(rules) == 0 { // those that there were may have left room to give back
		var some bool
		if err := s.pool.QueryRow(ctx, sqlAnyThinned).Scan(&some); err != nil || !some {
			return unavailable(err)
		}
	}
	all, err := s.partitions(ctx)
	if err != nil {
		return err
	}
	var errs []error
	var days []int32
	for _, p := range all {
		if p.table == datedEvents.name {
			days = append(days, p.day)
		}
	}
	if len(days) > 0 {
		_, err := s.pool.Exec(ctx, sqlForgetThinnedDays, days[0])
		errs = append(errs, unavailable(err))
	}
	for _, r := range rules {
		errs = append(errs, s.thinRule(ctx, r, days, now))
	}
	return errors.Join(append(errs, s.pack(ctx, all))...)
}

// thinRule goes through the days that are old enough for a rule, but for those that
// are too old for the workspace anyway.
func (s *Store) thinRule(ctx context.Context, r thinning, days []int32, now time.Time) (err error) {
	defer fault.Wrap(&err, "thinRule(%d, %s)", r.ws, r.Name)
	kept, err := s.keepsFor(ctx, r.ws)
	if err != nil {
		return unavailable(err)
	}
	for _, day := range days {
		if now.Before(dueAt(day, r.AfterDays)) || !now.Before(dueAt(day, kept)) {
			continue
		}
		written, done, err := s.thinned(ctx, r, day, now)
		if err == nil && !done {
			err = s.thinDay(ctx, r, day, written, now)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// How many rows have been written to a day of Events, those of transactions that were
// undone included. PostgreSQL counts them once others can see them: what is not in the
// number yet makes it another one later.
const sqlWritten = `
SELECT coalesce(pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid), 0) FROM pg_class c
WHERE c.oid = to_regclass('public.events_' || to_char(DATE '1970-01-01' + $1::int4, 'YYYYMMDD'))`

const sqlThinnedDay = `
SELECT EXISTS (SELECT FROM thinned_days d
  WHERE d.workspace_id = $1::int4 AND d.day = DATE '1970-01-01' + $2::int4 AND d.rule = $3::text AND d.match = $4::text AND d.keep = $5::int4 AND d.written = $6::int8
    AND (d.again_at IS NULL OR d.again_at > $7::timestamptz))`

// thinned reports whether the rule has been through the day as both are now. written
// is what to note once it has.
func (s *Store) thinned(ctx context.Context, r thinning, day int32, now time.Time) (written int64, done bool, err error) {
	err = s.pool.QueryRow(ctx, sqlWritten, day).Scan(&written)
	if errors.Is(err, pgx.ErrNoRows) { // the day has just gone
		return 0, true, nil
	}
	if err == nil {
		err = s.pool.QueryRow(ctx, sqlThinnedDay, r.ws, day, r.Name, r.Match, r.Keep, written, now).Scan(&done)
	}
	return written, done, unavailable(err)
}

const (
	// Unless somebody has changed the rule, or removed it, in between.
	sqlNoteThinned = `
INSERT INTO thinned_days (workspace_id, day, rule, match, keep, written, again_at, gone)
SELECT r.workspace_id, DATE '1970-01-01' + $2::int4, r.name, r.match, r.keep, $6::int8, $7::timestamptz, 0 FROM thinning_rules r
WHERE r.workspace_id = $1::int4 AND r.name = $3::text AND r.match = $4::text AND r.keep = $5::int4
ON CONFLICT (workspace_id, day, rule) DO UPDATE SET match = excluded.match, keep = excluded.keep, written = excluded.written, again_at = excluded.again_at, at = now()`

	// So much has gone of the day, whatever has become of the rule. It is not through
	// with a day that -1 rows were written to: there is none.
	sqlNoteGone = `
INSERT INTO thinned_days (workspace_id, day, rule, match, keep, written, gone)
VALUES ($1::int4, DATE '1970-01-01' + $2::int4, $3::text, $4::text, $5::int4, -1, $6::int8)
ON CONFLICT (workspace_id, day, rule) DO UPDATE SET gone = thinned_days.gone + excluded.gone, at = now()`
)

// thinDay has a rule let go what it does not keep of a day.
func (s *Store) thinDay(ctx context.Context, r thinning, day int32, written int64, now time.Time) (err error) {
	defer fault.Wrap(&err, "thinDay(%s)", dayText(day))
	spares, err := s.sparedOf(ctx, s.pool, r.ws, day)
	if err != nil {
		return unavailable(err)
	}
	t := newThinner(s, r, day, now)
	if err := t.findCuts(ctx, spares); err != nil {
		return err
	}
	if len(t.cuts) > 0 {
		if err = t.letGo(ctx, spares); err != nil {
			return err
		}
	}
	if err := t.sweep(ctx); err != nil {
		return err
	}
	var again *time.Time
	if t.newest != nil {
		at := t.newest.Add(repeatable)
		again = &at
	}
	_, err = s.pool.Exec(ctx, sqlNoteThinned, r.ws, day, r.Name, r.Match, r.Keep, written, again)
	return unavailable(err)
}

// letGo remembers what goes, has issues lead to what stays, and then lets go.
func (t *thinner) letGo(ctx context.Context, spares spared) error {
	s, ws := t.s, t.rule.ws
	filters, err := s.remember(ctx, ws, t.day, t.goneIDs(spares))
	if err != nil {
		return err
	}
	if err := t.showKept(ctx); err != nil {
		return err
	}
	gone, err := t.delete(ctx, filters)
	if gone > 0 {
		err = errors.Join(err, t.note(ctx, gone))
	}
	return err
}

// note says what has gone, also where a run was broken off.
func (t *thinner) note(ctx context.Context, gone int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	r := t.rule
	t.s.log.InfoContext(ctx, "a day was thinned out", "workspace", r.ws, "rule", r.Name, "day", dayText(t.day), "rows", gone)
	_, err := t.s.pool.Exec(ctx, sqlNoteGone, r.ws, t.day, r.Name, r.Match, r.Keep, gone)
	return errors.Join(unavailable(err), t.audit(ctx, gone))
}

func (t *thinner) audit(ctx context.Context, gone int64) error {
	r := t.rule
	return t.s.Audit(ctx, r.ws, System, "thin", dayText(t.day), map[string]any{"rows": gone, "rule": r.Name, "match": r.Match, "keep": r.Keep, "after_days": r.AfterDays})
}
