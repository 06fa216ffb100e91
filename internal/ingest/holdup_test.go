package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/parcel"
	"errata/internal/spool"
)

// sick is a database that answers pings and has trouble with what it is given.
type sick struct {
	*memory
	mu      sync.Mutex
	trouble func(id string) error // nil for those that it takes
	down    bool
}

func (d *sick) check(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.trouble == nil {
		return nil
	}
	return d.trouble(id)
}

func (d *sick) become(down bool, trouble func(id string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down, d.trouble = down, trouble
}

func (d *sick) Write(ctx context.Context, parts []identity.Part) ([]identity.Outcome, error) {
	for _, p := range parts {
		if err := d.check(p.Event.RequestID); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				<-ctx.Done()
			}
			return nil, err
		}
	}
	return d.memory.Write(ctx, parts)
}

func (d *sick) CountRequests(ctx context.Context, rs []event.Requests) error {
	if err := d.check("requests of " + rs[0].Service); err != nil {
		return err
	}
	return d.memory.CountRequests(ctx, rs)
}

func (d *sick) ping(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return away()
	}
	return nil
}

type sqlError string

func (e sqlError) Error() string    { return "SQLSTATE " + string(e) }
func (e sqlError) SQLState() string { return string(e) }

// saying is what the store makes of an error of the database.
func saying(err error) error {
	return fault.New(fault.Unavailable, "service_unavailable", "no").Because(err)
}

// ward is a keeper at work before a sick database.
type ward struct {
	*sick
	*keeper
	dir string
}

func newWard(t *testing.T) *ward {
	w := &ward{sick: &sick{memory: &memory{}}, dir: t.TempDir()}
	w.start(t, w.dir)
	return w
}

func (w *ward) start(t *testing.T, dir string) {
	sp, err := spool.Open(spool.Options{Dir: dir})
	require.NoError(t, err)
	var count counters
	require.NoError(t, count.register(noop.Meter{}))
	w.keeper = newKeeper(Deps{Sink: w.sick, Requests: w.sick, Rejects: w.memory, Spool: sp, Ready: w.sick.ping, Logger: slog.New(slog.DiscardHandler)}, &count)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.keeper.run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		assert.NoError(t, sp.Close())
	})
}

// inBubble lets hours pass in no time. What parcels are packed with belongs to
// no bubble.
func inBubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	raw, err := parcel.Parcel{}.Pack()
	require.NoError(t, err)
	_, err = parcel.Unpack(raw)
	require.NoError(t, err)
	synctest.Test(t, test)
}

// spooled puts batches of reports into the spool, as if the database were away.
func (w *ward) spooled(t *testing.T, batches ...string) {
	for _, ids := range batches {
		var parts []identity.Part
		for id := range strings.FieldsSeq(ids) {
			parts = append(parts, identity.Part{Workspace: 1, Source: event.FromHTTP, Event: event.Event{ID: "event of " + id, RequestID: id, Service: "billing"}})
		}
		require.NoError(t, w.keep(t.Context(), parcel.Parcel{Parts: parts}, len(parts)))
	}
}

func (w *ward) landed() []string {
	w.memory.mu.Lock()
	defer w.memory.mu.Unlock()
	var ids []string
	for _, p := range w.parts {
		ids = append(ids, p.Event.RequestID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// refusing has trouble with what begins so.
func refusing(prefix string, with error) func(string) error {
	return func(id string) error {
		if strings.HasPrefix(id, prefix) {
			return with
		}
		return nil
	}
}

// An item that the database answers with an internal error, or not at all,
// whenever it comes, holds up nobody for long: all others land, it stands
// aside, and it lands when the database takes it, or after a restart.
func TestStuckItemStepsAside(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		within time.Duration
	}{
		"internal error": {saying(sqlError("XX002")), 2 * time.Minute},
		"no answer":      {saying(context.DeadlineExceeded), 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWard(t)
				w.become(true, refusing("stuck", c.err))
				w.spooled(t, "a", "b stuck_1 c", "d", "stuck_2", "e", "f")
				for i := range 40 {
					w.spooled(t, fmt.Sprint("g", i))
				}
				w.become(false, refusing("stuck", c.err))
				time.Sleep(c.within)
				synctest.Wait()
				assert.Len(t, w.landed(), 46)
				assert.NotContains(t, strings.Join(w.landed(), " "), "stuck")
				assert.Zero(t, w.spool.Stats().Items)
				assert.Equal(t, 2, w.spool.Stats().Aside)
				assert.True(t, w.awaySince().IsZero(), "what comes in goes to the database")
				assert.Zero(t, w.rejected)

				time.Sleep(30 * time.Minute)
				assert.Equal(t, 2, w.spool.Stats().Aside, "as long as it takes")
				assert.True(t, w.awaySince().IsZero())
				w.become(false, nil)
				time.Sleep(asideEvery + time.Minute)
				synctest.Wait()
				assert.Subset(t, w.landed(), []string{"stuck_1", "stuck_2"})
				assert.Zero(t, w.spool.Stats().Bytes)
			})
		})
	}
}

