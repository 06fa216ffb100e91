package store_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/store"
)

func TestWriteThenTrail(t *testing.T) {
	f := open(t, store.Options{})
	outs := f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_abc", trace: hex(7, 32), span: hex(8, 16),
		status: 500, code: "INTERNAL_ERROR", customer: "acme", body: `{"error":1}`, stack: "at main.go:1", release: "r1",
		aliases: []event.Alias{{Kind: "ray", Value: "7d1f-FRA"}}})
	assert.Equal(t, identity.Accepted, outs[0].Verdict)

	for _, id := range []string{"req_abc", hex(7, 32), hex(8, 16), "7d1f-FRA"} {
		trail, err := f.Trail(t.Context(), store.DefaultWorkspace, id)
		require.NoError(t, err, id)
		require.Len(t, trail.Events, 1)
		e := trail.Events[0]
		assert.Equal(t, outs[0].EventID, e.ID)
		assert.Equal(t, "internal_error", e.Code)
		assert.Equal(t, "INTERNAL_ERROR", e.RawCode)
		assert.JSONEq(t, `{"error":1}`, string(e.Raw))
		assert.Equal(t, "at main.go:1", e.Exception.Stacktrace)
		assert.Equal(t, hex(7, 32), e.TraceID)
		assert.Equal(t, hex(8, 16), e.SpanID)
		assert.True(t, now.Equal(e.OccurredAt))
		assert.Equal(t, "acme", trail.Summary.Customer)
	}
	got, err := f.Event(t.Context(), store.DefaultWorkspace, outs[0].EventID)
	require.NoError(t, err)
	assert.Equal(t, "billing", got.Service)
}

func TestAnotherWorkspaceSeesNothing(t *testing.T) {
	f := open(t, store.Options{})
	outs := f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_mine", status: 500, trace: hex(1, 32), span: hex(1, 16)})
	_, err := f.Trail(t.Context(), 2, "req_mine")
	require.ErrorContains(t, err, "request_not_found")
	_, err = f.Event(t.Context(), 2, outs[0].EventID)
	require.ErrorContains(t, err, "event_not_found")
	hits, err := f.Lookup(t.Context(), 2, []string{"req_mine", hex(1, 32), hex(1, 16)})
	require.NoError(t, err)
	assert.Empty(t, hits)
	page, err := f.Events(t.Context(), 2, event.Filter{}, 10, "")
	require.NoError(t, err)
	assert.Empty(t, page.Events)
}

