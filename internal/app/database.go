package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"errata/internal/config"
	"errata/internal/postgres"
	"errata/migrations"
)

// database is where the data is: a given server, or a private one.
type database struct {
	appURL  string
	dir     string // the data directory of a private server
	private *postgres.Server
	log     *slog.Logger
}

// openDatabase starts the private server and migrates it, or takes the given
// one as it is: there, an older schema is refused by the store, and
// 'errata migrate' is the operator's to run. In the all-in-one process it is
// migrated too.
func openDatabase(ctx context.Context, cfg config.Config, embedded bool, log *slog.Logger) (*database, error) {
	if cfg.DatabaseURL != "" {
		if embedded {
			if err := migrations.Up(ctx, cfg.DatabaseURL, log); err != nil {
				return nil, err
			}
		}
		return &database{appURL: cfg.DatabaseURL}, nil
	}
	if !embedded {
		return nil, errors.New("ERRATA_DATABASE_URL is not set; it should look like postgres://user:password@host:5432/database")
	}
	dir, err := DataDir(cfg)
	if err != nil {
		return nil, err
	}
	server, err := postgres.Start(ctx, postgres.Options{DataDir: dir, Logger: log})
	if err != nil {
		return nil, err
	}
	db := &database{appURL: server.AppURL(), dir: dir, private: server, log: log}
	if err := migrations.Up(ctx, server.URL(), log); err != nil {
		return nil, errors.Join(err, db.stop())
	}
	return db, nil
}

// DataDir is the data directory that the settings name, or the default.
func DataDir(cfg config.Config) (string, error) {
	if cfg.DataDir != "" {
		return filepath.Abs(cfg.DataDir)
	}
	return postgres.DefaultDir()
}

// maxRestarts is how often in a row the private server is started again in
// vain.
const maxRestarts = 5

// watch starts the private server again when it ends by itself (somebody
// killed it, or the machine ran out of memory). Until it is back, the spool
// takes what comes in.
func (d *database) watch(ctx context.Context) error {
	if d.private == nil {
		return nil
	}
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-d.private.Done():
		}
		if ctx.Err() != nil {
			return nil
		}
		d.log.Error("PostgreSQL has ended by itself and is started again", "log", filepath.Join(d.dir, "log", "postgresql.log"))
		err := d.private.Stop() // gives its locks back
		if err == nil {
			var server *postgres.Server
			if server, err = postgres.Start(ctx, postgres.Options{DataDir: d.dir, Logger: d.log}); err == nil {
				d.private, failed = server, 0
				continue
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if failed++; failed == maxRestarts {
			return fmt.Errorf("PostgreSQL has ended by itself and cannot be started again: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(failed) * time.Second):
		}
	}
}

func (d *database) stop() error {
	if d.private == nil {
		return nil
	}
	return d.private.Stop()
}
