package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/pgtest"
	"errata/internal/store"
)

const ws = store.DefaultWorkspace

func TestTrailFollowsTraces(t *testing.T) {
	f := open(t, store.Options{})
	trace := hex(9, 32)
	f.write(t,
		report{src: event.FromSpan, service: "edge", request: "req_edge", trace: trace, span: hex(1, 16), status: 502, at: now.Add(20 * time.Millisecond)},
		report{src: event.FromSpan, service: "prompts", request: "req_inner", trace: trace, span: hex(2, 16), status: 502, code: "provider_error", at: now.Add(10 * time.Millisecond)},
		report{src: event.FromSpan, role: event.Upstream, service: "prompts", trace: trace, span: hex(3, 16), status: 429, code: "rate_limit_exceeded", at: now},
		report{src: event.FromHTTP, service: "other", request: "req_other", status: 500})
	trail, err := f.Trail(t.Context(), ws, "req_edge")
	require.NoError(t, err)
	require.Len(t, trail.Events, 3)
	assert.Equal(t, []string{"edge", "prompts"}, trail.Services)
	assert.Equal(t, "req_edge", trail.RequestID)
	assert.Equal(t, "edge", trail.Summary.Service)
	assert.Equal(t, 429, trail.Find(trail.Summary.RootCauseEventID).Status)
}

// The ID that an Event has here leads to the same answer as its trace, though it is of
// a call within.
func TestTrailOfAnEventWithoutARequestID(t *testing.T) {
	f := open(t, store.Options{})
	trace := hex(9, 32)
	f.write(t,
		report{src: event.FromSpan, service: "edge", trace: trace, span: hex(1, 16), status: 502, at: now.Add(20 * time.Millisecond)},
		report{src: event.FromSpan, role: event.Upstream, service: "prompts", trace: trace, span: hex(3, 16), status: 429, code: "rate_limit_exceeded", at: now})
	by, err := f.Trail(t.Context(), ws, trace)
	require.NoError(t, err)
	require.Len(t, by.Events, 2)
	assert.Equal(t, "edge", by.Summary.Service)
	for _, e := range by.Events {
		trail, err := f.Trail(t.Context(), ws, e.ID)
		require.NoError(t, err)
		assert.Len(t, trail.Events, 2)
		assert.Equal(t, by.Summary, trail.Summary, e.Service)
	}
}

func TestTrailIsBounded(t *testing.T) {
	f := open(t, store.Options{})
	var rs []report
	for i := range store.MaxTrail + 20 {
		rs = append(rs, report{src: event.FromSpan, service: "edge", trace: hex(9, 32), span: hex(i+1, 16), status: 500})
	}
	f.write(t, rs...)
	trail, err := f.Trail(t.Context(), ws, hex(9, 32))
	require.NoError(t, err)
	assert.Len(t, trail.Events, store.MaxTrail)
	assert.True(t, trail.Truncated)
}

func TestNotFoundTellsWhy(t *testing.T) {
	f := open(t, store.Options{Retention: store.Retention{Events: 14}})
	_, err := f.Trail(t.Context(), ws, "req_nope")
	require.True(t, fault.Is(err, fault.NotFound))
	assert.Equal(t, "never_seen", fault.Of(err).Details["reason"])
	assert.Equal(t, 14, fault.Of(err).Details["retention_days"])

	require.NoError(t, f.Reject(t.Context(), ws, []event.Rejection{{Source: event.FromHTTP, Reason: "expired_on_arrival", Message: "too old", RequestID: "req_late", Preview: "{}"}}))
	_, err = f.Trail(t.Context(), ws, "req_late")
	assert.Equal(t, "rejected", fault.Of(err).Details["reason"])
	_, err = f.Trail(t.Context(), 2, "req_late")
	assert.Equal(t, "never_seen", fault.Of(err).Details["reason"], "another workspace's rejection is nobody's business")

	for _, id := range []string{"", "a\x00b", "\xff", fmt.Sprintf("%0300d", 1)} {
		_, err = f.Trail(t.Context(), ws, id)
		assert.True(t, fault.Is(err, fault.NotFound), "%q", id)
	}
}

