package migrations_test

import (
	"log/slog"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
	"errata/migrations"
)

func execAs(t *testing.T, at string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), at)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // the test is over
	for _, sql := range statements {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
}

// The owner of a database needs no superuser for pg_trgm; somebody who may not
// create in it is told what to ask for, and what came before stays.
func TestExtensionWithoutSuperuser(t *testing.T) {
	for _, may := range []bool{true, false} {
		db := pgtest.Empty(t)
		u, err := url.Parse(db.URL)
		require.NoError(t, err)
		name := u.Path[1:]
		role := name + "_owner"
		execAs(t, db.URL, `CREATE ROLE `+role+` LOGIN NOSUPERUSER`, `GRANT errata_owner TO `+role,
			`GRANT USAGE, CREATE ON SCHEMA public TO `+role+` WITH GRANT OPTION`)
		if may {
			execAs(t, db.URL, `ALTER DATABASE `+name+` OWNER TO `+role)
		}
		u.User = url.User(role)
		err = migrations.Up(t.Context(), u.String(), slog.New(slog.DiscardHandler))
		if may {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "pg_trgm")
		assert.ErrorContains(t, err, role+" may not create it")
		version, err := migrations.Version(t.Context(), db.URL)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, version, int64(7), "all that came before")
		assert.Less(t, version, int64(9))
	}
}