func TestRepeatsChangeNothing(t *testing.T) {
	f := open(t, store.Options{})
	r := report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500}
	outs := f.write(t, r, r)
	assert.Equal(t, []identity.Verdict{identity.Accepted, identity.Duplicate}, []identity.Verdict{outs[0].Verdict, outs[1].Verdict})
	again := f.write(t, r)
	assert.Equal(t, identity.Duplicate, again[0].Verdict)
	assert.Equal(t, outs[0].EventID, again[0].EventID)
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM events`))
}

func TestRepeatAfterTheWindowIsStillFound(t *testing.T) {
	f := open(t, store.Options{})
	r := report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500}
	f.write(t, r)
	f.count(t, `WITH u AS (UPDATE events SET request_key = NULL, span_key = NULL, item_key = NULL RETURNING 1) SELECT count(*) FROM u`)
	outs := f.write(t, r, report{src: event.FromHTTP, service: "billing", request: "req_2", status: 500})
	assert.Equal(t, identity.Duplicate, outs[0].Verdict)
	assert.Equal(t, identity.Accepted, outs[1].Verdict)
}

func TestClientEventIDWithoutTime(t *testing.T) {
	f := open(t, store.Options{})
	r := report{src: event.FromHTTP, service: "billing", status: 500, clientID: "evt-1", noTime: true}
	f.write(t, r)
	r.at = now.Add(3 * time.Minute) // received later
	outs := f.write(t, r)
	assert.Equal(t, identity.Duplicate, outs[0].Verdict)
}

func TestSameKindAgainIsAnotherAttempt(t *testing.T) {
	f := open(t, store.Options{})
	a := report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500}
	b := a
	b.at = now.Add(5 * time.Second)
	f.write(t, a)
	outs := f.write(t, b)
	assert.Equal(t, identity.Accepted, outs[0].Verdict)
	trail, err := f.Trail(t.Context(), store.DefaultWorkspace, "req_1")
	require.NoError(t, err)
	assert.Len(t, trail.Events, 2)
}

// A merge may show another trace than the one that the row's key was made from.
func TestKeysOutliveAMergeThatShowsAnotherTrace(t *testing.T) {
	report1 := report{src: event.FromHTTP, service: "billing", request: "req_1", trace: hex(1, 32), span: hex(1, 16), status: 500, at: now}
	span := report{src: event.FromSpan, service: "billing", request: "req_1", trace: hex(2, 32), span: hex(2, 16), status: 500, at: now.Add(time.Second)}
	log := report{src: event.FromLog, role: event.Context, service: "billing", trace: hex(1, 32), span: hex(1, 16), stack: "at x", at: now.Add(2 * time.Second)}
	for _, order := range [][]report{{report1, span, log}, {span, report1, log}, {span, log, report1}} {
		f := open(t, store.Options{})
		first := f.write(t, order[0])
		f.write(t, order[1])
		f.write(t, order[2])
		for _, r := range order {
			assert.Equal(t, identity.Duplicate, f.write(t, r)[0].Verdict)
		}
		g := &fixture{reopen(t, store.Options{URL: f.url}), f.db, f.url}
		again := g.write(t, order...)
		for i := range again {
			assert.Equal(t, identity.Duplicate, again[i].Verdict)
		}
		assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`))
		trail, err := f.Trail(t.Context(), store.DefaultWorkspace, "req_1")
		require.NoError(t, err)
		require.Len(t, trail.Events, 1)
		assert.Equal(t, first[0].EventID, trail.Events[0].ID)
	}
}

// Reports around midnight are registered under both days, and recognised from
// either side.
func TestKeysOfBothDaysAroundMidnight(t *testing.T) {
	f := open(t, store.Options{})
	before := now.UTC().Truncate(24 * time.Hour).Add(-time.Second)
	span := report{src: event.FromSpan, service: "billing", request: "req_1", trace: hex(1, 32), span: hex(1, 16), status: 500, at: before}
	log := report{src: event.FromLog, role: event.Context, service: "billing", trace: hex(1, 32), span: hex(1, 16), stack: "at x", at: before.Add(2 * time.Second)}
	first := f.write(t, span)
	assert.Equal(t, first[0].EventID, f.write(t, log)[0].EventID)
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`))
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM events WHERE parts = 0`), "a pointer in the day after")
	assert.Equal(t, identity.Duplicate, f.write(t, log)[0].Verdict)
	page, err := f.Events(t.Context(), store.DefaultWorkspace, event.Filter{}, 10, "")
	require.NoError(t, err)
	assert.Len(t, page.Events, 1)
}

func TestSpanLogAndReportBecomeOneEvent(t *testing.T) {
	span := report{src: event.FromSpan, service: "billing", request: "req_1", trace: hex(1, 32), span: hex(2, 16), status: 500, at: now}
	log := report{src: event.FromLog, role: event.Context, service: "billing", trace: hex(1, 32), span: hex(2, 16), stack: "at x", at: now.Add(-time.Second)}
	http := report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "db_down", customer: "acme", body: `{"a":1}`, at: now.Add(time.Second)}
	for i, order := range [][]report{{span, log, http}, {http, log, span}, {log, span, http}, {log, http, span}} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			f := open(t, store.Options{})
			for _, r := range order {
				f.write(t, r)
			}
			trail, err := f.Trail(t.Context(), store.DefaultWorkspace, "req_1")
			require.NoError(t, err)
			require.Len(t, trail.Events, 1)
			e := trail.Events[0]
			assert.Equal(t, event.Primary, e.Role)
			assert.Equal(t, "db_down", e.Code)
			assert.Equal(t, []event.Source{event.FromHTTP, event.FromLog, event.FromSpan}, e.Sources)
			assert.Equal(t, hex(2, 16), e.SpanID)
			require.NotNil(t, e.Exception)
			assert.Equal(t, "at x", e.Exception.Stacktrace)
			assert.JSONEq(t, `{"a":1}`, string(e.Raw))
			for _, r := range order { // each of them again
				assert.Equal(t, identity.Duplicate, f.write(t, r)[0].Verdict)
			}
			assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM (SELECT FROM error_minutes GROUP BY key HAVING sum(n) <> 0) m`))
		})
	}
}

func TestUpstreamFailureStaysApart(t *testing.T) {
	f := open(t, store.Options{})
	f.write(t,
		report{src: event.FromSpan, service: "edge", request: "req_1", trace: hex(1, 32), span: hex(2, 16), status: 502},
		report{src: event.FromHTTP, role: event.Upstream, service: "edge", request: "req_1", status: 429, code: "rate_limit"})
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`))
}

