package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

func (f *fixture) watches(t testing.TB, ws int32, at time.Time) (out []string) {
	t.Helper()
	list, err := f.Watches(t.Context(), ws, at)
	require.NoError(t, err)
	for _, w := range list {
		out = append(out, w.Value+" "+w.State)
	}
	return out
}

// mailChannel is a channel of kind email.
func (f *fixture) mailChannel(t testing.TB, name string) store.Channel {
	t.Helper()
	s := spec(name)
	s.Kind = "email"
	return f.addChannel(t, s)
}

func TestWatches(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws, at := t.Context(), store.DefaultWorkspace, time.Now().UTC()
		mail := f.mailChannel(t, "support mail")
		told, err := f.Watch(ctx, mia, ws, at, "req_1", mail.ID)
		require.NoError(t, err)
		again, err := f.Watch(ctx, mia, ws, at, "req_1", "")
		require.NoError(t, err)
		assert.Equal(t, told, again)
		_, err = f.Watch(ctx, leo, ws, at, "req_1", "")
		require.NoError(t, err, "another person")
		_, err = f.Watch(ctx, mia, ws, at, "req_never", mail.ID)
		require.NoError(t, err)
		_, err = f.Watch(ctx, mia, 2, at, "req_1", "")
		require.NoError(t, err)
		n, err := f.NoticeWatches(ctx, at)
		require.NoError(t, err)
		assert.Zero(t, n)
		assert.Equal(t, []string{"req_1 waiting"}, f.watches(t, 2, at))

		f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "boom"})
		// Several processes look at once, and one of them has just started.
		var wg sync.WaitGroup
		var mu sync.Mutex
		total := 0
		for _, s := range []*store.Store{f.Store, reopen(t, store.Options{URL: f.url}), reopen(t, store.Options{URL: f.url})} {
			wg.Go(func() {
				n, err := s.NoticeWatches(ctx, at.Add(time.Minute))
				assert.NoError(t, err)
				mu.Lock()
				total += n
				mu.Unlock()
			})
		}
		wg.Wait()
		assert.Equal(t, 2, total, "each watch once")
		assert.ElementsMatch(t, []string{"req_1 arrived", "req_1 arrived", "req_never waiting"}, f.watches(t, ws, at))
		assert.Equal(t, []string{"req_1 waiting"}, f.watches(t, 2, at), "another workspace's has not arrived")
		assert.Equal(t, []string{"1 arrived waiting"}, f.log(t, mail.ID), "one message")
		due := f.claim(t)
		require.NotNil(t, due)
		assert.Equal(t, "req_1 has arrived", due.Message.Changed[0])
		assert.Regexp(t, `^billing: 500 boom at 20\d\d-`, due.Message.Changed[1])
		assert.Equal(t, "[ARRIVED] req_1 has arrived", alert.Write(due.Message).Title)
		beside := f.desk(t, ws, "req_1")
		assert.Equal(t, &alert.Request{ID: "req_1", EventID: beside.EventID}, due.Message.Request)
		var waited []string
		for _, w := range beside.Waits {
			assert.Equal(t, []bool{true, false}, []bool{w.Since.Equal(at.Truncate(time.Microsecond)), w.ArrivedAt.IsZero()})
			waited = append(waited, w.By)
		}
		assert.Equal(t, []string{leo.Label, mia.Label}, waited, "those of this workspace")
		f.record(t, due, done)
		assert.Nil(t, f.claim(t))

		assert.Contains(t, f.watches(t, ws, at.Add(store.WatchFor)), "req_never ended")
		f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_never", status: 500, code: "boom"})
		n, err = f.NoticeWatches(ctx, at.Add(store.WatchFor+time.Hour))
		require.NoError(t, err)
		assert.Zero(t, n, "nobody waits any more")
		assert.NotContains(t, f.watches(t, ws, at.Add(3*store.WatchFor)), "req_never ended", "nor is it shown")
		assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM audit WHERE action = 'watch.start' AND target = $1 AND details IS NULL`, told))
	}
}

// An exception has no status.
func TestWatchOfAFailureWithoutStatus(t *testing.T) {
	f := open(t, store.Options{})
	at := time.Now().UTC()
	_, err := f.Watch(t.Context(), mia, store.DefaultWorkspace, at, "req_1", f.mailChannel(t, "support mail").ID)
	require.NoError(t, err)
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", code: "boom"})
	_, err = f.NoticeWatches(t.Context(), at)
	require.NoError(t, err)
	due := f.claim(t)
	require.NotNil(t, due)
	assert.Regexp(t, `^billing: boom at `, due.Message.Changed[1])
}

func TestWatchOfARejection(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws, at := t.Context(), store.DefaultWorkspace, time.Now().UTC()
	insert := `INSERT INTO rejections (workspace_id, id, received_at, source, reason, message, request_id, preview) VALUES ($1, gen_random_uuid(), $2, 'http', 'bad', 'bad', 'req_1', '')`
	_, err := f.db.Exec(ctx, insert, ws, at.Add(-time.Hour))
	require.NoError(t, err)
	id, err := f.Watch(ctx, mia, ws, at, "req_1", "")
	require.NoError(t, err)
	_, err = f.Watch(ctx, mia, ws, at, "req_2", "")
	require.NoError(t, err)
	_, err = f.db.Exec(ctx, `UPDATE request_watches SET created_at = created_at - interval '3 hours' WHERE value = 'req_2'`)
	require.NoError(t, err)
	n, err := f.NoticeWatches(ctx, at)
	require.NoError(t, err)
	assert.Zero(t, n, "that was before, if not before somebody waited for another one")
	for _, w := range []int32{2, ws} {
		_, err = f.db.Exec(ctx, insert, w, at.Add(time.Second))
		require.NoError(t, err)
		n, err = f.NoticeWatches(ctx, at)
		require.NoError(t, err)
		assert.Equal(t, int(2-w), n, "of workspace %d", w)
	}
	assert.ElementsMatch(t, []string{"req_1 rejected", "req_2 waiting"}, f.watches(t, ws, at))
	assert.True(t, fault.Is(f.RemoveWatch(ctx, mia, 2, id), fault.NotFound))
	require.NoError(t, f.RemoveWatch(ctx, mia, ws, id))
	assert.True(t, fault.Is(f.RemoveWatch(ctx, mia, ws, id), fault.NotFound))
	assert.True(t, fault.Is(f.RemoveWatch(ctx, mia, ws, "nope"), fault.NotFound))
}

func TestWatchRefuses(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws, at := t.Context(), store.DefaultWorkspace, time.Now().UTC()
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_there", status: 500, code: "boom"})
	_, err := f.Watch(ctx, mia, ws, at, "req_there", "")
	assert.Equal(t, "already_arrived", fault.Of(err).Code)
	for _, bad := range []string{"", "a\nb", "\xff", "null", " x", string(make([]byte, 300))} {
		_, err := f.Watch(ctx, mia, ws, at, bad, "")
		assert.True(t, fault.Is(err, fault.Unprocessable), "%.10q", bad)
	}
	other := spec("chat")
	other.Kind = "slack_webhook"
	off := spec("off")
	off.Kind, off.Enabled = "email", false
	for _, channel := range []string{"nope", "01930000-0000-7000-8000-000000000001", f.addChannel(t, other).ID, f.addChannel(t, off).ID} {
		_, err := f.Watch(ctx, mia, ws, at, "req_1", channel)
		assert.True(t, fault.Is(err, fault.Unprocessable), channel)
	}
	for i := range store.MaxOwnWatches {
		_, err := f.Watch(ctx, mia, ws, at, fmt.Sprintf("req_w%d", i), "")
		require.NoError(t, err)
	}
	_, err = f.Watch(ctx, mia, ws, at, "req_more", "")
	assert.Equal(t, "too_many_watches", fault.Of(err).Code)
	_, err = f.Watch(ctx, leo, ws, at, "req_more", "")
	require.NoError(t, err)
	_, err = f.db.Exec(ctx, `INSERT INTO request_watches SELECT 1, gen_random_uuid(), 'x' || n, NULL, '', '', '', now(), now() + interval '1 day' FROM generate_series(1, 450) n`)
	require.NoError(t, err)
	_, err = f.Watch(ctx, leo, ws, at, "req_most", "")
	assert.Equal(t, "too_many_watches", fault.Of(err).Code)
}
