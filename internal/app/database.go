package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"errata/internal/config"
	"errata/internal/postgres"
	"errata/migrations"
)

// database is where the data is: a given server, or a private one.
type database struct {
	appURL  string
	dir     string // the data directory of a private server
	private *postgres.Server
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
	db := &database{appURL: server.AppURL(), dir: dir, private: server}
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

// watch fails when the private server ends by itself: without it there is
// nothing to serve.
func (d *database) watch(ctx context.Context) error {
	if d.private == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-d.private.Done():
		return fmt.Errorf("PostgreSQL has ended by itself; see %s", filepath.Join(d.dir, "log", "postgresql.log"))
	}
}

func (d *database) stop() error {
	if d.private == nil {
		return nil
	}
	return d.private.Stop()
}
