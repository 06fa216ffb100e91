package cli

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/bench"
)

// newOTLP takes everything, unless refuse says otherwise of the nth request.
func newOTLP(t *testing.T, refuse func(n int64) int) *httptest.Server {
	t.Helper()
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "/v1/traces", r.URL.Path)
		if refuse == nil {
			return
		}
		count := int64(0)
		if len(raw) > 0 {
			count = n.Add(1)
		}
		if status := refuse(count); status != 0 {
			w.WriteHeader(status)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func benchOptions(server string, out io.Writer) BenchOptions {
	return BenchOptions{Load: bench.Load{Servers: []string{server}, Key: "k", Connections: 2, Batch: 10, Spans: 1000}, Out: out, Err: io.Discard}
}

func TestBenchIngest(t *testing.T) {
	server := newOTLP(t, nil)
	var out strings.Builder
	require.NoError(t, BenchIngest(t.Context(), benchOptions(server.URL, &out)))
	assert.Contains(t, out.String(), "1,000 accepted  0 rejected  0 refused  0 errors")
	assert.Contains(t, out.String(), "200: 100\n")

	out.Reset()
	opt := benchOptions(server.URL, &out)
	opt.JSON = true
	require.NoError(t, BenchIngest(t.Context(), opt))
	var f bench.Figures
	require.NoError(t, json.Unmarshal([]byte(out.String()), &f))
	assert.EqualValues(t, 1000, f.Accepted)
	assert.Positive(t, f.AnswerMS.P99)
}

// What was measured until then is printed, and that something is missing is an
// error.
func TestBenchIngestFails(t *testing.T) {
	server := newOTLP(t, func(n int64) int {
		if n > 50 {
			return http.StatusBadRequest
		}
		return 0
	})
	var out strings.Builder
	err := BenchIngest(t.Context(), benchOptions(server.URL, &out))
	assert.Equal(t, 1, exitCode(t, err))
	assert.Contains(t, err.Error(), "the run ended early")
	assert.Contains(t, err.Error(), "answers 400")
	assert.Contains(t, out.String(), "500 accepted")
}

func TestBenchIngestIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := newOTLP(t, func(n int64) int {
		if n == 30 {
			cancel()
		}
		return 0
	})
	var out strings.Builder
	opt := benchOptions(server.URL, &out)
	opt.Spans, opt.Duration = 0, time.Minute
	require.NoError(t, BenchIngest(ctx, opt))
	assert.Contains(t, out.String(), "spans/s")
	assert.NotContains(t, out.String(), " 0 accepted")
}

func TestBenchIngestExplains(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusUnauthorized: "Set ERRATA_KEY to a key with the ingest scope.",
		http.StatusForbidden:    "Set ERRATA_KEY to a key with the ingest scope.",
		http.StatusNotFound:     "Is it the collector's address",
		http.StatusConflict:     "answers 409",
	} {
		server := newOTLP(t, func(int64) int { return status })
		var out strings.Builder
		err := BenchIngest(t.Context(), benchOptions(server.URL, &out))
		assert.Equal(t, 1, exitCode(t, err))
		assert.Contains(t, err.Error(), want)
		assert.Empty(t, out.String(), "nothing was measured")
	}
	server := newOTLP(t, nil)
	server.Close()
	err := BenchIngest(t.Context(), benchOptions(server.URL, io.Discard))
	assert.Equal(t, 1, exitCode(t, err))
	assert.Contains(t, err.Error(), "nothing listens there")
}

// A store on another machine may well be one that people work with.
func TestBenchIngestStaysOnThisMachine(t *testing.T) {
	for server, mine := range map[string]bool{
		"http://127.0.0.1:4318": true, "127.0.0.1:4318": true, "http://[::1]:4318": true, "localhost:4318": true, "http://127.8.8.8": true,
		"http://errata.example": false, "10.0.0.7:4318": false, "http://0.0.0.0:4318": false, "http://127.0.0.1.example": false, "http://%": false, "": false,
	} {
		assert.Equal(t, mine, local(server), server)
	}
	err := BenchIngest(t.Context(), benchOptions("http://errata.example:4318", io.Discard))
	assert.Equal(t, 1, exitCode(t, err))
	assert.Contains(t, err.Error(), "--fill-remote-store")
	opt := benchOptions("http://errata.invalid:4318", io.Discard)
	opt.FillRemoteStore = true
	assert.Contains(t, BenchIngest(t.Context(), opt).Error(), "does not resolve")
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -123: "-123", -1234: "-1,234"} {
		assert.Equal(t, want, grouped(n))
	}
}