func TestConstantRequestIDJoinsNothing(t *testing.T) {
	f := open(t, store.Options{})
	for i := range 3 {
		var rs []report
		for j := range 60 {
			rs = append(rs, report{src: event.FromHTTP, service: "billing", request: "constant", status: 500, salt: fmt.Sprint(i, j), at: now.Add(time.Duration(i*60+j) * time.Millisecond)})
		}
		f.write(t, rs...)
	}
	f.write(t, report{src: event.FromSpan, service: "billing", request: "constant", trace: hex(1, 32), span: hex(1, 16), status: 500})
	assert.Equal(t, 181, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`))
	trail, err := f.Trail(t.Context(), store.DefaultWorkspace, "constant")
	require.NoError(t, err)
	assert.Len(t, trail.Events, 181)
}

func TestMidnight(t *testing.T) {
	midnight := now.Truncate(24 * time.Hour)
	f := open(t, store.Options{})
	f.write(t, report{src: event.FromSpan, service: "billing", request: "req_1", trace: hex(1, 32), span: hex(1, 16), status: 500, at: midnight.Add(-time.Second)})
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, body: "late", at: midnight.Add(time.Second)})
	trail, err := f.Trail(t.Context(), store.DefaultWorkspace, "req_1")
	require.NoError(t, err)
	require.Len(t, trail.Events, 1)
	assert.Equal(t, `"late"`, string(trail.Events[0].Raw))
}

func TestOldItemsAndFutureItems(t *testing.T) {
	f := open(t, store.Options{})
	for _, at := range []time.Time{now.AddDate(0, 0, -29), now.AddDate(0, 0, -2), now.Add(23 * time.Hour)} {
		r := report{src: event.FromHTTP, service: "billing", request: "req" + at.String(), status: 500, at: at}
		assert.Equal(t, identity.Accepted, f.write(t, r)[0].Verdict)
		assert.Equal(t, identity.Duplicate, f.write(t, r)[0].Verdict)
	}
	assert.Equal(t, 3, f.count(t, `SELECT sum(n_late)::int FROM error_minutes`))
}

func TestEndpointCap(t *testing.T) {
	f := open(t, store.Options{})
	var rs []report
	for i := range store.MaxEndpoints + 50 {
		rs = append(rs, report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("req", i), status: 404, endpoint: fmt.Sprint("/raw/", i)})
	}
	f.write(t, rs...)
	assert.Equal(t, 50, f.count(t, `SELECT sum(n)::int FROM error_minutes WHERE endpoint = $1`, store.OtherEndpoint))
	assert.Equal(t, store.MaxEndpoints+50, f.count(t, `SELECT count(DISTINCT endpoint) FROM events`))
}

// contents is raw bodies and stack traces together.
const contents = `(SELECT * FROM bodies UNION ALL SELECT workspace_id, day, hash, content, codec, base FROM stacks) c`

func TestContentsAreStoredOnce(t *testing.T) {
	f := open(t, store.Options{})
	stack := strings.Repeat("at frame\n", 100)
	for i := range 5 {
		f.write(t, report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("req", i), status: 500, stack: stack, body: "same"})
	}
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM `+contents))
}

