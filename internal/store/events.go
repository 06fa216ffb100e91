package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
)

// Page is one page of a list, newest first.
type Page struct {
	Events []event.Event
	Next   string // opaque cursor; "" on the last page
}

// MaxPage is the largest page.
const MaxPage = 200

// listTimeout ends a list whose filter matches next to nothing in a long
// range, before it costs others.
const listTimeout = `SET LOCAL statement_timeout = '5s'`

// Events lists what a filter matches, newest first. Errors: a fault
// Unprocessable for a bad filter value or cursor.
func (s *Store) Events(ctx context.Context, ws int32, f event.Filter, limit int, cursor string) (page Page, err error) {
	defer fault.Wrap(&err, "Events")
	limit = min(max(limit, 1), MaxPage)
	sql, args, err := eventsStatement(ws, f, limit, cursor)
	if err != nil {
		return Page{}, err
	}
	var rows []eventRow
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: "BEGIN READ ONLY; " + listTimeout}, func(tx pgx.Tx) error {
		if rows, err = eventRows(ctx, tx, sql, args...); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return Page{}, tooSlow(err)
	}
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = encodeCursor(rows[limit-1].event.ID)
	}
	page.Events = column(rows, func(r eventRow) event.Event { return r.event })
	return page, nil
}

func eventsStatement(ws int32, f event.Filter, limit int, cursor string) (sql string, args []any, err error) {
	q := query{}
	q.where("e.workspace_id = %s::int4", ws)
	q.where(noPointers)
	if err := q.filter(f); err != nil {
		return "", nil, err
	}
	if err := q.cursor(cursor); err != nil {
		return "", nil, err
	}
	// The primary key is the time order: IDs are made over occurred_at.
	sql = `SELECT ` + eventColumns + ` FROM events e WHERE ` + strings.Join(q.conds, " AND ") +
		` ORDER BY e.day DESC, e.id DESC LIMIT ` + q.arg(limit+1) + `::int4`
	return sql, q.args, nil
}

func tooSlow(err error) error {
	if strings.Contains(err.Error(), "57014") { // query_canceled, by statement_timeout
		return fault.New(fault.Unprocessable, "filter_too_broad",
			"The search took more than 5 s. Narrow it: a shorter range (from, to), or a service.").With("field", "from").Because(err)
	}
	return unavailable(err)
}

// query collects conditions with numbered arguments; values never become part
// of the text.
type query struct {
	conds []string
	args  []any
}

func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

func (q *query) where(format string, values ...any) {
	places := make([]any, len(values))
	for i, v := range values {
		places[i] = q.arg(v)
	}
	q.conds = append(q.conds, fmt.Sprintf(format, places...))
}

func (q *query) filter(f event.Filter) error {
	for _, c := range []struct{ column, value string }{
		{"service", f.Service}, {"environment", f.Environment}, {"endpoint", f.Endpoint}, {"method", f.Method},
		{"code", f.Code}, {"customer", f.Customer}, {"release", f.Release}, {"provider", f.Provider},
	} {
		if c.value != "" {
			if hasNUL(c.value) {
				return invalid(c.column, "must not contain NUL")
			}
			q.where("e."+c.column+" = %s::text", c.value)
		}
	}
	if f.Family != "" {
		q.where("e.family = %s::int2", ordinal(families, f.Family))
	}
	if f.Role != "" {
		q.where("e.role = %s::int2", ordinal(roles, f.Role))
	}
	if err := q.status(f.Status); err != nil {
		return err
	}
	if f.IssueID != "" {
		if _, err := uuid.Parse(f.IssueID); err != nil {
			return invalid("issue", "must be an issue ID")
		}
		issue := q.arg(f.IssueID)
		q.conds = append(q.conds, "e.issue_id IN (SELECT m.id FROM issues m WHERE m.workspace_id = $1::int4 AND (m.id = "+issue+"::uuid OR m.merged_into = "+issue+"::uuid))")
	}
	q.times(f)
	return q.search(f.Query)
}

