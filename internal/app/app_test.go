package app

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/config"
)

func settings() config.Config {
	return config.Config{HTTPAddr: "127.0.0.1:0", OTLPHTTPAddr: "127.0.0.1:0", OTLPGRPCAddr: "127.0.0.1:0", RetentionDays: 30, SpoolMaxMB: 64, MaxInflightMB: 256, MaxConns: 200, LogLevel: "error"}
}

func startError(t *testing.T, cfg config.Config, embedded bool) string {
	t.Helper()
	err := Run(context.Background(), cfg, Options{Role: All, Embedded: embedded, Logger: cfg.Logger()})
	require.Error(t, err)
	assert.Equal(t, 1, len(strings.Split(err.Error(), "\n")), "one line: %v", err)
	return err.Error()
}

func TestStartErrorsAreOneClearLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close() //nolint:errcheck // only there to be in the way

	cfg := settings()
	cfg.OTLPHTTPAddr = taken.Addr().String()
	msg := startError(t, cfg, true)
	assert.Contains(t, msg, "--otlp-http-addr")
	assert.Contains(t, msg, taken.Addr().String())

	cfg = settings()
	cfg.DatabaseURL = "postgres://errata:hunter2@127.0.0.1:1/errata"
	cfg.SpoolDir = t.TempDir() // the usual one may be in use
	msg = startError(t, cfg, false)
	assert.Contains(t, msg, "127.0.0.1")
	assert.NotContains(t, msg, "hunter2")
	assert.NotContains(t, startError(t, cfg, true), "hunter2")

	cfg = settings()
	assert.Contains(t, startError(t, cfg, false), "ERRATA_DATABASE_URL is not set")

	file := filepath.Join(t.TempDir(), "in-the-way")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	cfg = settings()
	cfg.DataDir = filepath.Join(file, "data")
	assert.Contains(t, startError(t, cfg, true), "--data-dir")
}

func TestNeverExportsToItself(t *testing.T) {
	for endpoint, own := range map[string]bool{"http://127.0.0.1:4318": true, "http://localhost:4318/": true, "http://[::1]:4318": true,
		"http://collector.example.com:4318": false, "http://127.0.0.1:5318": false, "http://127.0.0.1": false} {
		assert.Equal(t, own, sameAddress(endpoint, "127.0.0.1:4318"), endpoint)
	}
}

func TestCleanKeepsOnlyThePrefix(t *testing.T) {
	for path, want := range map[string]string{"/": "/", "/r/a//b/../c": "/r/", "/v1/requests/x": "/v1/", "/healthz": "/healthz", "/openapi.json": "/openapi.json"} {
		assert.Equal(t, want, clean(request(t, path)).URL.Path, path)
	}
}

func request(t *testing.T, path string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://x/", nil) //nolint:noctx // never sent
	require.NoError(t, err)
	req.URL.Path = path
	return req
}
