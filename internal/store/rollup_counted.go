package store

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/rollup"
)

const sqlCountedErrors = `
SELECT extract(epoch FROM minute)::int8, role, family, coalesce(status, 0)::int2, n, service, environment, method, endpoint, code, provider, release
FROM error_minutes
WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz AND ($4::text = '' OR service = $4::text)`

const sqlCountedCustomers = `
SELECT extract(epoch FROM minute)::int8, role, family, coalesce(status, 0)::int2, service, environment, method, endpoint, code, customers, counts, durations, duration_counts
FROM customer_minutes
WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz AND ($4::text = '' OR service = $4::text)`

// textPool keeps one copy of each text: rows repeat each other.
type textPool map[string]string

func (w textPool) one(s string) string {
	if kept, ok := w[s]; ok {
		return kept
	}
	w[s] = s
	return s
}

// readCounted reads what was counted by the minute from one time to another, within
// an hour; of one service, or of all where that is "".
func readCounted(ctx context.Context, q querier, ws int32, from, to time.Time, service string) (c rollup.Counted, err error) {
	hour := from.Truncate(time.Hour).Unix()
	if c.Errors, err = countedErrors(ctx, q, hour, ws, from, to, service); err != nil {
		return c, err
	}
	if c.Customers, c.Durations, err = countedCustomers(ctx, q, hour, ws, from, to, service); err != nil {
		return c, err
	}
	c.Requests, err = countedRequests(ctx, q, hour, ws, from, to, service)
	return c, err
}

func countedErrors(ctx context.Context, q querier, hour int64, ws int32, from, to time.Time, service string) (out []rollup.ErrorCount, err error) {
	rows, err := q.Query(ctx, sqlCountedErrors, ws, from, to, service)
	if err != nil {
		return nil, err
	}
	var minute int64
	var role, family, status int16
	var e rollup.ErrorCount
	w := textPool{}
	_, err = pgx.ForEachRow(rows, []any{&minute, &role, &family, &status, &e.N, &e.Service, &e.Environment, &e.Method, &e.Endpoint, &e.Code, &e.Provider, &e.Release}, func() error {
		x := e
		x.Minute, x.Role, x.Family, x.Status = int(minute-hour)/60, string(roleOf(role)), string(familyOf(family)), statusText(status)
		for _, s := range []*string{&x.Service, &x.Environment, &x.Method, &x.Endpoint, &x.Code, &x.Provider, &x.Release} {
			*s = w.one(*s)
		}
		out = append(out, x)
		return nil
	})
	return out, err
}

func countedCustomers(ctx context.Context, q querier, hour int64, ws int32, from, to time.Time, service string) (out []rollup.CustomerCount, timed []rollup.DurationCount, err error) {
	rows, err := q.Query(ctx, sqlCountedCustomers, ws, from, to, service)
	if err != nil {
		return nil, nil, err
	}
	var minute int64
	var role, family, status int16
	var e rollup.CustomerCount
	var customers []string
	var counts, durationCounts []int32
	var durations []int16
	w := textPool{}
	_, err = pgx.ForEachRow(rows, []any{&minute, &role, &family, &status, &e.Service, &e.Environment, &e.Method, &e.Endpoint, &e.Code, &customers, &counts, &durations, &durationCounts}, func() error {
		x := e
		x.Minute, x.Role, x.Family, x.Status = int(minute-hour)/60, string(roleOf(role)), string(familyOf(family)), statusText(status)
		for _, s := range []*string{&x.Service, &x.Environment, &x.Method, &x.Endpoint, &x.Code} {
			*s = w.one(*s)
		}
		for i, name := range customers {
			x.Customer, x.N = w.one(name), int64(counts[i])
			out = append(out, x)
		}
		for i, bucket := range durations {
			timed = append(timed, rollup.DurationCount{Minute: x.Minute, Environment: x.Environment, Role: x.Role, Service: x.Service, Method: x.Method,
				Endpoint: x.Endpoint, Family: x.Family, Status: x.Status, Code: x.Code, Bucket: bucket, N: int64(durationCounts[i])})
		}
		return nil
	})
	return out, timed, err
}

// countedRequests chooses one source for each service and environment (see
// sqlRequests), for this hour; all of them, whatever they are for.
func countedRequests(ctx context.Context, q querier, hour int64, ws int32, from, to time.Time, service string) (out []rollup.RequestCount, err error) {
	rows, err := q.Query(ctx, sqlRequests, ws, from, to, service, "", "", "", math.MaxInt32)
	if err != nil {
		return nil, err
	}
	var minute time.Time
	var r rollup.RequestCount
	var source event.RequestSource
	w := textPool{}
	_, err = pgx.ForEachRow(rows, []any{&minute, &r.Service, &r.Environment, &r.Method, &r.Endpoint, &source, &r.N}, func() error {
		x := r
		x.Minute = int(minute.Unix()-hour) / 60
		for _, s := range []*string{&x.Service, &x.Environment, &x.Method, &x.Endpoint} {
			*s = w.one(*s)
		}
		out = append(out, x)
		return nil
	})
	return out, err
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

func statusText(n int16) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(int(n))
}
