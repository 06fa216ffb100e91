package app

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// docs/configuration.md is the table of the settings, written from the same
// tags that the command line reads.
func TestConfigurationIsDocumented(t *testing.T) {
	var c commands
	parser, err := kong.New(&c)
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString("# Settings\n\nEach is a flag and an environment variable. Secrets can come from a file: the variable with `_FILE` behind it names it.\n" +
		"`errata serve`, `collector` and `api` read the same settings; the other commands have a few of their own (`errata COMMAND --help`).\n\n" +
		"| variable | flag | default | what |\n|---|---|---|---|\n")
	for _, cmd := range parser.Model.Children {
		if cmd.Name != "serve" {
			continue
		}
		for _, f := range cmd.Flags {
			if len(f.Envs) > 0 {
				fmt.Fprintf(&b, "| `%s` | `--%s` | %s | %s |\n", f.Envs[0], f.Name, code(f.Default), f.Help)
			}
		}
	}
	b.WriteString("\nOpenTelemetry's own variables (`OTEL_EXPORTER_OTLP_ENDPOINT` and the rest) turn on Errata's own traces, metrics and logs.\n")
	const path = "../../docs/configuration.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644)) //nolint:gosec // a public document
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, b.String(), string(have), "run: go test ./internal/app -update")
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
