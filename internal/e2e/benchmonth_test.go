package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/bench"
	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/month"
	"errata/internal/normalize"
	"errata/internal/postgres"
	"errata/internal/store"
)

// gatedMonth is from how many Events on the share of roll-ups is held against its
// gate: below, hours hold so little that it is about the number of hours.
const gatedMonth = 5_000_000

const (
	// asks is how often a page or a search is asked for in a row.
	asks = 100
	// alone is how often a page is asked for by somebody who is alone: what was
	// made for the one before is too old, and failures came in since.
	alone = 40
	pause = 2500 * time.Millisecond
)

// BenchmarkMonth fills a durable PostgreSQL with a made-up month of
// ERRATA_BENCH_MONTH Events (one million), and measures what roll-ups cost
// against the writing, the compaction of a day, the dashboard, the support desk, and searches. At
// the end it shows how PostgreSQL carries out what those ask.
// Run it with -benchtime=1x -v.
func BenchmarkMonth(b *testing.B) {
	events := int64(1_000_000)
	if v := os.Getenv("ERRATA_BENCH_MONTH"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		require.NoError(b, err)
		events = n
	}
	r := newRig(b)
	r.database("errata")
	db := r.connect("errata")
	s, err := store.Open(b.Context(), store.Options{URL: r.server.URLFor("errata_app", "errata")})
	require.NoError(b, err)
	b.Cleanup(s.Close)
	for range b.N {
		r.month(s, db, events)
	}
}

func (r *rig) month(s *store.Store, db *pgx.Conn, events int64) {
	b, until := r.b, time.Now().UTC().Truncate(time.Minute)
	spec := month.Spec{Seed: 1, From: until.AddDate(0, 0, -30), To: until, Events: events, Services: 200, Customers: 5000}
	wrote := r.spent(func() {
		last := time.Now()
		fill := bench.Fill{Spec: spec, Workspace: store.DefaultWorkspace, Batch: 1000, Progress: func(f bench.Filled) {
			if time.Since(last) > 30*time.Second {
				last = time.Now()
				b.Logf("%d Events in %.0f s", f.Events, f.Seconds)
			}
		}}
		filled, err := fill.Run(b.Context(), s)
		require.NoError(b, err)
		require.Equal(b, events, filled.Events)
	})
	r.exec(db, `VACUUM ANALYZE`) // what the writing left to do is not the roll-ups', whenever autovacuum would do it
	rolled := r.spent(func() {
		_, err := s.RollUp(b.Context(), until.Add(time.Minute))
		require.NoError(b, err)
	})
	share := rolled.cpu.Seconds() / wrote.cpu.Seconds()
	b.Logf("written: %s; rolled up: %s", wrote, rolled)
	b.ReportMetric(share*100, "%-of-ingest-CPU-rolling-up")
	if events >= gatedMonth {
		assert.LessOrEqual(b, share, 0.15)
	}
	b.ReportMetric(r.rollupBytes(db)/float64(events), "rollup-bytes/event")
	r.compactDay(s, db, until)
	r.exec(db, `ANALYZE`)
	// A month that comes in within minutes leaves gigabytes to write, which would go on
	// beside what is measured; in a month of thirty days they are written as they come.
	r.exec(db, `CHECKPOINT`)

	p := launch(b, r.server.URLFor(postgres.Superuser, "errata"))
	r.judged(db) // a process that has just begun learns for seconds what is normal
	page, browser := r.signedIn(p)
	var paths []string
	comesIn := r.trickle(s, spec)
	for _, period := range []struct {
		name, path string
		must       time.Duration
	}{{"24h", "/d?from=now-24h&to=now&refresh=off", 100 * time.Millisecond}, {"30d", "/d?from=now-30d&to=now&refresh=off", 200 * time.Millisecond}} {
		paths = append(paths, period.path)
		first := page(period.path)
		took := map[string][]time.Duration{}
		for range alone {
			time.Sleep(pause)
			comesIn()
			took["-alone"] = append(took["-alone"], page(period.path).took)
		}
		for range asks {
			took[""] = append(took[""], page(period.path).took)
		}
		for how, t := range took {
			b.Logf("dashboard of %s%s: first %s, p50 %s, p95 %s; %d bytes gz", period.name, how, first.took, quantile(0.5, t), quantile(0.95, t), first.gzipped)
			b.ReportMetric(float64(quantile(0.95, t).Microseconds())/1000, "ms-p95-dashboard-"+period.name+how)
			assert.LessOrEqual(b, quantile(0.95, t), period.must, period.name+how)
		}
		b.ReportMetric(float64(first.gzipped)/1024, "KB-gz-dashboard-"+period.name)
		assert.LessOrEqual(b, first.gzipped, 30<<10)
	}
	r.desk(p, db, browser, page, events)
	searches := r.shapes(db)
	r.searches(p, searches)
	r.showPlans(db, append(paths, searches...))
}

