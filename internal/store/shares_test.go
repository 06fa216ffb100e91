package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

func TestShares(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws, at := t.Context(), store.DefaultWorkspace, time.Now().UTC()
		f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 429, code: "rate_limit_exceeded", customer: "acme", body: `{"secret":1}`})
		id := f.desk(t, ws, "req_1").EventID
		_, _, err := f.Share(ctx, ada, ws, at, id, 7)
		assert.Equal(t, "public_links_off", fault.Of(err).Code, "off by default")
		require.NoError(t, f.SetPublicLinks(ctx, ada, ws, true))
		secret, share, err := f.Share(ctx, ada, ws, at, id, store.ShareDays)
		require.NoError(t, err)
		assert.Len(t, secret, 47)
		other, _, err := f.Share(ctx, ada, ws, at, id, 1)
		require.NoError(t, err)
		assert.NotEqual(t, secret, other)
		assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM request_shares WHERE hash = $1`, auth.Hash(secret)))
		assert.Zero(t, f.count(t, `SELECT count(*) FROM request_shares r, audit a WHERE r::text LIKE $1 OR a::text LIKE $1`, "%"+secret+"%"), "the secret is nowhere")

		shown, err := f.OpenShare(ctx, at, secret)
		require.NoError(t, err)
		assert.Equal(t, store.Shared{OccurredAt: now, Status: 429, Code: "rate_limit_exceeded", Family: event.FamilyLimits, ExpiresAt: at.AddDate(0, 0, 7).Truncate(time.Microsecond)}, withoutNanos(shown))

		gone := func(why, secret string, at time.Time) {
			t.Helper()
			_, err := f.OpenShare(ctx, at, secret)
			assert.Equal(t, "share_not_found", fault.Of(err).Code, why)
		}
		gone("unknown", strings.Repeat("A", 43), at)
		gone("empty", "", at)
		gone("with NUL", "a\x00", at)
		gone("expired", secret, at.AddDate(0, 0, 7))
		require.NoError(t, f.SetPublicLinks(ctx, ada, ws, false))
		gone("off", secret, at)
		require.NoError(t, f.SetPublicLinks(ctx, ada, ws, true))
		require.NoError(t, f.SetPublicLinks(ctx, ada, 2, true))
		assert.True(t, fault.Is(f.RevokeShare(ctx, ada, 2, share.ID), fault.NotFound), "another workspace's")
		theirs, err := f.Shares(ctx, 2, at)
		require.NoError(t, err)
		assert.Empty(t, theirs)
		_, _, err = f.Share(ctx, ada, 2, at, id, 7)
		assert.True(t, fault.Is(err, fault.NotFound))
		require.NoError(t, f.RevokeShare(ctx, ada, ws, share.ID))
		gone("revoked", secret, at)
		assert.True(t, fault.Is(f.RevokeShare(ctx, ada, ws, share.ID), fault.NotFound), "once")
		list, err := f.Shares(ctx, ws, at)
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, "ada", list[0].By)
		assert.Equal(t, 3, f.count(t, `SELECT count(*) FROM audit WHERE action IN ('share.create', 'share.revoke') AND target = $1`, id))
	}
}

func withoutNanos(s store.Shared) store.Shared {
	s.ExpiresAt = s.ExpiresAt.Truncate(time.Microsecond)
	return s
}

func TestShareRefuses(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws, at := t.Context(), store.DefaultWorkspace, time.Now().UTC()
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "boom"})
	id := f.desk(t, ws, "req_1").EventID
	require.NoError(t, f.SetPublicLinks(ctx, ada, ws, true))
	for _, days := range []int{-1, 0, 31} {
		_, _, err := f.Share(ctx, ada, ws, at, id, days)
		assert.True(t, fault.Is(err, fault.Unprocessable))
	}
	_, _, err := f.Share(ctx, ada, ws, at, "nope", 7)
	assert.True(t, fault.Is(err, fault.NotFound))
	var secret string
	for range 20 {
		secret, _, err = f.Share(ctx, ada, ws, at, id, 7)
		require.NoError(t, err)
	}
	_, _, err = f.Share(ctx, ada, ws, at, id, 7)
	assert.Equal(t, "too_many_shares", fault.Of(err).Code)
	_, err = f.db.Exec(ctx, `DELETE FROM events`)
	require.NoError(t, err)
	_, err = f.OpenShare(ctx, at, secret)
	assert.Equal(t, "share_not_found", fault.Of(err).Code, "what it showed has gone")
}

// Openings are counted, whoever counts at the same time; the audit log has one a
// day.
func TestOpeningsAreCounted(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws, at := t.Context(), store.DefaultWorkspace, time.Now().UTC().Truncate(time.Second)
		f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "boom"})
		id := f.desk(t, ws, "req_1").EventID
		require.NoError(t, f.SetPublicLinks(ctx, ada, ws, true))
		secret, share, err := f.Share(ctx, ada, ws, at, id, 7)
		require.NoError(t, err)
		other, _, err := f.Share(ctx, ada, ws, at, id, 7)
		require.NoError(t, err)
		list := func() (out []store.RequestShare) {
			t.Helper()
			all, err := f.Shares(ctx, ws, at)
			require.NoError(t, err)
			require.Len(t, all, 2)
			return []store.RequestShare{all[1], all[0]}
		}
		is := func(s store.RequestShare, n int, first, last time.Time) {
			t.Helper()
			require.NotNil(t, s.LastOpenedAt)
			assert.Equal(t, []any{n, first, last}, []any{s.Opened, s.FirstOpenedAt.Time, s.LastOpenedAt.Time})
		}
		see := func(s *store.Store, secret string, at time.Time) {
			t.Helper()
			_, err := s.OpenShare(ctx, at, secret)
			assert.NoError(t, err)
		}
		for _, s := range list() {
			assert.Equal(t, []any{0, true, true}, []any{s.Opened, s.FirstOpenedAt == nil, s.LastOpenedAt == nil})
		}
		see(f.Store, secret, at)
		is(list()[0], 1, at, at)
		assert.Zero(t, list()[1].Opened)
		_, err = f.OpenShare(ctx, at, "erv_"+strings.Repeat("A", 43))
		require.Error(t, err)

		// A crawler, and two processes.
		stop, cancel := context.WithCancel(ctx)
		done := make(chan error, 2)
		second := reopen(t, store.Options{URL: f.url, ExecMode: mode})
		for _, s := range []*store.Store{f.Store, second} {
			go func() { done <- s.RecordLooks(stop) }()
			require.Eventually(t, s.Recording, 5*time.Second, time.Millisecond)
		}
		for n := range 100 {
			for _, s := range []*store.Store{f.Store, second} {
				see(s, secret, at.Add(time.Duration(n)*time.Millisecond))
				see(s, other, at)
			}
		}
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, <-done)
		is(list()[0], 201, at, at.Add(99*time.Millisecond))
		is(list()[1], 200, at, at)
		assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM audit WHERE workspace_id = $1 AND action = 'share.opened' AND target = $2`, ws, id), "one for each link")
		for range 3 {
			see(f.Store, secret, at.AddDate(0, 0, 1))
		}
		is(list()[0], 204, at, at.AddDate(0, 0, 1))
		rows, _, err := f.AuditLog(ctx, ws, store.AuditFilter{Action: "share.opened"}, 10, "")
		require.NoError(t, err)
		require.Len(t, rows, 3, "and one for another day")
		assert.JSONEq(t, `{"share":"`+share.ID+`","opened":202}`, string(rows[0].Details))
		assert.Equal(t, store.AuditActor{Kind: "link", ID: share.ID, Label: "public link"}, rows[0].Actor)

		// What cannot be written holds nobody up.
		_, err = f.db.Exec(ctx, `ALTER TABLE request_shares RENAME COLUMN opened TO was_opened`)
		require.NoError(t, err)
		see(f.Store, secret, at)
	}
}
