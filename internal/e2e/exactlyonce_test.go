package e2e

import (
	"cmp"
	"context"
	"encoding/hex"
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
	"go.opentelemetry.io/collector/pdata/pcommon"
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

// mishap is one failure, as the test made it up, and the reports of it.
type mishap struct {
	service, request, trace, span string
	role                          event.Role
	status                        int
	at                            time.Time
	reports                       []*mishapReport
}

// mishapReport is one report, which any batch of its kind may hold.
type mishapReport struct {
	of     *mishap
	source event.Source
	span   func(ptrace.Span)
	record func(plog.LogRecord)
	json   string

	acknowledged atomic.Bool
}

// mishaps makes failures of every shape whose right outcome is beyond doubt,
// although each has neighbours that it could be taken for.
func mishaps(r *rand.Rand) []*mishap {
	var out []*mishap
	for n := 0; len(out) < onceFailures; n++ {
		m := &mishap{service: fmt.Sprint("service-", r.IntN(3)), request: fmt.Sprintf("req_once_%d", n), trace: fmt.Sprintf("%032x", n+1), span: fmt.Sprintf("%016x", 2*n+1),
			role: event.Primary, status: 500 + r.IntN(4), at: time.Now().UTC().Truncate(time.Microsecond)}
		out = append(out, m)
		switch r.IntN(7) {
		case 0: // nobody traces: report and log know each other by the request ID
			m.trace, m.span = "", ""
			m.some(r, m.report(r), m.untracedLog())
		case 1: // two attempts under one request ID
			again := *m
			again.trace, again.span = fmt.Sprintf("%032x", 1<<40+n), fmt.Sprintf("%016x", 2*n+2)
			m.reports = []*mishapReport{m.server(), m.report(r)}
			again.reports = []*mishapReport{again.server(), again.report(r)}
			out = append(out, &again)
		case 2: // it failed because a call failed, and both name one request
			call := *m
			call.role, call.status, call.span = event.Upstream, 429, fmt.Sprintf("%016x", 2*n+2)
			m.some(r, m.server(), m.log("server"), m.report(r))
			call.some(r, call.client(), call.log("client"))
			out = append(out, &call)
		case 3: // only the span knows that the log and the report are about one thing
			untraced := *m
			untraced.trace, untraced.span = "", ""
			m.reports = []*mishapReport{m.log("server"), untraced.report(r), m.server()}
			m.reports[1].of = m
		default:
			m.some(r, m.server(), m.log("server"), m.report(r))
		}
	}
	return out
}

// some keeps a few of the reports, at least one.
func (m *mishap) some(r *rand.Rand, all ...*mishapReport) {
	first := r.IntN(len(all))
	for i, rep := range all {
		if i == first || r.IntN(4) > 0 {
			m.reports = append(m.reports, rep)
		}
	}
}

func (m *mishap) server() *mishapReport {
	return &mishapReport{of: m, source: event.FromSpan, span: func(s ptrace.Span) {
		m.fillSpan(s, ptrace.SpanKindServer)
		s.Attributes().PutStr("http.route", "/v1/charges")
		s.Attributes().PutStr("user.id", "acme")
		s.Attributes().PutEmptySlice("http.response.header.x-request-id").AppendEmpty().SetStr(m.request)
	}}
}

// client is a call's span. It says nothing of the customer, so that what it is
// taken for depends on the batch that it comes in.
func (m *mishap) client() *mishapReport {
	return &mishapReport{of: m, source: event.FromSpan, span: func(s ptrace.Span) {
		m.fillSpan(s, ptrace.SpanKindClient)
		s.Attributes().PutStr("errata.request_id", m.request)
	}}
}

func (m *mishap) fillSpan(s ptrace.Span, kind ptrace.SpanKind) {
	s.SetKind(kind)
	s.SetTraceID(pcommon.TraceID(bytesOf(m.trace)))
	s.SetSpanID(pcommon.SpanID(bytesOf(m.span)))
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(m.at.Add(-time.Millisecond)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(m.at))
	s.Attributes().PutStr("http.request.method", "POST")
	s.Attributes().PutInt("http.response.status_code", int64(m.status))
}

func bytesOf(id string) []byte {
	raw, err := hex.DecodeString(id)
	if err != nil {
		panic(err) // the test made it
	}
	return raw
}

// log is an exception as instrumentation records it: it knows its span, not
// its request.
func (m *mishap) log(side string) *mishapReport {
	return &mishapReport{of: m, source: event.FromLog, record: func(l plog.LogRecord) {
		m.fillRecord(l)
		l.SetEventName("http." + side + ".request.exception")
		l.SetTraceID(pcommon.TraceID(bytesOf(m.trace)))
		l.SetSpanID(pcommon.SpanID(bytesOf(m.span)))
	}}
}

func (m *mishap) untracedLog() *mishapReport {
	return &mishapReport{of: m, source: event.FromLog, record: func(l plog.LogRecord) {
		m.fillRecord(l)
		l.Attributes().PutStr("request_id", m.request)
		l.Attributes().PutInt("http.response.status_code", int64(m.status))
	}}
}

func (m *mishap) fillRecord(l plog.LogRecord) {
	l.SetTimestamp(pcommon.NewTimestampFromTime(m.at.Add(-300 * time.Microsecond)))
	l.SetSeverityNumber(plog.SeverityNumberError)
	l.Attributes().PutStr("exception.type", "PoolTimeout")
	l.Attributes().PutStr("exception.message", "no connection")
	l.Attributes().PutStr("exception.stacktrace", "at pool.go:7")
}

// report is what the service posts itself, with or without the time.
func (m *mishap) report(r *rand.Rand) *mishapReport {
	fields := map[string]any{"service": m.service, "status": m.status, "method": "POST", "endpoint": "/v1/charges", "customer": "acme", "request_id": m.request,
		"envelope": json.RawMessage(`{"error":{"code":"pool_exhausted","message":"busy"}}`)}
	if m.trace != "" {
		fields["trace_id"], fields["span_id"] = m.trace, m.span
	}
	if r.IntN(2) == 0 {
		fields["occurred_at"] = m.at.Add(200 * time.Microsecond).Format(time.RFC3339Nano)
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err) // the test made it
	}
	return &mishapReport{of: m, source: event.FromHTTP, json: string(raw)}
}

// want says, in a line, what must be stored of a mishap; "" when nobody
// acknowledged any of it.
func (m *mishap) want() string {
	var sources []event.Source
	request := ""
	for _, rep := range m.reports {
		if !rep.acknowledged.Load() {
			continue
		}
		sources = append(sources, rep.source)
		if rep.source != event.FromLog || m.trace == "" {
			request = m.request
		}
	}
	if len(sources) == 0 {
		return ""
	}
	slices.Sort(sources)
	return fmt.Sprint(m.role, m.service, request, m.trace, m.span, slices.Compact(sources))
}

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
	failures := mishaps(r)
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