func TestLookupPrefixLookAlikes(t *testing.T) {
	f := open(t, store.Options{})
	f.write(t,
		report{src: event.FromHTTP, service: "billing", request: "req_9f3al0", status: 500, trace: hex(77, 32), span: hex(5, 16)},
		report{src: event.FromHTTP, service: "billing", request: "req_9f3bzz", status: 500, aliases: []event.Alias{{Kind: "upstream", Value: "up-123456"}}})

	hits, err := f.Lookup(t.Context(), ws, []string{"req_9f3al0", "req_9f3bzz", "nope", hex(77, 32), "up-123456", "x\x00"})
	require.NoError(t, err)
	assert.Len(t, hits, 4)
	assert.Equal(t, "upstream", hits["up-123456"][0].Kind)
	assert.Equal(t, "req_9f3bzz", hits["up-123456"][0].RequestID)

	got, err := f.Prefix(t.Context(), ws, "req_9f3", 10)
	require.NoError(t, err)
	assert.Len(t, got, 2)
	got, err = f.Prefix(t.Context(), ws, "0000000000", 10)
	require.NoError(t, err)
	assert.Len(t, got, 1, "a trace by its first digits")
	got, err = f.Prefix(t.Context(), ws, "req", 10)
	require.NoError(t, err)
	assert.Empty(t, got, "too short")

	got, err = f.LookAlikes(t.Context(), ws, "REQ_9f3alo.", 5)
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.Equal(t, "req_9f3al0", got[0].RequestID)
	got, err = f.LookAlikes(t.Context(), ws, "UP-I23456", 5)
	require.NoError(t, err)
	require.Len(t, got, 1, "other IDs are misread as well")
	assert.Equal(t, "req_9f3bzz", got[0].RequestID)
	got, err = f.LookAlikes(t.Context(), 2, "REQ_9f3alo", 5)
	require.NoError(t, err)
	assert.Empty(t, got, "another workspace's")

	hits, err = f.Lookup(t.Context(), ws, []string{strings.ToUpper(hex(77, 32)), hex(77, 32)})
	require.NoError(t, err)
	assert.Len(t, hits, 2, "each as it was asked")
}

// Links of ours have the IDs of Events, which lead where those of their requests do.
func TestEventsAreFoundByTheirOwnIDs(t *testing.T) {
	f := open(t, store.Options{})
	f.write(t,
		report{src: event.FromHTTP, service: "billing", request: "req_a", status: 500},
		report{src: event.FromHTTP, service: "gateway", request: "req_a", status: 502},
		report{src: event.FromSpan, service: "auth", trace: hex(9, 32), span: hex(9, 16), status: 503})
	rows, err := f.db.Query(t.Context(), `SELECT id::text FROM events ORDER BY service`)
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	auth, billing, gateway := ids[0], ids[1], ids[2]

	hits, err := f.Lookup(t.Context(), ws, []string{billing, strings.ToUpper(billing), billing, auth, "req_a", "01970000-0000-7000-8000-000000000001", "550e8400-e29b-41d4-a716-446655440000"})
	require.NoError(t, err)
	require.Len(t, hits, 4)
	require.Len(t, hits[billing], 1, "once, however often it was asked for")
	assert.Equal(t, "event", hits[billing][0].Kind)
	assert.Equal(t, "req_a", hits[billing][0].RequestID)
	assert.Equal(t, billing, hits[strings.ToUpper(billing)][0].EventID)
	assert.Len(t, hits["req_a"], 2)

	trail, err := f.Trail(t.Context(), ws, gateway)
	require.NoError(t, err)
	assert.Len(t, trail.Events, 2, "all of its request")
	trail, err = f.Trail(t.Context(), ws, auth)
	require.NoError(t, err)
	assert.Len(t, trail.Events, 1)
	_, err = f.Trail(t.Context(), 2, auth)
	assert.Equal(t, fault.NotFound, fault.Of(err).Kind, "another workspace's")

	_, err = f.db.Exec(t.Context(), `UPDATE events SET merged_into = $2::uuid WHERE id = $1::uuid`, billing, gateway)
	require.NoError(t, err)
	hits, err = f.Lookup(t.Context(), ws, []string{billing})
	require.NoError(t, err)
	require.Len(t, hits[billing], 1, "one that was folded into another gives that one")
	assert.Equal(t, gateway, hits[billing][0].EventID)
	trail, err = f.Trail(t.Context(), ws, billing)
	require.NoError(t, err)
	assert.Equal(t, gateway, trail.Events[0].ID)
}

// An ID with so many Events that they fill the answer hides no other one.
func TestLookupBesideAHugeTrace(t *testing.T) {
	f := open(t, store.Options{})
	pgtest.FillTrails(t, f.db, now, 1, 6000)
	_, err := f.db.Exec(t.Context(), `UPDATE events SET trace_id = $1::uuid WHERE span_id <> 5998`, hex(77, 32))
	require.NoError(t, err)
	alone := fmt.Sprintf("%016x", 5998)
	hits, err := f.Lookup(t.Context(), ws, []string{hex(77, 32), alone, "req_1", "req_none"})
	require.NoError(t, err)
	assert.Len(t, hits, 3)
	assert.Len(t, hits[alone], 1)
}

