package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
	"errata/internal/incident"
	"errata/internal/selfwatch"
	"errata/internal/store"
)

// collector says how a collector is at a time; late is how old its oldest report is.
func (f alertFixture) collector(at time.Time, late time.Duration) {
	f.t.Helper()
	var oldest *time.Time
	if late > 0 {
		t := at.Add(-late)
		oldest = &t
	}
	_, err := f.db.Exec(f.t.Context(), `
INSERT INTO collectors (id, host, version, started_at, seen_at, spool_bytes, spool_max, spool_items, spool_oldest, spool_damaged, database_away)
VALUES ('019335f0-0000-7000-8000-000000000009', 'h1', 'v', $1, $1, 1, 100, 7, $2, 0, '0') ON CONFLICT (id) DO UPDATE SET seen_at = $1, spool_oldest = $2`, at, oldest)
	require.NoError(f.t, err)
}

func (f alertFixture) self(at time.Time) store.Evaluated {
	f.t.Helper()
	e, err := f.EvaluateSelf(f.t.Context(), at)
	require.NoError(f.t, err)
	return e
}

// sent are the messages that were queued, with their channels; they are taken for
// delivered, since nobody delivers here.
func (f alertFixture) sent() (out []string) {
	f.t.Helper()
	rows, err := f.db.Query(f.t.Context(), `
UPDATE deliveries d SET state = CASE WHEN d.state = 'waiting' THEN 'sent' ELSE d.state END FROM incidents i, channels c WHERE i.id = d.incident_id AND c.id = d.channel_id
RETURNING to_char(d.created_at AT TIME ZONE 'UTC', 'HH24:MI'), d.kind, i.number, d.message #>> '{incidents,0,rule,name}', d.message #>> '{incidents,0,level}', c.name, d.id::text`)
	require.NoError(f.t, err)
	var at, kind, name, level, channel, id string
	var number int
	_, err = pgx.ForEachRow(rows, []any{&at, &kind, &number, &name, &level, &channel, &id}, func() error {
		out = append(out, fmt.Sprintf("%s %s INC-%d %s %s to %s", at, kind, number, name, level, channel))
		return nil
	})
	require.NoError(f.t, err)
	return out
}

// hold keeps others from an advisory lock until it is called again.
func (f alertFixture) hold(lock int) (release func()) {
	f.t.Helper()
	conn, err := pgx.Connect(f.t.Context(), f.url)
	require.NoError(f.t, err)
	_, err = conn.Exec(f.t.Context(), `SELECT pg_advisory_lock($1)`, lock)
	require.NoError(f.t, err)
	return func() { require.NoError(f.t, conn.Close(context.Background())) }
}

// lateStory is four minutes in which a collector is late, and five in which it is
// not. Half a minute after each minute the story is looked at.
func (f alertFixture) lateStory(look func(at time.Time)) {
	for n := range 10 {
		at := noon.Add(time.Duration(n)*time.Minute + 30*time.Second)
		late := time.Duration(0)
		if n < 5 {
			late = 4 * time.Minute
		}
		f.collector(at, late)
		look(at)
	}
}

var lateTold = []string{"12:01 firing INC-1 ingest lag page to pager", "12:07 resolved INC-1 ingest lag page to pager"}

// Whoever looks, and however many: it is told once, and once that it is over.
func TestReportsThatComeLateAreAnIncident(t *testing.T) {
	f := openAlerts(t)
	f.lateStory(func(at time.Time) {
		var all sync.WaitGroup
		for range 2 {
			fresh := reopen(t, store.Options{URL: f.url})
			all.Go(func() {
				_, err := fresh.EvaluateSelf(t.Context(), at)
				assert.NoError(t, err)
				_, err = fresh.EvaluateAlerts(t.Context(), at) // who judges services leaves it alone
				assert.NoError(t, err)
				fresh.Close()
			})
		}
		all.Wait()
		f.self(at.Add(15 * time.Second)) // and once more in the same minute
	})
	assert.Equal(t, lateTold, f.sent())

	d := f.incident("1")
	assert.Equal(t, "errata ingest lag", d.Title)
	assert.True(t, d.Own())
	assert.Equal(t, "The collector on h1 holds back 7 reports (1 bytes); the oldest has waited 4 min (limit 3 min).", incident.Explain(&d.Why))
	assert.Equal(t, []string{"fired", "told firing", "recovering", "resolved", "told resolved"}, kinds(d))
	require.Len(t, d.Members, 1)
	assert.Equal(t, "h1", d.Members[0].Name)
	assert.Equal(t, "11:57", d.StartedAt.Format("15:04"), "since the oldest report waits")
	assert.False(t, d.Acceptable(noon.AddDate(0, 0, 3)), "this is never how it should be")
	assert.Equal(t, []string{"INC-1 errata ingest lag resolved"}, f.list(store.IncidentFilter{Service: "errata"}))
	assert.Contains(t, incident.ForCustomers(&d.Record), "nothing to tell customers")
	assert.Equal(t, "watch on Errata itself", d.Precision.Rule)
	var says, do string
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT message #>> '{incidents,0,own,says,0}', message #>> '{incidents,0,own,do}' FROM deliveries WHERE kind = 'firing'`).Scan(&says, &do))
	assert.Equal(t, incident.Explain(&d.Why), says)
	assert.Equal(t, selfwatch.Of(selfwatch.Lag).Do, do)
}