func (q *query) status(s string) error {
	if s == "" {
		return nil
	}
	if len(s) == 3 && strings.HasSuffix(strings.ToLower(s), "xx") && s[0] >= '1' && s[0] <= '5' {
		class := int16(s[0]-'0') * 100
		q.where("e.status BETWEEN %s::int2 AND %s::int2", class, class+99)
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 100 || n > 599 {
		return invalid("status", "must be a status such as 429, or a class such as 5xx")
	}
	q.where("e.status = %s::int2", int16(n)) //nolint:gosec // 100..599
	return nil
}

// times narrows by occurred_at and, so that partitions can be left out, by the
// day of the ID, which is within a day of it.
func (q *query) times(f event.Filter) {
	if !f.From.IsZero() {
		q.where("e.occurred_at >= %s::timestamptz", f.From)
		q.where("e.day >= DATE '1970-01-01' + %s::int4", clampDay(f.From)-1)
	}
	if !f.To.IsZero() {
		q.where("e.occurred_at < %s::timestamptz", f.To)
		q.where("e.day <= DATE '1970-01-01' + %s::int4", clampDay(f.To)+1)
	}
}

func clampDay(t time.Time) int32 { return min(max(int32(identity.DayOf(t)), 0), 1<<20) }

func invalid(field, why string) error {
	return fault.New(fault.Unprocessable, "validation_failed", "The '%s' parameter %s", field, why).With("field", field)
}

func (q *query) cursor(cursor string) error {
	if cursor == "" {
		return nil
	}
	id, err := decodeCursor(cursor)
	if err != nil {
		return err
	}
	day := q.arg(dayOfID(id, time.Time{}))
	at := q.arg(id)
	q.conds = append(q.conds, "e.day <= DATE '1970-01-01' + "+day+"::int4",
		"(e.day < DATE '1970-01-01' + "+day+"::int4 OR e.id < "+at+"::uuid)")
	return nil
}

func encodeCursor(id string) string {
	u, err := uuid.Parse(id)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(u[:])
}

// decodeCursor is the ID that a page ended with, or a fault that names the cursor.
func decodeCursor(cursor string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) != 16 {
		return "", invalid("cursor", "is not one that this API gave out")
	}
	return identity.FormatUUID([16]byte(raw)), nil
}

// idBelow is what the IDs of a page are below: of the first page, any ID.
func idBelow(cursor string) (string, error) {
	if cursor == "" {
		return "ffffffff-ffff-ffff-ffff-ffffffffffff", nil
	}
	return decodeCursor(cursor)
}

const sqlEvent = `
SELECT ` + eventColumns + ` FROM events e
WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND e.id = $3::uuid`

// maxFolds is over how many folds an Event is followed: they are rarely chained,
// and never in a ring.
const maxFolds = 5

// Event gives one Event with its raw body and stack trace. The ID of an Event
// that was folded into another gives that one. A fault NotFound
// (event_not_found) otherwise.
func (s *Store) Event(ctx context.Context, ws int32, id string) (e event.Event, err error) {
	defer fault.Wrap(&err, "Event")
	err = s.reading(ctx, func(tx pgx.Tx) error {
		for range maxFolds {
			u, err := uuid.Parse(id)
			if err != nil {
				return eventNotFound()
			}
			rows, err := eventRows(ctx, tx, sqlEvent, ws, dayOfID(u.String(), time.Time{}), u.String())
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				return eventNotFound()
			}
			if id = rows[0].mergedInto; id != "" {
				continue
			}
			err = fillContents(ctx, tx, ws, rows, map[[16]byte][]byte{})
			e = rows[0].event
			return err
		}
		return eventNotFound()
	})
	return e, err
}

func eventNotFound() error {
	return fault.New(fault.NotFound, "event_not_found", "There is no Event with this ID, or it has expired.")
}

func eventRows(ctx context.Context, q querier, sql string, args ...any) ([]eventRow, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanEvent)
}
