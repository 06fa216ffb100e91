package bench

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

// collector answers as it is told, and keeps which requests it took.
type collector struct {
	t      *testing.T
	answer func(n int64, w http.ResponseWriter) (taken bool)
	n      atomic.Int64
	mu     sync.Mutex
	ids    map[string]int
	spans  int
}

func newCollector(t *testing.T, answer func(n int64, w http.ResponseWriter) bool) (*collector, *httptest.Server) {
	t.Helper()
	c := &collector{t: t, answer: answer, ids: map[string]int{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return c, server
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if !assert.NoError(c.t, err) || len(raw) == 0 {
		return // somebody knocks
	}
	assert.Equal(c.t, "Bearer k", r.Header.Get("Authorization"))
	req := ptraceotlp.NewExportRequest()
	assert.NoError(c.t, req.UnmarshalProto(raw))
	if c.answer != nil && !c.answer(c.n.Add(1), w) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		trace := s.TraceID()
		c.ids[trace.String()]++
		c.spans++
	}
}

func load(server string) Load {
	return Load{Servers: []string{server}, Key: "k", Connections: 3, Batch: 10, StackBytes: 200, Distinct: 0.33, Spans: 500}
}

func TestRun(t *testing.T) {
	c, server := newCollector(t, nil)
	f, err := Run(t.Context(), load(server.URL))
	require.NoError(t, err)
	assert.EqualValues(t, 500, f.Accepted)
	assert.EqualValues(t, 500, f.Spans)
	assert.Zero(t, f.NotAccepted())
	assert.Equal(t, map[string]int64{"200": 50}, f.Answers)
	assert.Positive(t, f.SpansPerSecond)
	assert.Positive(t, f.AnswerMS.P50)
	assert.GreaterOrEqual(t, f.AnswerMS.Max, f.AnswerMS.P99)
	assert.Len(t, c.ids, 500)
}

func TestSpansAreRoundedUp(t *testing.T) {
	_, server := newCollector(t, nil)
	l := load(server.URL)
	l.Spans = 11
	f, err := Run(t.Context(), l)
	require.NoError(t, err)
	assert.EqualValues(t, 20, f.Accepted)
}

func TestServersTakeTurns(t *testing.T) {
	a, first := newCollector(t, nil)
	b, second := newCollector(t, nil)
	l := load(first.URL)
	l.Servers, l.Spans = append(l.Servers, second.URL), 3000
	_, err := Run(t.Context(), l)
	require.NoError(t, err)
	assert.NotEmpty(t, a.ids)
	assert.NotEmpty(t, b.ids)
	assert.Equal(t, 3000, len(a.ids)+len(b.ids))
}

// A server that is busy is asked again, with the same spans.
func TestBusyServers(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		c, server := newCollector(t, func(n int64, w http.ResponseWriter) bool {
			if n%5 == 0 {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(status)
				return false
			}
			return true
		})
		f, err := Run(t.Context(), load(server.URL))
		require.NoError(t, err)
		assert.EqualValues(t, 500, f.Accepted)
		assert.EqualValues(t, 50, f.Answers["200"])
		assert.Positive(t, f.Answers[strconv.Itoa(status)])
		assert.Len(t, c.ids, 500)
	}
}

// An answer that got lost is asked for again: the collector sees those spans
// twice, and knows them by their IDs.
func TestLostAnswers(t *testing.T) {
	c, server := newCollector(t, func(n int64, w http.ResponseWriter) bool {
		if n == 7 {
			w.Header().Set("Content-Length", "1000") // and nothing follows
			w.WriteHeader(http.StatusOK)
		}
		return true
	})
	f, err := Run(t.Context(), load(server.URL))
	require.NoError(t, err)
	assert.EqualValues(t, 500, f.Accepted)
	assert.EqualValues(t, 1, f.Answers["none"])
	assert.Len(t, c.ids, 500)
	assert.Equal(t, 510, c.spans)
}

// The server's word on when to come back is kept, within bounds; and after half
// a minute of refusals the run ends.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for after, want := range map[string]time.Duration{"2": 2 * time.Second, "3600": maxWait, "": defaultWait, "soon": defaultWait} {
			var asked []time.Time
			refusing := roundTrip(func(*http.Request) *http.Response {
				asked = append(asked, time.Now())
				res := &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: http.NoBody}
				res.Header.Set("Retry-After", after)
				return res
			})
			l := load("http://127.0.0.1")
			l.Connections = 1
			g, err := newGenerator(l)
			require.NoError(t, err)
			g.senders[0].client.Transport = refusing
			p := &phase{requests: 1}
			start := time.Now()
			err = g.senders[0].run(t.Context(), p)
			var refused *ServerError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, http.StatusServiceUnavailable, refused.Status)
			assert.Equal(t, want, asked[1].Sub(asked[0]), after)
			assert.LessOrEqual(t, time.Since(start), patience)
			f := p.tally.figures(time.Second)
			assert.EqualValues(t, 10, f.Refused)
			assert.EqualValues(t, 10, f.Spans)
		}
	})
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	return f(r), r.Body.Close()
}

// An answer that will never be another one ends the run at once.
func TestFinalAnswers(t *testing.T) {
	said, err := proto.Marshal(&spb.Status{Message: "forbidden: not with this key"})
	require.NoError(t, err)
	_, server := newCollector(t, func(n int64, w http.ResponseWriter) bool {
		if n < 10 {
			return true
		}
		w.WriteHeader(http.StatusForbidden)
		_, err := w.Write(said)
		return err != nil
	})
	l := load(server.URL)
	l.Spans, l.Duration = 0, time.Minute
	f, err := Run(t.Context(), l)
	var refused *ServerError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, http.StatusForbidden, refused.Status)
	assert.Equal(t, "forbidden: not with this key", refused.Message)
	assert.EqualValues(t, 90, f.Accepted)
	assert.Positive(t, f.Errors)
	assert.Equal(t, f.Spans, f.Accepted+f.Errors)
}