func TestEventsFilterAndPages(t *testing.T) {
	f := open(t, store.Options{})
	var rs []report
	for i := range 25 {
		rs = append(rs, report{src: event.FromHTTP, service: []string{"billing", "auth"}[i%2], request: fmt.Sprint("req_", i), status: 500 + i%3, at: now.Add(-time.Duration(i) * 5 * time.Hour)})
	}
	f.write(t, rs...)

	var ids []string
	cursor := ""
	for range 10 {
		page, err := f.Events(t.Context(), ws, event.Filter{}, 10, cursor)
		require.NoError(t, err)
		for _, e := range page.Events {
			ids = append(ids, e.RequestID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	require.Len(t, ids, 25)
	for i, id := range ids {
		assert.Equal(t, fmt.Sprint("req_", i), id, "newest first")
	}
	for name, c := range map[string]struct {
		f    event.Filter
		want int
	}{
		"service": {event.Filter{Service: "auth"}, 12},
		"status":  {event.Filter{Status: "501"}, 8},
		"class":   {event.Filter{Status: "5xx"}, 25},
		"family":  {event.Filter{Family: event.FamilyUpstream}, 8},
		"range":   {event.Filter{From: now.Add(-11 * time.Hour), To: now}, 2},
		"words":   {event.Filter{Query: "FROM req_7"}, 1},
		"wild":    {event.Filter{Query: "%"}, 0},
	} {
		page, err := f.Events(t.Context(), ws, c.f, 100, "")
		require.NoError(t, err, name)
		assert.Len(t, page.Events, c.want, name)
	}
	for _, bad := range []event.Filter{{Status: "abc"}, {IssueID: "x"}, {Service: "a\x00"}, {Query: "a b c d e f g h i j k"}} {
		_, err := f.Events(t.Context(), ws, bad, 10, "")
		assert.True(t, fault.Is(err, fault.Unprocessable), "%+v", bad)
	}
	_, err := f.Events(t.Context(), ws, event.Filter{}, 10, "junk")
	assert.True(t, fault.Is(err, fault.Unprocessable))
}

func TestOldEventIDLeadsToWhereItWasFolded(t *testing.T) {
	f := open(t, store.Options{})
	http := f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500})
	span := f.write(t, report{src: event.FromLog, service: "billing", trace: hex(1, 32), span: hex(1, 16), status: 500})
	f.write(t, report{src: event.FromSpan, service: "billing", request: "req_1", trace: hex(1, 32), span: hex(1, 16), status: 500})
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NOT NULL`), "the bridge folds one into the other")
	a, err := f.Event(t.Context(), ws, http[0].EventID)
	require.NoError(t, err)
	b, err := f.Event(t.Context(), ws, span[0].EventID)
	require.NoError(t, err)
	assert.Equal(t, a.ID, b.ID)
}

func TestKeys(t *testing.T) {
	f := open(t, store.Options{})
	secret := auth.NewSecret()
	key, err := f.CreateKey(t.Context(), store.System, ws, "ci", []auth.Scope{auth.Ingest}, secret)
	require.NoError(t, err)
	require.NoError(t, f.EnsureKey(t.Context(), ws, "again", []auth.Scope{auth.Ingest}, secret))
	keys, err := f.Keys(t.Context(), ws)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	assert.Equal(t, 0, f.count(t, `SELECT count(*) FROM api_keys WHERE hash::text LIKE '%' || $1 || '%' OR prefix = $1`, secret), "the secret is nowhere")

	ring := auth.NewKeyring(f.KeyByHash, time.Nanosecond)
	_, err = ring.Check(t.Context(), secret, auth.Ingest)
	require.NoError(t, err)
	_, err = ring.Check(t.Context(), secret, auth.Read)
	assert.True(t, fault.Is(err, fault.Forbidden))
	_, err = ring.Check(t.Context(), auth.NewSecret(), auth.Ingest)
	assert.True(t, fault.Is(err, fault.Unauthorized))

	scopes, err := f.KeyScopes(t.Context(), ws, key.ID)
	require.NoError(t, err)
	assert.Equal(t, []auth.Scope{auth.Ingest}, scopes)
	for _, none := range []struct {
		ws int32
		id string
	}{{2, key.ID}, {ws, "01970000-0000-7000-8000-00000000ffff"}, {ws, "nonsense"}, {ws, ""}} {
		scopes, err = f.KeyScopes(t.Context(), none.ws, none.id)
		require.NoError(t, err)
		assert.Empty(t, scopes, none.id)
	}
	_, err = f.CreateKey(t.Context(), store.System, ws, "odd", []auth.Scope{"owner"}, auth.NewSecret())
	assert.Error(t, err, "the database knows the scopes, too")

	require.NoError(t, f.RevokeKey(t.Context(), store.System, ws, key.ID))
	scopes, err = f.KeyScopes(t.Context(), ws, key.ID)
	require.NoError(t, err)
	assert.Empty(t, scopes, "a key that was revoked may nothing")
	_, err = ring.Check(t.Context(), secret, auth.Ingest)
	assert.True(t, fault.Is(err, fault.Unauthorized))
	assert.True(t, fault.Is(f.RevokeKey(t.Context(), store.System, 2, key.ID), fault.NotFound))
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM audit`))
}

