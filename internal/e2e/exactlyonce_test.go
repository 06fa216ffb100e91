package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"errata/internal/event"
	"errata/internal/store"
)

const (
	onceFailures = 700
	onceSenders  = 4
	onceBatch    = 16
)

// onceSender has reports to deliver, some of them more than once, in batches
// that it makes up anew each time.
type onceSender struct {
	t          *testing.T
	r          *rand.Rand
	collectors []*collector
	key        string
	client     *http.Client
	pool       []*errand
	delivered  *atomic.Int64
	lost       *atomic.Int64
}

// errand is a report that is to be acknowledged so many times.
type errand struct {
	*mishapReport
	times int
	avoid *collector // the one whose answer was lost the last time
}

func (s *onceSender) run(ctx context.Context) {
	for len(s.pool) > 0 && ctx.Err() == nil {
		to, batch := s.pick()
		switch s.deliver(ctx, to, batch) {
		case answered:
			for _, e := range batch {
				e.times--
				e.avoid = nil
				if e.acknowledged.CompareAndSwap(false, true) {
					s.delivered.Add(1)
				}
			}
			s.pool = slices.DeleteFunc(s.pool, func(e *errand) bool { return e.times == 0 })
		case lost:
			s.lost.Add(1)
			for _, e := range batch {
				e.avoid = to
			}
		case refused:
			// As an exporter does, only sooner.
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// pick chooses a collector and what to send there in one batch.
func (s *onceSender) pick() (*collector, []*errand) {
	s.r.Shuffle(len(s.pool), func(i, j int) { s.pool[i], s.pool[j] = s.pool[j], s.pool[i] })
	lead := s.pool[0]
	to := s.collectors[s.r.IntN(len(s.collectors))]
	if to == lead.avoid {
		to = s.collectors[(slices.Index(s.collectors, to)+1)%len(s.collectors)]
	}
	var batch []*errand
	for size := 1 + s.r.IntN(onceBatch); len(batch) < size && len(batch) < len(s.pool); {
		i := slices.IndexFunc(s.pool, func(e *errand) bool {
			return e.source == lead.source && e.avoid != to && !slices.Contains(batch, e)
		})
		if i < 0 {
			break
		}
		batch = append(batch, s.pool[i])
	}
	return to, batch
}

type fate int

const (
	answered fate = iota
	refused       // with 503
	lost          // nobody knows whether it was taken
)

func (s *onceSender) deliver(ctx context.Context, to *collector, batch []*errand) fate {
	path, contentType, body := s.encode(batch)
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	luck := s.r.IntN(12)
	if luck == 0 { // the client hangs up while the collector is at it
		after := time.Duration(s.r.IntN(10_000)) * time.Microsecond
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { time.AfterFunc(after, cancel) }})
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+to.addr+path, strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return lost
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("x-api-key", s.key)
	res, err := s.client.Do(req)
	if err != nil {
		return lost
	}
	defer res.Body.Close() //nolint:errcheck // only read
	answer, err := io.ReadAll(res.Body)
	switch {
	case err != nil, luck == 1: // the answer came too late for the client
		return lost
	case res.StatusCode == http.StatusServiceUnavailable:
		return refused
	}
	assert.Equal(s.t, http.StatusOK, res.StatusCode, "%s: %s", path, answer)
	assert.Zero(s.t, rejectedIn(s.t, path, answer), "%s: %s", path, answer)
	return answered
}

// encode makes a request of a batch; which items share a resource is chance.
func (s *onceSender) encode(batch []*errand) (path, contentType, body string) {
	var raw []byte
	var err error
	switch batch[0].source {
	case event.FromSpan:
		td := ptrace.NewTraces()
		into := map[string]ptrace.SpanSlice{}
		for _, e := range batch {
			spans, ok := into[e.of.service]
			if !ok || s.r.IntN(2) == 0 {
				rs := td.ResourceSpans().AppendEmpty()
				rs.Resource().Attributes().PutStr("service.name", e.of.service)
				spans = rs.ScopeSpans().AppendEmpty().Spans()
				into[e.of.service] = spans
			}
			e.span(spans.AppendEmpty())
		}
		path, contentType = "/v1/traces", "application/x-protobuf"
		raw, err = ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	case event.FromLog:
		ld := plog.NewLogs()
		for _, e := range batch {
			rl := ld.ResourceLogs().AppendEmpty()
			rl.Resource().Attributes().PutStr("service.name", e.of.service)
			e.record(rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
		}
		path, contentType = "/v1/logs", "application/json"
		raw, err = plogotlp.NewExportRequestFromLogs(ld).MarshalJSON()
	default:
		path, contentType = "/v1/errors", "application/x-ndjson"
		for _, e := range batch {
			raw = append(append(raw, e.json...), '\n')
		}
	}
	assert.NoError(s.t, err)
	return path, contentType, string(raw)
}

func rejectedIn(t *testing.T, path string, answer []byte) int64 {
	switch path {
	case "/v1/traces":
		res := ptraceotlp.NewExportResponse()
		assert.NoError(t, res.UnmarshalProto(answer))
		return res.PartialSuccess().RejectedSpans()
	case "/v1/logs":
		res := plogotlp.NewExportResponse()
		assert.NoError(t, res.UnmarshalJSON(answer))
		return res.PartialSuccess().RejectedLogRecords()
	default:
		var res struct{ Rejected []json.RawMessage }
		assert.NoError(t, json.Unmarshal(answer, &res))
		return int64(len(res.Rejected))
	}
}

// Two collectors share a database; senders whose answers get lost go to the
// other one with the same reports in other batches; connections break, the
// database and a collector are killed on the way. What is stored in the end is
// what was acknowledged: nothing twice, nothing lost, and the roll-ups agree.
// ERRATA_SEED repeats a run, as far as the faults allow.
func TestExactlyOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	if v := os.Getenv("ERRATA_SEED"); v != "" {
		var err error
		seed, err = strconv.ParseUint(v, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("ERRATA_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test
	s := newSite(t)
	collectors := []*collector{s.newCollector("a"), s.newCollector("b")}
	failures := mishaps(r, onceFailures)
	var delivered, answersLost atomic.Int64
	senders := make([]*onceSender, onceSenders)
	for i := range senders {
		senders[i] = &onceSender{t: t, r: rand.New(rand.NewPCG(seed, uint64(i)+1)), collectors: collectors, key: s.key, //nolint:gosec // a test
			client: &http.Client{Transport: &http.Transport{}}, delivered: &delivered, lost: &answersLost}
		t.Cleanup(senders[i].client.CloseIdleConnections)
	}
	reports := 0
	for _, m := range failures {
		for _, rep := range m.reports {
			reports++
			at := r.IntN(onceSenders)
			senders[at].pool = append(senders[at].pool, &errand{mishapReport: rep, times: 1 + r.IntN(5)/3})
			if r.IntN(4) == 0 { // two have it, as behind a Collector that was sent it twice
				at = (at + 1) % onceSenders
				senders[at].pool = append(senders[at].pool, &errand{mishapReport: rep, times: 1})
			}
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	var sending sync.WaitGroup
	for _, sender := range senders {
		sending.Go(func() { sender.run(ctx) })
	}
	reached := func(percent int) {
		t.Helper()
		require.Eventually(t, func() bool { return int(delivered.Load())*100 >= reports*percent }, 60*time.Second, time.Millisecond, "%d %% delivered", percent)
	}
	for percent := 8; percent <= 32; percent += 8 {
		reached(percent)
		s.cutConnections()
	}
	reached(45)
	s.killDatabase()
	reached(60)
	collectors[0].kill()
	spooled := spooledBy(t, collectors[1])
	collectors[0].start()
	reached(70)
	s.startDatabase()
	sending.Wait()
	require.NoError(t, ctx.Err(), "all was delivered in time")
	for _, c := range collectors {
		c.settle(time.Minute)
	}
	t.Logf("%d failures, %d reports, %d answers lost, %d items of one collector spooled while the database was away", len(failures), reports, answersLost.Load(), spooled)
	assert.Positive(t, answersLost.Load())
	assert.Positive(t, spooled)
	requireStored(t, s, failures)
}

// cutConnections breaks every connection of the collectors to the database, so
// that nobody knows which of the transactions under way were committed.
func (s *site) cutConnections() {
	conn, err := pgx.Connect(context.Background(), s.db.URL())
	require.NoError(s.t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // the statement has its own error
	_, err = conn.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'errata'`)
	require.NoError(s.t, err)
}

var spooledTotal = regexp.MustCompile(`(?m)^errata_spooled[a-z_]*total(?:\{[^}]*\})? (\d+)`)

func spooledBy(t *testing.T, c *collector) int {
	t.Helper()
	m := spooledTotal.FindStringSubmatch(c.get("/metrics"))
	require.NotNil(t, m)
	n, err := strconv.Atoi(m[1])
	require.NoError(t, err)
	return n
}

// requireStored holds Events and roll-ups against what was acknowledged.
func requireStored(t *testing.T, s *site, failures []*mishap) {
	t.Helper()
	var want []string
	roles := map[event.Role]int64{}
	for _, m := range failures {
		if line := m.want(); line != "" {
			want = append(want, line)
			roles[m.role]++
		}
	}
	db, err := store.Open(t.Context(), store.Options{URL: s.db.URL()})
	require.NoError(t, err)
	defer db.Close()
	var got []string
	inRollUps := map[string]int64{}
	for cursor := ""; ; {
		page, err := db.Events(t.Context(), store.DefaultWorkspace, event.Filter{}, store.MaxPage, cursor)
		require.NoError(t, err)
		for _, e := range page.Events {
			if e.Service == "errata" { // what it says about itself
				continue
			}
			got = append(got, fmt.Sprint(e.Role, e.Service, e.RequestID, e.TraceID, e.SpanID, e.Sources))
			inRollUps[fmt.Sprint(e.Service, " ", e.Status, " ", e.Code)]++
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	missing, extra := differences(want, got)
	assert.Empty(t, missing, "lost")
	assert.Empty(t, extra, "stored and not reported so, or twice")

	conn, err := pgx.Connect(t.Context(), s.db.URL())
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // only read
	rows, err := conn.Query(t.Context(), `SELECT service || ' ' || coalesce(status, 0) || ' ' || code, sum(n)::int8 FROM error_minutes WHERE service <> 'errata' GROUP BY 1 HAVING sum(n) <> 0`)
	require.NoError(t, err)
	counted := map[string]int64{}
	var label string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&label, &n}, func() error { counted[label] = n; return nil })
	require.NoError(t, err)
	assert.Equal(t, inRollUps, counted, "roll-ups by service, status and code")
	rows, err = conn.Query(t.Context(), `SELECT sum(n)::int8 FROM error_minutes WHERE service <> 'errata' GROUP BY role HAVING sum(n) <> 0`)
	require.NoError(t, err)
	sums, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(t, err)
	slices.Sort(sums)
	assert.Equal(t, slices.SortedFunc(maps.Values(roles), cmp.Compare), sums, "roll-ups by role")
	var rejected int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM rejections`).Scan(&rejected))
	assert.Zero(t, rejected)
}

// differences compares two lists as multisets.
func differences(want, got []string) (missing, extra []string) {
	count := map[string]int{}
	for _, line := range want {
		count[line]++
	}
	for _, line := range got {
		if count[line]--; count[line] < 0 {
			extra = append(extra, line)
		}
	}
	for line, n := range count {
		for range n {
			missing = append(missing, line)
		}
	}
	slices.Sort(missing)
	return missing, extra
}
