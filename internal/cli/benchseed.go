package cli

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"errata/internal/bench"
	"errata/internal/store"
)

// SeedOptions say what month to write into which store, and how to show it.
type SeedOptions struct {
	bench.Fill
	Store Inhabitable
	// Force allows a database that has events.
	Force bool
	JSON  bool
	Out   io.Writer // what was written
	Err   io.Writer // progress
}

// Inhabitable is what BenchSeed needs of the store.
type Inhabitable interface {
	bench.Sink
	HasEvents(ctx context.Context) (bool, error)
	HasWorkspace(ctx context.Context, ws int32) (bool, error)
	Audit(ctx context.Context, ws int32, actor store.Actor, action, target string, details any) error
}

// BenchSeed writes a made-up month and prints what there is. It refuses a
// database that somebody may work with. When ctx ends it says how far it came,
// and fails.
func BenchSeed(ctx context.Context, opt SeedOptions) error {
	if err := opt.mayFill(ctx); err != nil {
		return err
	}
	actor := store.Actor{Kind: "system", ID: "cli", Label: "errata bench seed"}
	if err := opt.Store.Audit(ctx, opt.Workspace, actor, "bench.seed", opt.From.UTC().Format(time.DateOnly), map[string]any{"events": opt.Events, "seed": opt.Seed}); err != nil {
		return err
	}
	errs := printer{out: opt.Err}
	before := bench.Filled{}
	opt.Progress = func(f bench.Filled) {
		done := f.Events + f.Duplicates
		errs.line("%4.0f s  %s events (%.1f %%)  %s events/s lately  %s totals  at %s", f.Seconds, grouped(done), 100*float64(done)/float64(opt.Events),
			grouped(int64(float64(done-before.Events-before.Duplicates)/(f.Seconds-before.Seconds))), grouped(f.Totals), f.Until.Format("2006-01-02 15:04"))
		before = f
	}
	f, err := opt.Run(ctx, opt.Store)
	if err != nil && f.Events == 0 {
		return err
	}
	if printed := opt.print(f); printed != nil {
		return printed
	}
	switch {
	case err != nil:
		return err
	case !f.Complete:
		return exitf("Interrupted: %s of %s events are in the store, up to %s.", grouped(f.Events+f.Duplicates), grouped(opt.Events), f.Until.Format("2006-01-02 15:04"))
	}
	return nil
}

func (o *SeedOptions) mayFill(ctx context.Context) error {
	there, err := o.Store.HasWorkspace(ctx, o.Workspace)
	if err != nil {
		return err
	}
	if !there {
		return exitf("There is no workspace %d.", o.Workspace)
	}
	if o.Force {
		return nil
	}
	if used, err := o.Store.HasEvents(ctx); err != nil || !used {
		return err
	}
	return exitf("This database has events already. This command adds made-up ones, which people will find and be alerted by, and which stay until they expire. If that is what you want, add --force.")
}

func (o *SeedOptions) print(f bench.Filled) error {
	p := printer{out: o.Out}
	if o.JSON {
		raw, err := json.Marshal(f)
		if err != nil {
			return err
		}
		p.line("%s", raw)
		return p.err
	}
	p.line("%s events and %s request totals in %.1f s: %s events/s", grouped(f.Events), grouped(f.Totals), f.Seconds, grouped(int64(float64(f.Events)/f.Seconds)))
	if f.Duplicates > 0 {
		p.line("%s events were there already: the same seed and days give the same events", grouped(f.Duplicates))
	}
	return p.err
}