// trickle gives a function that writes what comes in during a pause.
func (r *rig) trickle(s *store.Store, spec month.Spec) func() {
	perPause := float64(spec.Events) * float64(pause) / float64(spec.To.Sub(spec.From))
	spec.From, spec.To, spec.Events = spec.To, spec.To.Add(24*time.Hour), spec.Events/30 // a day more of the same, all of it now
	later, err := month.New(spec)
	require.NoError(r.b, err)
	next, stop := iter.Pull(func(yield func(event.Envelope) bool) {
		for minute := range later.Minutes() {
			for _, e := range minute.Failures {
				if !yield(e) {
					return
				}
			}
		}
	})
	r.b.Cleanup(stop)
	due := 0.0
	return func() {
		now := time.Now()
		var parts []identity.Part
		for due += perPause; due >= 1; due-- {
			e, ok := next()
			require.True(r.b, ok)
			e.OccurredAt = now.Add(-pause / 2)
			var part identity.Part
			require.NoError(r.b, normalize.Normalizer{}.Into(&part, &e, store.DefaultWorkspace, now))
			parts = append(parts, part)
		}
		_, err := s.Write(r.b.Context(), parts)
		require.NoError(r.b, err)
	}
}

// judged waits until alerts have judged the minute before this one.
func (r *rig) judged(db *pgx.Conn) {
	begun := time.Now()
	require.Eventually(r.b, func() bool {
		var last time.Time
		return db.QueryRow(r.b.Context(), `SELECT coalesce(max(minute), 'epoch') FROM alert_clock`).Scan(&last) == nil && !last.Before(begun.Add(-2*time.Minute).Truncate(time.Minute))
	}, 5*time.Minute, 100*time.Millisecond, "alerts are judged")
}

// cost is what something took.
type cost struct{ wall, cpu, postgres time.Duration }

func (c cost) String() string {
	return fmt.Sprintf("%.1f s, CPU %.1f s of which PostgreSQL %.1f s", c.wall.Seconds(), c.cpu.Seconds(), c.postgres.Seconds())
}

func (r *rig) spent(f func()) cost {
	start, own, pg := time.Now(), ownCPU(r.b), cpuOfTree(r.b, r.postmaster)
	f()
	c := cost{wall: time.Since(start), postgres: cpuOfTree(r.b, r.postmaster) - pg}
	c.cpu = ownCPU(r.b) - own + c.postgres
	return c
}

func (r *rig) rollupBytes(db *pgx.Conn) (bytes float64) {
	require.NoError(r.b, db.QueryRow(r.b.Context(), `SELECT pg_total_relation_size('rollup_blocks') + pg_total_relation_size('rollup_spans')`).Scan(&bytes))
	return bytes
}

// compactDay makes all blocks of a day anew and lets its minutes go.
func (r *rig) compactDay(s *store.Store, db *pgx.Conn, until time.Time) {
	day := until.AddDate(0, 0, -10).Truncate(24 * time.Hour)
	_, err := db.Exec(r.b.Context(), `INSERT INTO rollup_marks (workspace_id, level, start) SELECT 1, 1, $1::timestamptz + h * interval '1 hour' FROM generate_series(0, 23) h`, day)
	require.NoError(r.b, err)
	made := r.spent(func() {
		_, err := s.RollUp(r.b.Context(), until.Add(time.Minute))
		require.NoError(r.b, err)
	})
	emptied := r.spent(func() {
		var ok bool
		require.NoError(r.b, db.QueryRow(r.b.Context(), `SELECT errata_compact_minutes($1::date)`, day).Scan(&ok))
		require.True(r.b, ok)
	})
	r.b.Logf("a day: blocks made anew in %s; minutes let go in %s", made, emptied)
	r.b.ReportMetric((made.wall + emptied.wall).Seconds(), "s-compacting-a-day")
	assert.Less(r.b, made.wall+emptied.wall, 10*time.Second)
}

