package pgtest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Owner connects as the owner of the server, for what the product may not do.
func Owner(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	db, err := pgx.Connect(tb.Context(), url)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close(context.Background())) })
	return db
}

// TablesWith gives the tables that hold a text in any row and column, also as
// bytes: for tests of what must not be kept.
func TablesWith(tb testing.TB, url, text string) []string {
	tb.Helper()
	db := Owner(tb, url)
	rows, err := db.Query(tb.Context(), `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	require.NoError(tb, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(tb, err)
	require.NotEmpty(tb, tables)
	var out []string
	for _, table := range tables {
		var n int
		err := db.QueryRow(tb.Context(), `SELECT count(*) FROM `+table+` t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, encode($1::text::bytea, 'hex')) > 0`, text).Scan(&n)
		require.NoError(tb, err, table)
		if n > 0 {
			out = append(out, table)
		}
	}
	return out
}
