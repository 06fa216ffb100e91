package app

import (
	"context"
	"os"

	"errata/internal/config"
	"errata/internal/seed"
)

type demoCmd struct {
	config.Config `embed:""`
}

// Run serves everything and lets simulated services report to it until it is
// stopped.
func (c *demoCmd) Run(ctx context.Context) error {
	if err := c.Resolve(); err != nil {
		return err
	}
	log := c.Logger()
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		<-done
	}()
	started := false
	err := Run(ctx, c.Config, Options{Role: All, Embedded: true, Out: os.Stdout, Logger: log, Started: func(a *App) error {
		started = true
		go func() {
			defer close(done)
			if err := seed.Run(ctx, seed.Options{CollectorURL: "http://" + a.OTLPHTTPAddr, Key: a.IngestKey, PageURL: "http://" + shown(a.HTTPAddr), Out: os.Stdout, Logger: log}); err != nil && ctx.Err() == nil {
				log.Error("the demo's traffic has stopped", "error", err)
			}
		}()
		return nil
	}})
	if !started {
		close(done)
	}
	return err
}