func TestPartialSuccess(t *testing.T) {
	_, server := newCollector(t, func(_ int64, w http.ResponseWriter) bool {
		res := ptraceotlp.NewExportResponse()
		res.PartialSuccess().SetRejectedSpans(3)
		res.PartialSuccess().SetErrorMessage("three are bad")
		raw, err := res.MarshalProto()
		assert.NoError(t, err)
		_, err = w.Write(raw)
		return err == nil
	})
	f, err := Run(t.Context(), load(server.URL))
	require.NoError(t, err)
	assert.EqualValues(t, 150, f.Rejected)
	assert.EqualValues(t, 350, f.Accepted)
	assert.EqualValues(t, 150, f.NotAccepted())
	assert.Equal(t, "three are bad", f.LastFailure)
}

func TestNobodyThere(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	f, err := Run(t.Context(), load(server.URL))
	var refused *ServerError
	require.ErrorAs(t, err, &refused)
	assert.Zero(t, refused.Status)
	assert.Zero(t, f.Spans)
}

// When it is asked to end, what is under way is waited for and counted.
func TestEndingEarly(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, server := newCollector(t, func(n int64, _ http.ResponseWriter) bool {
		if n == 20 {
			cancel()
			time.Sleep(20 * time.Millisecond) // the answer comes after the end
		}
		return true
	})
	l := load(server.URL)
	l.Spans, l.Duration = 0, time.Minute
	f, err := Run(ctx, l)
	require.NoError(t, err)
	assert.Zero(t, f.NotAccepted())
	assert.EqualValues(t, len(c.ids), f.Accepted)
	assert.GreaterOrEqual(t, f.Accepted, int64(200))
}

// At a fixed rate requests have their times, and one that is answered late
// counts from when it was due.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Duration
		l := load("http://127.0.0.1")
		l.Connections, l.Rate = 1, 100
		g, err := newGenerator(l)
		require.NoError(t, err)
		start := time.Now()
		g.senders[0].client.Transport = roundTrip(func(*http.Request) *http.Response {
			asked = append(asked, time.Since(start))
			if len(asked) == 3 {
				time.Sleep(250 * time.Millisecond)
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}
		})
		p := &phase{length: time.Second}
		f, err := g.phase(t.Context(), p)
		require.NoError(t, err)
		assert.Equal(t, []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond, 450 * time.Millisecond, 450 * time.Millisecond,
			500 * time.Millisecond, 600 * time.Millisecond, 700 * time.Millisecond, 800 * time.Millisecond, 900 * time.Millisecond}, asked)
		assert.InDelta(t, 250, f.AnswerMS.Max, 0.001)
		assert.InDelta(t, 150, p.tally.times.quantile(0.8), 150.0/perOctave, "the next one was due 150 ms before it was sent")
		assert.InDelta(t, 50, p.tally.times.quantile(0.7), 50.0/perOctave)
		assert.InDelta(t, 0, p.tally.times.quantile(0.6), 0.001)
	})
}

func TestWarmupIsNotCounted(t *testing.T) {
	c, server := newCollector(t, nil)
	l := load(server.URL)
	l.Warmup = 30 * time.Millisecond
	f, err := Run(t.Context(), l)
	require.NoError(t, err)
	assert.EqualValues(t, 500, f.Accepted)
	assert.Greater(t, len(c.ids), 500)
}

func TestImpossibleLoads(t *testing.T) {
	for name, change := range map[string]func(*Load){
		"no server":     func(l *Load) { l.Servers = nil },
		"not a server":  func(l *Load) { l.Servers = []string{"ftp://x"} },
		"no end":        func(l *Load) { l.Spans = 0 },
		"connections":   func(l *Load) { l.Connections = 0 },
		"servers":       func(l *Load) { l.Servers = []string{"a", "b"}; l.Connections = 1 },
		"batch":         func(l *Load) { l.Batch = 0 },
		"stack":         func(l *Load) { l.StackBytes = 7 },
		"distinct":      func(l *Load) { l.Distinct = 2 },
		"negative":      func(l *Load) { l.Rate = -1 },
		"memory":        func(l *Load) { l.Connections, l.Batch = 1000, 10_000 },
		"one too large": func(l *Load) { l.Connections, l.Batch, l.StackBytes = 1, 10_000, maxStack },
	} {
		l := load("127.0.0.1:1")
		change(&l)
		_, err := Run(t.Context(), l)
		require.Error(t, err, name)
		var refused *ServerError
		assert.NotErrorAs(t, err, &refused, name)
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	assert.Zero(t, h.quantile(0.5))
	var all []time.Duration
	for range 20_000 {
		d := time.Duration(rand.ExpFloat64() * float64(20*time.Millisecond)) //nolint:gosec // a test
		all = append(all, d)
		h.add(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.95, 0.99, 0.999} {
		want := ms(all[int(q*float64(len(all)))])
		assert.InDelta(t, want, h.quantile(q), want/60+0.001, "%v", q)
	}
	assert.InDelta(t, ms(all[len(all)-1]), h.quantile(1), 0)
	h.add(1000 * time.Hour)
	h.add(-1)
	assert.InDelta(t, ms(1000*time.Hour), h.quantile(1), 0)
}
