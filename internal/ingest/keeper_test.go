package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/parcel"
	"errata/internal/spool"
)

// database is a memory that can be away, for reports and rejections apart.
type database struct {
	*memory
	mu             sync.Mutex
	down, noReject bool
	rejectTries    int
	// loseAnswer: the next rejections are recorded, and nobody hears of it.
	loseAnswer bool
}

func (d *database) set(down, noReject bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down, d.noReject = down, noReject
}

func away() error { return fault.New(fault.Unavailable, "service_unavailable", "away") }

func (d *database) Write(ctx context.Context, parts []identity.Part) ([]identity.Outcome, error) {
	d.mu.Lock()
	down := d.down
	d.mu.Unlock()
	if down {
		return nil, away()
	}
	return d.memory.Write(ctx, parts)
}

func (d *database) Reject(ctx context.Context, ws int32, rs []event.Rejection) error {
	d.mu.Lock()
	d.rejectTries++
	down, lose := d.down || d.noReject, d.loseAnswer
	d.loseAnswer = lose && down
	d.mu.Unlock()
	if down {
		return away()
	}
	if err := d.memory.Reject(ctx, ws, rs); err != nil || !lose {
		return err
	}
	return away()
}

// rejectedIDs are those of all rejections that came in.
func (d *database) rejectedIDs() (ids []string) {
	d.memory.mu.Lock()
	defer d.memory.mu.Unlock()
	for _, r := range d.rejected {
		ids = append(ids, r.ID)
	}
	return ids
}

func (d *database) ready(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return away()
	}
	return nil
}

// spooling is a server with a spool before a database that may be away.
func spooling(t *testing.T, opt spool.Options) (*bench, *database, *spool.Spool) {
	t.Helper()
	opt.Dir = t.TempDir()
	sp, err := spool.Open(opt)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sp.Close()) }) // after the server
	db := &database{memory: &memory{}}
	db.fail = func(parts []identity.Part) error {
		if slices.ContainsFunc(parts, func(p identity.Part) bool { return p.Event.RequestID == "req_poison" }) {
			return errors.New("the database does not like this")
		}
		return nil
	}
	b := serve(t, func(d *Deps) {
		d.Sink, d.Requests, d.Rejects, d.Spool, d.Ready = db, db, db, sp, db.ready
	})
	b.memory = db.memory
	return b, db, sp
}

func (d *database) stored() (ids []string) {
	d.memory.mu.Lock()
	defer d.memory.mu.Unlock()
	for _, p := range d.parts {
		ids = append(ids, p.Event.RequestID)
	}
	return ids
}

func reportOf(id string) []byte {
	return fmt.Appendf(nil, `{"service":"billing","status":500,"request_id":%q}`, id)
}

// A poison item in the spool is not forgotten when the database goes away
// between its refusal and the record of it.
func TestPoisonInTheSpool(t *testing.T) {
	b, db, sp := spooling(t, spool.Options{})
	db.set(true, true)
	for _, id := range []string{"req_1", "req_poison", "req_2"} {
		res, body := b.send(t, "/v1/errors", reportOf(id))
		require.Equal(t, http.StatusOK, res.StatusCode, body)
	}
	assert.EqualValues(t, 3, sp.Stats().Items)
	db.set(false, true)
	require.Eventually(t, func() bool {
		db.mu.Lock()
		defer db.mu.Unlock()
		return db.rejectTries > 1
	}, 10*time.Second, time.Millisecond, "it is tried again")
	assert.NotZero(t, sp.Stats().Items, "nothing is done with before")
	db.set(false, false)
	require.Eventually(t, func() bool { return sp.Stats().Items == 0 }, 10*time.Second, time.Millisecond)
	assert.Subset(t, db.stored(), []string{"req_1", "req_2"})
	require.Len(t, b.rejected, 1)
	assert.Equal(t, "req_poison", b.rejected[0].RequestID)
	assert.NotEmpty(t, b.rejected[0].Item, "it can be tried again")
}

