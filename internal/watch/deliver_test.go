package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/notify"
	"errata/internal/pgtest"
	"errata/internal/seal"
	"errata/internal/store"
)

var ada = store.Actor{Kind: "key", ID: "k", Label: "ada"}

// received is a message as a receiver saw it.
type received struct {
	id, path, kind, incident string
	seq                      int
}

// receiver is a web server that takes webhooks.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received                                 // that it took
	tried  []received                                 // that it saw
	answer func(received, *http.Request) (status int) // nil: 204
	busy   map[string]int                             // requests at a time, by path
	most   int                                        // of them, ever
	arrive chan received
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{busy: map[string]int{}, arrive: make(chan received, 10_000)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		assert.NoError(t, err)
		var in struct {
			Type string
			Data struct {
				Seq       int
				Incidents []alert.Incident
			}
		}
		assert.NoError(t, json.Unmarshal(body, &in))
		m := received{id: req.Header.Get("webhook-id"), path: req.URL.Path, kind: strings.TrimPrefix(in.Type, "incident."), incident: in.Data.Incidents[0].ID, seq: in.Data.Seq}
		r.mu.Lock()
		r.tried = append(r.tried, m)
		r.busy[m.path]++
		r.most = max(r.most, r.busy[m.path])
		answer := r.answer
		r.mu.Unlock()
		status := http.StatusNoContent
		if answer != nil {
			status = answer(m, req)
		}
		r.mu.Lock()
		r.busy[m.path]--
		if status < 300 {
			r.got = append(r.got, m)
		}
		r.mu.Unlock()
		w.WriteHeader(status)
		r.arrive <- m
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(f func(received, *http.Request) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// next waits for a request to be answered.
func (r *receiver) next(t *testing.T) received {
	t.Helper()
	select {
	case m := <-r.arrive:
		return m
	case <-time.After(20 * time.Second):
		require.Fail(t, "nothing arrived")
		return received{}
	}
}

type bench struct {
	*store.Store
	db  *pgx.Conn
	url string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	d := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), d.URL)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) }) //nolint:errcheck // the test is over
	b := &bench{db: conn, url: d.AppURL}
	b.Store = b.replica(t)
	return b
}

func (b *bench) replica(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{URL: b.url})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// newSender is the real one, which may talk to this machine.
func newSender() *notify.Sender {
	return notify.New(notify.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
}

func newCourier(t *testing.T, s Deliveries, sender Sender) *Courier {
	t.Helper()
	c, err := NewCourier(CourierDeps{Store: s, Sender: sender, Logger: slog.New(slog.DiscardHandler), BaseURL: "https://errata.example"})
	require.NoError(t, err)
	return c
}

// deliver runs a courier until the test, or stop, ends it.
func deliver(t *testing.T, c *Courier) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Deliver(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

func (b *bench) channel(t *testing.T, name, url string, more ...func(*store.ChannelSpec)) store.Channel {
	t.Helper()
	spec := store.ChannelSpec{Name: name, Kind: "webhook", Settings: map[string]string{"url": url + "/" + name}, Secrets: store.Secrets{"secret": notify.NewWebhookSecret().Reveal()},
		Level: alert.Notify, Hourly: 1000, Enabled: true}
	for _, change := range more {
		change(&spec)
	}
	c, err := b.AddChannel(t.Context(), ada, store.DefaultWorkspace, spec, newCourier(t, b, newSender()).Check)
	require.NoError(t, err)
	return c
}

func incident(n int) string { return fmt.Sprintf("01930000-0000-7000-8000-%012d", n) }

// waits puts a message there, as whoever judges the minutes would.
func (b *bench) waits(t *testing.T, channel string, n, seq int, kind alert.Kind) string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	m := alert.Message{ID: id, Kind: kind, Workspace: "Acme", Seq: seq, DedupKey: alert.DedupKey(incident(n), channel, seq), At: time.Now(),
		Incidents: []alert.Incident{{ID: incident(n), Number: int64(n), Service: "billing", Level: alert.Ticket, State: alert.Firing, StartedAt: time.Now()}}}
	doc, err := json.Marshal(m)
	require.NoError(t, err)
	_, err = b.db.Exec(t.Context(), `INSERT INTO deliveries (workspace_id, id, channel_id, incident_id, seq, kind, dedup_key, message, state, created_at, next_at)
		VALUES (1, $1, $2, $3, $4, $5, $6, $7, 'waiting', now(), now())`, id, channel, incident(n), seq, string(kind), m.DedupKey, string(doc))
	require.NoError(t, err)
	return id
}

// hurry ends all waiting, also of leases.
func (b *bench) hurry(t *testing.T) {
	t.Helper()
	_, err := b.db.Exec(t.Context(), `UPDATE deliveries d SET next_at = now() WHERE state = 'waiting' AND EXISTS (
		SELECT FROM delivery_attempts a WHERE a.delivery_id = d.id AND a.n = d.attempts)`)
	require.NoError(t, err)
}

func (b *bench) states(t *testing.T, channel string) map[store.DeliveryState]int {
	t.Helper()
	list, _, err := b.Deliveries(t.Context(), store.DefaultWorkspace, store.DeliveryFilter{Channel: channel}, 200, "")
	require.NoError(t, err)
	out := map[store.DeliveryState]int{}
	for _, d := range list {
		out[d.State]++
	}
	return out
}

// until waits for something that happens in the background.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 20*time.Second, 10*time.Millisecond, what)
}

