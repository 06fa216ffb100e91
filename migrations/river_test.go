package migrations_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
	"errata/internal/postgres"
)

// What the migrations say about River's schema is what River's own migrations,
// of the version that is compiled in, make of it.
func TestRiverSchema(t *testing.T) {
	theirs := pgtest.Empty(t)
	pool, err := pgxpool.New(t.Context(), theirs.URL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	m, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	require.NoError(t, err)
	_, err = m.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)
	want, have := riverDump(t, theirs.URL), riverDump(t, pgtest.New(t).URL)
	require.Greater(t, len(want), 30)
	assert.Equal(t, want, have)

	ours, err := pgxpool.New(t.Context(), pgtest.New(t).URL)
	require.NoError(t, err)
	t.Cleanup(ours.Close)
	m, err = rivermigrate.New(riverpgxv5.New(ours), nil)
	require.NoError(t, err)
	res, err := m.Validate(t.Context(), nil)
	require.NoError(t, err)
	assert.True(t, res.OK, res.Messages)
}

// riverDump is the lines of a dump that have to do with River, in an order that
// does not depend on that of creation: columns that were added later come last
// in theirs.
func riverDump(t *testing.T, url string) []string {
	t.Helper()
	bin, err := postgres.Find()
	require.NoError(t, err)
	out, err := exec.Command(filepath.Join(bin.Dir, "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", "--table=river_*", url).Output()
	require.NoError(t, err)
	var lines []string
	for _, line := range strings.Split(normalise(string(out)), "\n") {
		lines = append(lines, strings.TrimSuffix(strings.ReplaceAll(line, "_pkey1", "_pkey"), ","))
	}
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // the test is over
	rows, err := conn.Query(t.Context(), `SELECT regexp_replace(pg_get_functiondef(oid), '\s+', ' ', 'g') FROM pg_proc WHERE proname LIKE 'river%'
		UNION ALL SELECT enum_range(NULL::river_job_state)::text`)
	require.NoError(t, err)
	others, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Len(t, others, 2)
	lines = append(lines, others...)
	slices.Sort(lines)
	return lines
}
