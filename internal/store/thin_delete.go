package store

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"errata/internal/event"
)

// goingRow is a failure that a rule matches, or what was folded into one.
type goingRow struct {
	id, into       string
	request, trace string
	aliases        []event.Alias
}

// ids are those that people may have.
func (r *goingRow) ids(fn func(id string)) {
	for _, id := range []string{r.request, strings.ReplaceAll(r.trace, "-", "")} {
		if id != "" {
			fn(id)
		}
	}
	for _, a := range r.aliases {
		fn(a.Value)
	}
}

func (r *goingRow) remembered(filters []*idFilter) bool {
	ok := true
	r.ids(func(id string) { ok = ok && remembered(filters, spotOf(id)) })
	return ok
}

const noID = "00000000-0000-0000-0000-000000000000"

// Of Events of a rule, in order.
const (
	walkBegin = `
SELECT e.id::text, e.issue_id::text, ` + eventHour + `, ` + requestHash + `, coalesce(e.request_id, ''), coalesce(e.trace_id::text, ''), coalesce((e.extra -> 'aliases')::text, '')
FROM events e WHERE `
	walkEnd = ` ORDER BY e.id LIMIT `
)

// batch gives which failures go of the next deleteBatch that the rule matches, and how
// to go on; "" where there are no more.
func (t *thinner) batch(ctx context.Context, q querier, after string) (going []goingRow, next string, err error) {
	w, err := t.matched()
	if err != nil {
		return nil, "", err
	}
	w.where("e.id > %s::uuid", after)
	w.where("e.received_at <= %s::timestamptz", t.late)
	rows, err := q.Query(ctx, walkBegin+strings.Join(w.conds, " AND ")+walkEnd+w.arg(deleteBatch)+"::int4", w.args...)
	if err != nil {
		return nil, "", err
	}
	var r goingRow
	var of issueAndHour
	var hash int64
	var aliases string
	n := 0
	_, err = pgx.ForEachRow(rows, []any{&r.id, &of.issue, &of.hour, &hash, &r.request, &r.trace, &aliases}, func() error {
		n++
		next = r.id
		c, ok := t.cuts[of]
		if !ok || !c.takes(hash, r.id) {
			return nil
		}
		r.aliases = nil
		if aliases != "" {
			if err := json.Unmarshal([]byte(aliases), &r.aliases); err != nil {
				return err
			}
		}
		going = append(going, r)
		return nil
	})
	if n < deleteBatch {
		next = ""
	}
	return going, next, err
}

// each gives what goes, batch by batch.
func (t *thinner) each(ctx context.Context, fn func([]goingRow) error) error {
	for after := noID; after != ""; {
		going, next, err := t.batch(ctx, t.s.pool, after)
		if err == nil && len(going) > 0 {
			err = fn(going)
		}
		if err != nil {
			return unavailable(err)
		}
		after = next
	}
	return nil
}

func (t *thinner) by() goneBy { return goneBy{t.rule.Name, t.rule.Keep, t.rule.AfterDays} }

// goneIDs are the IDs of what is going to go.
func (t *thinner) goneIDs(spares spared) goneIDs {
	return goneIDs{
		by: t.by(),
		about: func(context.Context) (n int64, err error) {
			for _, c := range t.cuts {
				n += c.ids
			}
			return n, nil
		},
		each: func(ctx context.Context, fn func(spot)) error {
			return t.each(ctx, func(going []goingRow) error {
				for i := range going {
					if !spares.has(&going[i]) {
						going[i].ids(func(id string) { fn(spotOf(id)) })
					}
				}
				return nil
			})
		},
	}
}

const (
	sqlThinParts = `
DELETE FROM event_parts p WHERE p.workspace_id = $1::int4 AND p.day = DATE '1970-01-01' + $2::int4 AND p.event_id = ANY ($3::uuid[])`

	// By value, which is how their index begins.
	sqlThinAliases = `
DELETE FROM aliases a USING unnest($3::text[], $4::uuid[]) AS u(v, e)
WHERE a.workspace_id = $1::int4 AND a.day = DATE '1970-01-01' + $2::int4 AND a.value = u.v AND a.event_id = u.e`

	sqlThinEvents = `
DELETE FROM events e WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND e.id = ANY ($3::uuid[])`
)