// What breaks off, at whatever statement, is done again and told once.
func TestSelfTickThatBreaksOff(t *testing.T) {
	f := openAlerts(t)
	broken := 0
	f.lateStory(func(at time.Time) {
		for n := 1; ; n++ {
			ctx, cancel := context.WithCancel(t.Context())
			s := reopen(t, store.Options{URL: f.url, Tracer: &breaker{after: n, cancel: cancel}})
			e, err := s.EvaluateSelf(ctx, at)
			s.Close()
			cancel()
			if err == nil && !e.Busy { // the server has noticed that the last one is gone
				return
			}
			if err != nil {
				broken++
			}
		}
	})
	assert.Greater(t, broken, 100)
	assert.Equal(t, lateTold, f.sent())
}

// A database that was away for as long as it takes until spools are drained is no
// incident; nor is one that flaps.
func TestShortLagIsNoIncident(t *testing.T) {
	f := openAlerts(t)
	for n := range 20 {
		at := noon.Add(time.Duration(n) * time.Minute)
		late := time.Duration(0)
		if n%3 == 0 {
			late = 10 * time.Minute
		}
		f.collector(at, late)
		f.self(at)
	}
	assert.Empty(t, f.sent())
	assert.Empty(t, f.list(store.IncidentFilter{}))
}

// Who judges services may be stuck: somebody else says so, and it is over once
// minutes are judged again.
func TestStallOfWhoJudgesIsNoticed(t *testing.T) {
	f := openAlerts(t)
	f.tick(f.Store, noon)
	release := f.hold(7220)
	at := noon
	for ; at.Before(noon.Add(8 * time.Minute)); at = at.Add(time.Minute) {
		assert.True(t, f.tick(f.Store, at).Busy)
		f.self(at)
	}
	assert.Equal(t, []string{"12:06 firing INC-1 alerts stalled page to pager"}, f.sent())
	release()
	require.Eventually(t, func() bool { return !f.tick(f.Store, at).Busy }, 10*time.Second, 10*time.Millisecond)
	for ; at.Before(noon.Add(13 * time.Minute)); at = at.Add(time.Minute) {
		f.tick(f.Store, at)
		f.self(at)
	}
	assert.Equal(t, "resolved", f.incident("1").State.String())
	assert.Equal(t, []string{"12:06 firing INC-1 alerts stalled page to pager", "12:10 resolved INC-1 alerts stalled page to pager"}, f.sent())
}

// That a channel fails is told by the others, as loud as it takes for one of them
// to hear of it; and by nobody where there is no other.
func TestFailingChannelIsToldByOthers(t *testing.T) {
	for name, c := range map[string]struct {
		other string // the level from which another channel is told; "" for none
		want  []string
	}{
		"another that hears all":   {"notify", []string{"12:00 firing INC-1 channel failing ticket to chat", "12:06 resolved INC-1 channel failing ticket to chat"}},
		"another that hears pages": {"page", []string{"12:00 firing INC-1 channel failing page to chat", "12:06 resolved INC-1 channel failing page to chat"}},
		"no other":                 {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := openAlerts(t)
			if c.other != "" {
				_, err := f.db.Exec(t.Context(), `INSERT INTO channels (workspace_id, id, name, kind, settings, secrets, level, updated_by)
VALUES (1, '019335f0-0000-7000-8000-000000000002', 'chat', 'webhook', '{}', '{}', $1, 'test')`, c.other)
				require.NoError(t, err)
			}
			fails := func(since *time.Time) {
				_, err := f.db.Exec(t.Context(), `UPDATE channels SET failing_since = $1, last_error = 'it answered 503' WHERE name = 'pager'`, since)
				require.NoError(t, err)
			}
			since := noon.Add(-20 * time.Minute)
			fails(&since)
			for n := range 8 {
				if n == 5 {
					fails(nil)
				}
				f.self(noon.Add(time.Duration(n)*time.Minute + 30*time.Second)) // what is no page waits for half a minute
				f.self(noon.Add(time.Duration(n)*time.Minute + 45*time.Second))
			}
			assert.Equal(t, c.want, f.sent())
			d := f.incident("1")
			assert.Equal(t, "resolved", d.State.String())
			assert.Equal(t, "Messages to the channel pager have failed for 20 min, the last time with: it answered 503.", strings.Replace(d.Why.Note, "20 min 30 s", "20 min", 1))
			if c.other == "" {
				assert.Contains(t, kinds(d), "told firing, but there is no channel for it")
			}
		})
	}
}

