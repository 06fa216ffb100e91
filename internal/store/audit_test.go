package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/fault"
	"errata/internal/store"
)

func (f *fixture) auditLog(t testing.TB, ws int32, filter store.AuditFilter) (out []string) {
	t.Helper()
	cursor := ""
	for {
		rows, next, err := f.AuditLog(t.Context(), ws, filter, 2, cursor)
		require.NoError(t, err)
		for _, r := range rows {
			out = append(out, fmt.Sprint(r.Actor.Label, " ", r.Action, " ", r.Target))
		}
		if cursor = next; cursor == "" {
			return out
		}
	}
}

func TestAuditLog(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		for _, a := range []struct {
			actor          store.Actor
			action, target string
		}{{mia, "request.view", "e1"}, {leo, "request.note", "e1"}, {mia, "requests.other", "e2"}, {leo, "silence.save", "s1"}, {mia, "login", "key"}} {
			require.NoError(t, f.Audit(ctx, ws, a.actor, a.action, a.target, map[string]any{"a": 1}))
		}
		require.NoError(t, f.Audit(ctx, 2, mia, "request.view", "theirs", nil))
		assert.Equal(t, []string{"mia login key", "leo silence.save s1", "mia requests.other e2", "leo request.note e1", "mia request.view e1"}, f.auditLog(t, ws, store.AuditFilter{}))
		assert.Equal(t, []string{"mia request.view theirs"}, f.auditLog(t, 2, store.AuditFilter{}))
		assert.Equal(t, []string{"leo request.note e1", "mia request.view e1"}, f.auditLog(t, ws, store.AuditFilter{Action: "request"}))
		assert.Equal(t, []string{"mia request.view e1"}, f.auditLog(t, ws, store.AuditFilter{Action: "request.view", Actor: "mia", Target: "e1"}))
		assert.Len(t, f.auditLog(t, ws, store.AuditFilter{Actor: leo.ID}), 2)
		assert.Len(t, f.auditLog(t, ws, store.AuditFilter{From: time.Now().Add(-time.Minute), To: time.Now().Add(time.Minute)}), 5)
		assert.Empty(t, f.auditLog(t, ws, store.AuditFilter{From: time.Now().Add(time.Minute)}))
		assert.Empty(t, f.auditLog(t, ws, store.AuditFilter{To: time.Now().Add(-time.Minute)}))
		_, _, err := f.AuditLog(ctx, ws, store.AuditFilter{Actor: "a\x00"}, 2, "")
		assert.True(t, fault.Is(err, fault.Unprocessable))
		_, _, err = f.AuditLog(ctx, ws, store.AuditFilter{}, 2, "x")
		assert.True(t, fault.Is(err, fault.Unprocessable))
	}
}

// People come back to what they looked at last.
func TestRecentLooks(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		recent := func(ws int32, actor store.Actor, limit int) (out []string) {
			t.Helper()
			list, err := f.RecentLooks(ctx, ws, actor.ID, limit)
			require.NoError(t, err)
			for _, l := range list {
				assert.WithinDuration(t, time.Now(), l.At, time.Minute)
				out = append(out, fmt.Sprint(l.RequestID, " ", l.Status))
			}
			return out
		}
		assert.Empty(t, recent(ws, mia, 5))
		ids := map[string]string{}
		for n, id := range []string{"req_a", "req_b", "req_c"} {
			f.write(t, report{request: id, status: 500 + n})
			hits, err := f.Lookup(ctx, ws, []string{id})
			require.NoError(t, err)
			ids[id] = hits[id][0].EventID
			require.NoError(t, f.Audit(ctx, ws, mia, "request.view", ids[id], nil))
		}
		require.NoError(t, f.Audit(ctx, ws, mia, "request.unmask", ids["req_a"], nil))
		require.NoError(t, f.Audit(ctx, ws, leo, "request.view", ids["req_b"], nil))
		require.NoError(t, f.Audit(ctx, ws, mia, "request.share", ids["req_b"], nil))
		require.NoError(t, f.Audit(ctx, ws, mia, "request.view", "01890000-0000-7000-8000-000000000000", nil))
		assert.Equal(t, []string{"req_a 500", "req_c 502", "req_b 501"}, recent(ws, mia, 5), "the last first, each once, without what is gone")
		assert.Equal(t, []string{"req_a 500", "req_c 502"}, recent(ws, mia, 2))
		assert.Equal(t, []string{"req_b 501"}, recent(ws, leo, 2))
		require.NoError(t, f.Audit(ctx, 2, mia, "request.view", ids["req_b"], nil))
		assert.Empty(t, recent(2, mia, 5), "the failure is in another workspace")
	}
}

// Look-ups are written down without being waited for; those that wait when the
// process stops are written then.
func TestLookUpsAreRecorded(t *testing.T) {
	f := open(t, store.Options{})
	ws := store.DefaultWorkspace
	f.Looked(t.Context(), mia, ws, "e0")
	assert.Equal(t, []string{"mia request.view e0"}, f.auditLog(t, ws, store.AuditFilter{}), "nobody records: at once")

	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.RecordLooks(ctx) }()
	require.Eventually(t, f.Recording, 5*time.Second, time.Millisecond)
	for n := range 600 {
		f.Looked(t.Context(), mia, ws, fmt.Sprintf("e%d", n))
	}
	stop()
	require.NoError(t, <-done)
	assert.Equal(t, 601, f.count(t, `SELECT count(*) FROM audit WHERE action = 'request.view'`))

	// What is too much at once is dropped, and held against nobody.
	f.FillLooks(ws, mia)
	f.Looked(t.Context(), leo, ws, "last")
	ctx, stop = context.WithCancel(t.Context())
	go func() { done <- f.RecordLooks(ctx) }()
	require.Eventually(t, f.Recording, 5*time.Second, time.Millisecond)
	f.Looked(t.Context(), leo, ws, "after")
	stop()
	require.NoError(t, <-done)
	assert.GreaterOrEqual(t, f.count(t, `SELECT count(*) FROM audit WHERE action = 'request.view'`), 601+2048)
}