type fetched struct {
	took    time.Duration
	gzipped int
	body    []byte
}

// signedIn gives a function that gets pages as somebody who is signed in, and
// their browser, which follows no redirect.
func (r *rig) signedIn(p *product) (func(path string) fetched, *http.Client) {
	jar, err := cookiejar.New(nil)
	require.NoError(r.b, err)
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.PostForm("http://"+p.HTTPAddr+"/login", url.Values{"key": {p.readKey}, "next": {"/"}}) //nolint:noctx // a moment, on loopback
	require.NoError(r.b, err)
	require.NoError(r.b, res.Body.Close())
	return func(path string) (f fetched) {
		start := time.Now()
		res, err := browser.Get("http://" + p.HTTPAddr + path) //nolint:noctx // as above
		require.NoError(r.b, err)
		f.body, err = io.ReadAll(res.Body)
		require.NoError(r.b, err)
		require.NoError(r.b, res.Body.Close())
		f.took = time.Since(start)
		require.Equal(r.b, http.StatusOK, res.StatusCode, string(f.body))
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(f.body)
		require.NoError(r.b, z.Close())
		f.gzipped = packed.Len()
		return f
	}, browser
}

// shapes are first pages of searches as people ask for them.
func (r *rig) shapes(db *pgx.Conn) []string {
	var service, code, customer, rare string
	require.NoError(r.b, db.QueryRow(r.b.Context(), `SELECT service, code, customer FROM events WHERE customer <> '' AND status >= 500 ORDER BY day DESC, id LIMIT 1`).Scan(&service, &code, &customer))
	require.NoError(r.b, db.QueryRow(r.b.Context(), `SELECT customer FROM events WHERE customer <> '' AND day = (SELECT max(day) - 1 FROM events) GROUP BY customer ORDER BY count(*), customer LIMIT 1`).Scan(&rare))
	return []string{
		"/v1/events?q=" + url.QueryEscape("status:5xx"),
		"/v1/events?q=" + url.QueryEscape("service:"+service+" status:5xx"),
		"/v1/events?q=" + url.QueryEscape("service:"+service+" code:"+code+" -customer:"+customer),
		"/v1/events?q=" + url.QueryEscape("customer:"+customer),
		"/v1/events?q=" + url.QueryEscape("customer:"+rare),
		"/v1/events?q=" + url.QueryEscape("customer:"+rare+" status:5xx"),
		"/v1/events?q=" + url.QueryEscape("timeout") + "&from=now-24h",
		"/v1/issues?q=" + url.QueryEscape("status:5xx"),
		"/v1/issues?q=" + url.QueryEscape("service:"+service),
		"/v1/issues?q=" + url.QueryEscape("timeout"),
		"/v1/issues?q=" + url.QueryEscape(`service:`+service+` "connection reset"`),
		"/v1/issues?q=" + url.QueryEscape("state:open"),
		"/v1/issues?q=" + url.QueryEscape("state:open") + "&limit=200",
		"/v1/issues?q=" + url.QueryEscape("state:open") + "&from=now-7d",
	}
}

// searches asks for each of them many times.
func (r *rig) searches(p *product, paths []string) {
	for _, path := range paths {
		took := make([]time.Duration, asks)
		for i := range took {
			start := time.Now()
			status, body := p.do(http.MethodGet, "http://"+p.HTTPAddr+path, p.readKey, "", "")
			took[i] = time.Since(start)
			require.Equal(r.b, http.StatusOK, status, body)
		}
		shown, err := url.QueryUnescape(strings.TrimPrefix(path, "/v1/"))
		require.NoError(r.b, err)
		r.b.Logf("%-70s first %s, p50 %s, p95 %s", shown, took[0], quantile(0.5, took), quantile(0.95, took))
		assert.LessOrEqual(r.b, quantile(0.95, took), 300*time.Millisecond, shown)
	}
}
