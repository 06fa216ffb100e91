package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/notify"
	"errata/internal/store"
	"errata/internal/watch"
)

// watched is a site where minutes are judged and messages are sent, one minute
// after the other, while things happen to its database.
type watched struct {
	*site
	t     *testing.T
	url   string    // of those who judge and send
	look  string    // as the owner of the server
	start time.Time // when it begins to fail
	hook  *hook
	*store.Store
	happening sync.Mutex // one thing at a time happens to the database
}

// hook is a receiver of webhooks.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	got    []arrived
	answer func(arrived) // is called before a message is answered
}

type arrived struct {
	ID, Kind, Incident string
	Seq                int
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		var m struct {
			Type string
			Data struct {
				Seq       int
				Incidents []alert.Incident
			}
		}
		assert.NoError(t, json.Unmarshal(body, &m))
		a := arrived{ID: r.Header.Get("webhook-id"), Kind: m.Type, Incident: fmt.Sprint("INC-", m.Data.Incidents[0].Number), Seq: m.Data.Seq}
		h.mu.Lock()
		h.got = append(h.got, a)
		answer := h.answer
		h.mu.Unlock()
		if answer != nil {
			answer(a)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// fuse does something when a store asks its n-th question from now on.
type fuse struct {
	mu   sync.Mutex
	left int
	do   func()
}

func (f *fuse) light(n int, do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.do = n, do
}

func (f *fuse) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	f.mu.Lock()
	f.left--
	do := f.do
	blown := f.left == 0
	f.mu.Unlock()
	if blown {
		do()
	}
	return ctx
}

func (*fuse) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// watch fills a site with five hours of quiet and two outages, and a channel that
// hears of them.
func (s *site) watch(start time.Time) *watched {
	w := &watched{site: s, t: s.t, url: s.db.AppURL(), look: s.db.URL(), start: start, hook: newHook(s.t)}
	w.open(nil)
	require.NoError(s.t, w.EnsurePartitions(s.t.Context(), start.Add(-24*time.Hour), start.Add(24*time.Hour)))
	for n, service := range []string{"checkout", "search"} {
		outage := start.Add(time.Duration(2*n) * time.Minute)
		w.exec(`
INSERT INTO request_minutes (workspace_id, minute, key, n, source, slot, service, environment, method, endpoint)
SELECT 1, m, md5($1)::uuid, 300, 1, 0, $1, 'production', 'POST', '/v1/charges' FROM generate_series($2::timestamptz - interval '5 hours', $2::timestamptz + interval '59 minutes', interval '1 minute') m`, service, start)
		w.exec(`
INSERT INTO error_minutes (workspace_id, minute, key, slot, alert_minute, role, family, status, n, n_late, service, environment, method, endpoint, code, provider, release)
SELECT 1, m, md5($1)::uuid, 0, m, 0, 2, 500, CASE WHEN m >= $2 AND m < $2::timestamptz + interval '8 minutes' THEN 200 ELSE 1 END, 0, $1, 'production', 'POST', '/v1/charges', 'boom', '', 'r1'
FROM generate_series($3::timestamptz - interval '5 hours', $3::timestamptz + interval '59 minutes', interval '1 minute') m`, service, outage, start)
	}
	courier := w.courier()
	_, err := w.AddChannel(s.t.Context(), store.Actor{Kind: "key", ID: "k", Label: "ci"}, store.DefaultWorkspace, store.ChannelSpec{Name: "ops", Kind: "webhook",
		Settings: map[string]string{"url": w.hook.URL}, Secrets: store.Secrets{"secret": notify.NewWebhookSecret().Reveal()}, Level: alert.Notify, Hourly: 1000, Enabled: true}, courier.Check)
	require.NoError(s.t, err)
	return w
}

func (w *watched) open(tracer pgx.QueryTracer) {
	w.t.Helper()
	s, err := store.Open(w.t.Context(), store.Options{URL: w.url, Tracer: tracer, MayWait: true})
	require.NoError(w.t, err)
	w.t.Cleanup(s.Close)
	w.Store = s
}

func (w *watched) courier() *watch.Courier {
	w.t.Helper()
	c, err := watch.NewCourier(watch.CourierDeps{Store: w.Store, Sender: notify.New(notify.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(w.t, err)
	return c
}

func (w *watched) exec(sql string, args ...any) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.look)
	require.NoError(w.t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // the statement has its own error
	_, err = conn.Exec(w.t.Context(), sql, args...)
	require.NoError(w.t, err)
}

// goOn judges forty minutes, each as often as it takes until that is done, and
// waits after each until what was to be told was told. happens is called before
// each minute.
func (w *watched) goOn(happens func(minute int, f *fuse)) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	w.open(nil)
	courier := w.courier()
	f := &fuse{} // is about those who judge
	w.open(f)
	go func() { ended <- courier.Deliver(ctx) }()
	defer func() {
		stop()
		assert.NoError(w.t, <-ended)
	}()
	for minute := -1; minute < 40; minute++ {
		happens(minute, f)
		now := w.start.Add(time.Duration(minute)*time.Minute + 40*time.Second)
		require.Eventually(w.t, func() bool {
			_, err := w.EvaluateAlerts(w.t.Context(), now)
			return err == nil
		}, time.Minute, 50*time.Millisecond, "minute %d", minute)
		if minute == -1 || minute%2 == 0 || minute > 22 { // the others are told with the next
			w.drain()
		}
	}
	w.drain()
}

// drain waits until nothing waits. A message whose attempt nobody recorded waits
// for the end of its lease, for which nobody has the time.
func (w *watched) drain() {
	w.t.Helper()
	began := time.Now()
	require.Eventually(w.t, func() bool {
		conn, err := pgx.Connect(w.t.Context(), w.look)
		if err != nil {
			return false
		}
		defer conn.Close(context.Background()) //nolint:errcheck // it was asked
		if time.Since(began) > 7*time.Second {
			_, _ = conn.Exec(w.t.Context(), `UPDATE deliveries SET next_at = now() WHERE state = 'waiting' AND attempts > 0 AND next_at > now()`) // again with the next try
			began = time.Now()
		}
		var n int
		return conn.QueryRow(w.t.Context(), `SELECT count(*) FROM deliveries WHERE state = 'waiting'`).Scan(&n) == nil && n == 0
	}, time.Minute, 20*time.Millisecond, "all is sent")
}

// found is what came of it: incidents, their timelines, and what was to be told.
func (w *watched) found() (out []string) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.look)
	require.NoError(w.t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // it was asked
	for _, sql := range []string{
		`SELECT concat_ws(' ', 'INC-' || number, service, phase, level, started_at, opened_at, fired_at, resolved_at, reason, peak, errors, seq, told_at, told_phase) FROM incidents ORDER BY number`,
		`SELECT concat_ws(' ', 'INC-' || number, m.endpoint, m.phase, m.errors, m.mask_from, m.fired_at, m.resolved_at) FROM incident_members m JOIN incidents i ON i.id = m.incident_id ORDER BY number, m.n`,
		`SELECT concat_ws(' ', 'INC-' || number, e.at, e.kind, e.data ->> 'text') FROM incident_events e JOIN incidents i ON i.id = e.incident_id ORDER BY number, e.id`,
		`SELECT concat_ws(' ', 'INC-' || number, d.seq, d.kind, d.state, d.created_at) FROM deliveries d JOIN incidents i ON i.id = d.incident_id ORDER BY number, d.seq`,
		`SELECT concat_ws(' ', service, endpoint, state) FROM alert_states ORDER BY service, endpoint`,
		`SELECT concat_ws(' ', minute, at) FROM alert_clock`,
	} {
		rows, err := conn.Query(w.t.Context(), sql)
		require.NoError(w.t, err, sql)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(w.t, err, sql)
		out = append(out, list...)
	}
	return out
}

// heard is what the receiver got, in order. What came more than once, because
// nobody could record that it had come, is in it once: it has the same ID.
func (w *watched) heard() (out []string, again int) {
	w.t.Helper()
	ids := map[string]string{}
	w.hook.mu.Lock()
	defer w.hook.mu.Unlock()
	for _, m := range w.hook.got {
		what := fmt.Sprint(m.Incident, " ", m.Seq, " ", m.Kind)
		switch id, known := ids[what]; {
		case !known:
			ids[what] = m.ID
			out = append(out, what)
		default:
			again++
			assert.Equal(w.t, id, m.ID, "%s comes again under another ID", what)
		}
	}
	return out, again
}