// A rejection that is recorded once more, because the answer to the first time
// got lost, has the same ID, whichever way it takes.
func TestRejectionsKeepTheirID(t *testing.T) {
	b, db, sp := spooling(t, spool.Options{})
	loseAnswer := func() {
		db.mu.Lock()
		defer db.mu.Unlock()
		db.loseAnswer = true
	}
	for name, send := range map[string]func(){
		"live, of an item that is none": func() {
			loseAnswer()
			_, body := b.send(t, "/v1/errors", []byte(`{"service":"billing"}`))
			assert.Contains(t, body, "validation_failed")
		},
		"live, of poison": func() {
			loseAnswer()
			_, body := b.send(t, "/v1/errors", reportOf("req_poison"))
			assert.Contains(t, body, "not_storable")
		},
		"poison in the spool": func() {
			db.set(true, true)
			res, _ := b.send(t, "/v1/errors", reportOf("req_poison"))
			require.Equal(t, http.StatusOK, res.StatusCode)
			loseAnswer()
			db.set(false, false)
		},
	} {
		send()
		require.Eventually(t, func() bool { return len(db.rejectedIDs()) == 2 && sp.Stats().Items == 0 }, 10*time.Second, time.Millisecond, name)
		ids := db.rejectedIDs()
		assert.NoError(t, uuid.Validate(ids[0]), name)
		assert.Equal(t, ids[0], ids[1], name)
		db.memory.mu.Lock()
		assert.Equal(t, db.rejected[0].Item, db.rejected[1].Item, name)
		db.rejected = nil
		db.memory.mu.Unlock()
		require.Eventually(t, func() bool { return b.keep.awaySince().IsZero() }, 10*time.Second, time.Millisecond)
	}
}

// A record that cannot be read does not keep those behind it waiting.
func TestUnreadableRecord(t *testing.T) {
	b, db, sp := spooling(t, spool.Options{})
	db.set(true, true)
	res, _ := b.send(t, "/v1/errors", reportOf("req_1"))
	require.Equal(t, http.StatusOK, res.StatusCode)
	newer, err := parcel.Parcel{}.Pack()
	require.NoError(t, err)
	for _, garbage := range [][]byte{[]byte("no parcel"), newer[:len(newer)/2], {}} {
		require.NoError(t, sp.Append(garbage, 1))
	}
	res, _ = b.send(t, "/v1/errors", reportOf("req_2"))
	require.Equal(t, http.StatusOK, res.StatusCode)
	db.set(false, false)
	require.Eventually(t, func() bool { return sp.Stats().Items == 0 }, 10*time.Second, time.Millisecond)
	assert.Equal(t, []string{"req_1", "req_2"}, db.stored())
}

// A full spool is 503 over HTTP; it is said when to come again, and nothing is
// acknowledged. When the database is back there is room again.
func TestFullSpool(t *testing.T) {
	b, db, sp := spooling(t, spool.Options{MaxBytes: 2 << 10})
	db.set(true, true)
	var kept []string
	for i := 0; ; i++ {
		require.Less(t, i, 100, "it is bounded")
		id := fmt.Sprint("req_", i)
		res, body := b.send(t, "/v1/errors", reportOf(id))
		if res.StatusCode == http.StatusOK {
			kept = append(kept, id)
			continue
		}
		require.Equal(t, http.StatusServiceUnavailable, res.StatusCode, body)
		assert.Equal(t, "2", res.Header.Get("Retry-After"))
		assert.Contains(t, body, "spool is full")
		break
	}
	require.NotEmpty(t, kept)
	db.set(false, false)
	require.Eventually(t, func() bool { return sp.Stats().Items == 0 }, 10*time.Second, time.Millisecond)
	assert.Equal(t, kept, db.stored(), "in order, and no more")
	db.set(true, true)
	res, _ := b.send(t, "/v1/errors", reportOf("req_later"))
	assert.Equal(t, http.StatusOK, res.StatusCode)
	db.set(false, false)
}
