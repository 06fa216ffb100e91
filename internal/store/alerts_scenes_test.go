package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/otlp"
	"errata/internal/store"
)

// scene is a service as it reports: what fails in a minute, by how much its clock
// is wrong, and how late that comes.
type scene struct {
	service string
	fails   func(minute int) int // of 60 requests
	clock   time.Duration
	late    bool // every tenth, by 1 to 20 minutes
	resets  bool // its counter does
	from    int  // its first minute
}

// usually is enough to know a wrong clock by: 20 in a day.
func usually(m int) int {
	if m%5 == 0 {
		return 1
	}
	return 0
}

// outage is what usually fails, and much more for ten minutes.
func outage(from int) func(int) int {
	return func(m int) int {
		if m >= from && m < from+10 {
			return 20
		}
		return usually(m)
	}
}

// What reports with wrong clocks, late, from counters that begin anew, and after a
// week of nothing, through the store as receivers write it: nothing is an incident
// that is none, and everything is that is one.
func TestScenesThroughTheStore(t *testing.T) {
	f := alertFixture{open(t, store.Options{}), t}
	const before, after = -420, 40 // a clock is known to be wrong after six hours
	scenes := []scene{
		{service: "late", fails: func(int) int { return 1 }, late: true},
		{service: "late-outage", fails: outage(0), late: true},
		{service: "slow-clock", fails: outage(0), clock: -30 * time.Minute},
		{service: "fast-clock", fails: outage(0), clock: 30 * time.Minute},
		{service: "slow-clock-well", fails: usually, clock: -30 * time.Minute},
		{service: "counter", fails: usually, resets: true},
		{service: "counter-outage", fails: outage(0), resets: true},
		{service: "sleeper", fails: outage(20), from: -10},
		{service: "sleeper-well", fails: usually, from: -10},
	}
	require.NoError(t, f.EnsurePartitions(t.Context(), now.AddDate(0, 0, -9), now.AddDate(0, 0, 1)))
	_, err := f.db.Exec(t.Context(), `INSERT INTO channels (workspace_id, id, name, kind, settings, secrets, level, updated_by)
VALUES (1, '019335f0-0000-7000-8000-000000000001', 'pager', 'webhook', '{}', '{}', 'notify', 'test')`)
	require.NoError(t, err)
	minute := func(m int) time.Time { return now.Add(time.Duration(m) * time.Minute) }
	parts, requests := map[int][]identity.Part{}, map[int][]event.Requests{} // by the minute in which they come in
	key := 0
	counts := func(service string, at time.Time, n float64) event.Requests {
		key++
		return event.Requests{Workspace: store.DefaultWorkspace, Source: event.HTTPRequests, Minute: at, N: n, Key: [16]byte{byte(key), byte(key >> 8), byte(key >> 16)},
			Series: event.Series{Service: service, Environment: "production", Method: "POST", Endpoint: "/v1/charges"}}
	}
	tracker := otlp.NewTracker(minute(before-1), 0)
	for i, s := range scenes {
		first := max(before, s.from)
		if s.from == 0 {
			first = before
		} else { // a day, and then a week of nothing
			for m := range 180 {
				requests[before] = append(requests[before], counts(s.service, now.AddDate(0, 0, -8).Add(time.Duration(m)*time.Minute), 60))
			}
		}
		total, began := 0.0, first
		for m := first; m < after; m++ {
			n := 60.0
			if s.resets { // as a receiver makes requests of it
				if m == -3 {
					total = 0
				}
				if m == 2 {
					total, began = 0, m
				}
				total += n
				point := otlp.Point{Cumulative: true, Stream: [16]byte{byte(i)}, Group: [16]byte{byte(i)}, Start: uint64(minute(began).UnixNano()), Time: uint64(minute(m + 1).UnixNano())}
				point.N = total
				a := tracker.Advance()
				n = a.Count(store.DefaultWorkspace, &point)
				a.Commit(minute(m + 1))
				require.GreaterOrEqual(t, n, 0.0)
			}
			requests[m] = append(requests[m], counts(s.service, minute(m), n))
			for k := range s.fails(m) {
				happened, came := minute(m).Add(time.Duration(k)*time.Second), m
				if s.late && (m+k)%10 == 0 {
					came = m + 1 + (m*7+k*3+500)%20
				}
				p := report{src: event.FromHTTP, service: s.service, request: fmt.Sprintf("req_%d_%d_%d", i, m, k), at: happened.Add(s.clock), status: 500, code: "boom",
					customer: fmt.Sprint("c", k%5), salt: fmt.Sprint(m, k)}.part()
				p.Event.ReceivedAt = minute(came).Add(happened.Sub(minute(m)))
				parts[came] = append(parts[came], p)
			}
		}
	}
	var ps []identity.Part
	var rs []event.Requests
	for m := before; m < after; m++ {
		ps, rs = append(ps, parts[m]...), append(rs, requests[m]...)
		if m < -10 {
			continue
		}
		if len(ps) > 0 {
			_, err := f.Write(t.Context(), ps)
			require.NoError(t, err)
		}
		require.NoError(t, f.CountRequests(t.Context(), rs))
		ps, rs = nil, nil
		f.tick(f.Store, minute(m+1).Add(40*time.Second))
	}
	rows, err := f.db.Query(t.Context(), `SELECT service, level, fired_at FROM incidents ORDER BY service`)
	require.NoError(t, err)
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var service, level string
		var fired time.Time
		require.NoError(t, rows.Scan(&service, &level, &fired))
		assert.NotContains(t, found, service, "one incident each")
		found[service] = level
		begins := 0
		if service == "sleeper" {
			begins = 20
		}
		assert.WithinRange(t, fired, minute(begins), minute(begins+8), service)
	}
	assert.Equal(t, map[string]string{"late-outage": "page", "slow-clock": "page", "fast-clock": "page", "counter-outage": "page", "sleeper": "page"}, found)
}