// Two workers, a receiver that fails half of the time, and many incidents: each
// channel gets each message once, in the order of its incident, one at a time.
func TestOrderUnderFailuresAndTwoWorkers(t *testing.T) {
	b, r := newBench(t), newReceiver(t)
	var mu sync.Mutex
	refused := map[string]int{} // more often than that, and a message is dead
	r.answers(func(m received, _ *http.Request) int {
		mu.Lock()
		defer mu.Unlock()
		if refused[m.id] < alert.MaxAttempts/2 && rand.IntN(2) == 0 { //nolint:gosec // a test
			refused[m.id]++
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	const channels, incidents, messages = 3, 4, 5
	for c := range channels {
		id := b.channel(t, fmt.Sprint("c", c), r.URL).ID
		for n := range incidents {
			for seq := range messages {
				kind := alert.KindUpdate
				if seq == 0 {
					kind = alert.KindFiring
				}
				b.waits(t, id, n, seq+1, kind)
			}
		}
	}
	// Where all channels wait for another attempt, nothing but the clock has
	// anybody look again: dozens of times here.
	for _, replica := range []*store.Store{b.Store, b.replica(t)} {
		c := newCourier(t, replica, newSender())
		c.every = 20 * time.Millisecond
		deliver(t, c)
	}
	until(t, "all are sent", func() bool {
		b.hurry(t)
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.got) == channels*incidents*messages
	})
	last, once := map[string]int{}, map[string]bool{}
	for _, m := range r.got {
		of := m.path + m.incident
		assert.Equal(t, last[of]+1, m.seq, of)
		last[of] = m.seq
		assert.False(t, once[m.id], "twice")
		once[m.id] = true
	}
	assert.Equal(t, 1, r.most, "a channel gets one at a time")
	assert.Greater(t, len(r.tried), len(r.got), "some failed")
}

// Whoever is killed between claim and record is made up for, under the same ID.
func TestACrashMakesADuplicateWithTheSameID(t *testing.T) {
	b, r := newBench(t), newReceiver(t)
	c := b.channel(t, "ops", r.URL)
	id := b.waits(t, c.ID, 1, 1, alert.KindFiring)
	stop := deliver(t, newCourier(t, crashing{b.Store}, newSender()))
	assert.Equal(t, id, r.next(t).id)
	stop()
	assert.Equal(t, map[store.DeliveryState]int{store.Waiting: 1}, b.states(t, c.ID))
	due, err := b.ClaimDelivery(t.Context(), store.DeliveryRules{})
	require.NoError(t, err)
	assert.Nil(t, due, "its lease goes on")

	_, err = b.db.Exec(t.Context(), `UPDATE deliveries SET next_at = next_at - interval '1 minute'`)
	require.NoError(t, err)
	deliver(t, newCourier(t, b, newSender()))
	assert.Equal(t, id, r.next(t).id)
	until(t, "it is sent", func() bool { return b.states(t, c.ID)[store.Sent] == 1 })
	d, err := b.Delivery(t.Context(), store.DefaultWorkspace, id)
	require.NoError(t, err)
	assert.Equal(t, 2, d.Attempts)
}

// crashing is a store that nobody reaches any more once something was sent.
type crashing struct{ *store.Store }

func (crashing) RecordDelivery(context.Context, *store.Due, store.Tried) error {
	return context.Canceled
}

func TestGoneDisablesTheChannelAndTellsItsFallback(t *testing.T) {
	b, r := newBench(t), newReceiver(t)
	night := b.channel(t, "night", r.URL)
	ops := b.channel(t, "ops", r.URL, func(s *store.ChannelSpec) { s.Fallback = night.ID })
	r.answers(func(m received, _ *http.Request) int {
		if m.path == "/ops" {
			return http.StatusGone
		}
		return http.StatusOK
	})
	b.waits(t, ops.ID, 1, 1, alert.KindFiring)
	deliver(t, newCourier(t, b, newSender()))
	assert.Equal(t, "/ops", r.next(t).path)
	m := r.next(t)
	assert.Equal(t, []any{"/night", incident(1), 1}, []any{m.path, m.incident, m.seq})
	got, err := b.Channel(t.Context(), store.DefaultWorkspace, ops.ID)
	require.NoError(t, err)
	assert.False(t, got.Enabled)
	assert.Contains(t, got.DisabledWhy, "410")
}

func TestADeadLetterIsRedelivered(t *testing.T) {
	b, r := newBench(t), newReceiver(t)
	night := b.channel(t, "night", r.URL)
	ops := b.channel(t, "ops", r.URL, func(s *store.ChannelSpec) { s.Fallback = night.ID })
	r.answers(func(m received, _ *http.Request) int {
		if m.path == "/ops" {
			return http.StatusNotFound
		}
		return http.StatusOK
	})
	id := b.waits(t, ops.ID, 1, 1, alert.KindFiring)
	deliver(t, newCourier(t, b, newSender()))
	assert.Equal(t, id, r.next(t).id)
	assert.NotEqual(t, id, r.next(t).id, "the fallback's has an ID of its own")
	until(t, "it is dead", func() bool { return b.states(t, ops.ID)[store.Dead] == 1 })
	r.answers(nil)
	_, err := b.Redeliver(t.Context(), ada, store.DefaultWorkspace, id)
	require.NoError(t, err)
	assert.Equal(t, id, r.next(t).id)
	until(t, "it is sent", func() bool { return b.states(t, ops.ID)[store.Sent] == 1 })
	d, err := b.Delivery(t.Context(), store.DefaultWorkspace, id)
	require.NoError(t, err)
	require.Len(t, d.Tries, 2)
	assert.Equal(t, []alert.Outcome{alert.GiveUp, alert.Done}, []alert.Outcome{d.Tries[0].Outcome, d.Tries[1].Outcome})
	var requests []notify.Request
	var responses []notify.Response
	require.NoError(t, json.Unmarshal(d.Tries[0].Request, &requests))
	require.NoError(t, json.Unmarshal(d.Tries[0].Response, &responses))
	assert.Equal(t, []any{r.URL + "/ops", 404}, []any{requests[0].URL, responses[0].Status})
}

func TestMoreThanAnHourTakesIsADigest(t *testing.T) {
	b, r := newBench(t), newReceiver(t)
	c := b.channel(t, "ops", r.URL, func(s *store.ChannelSpec) { s.Hourly = 2 })
	for n := range 6 {
		b.waits(t, c.ID, n, 1, alert.KindFiring)
	}
	deliver(t, newCourier(t, b, newSender()))
	for range 2 {
		assert.Equal(t, "firing", r.next(t).kind)
	}
	held := func() bool {
		n := 0
		err := b.db.QueryRow(t.Context(), `SELECT count(*) FROM deliveries WHERE state = 'waiting' AND next_at > now() + interval '55 minutes'`).Scan(&n)
		return err == nil && n == 4
	}
	until(t, "the rest is held back", held)
	_, err := b.db.Exec(t.Context(), `UPDATE deliveries SET next_at = next_at - interval '61 minutes', ended_at = ended_at - interval '61 minutes'`)
	require.NoError(t, err)
	assert.Equal(t, "digest", r.next(t).kind)
	until(t, "it is sent", func() bool { return b.states(t, c.ID)[store.Sent] == 3 && b.states(t, c.ID)[store.Dropped] == 4 })
}

func TestTheTestButton(t *testing.T) {
	b, r := newBench(t), newReceiver(t)
	c := b.channel(t, "ops", r.URL)
	d, err := newCourier(t, b, newSender()).Test(t.Context(), ada, store.DefaultWorkspace, c.ID)
	require.NoError(t, err)
	assert.Equal(t, []any{store.Sent, alert.KindTest, "ops"}, []any{d.State, d.Kind, d.Channel})
	m := r.next(t)
	assert.Equal(t, []string{d.ID, "test"}, []string{m.id, m.kind})
	r.answers(func(received, *http.Request) int { return http.StatusInternalServerError })
	d, err = newCourier(t, b, newSender()).Test(t.Context(), ada, store.DefaultWorkspace, c.ID)
	require.NoError(t, err)
	assert.Equal(t, store.Dead, d.State)
	assert.Contains(t, d.Error, "500")
}

// A process without the key of a channel's secrets says so, and goes on trying:
// another one may have it.
func TestAChannelWithoutItsKey(t *testing.T) {
	b, r := newBench(t), newReceiver(t)
	keys, err := seal.NewKeys(seal.NewKey())
	require.NoError(t, err)
	with, err := store.Open(t.Context(), store.Options{URL: b.url, Keys: keys})
	require.NoError(t, err)
	t.Cleanup(with.Close)
	c := (&bench{with, b.db, b.url}).channel(t, "ops", r.URL)
	id := b.waits(t, c.ID, 1, 1, alert.KindFiring)
	stop := deliver(t, newCourier(t, b, newSender()))
	until(t, "an attempt", func() bool {
		d, err := b.Delivery(t.Context(), store.DefaultWorkspace, id)
		return err == nil && len(d.Tries) == 1
	})
	stop()
	d, err := b.Delivery(t.Context(), store.DefaultWorkspace, id)
	require.NoError(t, err)
	assert.Equal(t, []any{store.Waiting, alert.Later}, []any{d.State, d.Tries[0].Outcome})
	assert.Contains(t, d.Error, "which this process does not have: set ERRATA_SECRET_KEY")
	b.hurry(t)
	deliver(t, newCourier(t, with, newSender()))
	assert.Equal(t, id, r.next(t).id)
}
