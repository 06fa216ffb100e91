package e2e

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"errata/internal/auth"
	"errata/internal/config"
	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/ingest"
)

// receiveOnlyEnv makes the test program a collector without a store, at the
// address that it holds, so that it can be measured as a process of its own.
const receiveOnlyEnv = "ERRATA_E2E_RECEIVE_ONLY"

// startReceiveOnly runs a collector that does everything but store.
func startReceiveOnly(tb testing.TB) *process {
	tb.Helper()
	program, err := os.Executable()
	require.NoError(tb, err)
	addr := freePort(tb)
	return startProcess(tb, addr, program, receiveOnlyEnv+"="+addr)
}

// nowhere takes everything and keeps nothing.
type nowhere struct{}

func (nowhere) Write(_ context.Context, parts []identity.Part) ([]identity.Outcome, error) {
	outs := make([]identity.Outcome, len(parts))
	for i := range parts {
		outs[i] = identity.Outcome{Verdict: identity.Accepted, EventID: parts[i].Event.ID}
	}
	return outs, nil
}

func (nowhere) CountRequests(context.Context, []event.Requests) error  { return nil }
func (nowhere) Reject(context.Context, int32, []event.Rejection) error { return nil }
func (nowhere) KeyByHash(_ context.Context, hash []byte) (auth.Key, error) {
	if !bytes.Equal(hash, auth.Hash(benchKey)) {
		return auth.Key{}, errors.New("another key")
	}
	return auth.Key{ID: "k", Workspace: 1, Name: "bench", Scopes: []auth.Scope{auth.Ingest}, Hash: hash}, nil
}

// receiveOnly is the body of that program.
func receiveOnly(addr string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	cfg := config.Config{LogLevel: "info"}
	collector, err := ingest.New(ingest.Deps{Sink: nowhere{}, Requests: nowhere{}, Rejects: nowhere{}, Keys: auth.NewKeyring(nowhere{}.KeyByHash, 0),
		Logger: cfg.Logger(), Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))})
	if err != nil {
		return err
	}
	server := &http.Server{Addr: addr, Handler: collector.HTTP(), ReadHeaderTimeout: time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() }) // whoever stops it has its answers
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return collector.Close(context.Background())
}