// So do request totals.
func TestStuckTotalsStepAside(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWard(t)
		w.become(false, refusing("requests", saying(sqlError("XX000"))))
		require.NoError(t, w.keep(t.Context(), parcel.Parcel{Requests: []event.Requests{{Series: event.Series{Service: "billing"}, N: 7}}}, 1))
		w.spooled(t, "a")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"a"}, w.landed())
		assert.Equal(t, 1, w.spool.Stats().Aside)
		w.become(false, nil)
		time.Sleep(asideEvery + time.Minute)
		synctest.Wait()
		assert.Len(t, w.counted(), 1)
		assert.Zero(t, w.spool.Stats().Aside)
	})
}

// A database that takes nothing from anybody is no reason to set aside all that
// was kept; where it says so itself, nothing is.
func TestSickDatabaseIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		long time.Duration
		most int
	}{
		"read-only":        {saying(sqlError("25006")), 2 * time.Minute, 0},
		"disk full":        {saying(sqlError("53100")), 2 * time.Minute, 0},
		"internal error":   {saying(sqlError("XX000")), time.Hour, 6},
		"an older schema":  {saying(errors.New("the database schema is older than this program")), time.Hour, 6},
		"it never answers": {saying(context.DeadlineExceeded), time.Hour, 6},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWard(t)
				w.become(true, refusing("", c.err))
				for i := range 100 {
					w.spooled(t, fmt.Sprint("a", i))
				}
				w.become(false, refusing("", c.err))
				time.Sleep(c.long)
				t.Log(w.spool.Stats().Aside, "set aside")
				assert.LessOrEqual(t, w.spool.Stats().Aside, c.most)
				assert.False(t, w.awaySince().IsZero())
				w.become(false, nil)
				time.Sleep(2 * asideEvery)
				synctest.Wait()
				assert.Len(t, w.landed(), 100)
				assert.Zero(t, w.spool.Stats().Bytes)
				assert.True(t, w.awaySince().IsZero())
			})
		})
	}
}

// A long outage is nobody's fault.
func TestOutageSetsNothingAside(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWard(t)
		for range 8 { // it goes away in the middle of it, over and over
			w.become(false, refusing("", away()))
			w.spooled(t, "a b", "c")
			time.Sleep(tryAgain / 10)
			w.become(true, refusing("", away()))
			time.Sleep(5 * time.Minute)
			w.become(false, nil)
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		assert.Zero(t, w.spool.Stats().Aside)
		assert.Equal(t, []string{"a", "b", "c"}, w.landed())
	})
}

// What the disk does not give back steps aside as well, and comes back when it
// does: after a restart at the latest.
func TestUnreadableSegmentStepsAside(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWard(t)
		w.become(true, refusing("", away()))
		w.spooled(t, "a", "b")
		time.Sleep(time.Second)
		names, err := filepath.Glob(filepath.Join(w.dir, "*.spool"))
		require.NoError(t, err)
		require.Len(t, names, 1)
		whole, err := os.ReadFile(names[0])
		require.NoError(t, err)
		require.NoError(t, os.Truncate(names[0], 20))
		time.Sleep(time.Minute)
		w.spooled(t, "c")
		w.become(false, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"c"}, w.landed())
		assert.True(t, w.awaySince().IsZero())
		assert.Equal(t, 1, w.spool.Stats().Aside)
		names, err = filepath.Glob(filepath.Join(w.dir, "*.aside"))
		require.NoError(t, err)
		require.Len(t, names, 1)
		require.NoError(t, os.WriteFile(names[0], whole, 0o600))
		time.Sleep(asideEvery)
		synctest.Wait()
		assert.Equal(t, []string{"a", "b", "c"}, w.landed())
		assert.Zero(t, w.spool.Stats().Bytes)
	})
}