// delete lets go what the filters have, a batch at a time, and tells how many
// failures that were. What came in since stays for the next run, and so does what
// somebody has just begun to keep something with.
func (t *thinner) delete(ctx context.Context, filters []*idFilter) (total int64, err error) {
	err = t.each(ctx, func(going []goingRow) error {
		n, err := t.deleteRows(ctx, filters, going)
		total += n
		return err
	})
	return total, err
}

func (t *thinner) deleteRows(ctx context.Context, filters []*idFilter, going []goingRow) (n int64, err error) {
	ws := t.rule.ws
	err = t.s.inTx(ctx, func(tx pgx.Tx) error {
		spares, err := t.s.sparedOf(ctx, tx, ws, t.day)
		if err != nil {
			return err
		}
		var ids, values, of []string
		for i := range going {
			r := &going[i]
			if spares.has(r) || !r.remembered(filters) {
				continue
			}
			ids = append(ids, r.id)
			for _, a := range r.aliases {
				values, of = append(values, a.Value), append(of, r.id)
			}
		}
		if len(ids) == 0 {
			n = 0
			return nil
		}
		b := &pgx.Batch{}
		b.Queue(sqlThinAliases, ws, t.day, values, of)
		b.Queue(sqlThinParts, ws, t.day, ids)
		b.Queue(sqlThinEvents, ws, t.day, ids).Exec(func(tag pgconn.CommandTag) error {
			n = tag.RowsAffected()
			return nil
		})
		return tx.SendBatch(ctx, b).Close()
	})
	return n, err
}

// Pointers to Events, and Events that were folded into others, that are not there.
const sqlLeadNowhere = `
SELECT e.id::text, e.merged_into::text, CASE WHEN e.parts > 0 THEN coalesce(e.request_id, '') ELSE '' END, CASE WHEN e.parts > 0 THEN coalesce(e.trace_id::text, '') ELSE '' END
FROM events e WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND e.merged_into IS NOT NULL AND e.id > $3::uuid
  AND NOT EXISTS (SELECT FROM events t WHERE t.workspace_id = e.workspace_id AND t.day = e.day AND t.id = e.merged_into)
ORDER BY e.id LIMIT $4::int4`

// eachNowhere gives what leads to Events of this day that have gone. What leads to
// those of another day goes with its own.
func (t *thinner) eachNowhere(ctx context.Context, fn func([]goingRow) error) error {
	for after, n := noID, deleteBatch; n == deleteBatch; {
		rows, err := t.s.pool.Query(ctx, sqlLeadNowhere, t.rule.ws, t.day, after, deleteBatch)
		if err != nil {
			return unavailable(err)
		}
		var r goingRow
		var found []goingRow
		n = 0
		_, err = pgx.ForEachRow(rows, []any{&r.id, &r.into, &r.request, &r.trace}, func() error {
			n++
			after = r.id
			if dayOfID(r.into, time.Time{}) == t.day {
				found = append(found, r)
			}
			return nil
		})
		if err == nil && len(found) > 0 {
			err = fn(found)
		}
		if err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// sweep lets go what leads to Events that have gone, one fold at a time.
func (t *thinner) sweep(ctx context.Context) error {
	for range maxFolds {
		var found, ids int64
		if err := t.eachNowhere(ctx, func(rows []goingRow) error {
			found += int64(len(rows))
			for i := range rows {
				rows[i].ids(func(string) { ids++ })
			}
			return nil
		}); err != nil || found == 0 {
			return err
		}
		filters, err := t.s.remember(ctx, t.rule.ws, t.day, goneIDs{
			by:    t.by(),
			about: func(context.Context) (int64, error) { return ids, nil },
			each: func(ctx context.Context, fn func(spot)) error {
				return t.eachNowhere(ctx, func(rows []goingRow) error {
					for i := range rows {
						rows[i].ids(func(id string) { fn(spotOf(id)) })
					}
					return nil
				})
			},
		})
		if err != nil {
			return err
		}
		if err := t.eachNowhere(ctx, func(rows []goingRow) error {
			_, err := t.deleteRows(ctx, filters, rows)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
