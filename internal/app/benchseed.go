package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"errata/internal/bench"
	"errata/internal/cli"
	"errata/internal/config"
	"errata/internal/month"
	"errata/internal/store"
)

// benchMemoryMB is far above what batches take.
const benchMemoryMB = 256

// benchSeedCmd fills a database with a made-up month.
type benchSeedCmd struct {
	DatabaseURL     string    `env:"ERRATA_DATABASE_URL" placeholder:"URL" help:"The database, migrated; without it the private one of the data directory, which must not be in use."`
	DatabaseURLFile string    `env:"ERRATA_DATABASE_URL_FILE" placeholder:"FILE" help:"File with the database URL."`
	DatabaseMode    string    `env:"ERRATA_DATABASE_MODE" enum:"prepare,exec" default:"prepare" help:"'exec' where a PgBouncer without protocol-level prepared statements stands in between."`
	DataDir         string    `env:"ERRATA_DATA_DIR" placeholder:"DIR" help:"Where the private PostgreSQL keeps its data."`
	RetentionDays   int       `env:"ERRATA_RETENTION_DAYS" default:"30" help:"How many days are kept."`
	Events          int64     `default:"1000000" help:"How many failures."`
	Days            int       `default:"30" help:"How many days they are of."`
	Until           time.Time `format:"2006-01-02T15:04:05Z07:00" placeholder:"TIME" help:"The end of the last day, RFC 3339; without it now."`
	Services        int       `default:"200" help:"How many services."`
	Customers       int       `default:"5000" help:"How many customers."`
	Seed            uint64    `default:"1" help:"Another one gives another month; the same, with the same --until, gives the same again."`
	Workspace       int32     `default:"1" help:"Whose failures they are."`
	Batch           int       `default:"1000" help:"Events a transaction."`
	Writers         int       `help:"Transactions at a time; by default as many as a collector has."`
	Force           bool      `help:"Allow a database that has events."`
	JSON            bool      `help:"Print what was written as JSON."`
}

func (c *benchSeedCmd) Run(ctx context.Context) (err error) {
	if err := config.FromFile(&c.DatabaseURL, c.DatabaseURLFile, "ERRATA_DATABASE_URL"); err != nil {
		return err
	}
	if c.Days < 1 || c.Days > c.RetentionDays {
		return fmt.Errorf("--days must be between 1 and the %d days that are kept (ERRATA_RETENTION_DAYS); it is %d", c.RetentionDays, c.Days)
	}
	if c.Until.IsZero() {
		c.Until = time.Now()
	}
	until := c.Until.UTC().Truncate(time.Minute)
	log := (&config.Config{LogLevel: "warn"}).Logger()
	paceGC(benchMemoryMB, 0)
	db, err := openDatabase(ctx, config.Config{DatabaseURL: c.DatabaseURL, DataDir: c.DataDir}, c.DatabaseURL == "", log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.stop()) }()
	s, err := store.Open(ctx, store.Options{URL: db.appURL, ExecMode: c.DatabaseMode, MaxConns: int32(min(max(8, c.Writers+1), 100)), Retention: store.Retention{Events: c.RetentionDays}, Logger: log}) //nolint:gosec // small
	if err != nil {
		return err
	}
	defer s.Close()
	return cli.BenchSeed(ctx, cli.SeedOptions{
		Fill: bench.Fill{
			Spec:      month.Spec{Seed: c.Seed, From: until.AddDate(0, 0, -c.Days), To: until, Events: c.Events, Services: c.Services, Customers: c.Customers},
			Workspace: c.Workspace, Batch: c.Batch, Writers: c.Writers,
		},
		Store: s, Force: c.Force, JSON: c.JSON, Out: os.Stdout, Err: os.Stderr,
	})
}
