package migrations_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
	"errata/migrations"
)

// Days that are there keep their rows and their indexes, the one on span IDs
// included, and are days of the table still; new ones have segments in theirs.
func TestDaysKeepTheirIndexes(t *testing.T) {
	db := pgtest.Empty(t)
	require.NoError(t, migrations.UpTo(t.Context(), db.URL, 32))
	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) }) //nolint:errcheck // the test is over
	k := &oldKeys{t, db.URL, conn}
	k.exec(`SELECT errata_ensure_day('2026-02-28')`)
	k.event(oneEvent, nil, "req_1", keysTrace)

	indexes := func(day string) (list []string) {
		rows, err := conn.Query(t.Context(), `
			SELECT regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', '') || CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END ||
			  CASE WHEN EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid) THEN ' of the table' ELSE '' END
			FROM pg_index i WHERE i.indrelid = $1::text::regclass ORDER BY 1`, "events_"+day)
		require.NoError(t, err)
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return list
	}
	const span = "btree (span_id) WHERE (span_id IS NOT NULL)"
	before := indexes("20260228")
	assert.Contains(t, before, span+" of the table")

	// The first of the two may have been broken off.
	require.NoError(t, migrations.UpTo(t.Context(), db.URL, 33))
	k.exec(`ALTER TABLE events_20260228 DROP CONSTRAINT of_the_day`)
	require.NoError(t, migrations.Up(t.Context(), db.URL, slog.New(slog.DiscardHandler)))

	for i := range before {
		if before[i] == span+" of the table" {
			before[i] = span
		}
	}
	assert.ElementsMatch(t, before, indexes("20260228"))
	var found, constraints int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM events WHERE day = '2026-02-28' AND segment = 0 AND span_id IS NOT NULL`).Scan(&found))
	assert.Equal(t, 1, found)
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_constraint WHERE conname = 'of_the_day'`).Scan(&constraints))
	assert.Zero(t, constraints)

	k.exec(`SELECT errata_ensure_day('2026-03-01')`)
	fresh := indexes("20260301")
	assert.Contains(t, fresh, "btree (segment, span_id) WHERE (span_id IS NOT NULL)")
	assert.Contains(t, fresh, "btree (segment, trace_id, span_key) WHERE (trace_id IS NOT NULL)")
	assert.NotContains(t, fresh, span)
}
