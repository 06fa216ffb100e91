package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"errata/internal/event"
	"errata/internal/rollup"
)

const sqlCountedErrors = `
SELECT minute, role, family, coalesce(status, 0)::int2, service, environment, method, endpoint, code, provider, release, n
FROM error_minutes
WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz AND ($4::text = '' OR service = $4::text)`

const sqlCountedCustomers = `
SELECT minute, role, family, coalesce(status, 0)::int2, service, environment, method, endpoint, code, customers, counts, durations, duration_counts
FROM customer_minutes
WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz AND ($4::text = '' OR service = $4::text)`

// Adding up statuses and slots here makes half as many rows of it.
const sqlCountedRequests = `
SELECT minute, service, environment, method, endpoint, source, sum(n)
FROM request_minutes
WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz AND ($4::text = '' OR service = $4::text)
GROUP BY minute, service, environment, method, endpoint, source`

// readCounted reads what was counted by the minute from one time to another, within
// an hour; of one service, or of all where that is "".
func readCounted(ctx context.Context, q querier, ws int32, from, to time.Time, service string) (*rollup.Counted, error) {
	c := &rollup.Counted{}
	return c, readCountedInto(ctx, q, ws, from, to, service, func(time.Time) *rollup.Counted { return c })
}

// readCountedInto is readCounted into what counts a minute.
func readCountedInto(ctx context.Context, q querier, ws int32, from, to time.Time, service string, of func(minute time.Time) *rollup.Counted) error {
	r := countedReader{ctx: ctx, q: q, args: []any{ws, from, to, service}, of: of}
	if err := r.errors(); err != nil {
		return err
	}
	if err := r.customers(); err != nil {
		return err
	}
	return r.requests()
}

// countedReader reads rows. Its scanners are called with what came over the wire,
// the minute first: of ten texts in a row, nine have been seen before.
type countedReader struct {
	ctx  context.Context //nolint:containedctx // it lives as long as a call
	q    querier
	args []any
	of   func(minute time.Time) *rollup.Counted

	c                    *rollup.Counted // of the minute
	minute               atMinute
	role, family, status int16
}

// atMinute is the first column of a row.
type atMinute struct {
	r *countedReader
	time.Time
}

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (m *atMinute) ScanTimestamptz(v pgtype.Timestamptz) error {
	if !v.Time.Equal(m.Time) || m.r.c == nil {
		m.Time = v.Time.UTC() // zones have minutes of their own
		m.r.c = m.r.of(m.Time)
	}
	return nil
}

// text takes a column as a dimension.
func (r *countedReader) text(d rollup.Dim) any { return textInto{r, d} }

type textInto struct {
	r *countedReader
	d rollup.Dim
}

// ScanBytes implements pgtype.BytesScanner.
func (t textInto) ScanBytes(v []byte) error {
	t.r.c.SetBytes(t.d, v)
	return nil
}

// borrowed is a text in the row that is being read: it does not outlive it.
type borrowed []byte

// ScanBytes implements pgtype.BytesScanner.
func (b *borrowed) ScanBytes(v []byte) error {
	*b = v
	return nil
}

// elements takes an array into the room of the one before. NULL has none.
type elements[T any] struct{ list []T }

// SetDimensions implements pgtype.ArraySetter.
func (e *elements[T]) SetDimensions(dimensions []pgtype.ArrayDimension) error {
	n := 0
	if len(dimensions) > 0 {
		n = int(dimensions[0].Length)
	}
	e.list = slices.Grow(e.list[:0], n)[:n]
	return nil
}

// ScanIndex implements pgtype.ArraySetter.
func (e *elements[T]) ScanIndex(i int) any { return &e.list[i] }

// ScanIndexType implements pgtype.ArraySetter.
func (e *elements[T]) ScanIndexType() any { return new(T) }

// first is the column of minutes.
func (r *countedReader) first() any {
	r.minute.r = r
	return &r.minute
}

// about are the columns that failures and customers have in common.
func (r *countedReader) about(more ...any) []any {
	return append([]any{r.first(), &r.role, &r.family, &r.status, r.text(rollup.Service), r.text(rollup.Environment), r.text(rollup.Method), r.text(rollup.Endpoint), r.text(rollup.Code)}, more...)
}

// set takes what is no text.
func (r *countedReader) set() {
	r.c.Set(rollup.Role, string(roleOf(r.role)))
	r.c.Set(rollup.Family, string(familyOf(r.family)))
	r.c.Set(rollup.Status, statusText(r.status))
}

func (r *countedReader) errors() error {
	rows, err := r.q.Query(r.ctx, sqlCountedErrors, r.args...)
	if err != nil {
		return err
	}
	var n int64
	_, err = pgx.ForEachRow(rows, r.about(r.text(rollup.Provider), r.text(rollup.Release), &n), func() error {
		r.set()
		r.c.Errors(r.minute.Minute(), n)
		return nil
	})
	return err
}

func (r *countedReader) customers() error {
	rows, err := r.q.Query(r.ctx, sqlCountedCustomers, r.args...)
	if err != nil {
		return err
	}
	var names elements[borrowed]
	var counts, timed elements[int32]
	var buckets elements[int16]
	_, err = pgx.ForEachRow(rows, r.about(&names, &counts, &buckets, &timed), func() error {
		if len(names.list) != len(counts.list) || len(buckets.list) != len(timed.list) {
			return errors.New("a row of customer_minutes has more names than counts, or fewer")
		}
		r.set()
		for i, name := range names.list {
			r.c.SetBytes(rollup.Customer, name)
			r.c.Customers(r.minute.Minute(), int64(counts.list[i]))
		}
		for i, bucket := range buckets.list {
			r.c.Durations(r.minute.Minute(), bucket, int64(timed.list[i]))
		}
		return nil
	})
	return err
}

// requests takes what each of the sources has.
func (r *countedReader) requests() error {
	rows, err := r.q.Query(r.ctx, sqlCountedRequests, r.args...)
	if err != nil {
		return err
	}
	var source event.RequestSource
	var n float64
	into := []any{r.first(), r.text(rollup.Service), r.text(rollup.Environment), r.text(rollup.Method), r.text(rollup.Endpoint), &source, &n}
	_, err = pgx.ForEachRow(rows, into, func() error {
		r.c.Requests(r.minute.Minute(), source, n)
		return nil
	})
	return err
}

func roleOf(n int16) event.Role {
	if n < 0 || int(n) >= len(roles) {
		return event.Primary
	}
	return roles[n]
}

func familyOf(n int16) event.Family {
	if n < 0 || int(n) >= len(families) {
		return event.FamilyUs
	}
	return families[n]
}

// statusTexts are those there are.
var statusTexts = func() (out [600]string) {
	for n := 1; n < len(out); n++ {
		out[n] = strconv.Itoa(n)
	}
	return out
}()

// statusText is "" for none.
func statusText(n int16) string {
	if n < 0 || int(n) >= len(statusTexts) {
		return strconv.Itoa(int(n))
	}
	return statusTexts[n]
}
