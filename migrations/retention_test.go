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

// Stack traces that an older program wrote move into their own table: those of
// Events, of the reports that Events were merged from, and what they are
// differences from.
func TestStackTracesMoveIntoTheirTable(t *testing.T) {
	db := pgtest.Empty(t)
	require.NoError(t, migrations.UpTo(t.Context(), db.URL, 7))
	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // the test is over
	const (
		whole = "00000000-0000-0000-0000-0000000000aa"
		own   = "00000000-0000-0000-0000-0000000000bb"
		part  = "0102030405060708090a0b0c0d0e0fff"
		body  = "00000000-0000-0000-0000-0000000000cc"
	)
	for _, sql := range []string{
		`SELECT errata_ensure_day('2026-03-01')`,
		`INSERT INTO events (workspace_id, day, id, occurred_at, received_at, issue_id, body_hash, stack_hash, role, family, sources, fp_version,
			endpoint_other, parts, service, environment, release, method, endpoint, path, customer, provider, raw_code, code, message)
			VALUES (7, '2026-03-01', gen_random_uuid(), now(), now(), gen_random_uuid(), '` + body + `', '` + own + `', 0, 0, 1, 1, false, 2, 's', '', '', '', '', '', '', '', '', 'c', '')`,
		`INSERT INTO event_parts (workspace_id, day, event_id, part_id, source, record) VALUES
			(7, '2026-03-01', gen_random_uuid(), gen_random_uuid(), 0, '{"stack":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,255]}')`,
		`INSERT INTO bodies (workspace_id, day, hash, content, codec, base) VALUES
			(7, '2026-03-01', '` + whole + `', 'w', 0, NULL), (7, '2026-03-01', '` + own + `', 'o', 2, '` + whole + `'),
			(7, '2026-03-01', '` + part + `', 'p', 0, NULL), (7, '2026-03-01', '` + body + `', 'b', 0, NULL), (8, '2026-03-01', '` + own + `', 'x', 0, NULL)`,
	} {
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.NoError(t, migrations.Up(t.Context(), db.URL, slog.New(slog.DiscardHandler)))
	rows, err := conn.Query(t.Context(), `SELECT convert_from(content, 'UTF8') FROM stacks WHERE workspace_id = 7 ORDER BY hash`)
	require.NoError(t, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	assert.Equal(t, []string{"w", "o", "p"}, got)
	var others int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM stacks WHERE workspace_id <> 7`).Scan(&others))
	assert.Zero(t, others)
}
