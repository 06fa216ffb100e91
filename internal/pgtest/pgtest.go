// Package pgtest gives each test a database of its own on a real PostgreSQL.
//
// The server is the one that $ERRATA_TEST_DATABASE_URL names (`make test`
// starts one for the whole run), else a private one per test process. The
// databases are copies of a template with every migration applied. That of a
// failed test is kept while the server lives, and the psql line to look into
// it is logged. No PostgreSQL means a failed test that says what to install,
// never a skipped one.
package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"errata/internal/postgres"
	"errata/migrations"
)

// DB is one test's database.
type DB struct {
	URL    string // as the owner of the server
	AppURL string // as errata_app, which is what the product runs as
}

// EnvURL names a running server for tests: a superuser's URL.
const EnvURL = "ERRATA_TEST_DATABASE_URL"

var (
	once     sync.Once
	base     string // superuser's URL of the maintenance database
	template string
	failure  error
	cleanup  = func() {}
	serial   atomic.Int64
)

// Main runs a package's tests, stops the server that they started, and does
// what else is to be done at the end. Every package with database tests calls
// it from TestMain.
func Main(m *testing.M, atTheEnd ...func()) {
	code := m.Run()
	cleanup()
	for _, fn := range atTheEnd {
		fn()
	}
	os.Exit(code)
}

// New makes an empty, migrated database and drops it when the test has passed.
func New(t testing.TB) *DB {
	t.Helper()
	once.Do(func() { failure = start(context.Background()) })
	if failure != nil {
		t.Fatalf("these tests need a real PostgreSQL: %v", failure)
	}
	name := fmt.Sprintf("t%d_%d", os.Getpid(), serial.Add(1))
	if err := admin(`CREATE DATABASE ` + name + ` TEMPLATE ` + template); err != nil {
		t.Fatalf("cannot make a test database: %v", err)
	}
	db := &DB{URL: with(base, "", name), AppURL: with(base, "errata_app", name)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the database is kept while its server runs: psql '%s'", db.URL)
			return
		}
		if err := admin(`DROP DATABASE ` + name + ` WITH (FORCE)`); err != nil {
			t.Logf("cannot drop %s: %v", name, err)
		}
	})
	return db
}

// Empty makes a database without any migration.
func Empty(t testing.TB) *DB {
	t.Helper()
	db := New(t)
	u, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	name := u.Path[1:]
	for _, sql := range []string{`DROP DATABASE ` + name + ` WITH (FORCE)`, `CREATE DATABASE ` + name} {
		if err := admin(sql); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// with points a URL at another database and, if given, another role.
func with(base, user, database string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	if user != "" {
		u.User = url.User(user)
	}
	u.Path = "/" + database
	return u.String()
}

func admin(sql string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, base)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // the statement has its own error
	_, err = conn.Exec(ctx, sql)
	return err
}

func start(ctx context.Context) error {
	if base = os.Getenv(EnvURL); base == "" {
		server, stop, err := Serve(ctx)
		if err != nil {
			return err
		}
		cleanup, base = stop, server.URLFor(postgres.Superuser, "postgres")
	}
	return makeTemplate(ctx)
}

// Serve starts a throw-away server; stop ends it and deletes its data.
func Serve(ctx context.Context) (server *postgres.Server, stop func(), err error) {
	dir, err := os.MkdirTemp("", "errata-pg-")
	if err != nil {
		return nil, nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the server runs as another user; what is inside is private
		return nil, nil, err
	}
	server, err = postgres.Start(ctx, postgres.Options{DataDir: dir, Ephemeral: true})
	if err != nil {
		return nil, nil, err
	}
	return server, func() {
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
		}
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
		}
	}, nil
}

// makeTemplate builds the template for this state of the migrations, once per
// server, however many test processes want it.
func makeTemplate(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, base)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // closing releases the lock
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(7201)`); err != nil {
		return err
	}
	hash, err := migrationsHash()
	if err != nil {
		return err
	}
	template = "errata_template_" + hash
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, template).Scan(&exists); err != nil || exists {
		return err
	}
	building := template + "_building"
	for _, sql := range []string{`DROP DATABASE IF EXISTS ` + building + ` WITH (FORCE)`, `CREATE DATABASE ` + building} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if err := migrations.Up(ctx, with(base, "", building), slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `ALTER DATABASE `+building+` RENAME TO `+template)
	return err
}

func migrationsHash() (string, error) {
	h := sha256.New()
	names, err := migrations.Files()
	if err != nil {
		return "", err
	}
	for _, name := range names {
		h.Write([]byte(filepath.Base(name)))
		raw, err := migrations.Read(name)
		if err != nil {
			return "", err
		}
		h.Write(raw)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}
