// Package migrations holds the schema: SQL files that only ever go forward and
// are never edited after they have landed, embedded into the binary.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed [0-9]*.sql
var files embed.FS

// Latest is the newest version that this program knows.
func Latest() int64 {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic(err) // embedded: cannot fail at run time
	}
	var latest int64
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			latest = max(latest, n)
		}
	}
	return latest
}

// Up applies what is missing. url must lead to the server itself, not to a
// transaction pooler: a session lock keeps two migrations apart.
func Up(ctx context.Context, url string, log *slog.Logger) error {
	return with(url, func(p *goose.Provider) error {
		results, err := p.Up(ctx)
		if n := len(results); n > 0 {
			var took time.Duration
			for _, r := range results {
				took += r.Duration
			}
			log.InfoContext(ctx, "migrated the database", "version", results[n-1].Source.Version, "migrations", n, "took", took.Round(time.Millisecond))
		}
		if err != nil {
			return fmt.Errorf("cannot migrate the database: %w", err)
		}
		return nil
	})
}

// Version is the newest version that has been applied; 0 for an empty
// database.
func Version(ctx context.Context, url string) (version int64, err error) {
	err = with(url, func(p *goose.Provider) error {
		version, err = p.GetDBVersion(ctx)
		return err
	})
	return version, err
}

func with(url string, fn func(*goose.Provider) error) (err error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("cannot parse the database URL; it should look like postgres://user:password@host:5432/database")
	}
	db := stdlib.OpenDB(*cfg)
	defer func() {
		if closing := db.Close(); err == nil {
			err = closing
		}
	}()
	if err := db.Ping(); err != nil {
		return Reachable(err)
	}
	p, err := provider(db)
	if err != nil {
		return err
	}
	return fn(p)
}

func provider(db *sql.DB) (*goose.Provider, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
}

// Files names the migrations, oldest first.
func Files() ([]string, error) { return fs.Glob(files, "*.sql") }

// Read gives the text of one migration.
func Read(name string) ([]byte, error) { return files.ReadFile(name) }

// SetAppPassword lets the role that the processes run as log in with a
// password.
func SetAppPassword(ctx context.Context, url, password string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return Reachable(err)
	}
	defer conn.Close(ctx) //nolint:errcheck // the statement has its own error
	var statement string
	if err := conn.QueryRow(ctx, `SELECT format('ALTER ROLE errata_app LOGIN PASSWORD %L', $1::text)`, password).Scan(&statement); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return err
}
