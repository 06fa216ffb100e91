package cli

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/bench"
	"errata/internal/month"
	"errata/internal/pgtest"
	"errata/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func seedOptions(t *testing.T, out io.Writer) SeedOptions {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{URL: pgtest.New(t).AppURL})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	until := time.Now().UTC().Truncate(time.Minute)
	return SeedOptions{
		Fill:  bench.Fill{Spec: month.Spec{From: until.AddDate(0, 0, -1), To: until, Events: 1000, Services: 4, Customers: 10}, Workspace: store.DefaultWorkspace, Batch: 100},
		Store: s, Out: out, Err: io.Discard,
	}
}

func TestBenchSeed(t *testing.T) {
	var out strings.Builder
	opt := seedOptions(t, &out)
	require.NoError(t, BenchSeed(t.Context(), opt))
	assert.Contains(t, out.String(), "1,000 events and ")

	err := BenchSeed(t.Context(), opt)
	assert.Equal(t, 1, exitCode(t, err))
	assert.Contains(t, err.Error(), "--force", "somebody may work with it")
	out.Reset()
	opt.Force = true
	require.NoError(t, BenchSeed(t.Context(), opt))
	assert.Contains(t, out.String(), "1,000 events were there already")

	out.Reset()
	opt.Seed, opt.JSON = 2, true
	require.NoError(t, BenchSeed(t.Context(), opt))
	var f bench.Filled
	require.NoError(t, json.Unmarshal([]byte(out.String()), &f))
	assert.EqualValues(t, 1000, f.Events)
	assert.True(t, f.Complete)

	opt.Workspace = 9
	assert.Contains(t, BenchSeed(t.Context(), opt).Error(), "There is no workspace 9")
}

// stopping ends ctx while the first events are written.
type stopping struct {
	Inhabitable
	stop func()
}

func (s stopping) HasEvents(ctx context.Context) (bool, error) {
	s.stop()
	return s.Inhabitable.HasEvents(context.WithoutCancel(ctx))
}

func (s stopping) Audit(ctx context.Context, ws int32, actor store.Actor, action, target string, details any) error {
	return s.Inhabitable.Audit(context.WithoutCancel(ctx), ws, actor, action, target, details)
}

func TestBenchSeedIsInterrupted(t *testing.T) {
	var out strings.Builder
	opt := seedOptions(t, &out)
	ctx, cancel := context.WithCancel(t.Context())
	opt.Store = stopping{opt.Store, cancel}
	err := BenchSeed(ctx, opt)
	assert.Equal(t, 1, exitCode(t, err))
	assert.Contains(t, err.Error(), "Interrupted: 0 of 1,000 events")
}