// The statements must also work where no statement can be prepared.
func TestExecMode(t *testing.T) {
	f := open(t, store.Options{ExecMode: "exec"})
	f.write(t, report{src: event.FromSpan, service: "billing", request: "req_1", trace: hex(1, 32), span: hex(1, 16), status: 500, stack: "x", customer: "a"})
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, body: "y", aliases: []event.Alias{{Kind: "ray", Value: "abcdef-1"}}})
	_, err := f.Trail(t.Context(), store.DefaultWorkspace, "req_1")
	require.NoError(t, err)
	_, err = f.Lookup(t.Context(), store.DefaultWorkspace, []string{"req_1", hex(1, 32)})
	require.NoError(t, err)
	_, err = f.Prefix(t.Context(), store.DefaultWorkspace, "abcdef", 5)
	require.NoError(t, err)
	_, err = f.Events(t.Context(), store.DefaultWorkspace, event.Filter{Service: "billing", Status: "5xx", Query: "from", From: now.Add(-time.Hour)}, 5, "")
	require.NoError(t, err)
	_, err = f.Overview(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	require.NoError(t, f.Reject(t.Context(), store.DefaultWorkspace, []event.Rejection{{Reason: "r", Message: "m\x00", Source: event.FromHTTP}}))
}

// Contents that are like one that was stored before are kept as differences
// from it, and come back whole: behind another process, and on another day.
func TestAlikeContentsAreStoredAsDifferences(t *testing.T) {
	f := open(t, store.Options{})
	alike := func(i int) report {
		frames := ""
		for n := range 20 {
			frames += fmt.Sprintf("\tat com.acme.billing.Charge%d.capture(Charge%d.java:%d)\n", n*7, n, n*31)
		}
		return report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("req_", i), status: 500, code: "boom",
			stack: fmt.Sprintf("ChargeError: attempt %d\n%s", i, frames),
			body:  fmt.Sprintf(`{"error":{"code":"boom","message":%q,"request_id":"req_%d"}}`, strings.Repeat("the card processor hung up ", 8), i)}
	}
	first := alike(0)
	f.write(t, first)
	for i := 1; i < 5; i++ {
		f.write(t, alike(i))
	}
	assert.Equal(t, 8, f.count(t, `SELECT count(*) FROM `+contents+` WHERE codec = 2 AND length(content) < 100`))
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM `+contents+` WHERE codec <> 2 AND base IS NULL`))
	for i := range 5 {
		trail, err := f.Trail(t.Context(), store.DefaultWorkspace, fmt.Sprint("req_", i))
		require.NoError(t, err)
		require.Len(t, trail.Events, 1)
		assert.Equal(t, alike(i).stack, trail.Events[0].Exception.Stacktrace)
		assert.JSONEq(t, alike(i).body, string(trail.Events[0].Raw))
	}
	// What is not like the base is whole again, and the base of what follows.
	other := alike(6)
	other.stack = ""
	for i := range 10 {
		other.stack += fmt.Sprintf("%x\n", sha256.Sum256([]byte{byte(i)}))
	}
	f.write(t, other)
	assert.Equal(t, 3, f.count(t, `SELECT count(*) FROM `+contents+` WHERE codec <> 2`))
}

// A Part that joins an Event of the day before brings its contents there, with
// the base that they are differences from.
func TestDifferencesMoveWithTheirBase(t *testing.T) {
	midnight := now.Truncate(24 * time.Hour)
	f := open(t, store.Options{})
	body := func(i int) string {
		return fmt.Sprintf(`{"error":{"code":"boom","message":%q,"request_id":"req_%d"}}`, strings.Repeat("the card processor hung up ", 8), i)
	}
	at := midnight.Add(time.Second)
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_0", status: 500, code: "boom", body: body(0), at: at})
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "boom", body: body(1), at: at})
	f.write(t, report{src: event.FromSpan, service: "billing", request: "req_1", trace: hex(1, 32), span: hex(1, 16), status: 500, at: midnight.Add(-time.Second)})
	trail, err := f.Trail(t.Context(), store.DefaultWorkspace, "req_1")
	require.NoError(t, err)
	require.Len(t, trail.Events, 1)
	assert.JSONEq(t, body(1), string(trail.Events[0].Raw))
}