func TestLoginLinkWorksOnce(t *testing.T) {
	f := open(t, store.Options{})
	hash := auth.Hash("link")
	require.NoError(t, f.CreateLoginLink(t.Context(), ws, "first start", auth.Admin, hash, time.Now().Add(time.Hour)))
	login, err := f.UseLoginLink(t.Context(), hash)
	require.NoError(t, err)
	assert.Equal(t, ws, login.Workspace)
	assert.True(t, login.Reads && login.Decides)
	_, err = f.UseLoginLink(t.Context(), hash)
	assert.True(t, fault.Is(err, fault.NotFound))

	for scope, want := range map[auth.Scope][2]bool{auth.Support: {false, false}, auth.Read: {true, false}} {
		require.NoError(t, f.CreateLoginLink(t.Context(), ws, "x", scope, auth.Hash(string(scope)), time.Now().Add(time.Hour)))
		login, err := f.UseLoginLink(t.Context(), auth.Hash(string(scope)))
		require.NoError(t, err)
		assert.Equal(t, want, [2]bool{login.Reads, login.Decides}, scope)
	}
	assert.Error(t, f.CreateLoginLink(t.Context(), ws, "x", auth.Ingest, auth.Hash("ingest"), time.Now().Add(time.Hour)), "nobody signs in to report")

	expired := auth.Hash("old")
	require.NoError(t, f.CreateLoginLink(t.Context(), ws, "x", auth.Admin, expired, time.Now().Add(-time.Second)))
	_, err = f.UseLoginLink(t.Context(), expired)
	assert.True(t, fault.Is(err, fault.NotFound))
}

func TestSessions(t *testing.T) {
	f := open(t, store.Options{})
	s := f.Sessions()
	require.NoError(t, s.CommitCtx(t.Context(), "tok", []byte("data"), time.Now().Add(time.Hour)))
	data, found, err := s.FindCtx(t.Context(), "tok")
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, "data", string(data))
	require.NoError(t, s.DeleteCtx(t.Context(), "tok"))
	_, found, err = s.FindCtx(t.Context(), "tok")
	require.NoError(t, err)
	assert.False(t, found)
	require.NoError(t, s.Sweep(t.Context()))
}

func TestOverviewAndRejections(t *testing.T) {
	f := open(t, store.Options{})
	o, err := f.Overview(t.Context(), ws)
	require.NoError(t, err)
	assert.True(t, o.Newest.IsZero())
	at := time.Now().UTC().Add(-time.Minute).Truncate(time.Microsecond)
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "r1", status: 500, at: at})
	o, err = f.Overview(t.Context(), ws)
	require.NoError(t, err)
	assert.True(t, at.Equal(o.Newest))
	assert.Equal(t, []string{"billing"}, o.Services)
	assert.EqualValues(t, 1, o.EventsToday)

	var rs []event.Rejection
	for i := range 5 {
		rs = append(rs, event.Rejection{Source: event.FromHTTP, Reason: "validation_failed", Message: fmt.Sprint(i), Preview: "\x00\xff"})
	}
	require.NoError(t, f.Reject(t.Context(), ws, rs))
	first, next, err := f.Rejections(t.Context(), ws, 3, "")
	require.NoError(t, err)
	require.Len(t, first, 3)
	rest, end, err := f.Rejections(t.Context(), ws, 3, next)
	require.NoError(t, err)
	assert.Len(t, rest, 2)
	assert.Empty(t, end)
}

func TestUnreachableDatabaseIsUnavailable(t *testing.T) {
	f := open(t, store.Options{})
	f.Close()
	_, err := f.Write(t.Context(), []identity.Part{report{src: event.FromHTTP, service: "x", request: "y", status: 500}.part()})
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	_, err = store.Open(t.Context(), store.Options{URL: "postgres://nobody:secret@127.0.0.1:1/x"})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "secret")
}
