package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"errata/internal/fault"
	ql "errata/internal/query"
)

// valuesTimeout is short: somebody is typing, and a list that comes late is of
// no use.
const valuesTimeout = `SET LOCAL statement_timeout = '500ms'`

// The newest rows of the roll-ups tell what is going on; reading no more of
// them bounds the work, however much is reported.
const sqlValues = `
SELECT x.v FROM (
  SELECT m.n, CASE $2::text WHEN 'service' THEN m.service WHEN 'code' THEN m.code WHEN 'endpoint' THEN m.endpoint WHEN 'method' THEN m.method
    WHEN 'environment' THEN m.environment WHEN 'release' THEN m.release WHEN 'provider' THEN m.provider END AS v
  FROM (SELECT r.n, r.service, r.code, r.endpoint, r.method, r.environment, r.release, r.provider FROM error_minutes r
    WHERE r.workspace_id = $1::int4 AND r.minute >= now() - interval '3 days' ORDER BY r.minute DESC LIMIT 20000) m) x
WHERE x.v <> '' AND starts_with(lower(x.v), lower($3::text))
GROUP BY x.v HAVING sum(x.n) > 0 ORDER BY sum(x.n) DESC, x.v LIMIT $4::int4`

const sqlCustomers = `
SELECT u.customer FROM (SELECT c.customers, c.counts FROM customer_minutes c
  WHERE c.workspace_id = $1::int4 AND c.minute >= now() - interval '1 day' LIMIT 20000) m, unnest(m.customers, m.counts) AS u (customer, n)
WHERE starts_with(lower(u.customer), lower($2::text))
GROUP BY u.customer HAVING sum(u.n) > 0 ORDER BY sum(u.n) DESC, u.customer LIMIT $3::int4`

const sqlIssueValues = `
SELECT x.v FROM (SELECT CASE $2::text WHEN 'assignee' THEN i.assignee WHEN 'exception' THEN i.exception END AS v FROM issues i WHERE i.workspace_id = $1::int4) x
WHERE x.v <> '' AND starts_with(lower(x.v), lower($3::text))
GROUP BY x.v ORDER BY count(*) DESC, x.v LIMIT $4::int4`

// Values are what a field had in the last days and begins with a prefix, in
// any capitals, the most frequent first: to complete what is being typed. It
// may know less than there is, and knows nothing of fields that roll-ups do
// not count.
func (s *Store) Values(ctx context.Context, ws int32, field ql.Field, prefix string, limit int) (values []string, err error) {
	defer fault.Wrap(&err, "Values")
	sql, args := sqlValues, []any{ws, string(field), prefix, limit}
	switch field {
	case ql.Customer:
		sql, args = sqlCustomers, []any{ws, prefix, limit}
	case ql.Assignee, ql.Exception:
		sql = sqlIssueValues
	case ql.Service, ql.Code, ql.Endpoint, ql.Method, ql.Environment, ql.Release, ql.Provider:
	default:
		return nil, nil
	}
	if hasNUL(prefix) {
		return nil, nil
	}
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: "BEGIN READ ONLY; " + valuesTimeout}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		values, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "57014" { // too slow to be of use
		return nil, nil
	}
	return values, unavailable(err)
}