// Who ends it by hand is not asked again until it was well, whoever is stuck
// meanwhile.
func TestOwnIncidentIsEndedByHand(t *testing.T) {
	f := openAlerts(t)
	late := func(from, to int, d time.Duration) {
		for n := from; n < to; n++ {
			at := noon.Add(time.Duration(n) * time.Minute)
			f.collector(at, d)
			f.self(at)
		}
	}
	late(0, 3, 5*time.Minute)
	release := f.hold(7220)
	require.NoError(t, f.ResolveIncident(t.Context(), onCall, ws, "1", store.Resolution{At: noon.Add(3 * time.Minute)}))
	release()
	late(3, 60, 5*time.Minute)
	assert.Equal(t, []string{"INC-1 errata ingest lag resolved"}, f.list(store.IncidentFilter{}), "somebody knows")
	assert.Equal(t, "mia", f.incident("1").ResolvedBy)
	late(60, 61, 0)
	late(61, 65, 5*time.Minute)
	assert.Equal(t, []string{"INC-2 errata ingest lag firing", "INC-1 errata ingest lag resolved"}, f.list(store.IncidentFilter{}))
}

// Conditions are incidents of their own; things in trouble by the same are one.
func TestConditionsStandBesideEachOther(t *testing.T) {
	f := openAlerts(t)
	_, err := f.db.Exec(t.Context(), `INSERT INTO workspaces (id, name) VALUES (2, 'other')`)
	require.NoError(t, err)
	_, err = f.db.Exec(t.Context(), `INSERT INTO job_runs (name, every, known_since, error) VALUES ('retention', '1 hour', $1, 'disk full'), ('sessions', '1 hour', $1, '')`, noon.Add(-5*time.Hour))
	require.NoError(t, err)
	for n := range 6 {
		at := noon.Add(time.Duration(n) * time.Minute)
		_, err = f.db.Exec(t.Context(), `INSERT INTO refusals (workspace_id, hour, key_id, key_name, service, reason, n) VALUES (2, $1, 'k', 'k', 'billing', 'service_unavailable', 6)
ON CONFLICT (workspace_id, hour, key_id, service, reason) DO UPDATE SET n = refusals.n + 6`, noon)
		require.NoError(t, err)
		f.collector(at, 4*time.Minute)
		f.self(at.Add(30 * time.Second))
	}
	assert.Equal(t, []string{"INC-2 errata job failing firing", "INC-1 errata ingest lag firing"}, f.list(store.IncidentFilter{}))
	d := f.incident("2")
	require.Len(t, d.Members, 2)
	assert.Equal(t, detect.Ticket, d.Level)
	assert.Equal(t, "retention sessions", d.Members[0].Name+" "+d.Members[1].Name)
	page, err := f.Incidents(t.Context(), 2, store.IncidentFilter{}, 10, "")
	require.NoError(t, err)
	require.Len(t, page.Incidents, 1, "what serves all is told in the first workspace")
	assert.Equal(t, "errata reports refused", page.Incidents[0].Title)
	assert.Equal(t, detect.Page, page.Incidents[0].Level)
}

func TestSilencesMuteErrataItself(t *testing.T) {
	f := openAlerts(t)
	_, err := f.db.Exec(t.Context(), `
INSERT INTO silences (workspace_id, id, environment, service, method, endpoint, code, customer, family, reason, starts_at, ends_at, created_by)
VALUES (1, gen_random_uuid(), '', 'errata', '', '', '', '', '', 'we move the database', $1, $2, 'test')`, noon.Add(-time.Hour), noon.Add(time.Hour))
	require.NoError(t, err)
	f.lateStory(func(at time.Time) { f.self(at) })
	assert.Empty(t, f.sent())
	assert.Contains(t, kinds(f.incident("1")), "muted we move the database")
}

// What pages, readiness and the dead-man's switch ask.
func TestPulse(t *testing.T) {
	f := openAlerts(t)
	p, err := f.FullPulse(t.Context())
	require.NoError(t, err)
	assert.Zero(t, p.Judged)
	assert.Zero(t, p.Late)
	_, stalled := p.Stalled()
	assert.False(t, stalled, "nobody has begun")
	f.tick(f.Store, p.At)
	f.collector(p.At, time.Minute)
	p, err = f.FullPulse(t.Context())
	require.NoError(t, err)
	assert.WithinDuration(t, p.At, p.Judged, 2*time.Minute)
	assert.Zero(t, p.Late)
	assert.Zero(t, p.Overdue)
	f.collector(p.At, 4*time.Minute)
	_, err = f.db.Exec(t.Context(), `UPDATE alert_clock SET minute = minute - interval '6 minutes'`)
	require.NoError(t, err)
	_, err = f.db.Exec(t.Context(), `INSERT INTO deliveries (workspace_id, id, channel_id, seq, kind, dedup_key, message, state, created_at, next_at)
SELECT 1, gen_random_uuid(), id, 1, 'test', 'x', '{}', 'waiting', now(), now() - interval '3 minutes' FROM channels`)
	require.NoError(t, err)
	p, err = f.FullPulse(t.Context())
	require.NoError(t, err)
	since, stalled := p.Stalled()
	assert.True(t, stalled)
	assert.Equal(t, p.Judged, since)
	assert.WithinDuration(t, p.At.Add(-4*time.Minute), p.Late, 10*time.Second)
	assert.Greater(t, p.Overdue, 2*time.Minute)
}
