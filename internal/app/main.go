package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"errata/internal/config"
)

// Main is the body of a binary that plays fixed roles.
func Main(name, about string, role Role) {
	var cfg config.Config
	kong.Parse(&cfg, kong.Name(name), kong.Description(about), kong.UsageOnError())
	exit(name, func(ctx context.Context) error {
		if err := cfg.Resolve(); err != nil {
			return err
		}
		return Run(ctx, cfg, Options{Role: role, Logger: cfg.Logger()})
	})
}

// exit runs until SIGINT or SIGTERM and ends the process; a second signal ends
// it at once.
func exit(name string, run func(ctx context.Context) error) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		cancel()
	}()
	err := run(ctx)
	cancel()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		code := 1
		var coder kong.ExitCoder
		if errors.As(err, &coder) {
			code = coder.ExitCode()
		}
		os.Exit(code)
	}
}
