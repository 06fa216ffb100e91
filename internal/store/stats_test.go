package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

// newest is the time of the newest of them: in the middle of an hour.
var newest = now.Add(25 * time.Minute)

// scattered makes failures of the last ten days, most of them of one hour.
func scattered(r *rand.Rand, n int) []report {
	out := make([]report, n)
	for i := range out {
		at := newest.Add(-time.Duration(r.IntN(3600)) * time.Second)
		switch r.IntN(4) {
		case 0:
			at = newest.Add(-time.Duration(r.IntN(10*24*3600)) * time.Second)
		case 1:
			at = newest.Add(-time.Duration(r.IntN(24*3600)) * time.Second)
		}
		out[i] = report{src: event.FromHTTP, service: []string{"billing", "edge", "search"}[r.IntN(3)], at: at, request: fmt.Sprintf("req_%d", r.IntN(1_000_000)),
			status: []int{400, 429, 500, 502}[r.IntN(4)], code: fmt.Sprintf("code_%d", r.IntN(5)), customer: []string{"", "acme", "globex", "initech"}[r.IntN(4)],
			endpoint: fmt.Sprintf("/v1/%d", r.IntN(4)), release: []string{"1", "2"}[r.IntN(2)]}
	}
	return out
}

// asked is what can be asked in many ways, each with the SQL that gives the same
// from single Events.
var asked = []struct {
	by      []rollup.Dim
	filter  event.Filter
	measure stats.Measure
	sql     string
}{
	{nil, event.Filter{}, stats.Errors, `SELECT '', count(*)`},
	{[]rollup.Dim{rollup.Family}, event.Filter{Status: "5xx"}, stats.Errors, `SELECT (ARRAY['caller','limits','us','upstream'])[family + 1], count(*) FILTER (WHERE status >= 500)`},
	{[]rollup.Dim{rollup.Code}, event.Filter{}, stats.Errors, `SELECT code, count(*)`},
	{[]rollup.Dim{rollup.Code}, event.Filter{}, stats.Customers, `SELECT code, count(DISTINCT nullif(customer, ''))`},
	{nil, event.Filter{}, stats.Customers, `SELECT '', count(DISTINCT nullif(customer, ''))`},
	{[]rollup.Dim{rollup.Service, rollup.Code, rollup.Status, rollup.Family}, event.Filter{}, stats.Errors,
		`SELECT concat_ws(' ', service, code, status, (ARRAY['caller','limits','us','upstream'])[family + 1]), count(*)`},
	{[]rollup.Dim{rollup.Service, rollup.Code, rollup.Status}, event.Filter{Query: "-code:code_1"}, stats.Customers,
		`SELECT concat_ws(' ', service, code, status), count(DISTINCT nullif(customer, '')) FILTER (WHERE code <> 'code_1')`},
	{[]rollup.Dim{rollup.Customer}, event.Filter{Query: "customer:*"}, stats.Errors, `SELECT customer, count(*) FILTER (WHERE customer <> '')`},
	{[]rollup.Dim{rollup.Service, rollup.Endpoint}, event.Filter{}, stats.Errors, `SELECT service || ' ' || endpoint, count(*)`},
	{[]rollup.Dim{rollup.Release}, event.Filter{Service: "edge", Query: "-code:code_1,code_2"}, stats.Errors,
		`SELECT release, count(*) FILTER (WHERE service = 'edge' AND code NOT IN ('code_1', 'code_2'))`},
	{[]rollup.Dim{rollup.Service, rollup.Code}, event.Filter{Query: "service:edge,billing endpoint:/v1/2"}, stats.Errors,
		`SELECT service || ' ' || code, count(*) FILTER (WHERE service IN ('edge', 'billing') AND endpoint = '/v1/2')`},
	{[]rollup.Dim{rollup.Endpoint}, event.Filter{Service: "edge", Code: "code_3"}, stats.Customers,
		`SELECT endpoint, count(DISTINCT customer) FILTER (WHERE service = 'edge' AND code = 'code_3' AND customer <> '')`},
	{[]rollup.Dim{rollup.Family}, event.Filter{Customer: "acme"}, stats.Errors, `SELECT (ARRAY['caller','limits','us','upstream'])[family + 1], count(*) FILTER (WHERE customer = 'acme')`},
	{[]rollup.Dim{rollup.Code}, event.Filter{Customer: "acme", Query: "service:edge,billing"}, stats.Errors,
		`SELECT code, count(*) FILTER (WHERE customer = 'acme' AND service IN ('edge', 'billing'))`},
	{nil, event.Filter{Customer: "initech"}, stats.Errors, `SELECT '', count(*) FILTER (WHERE customer = 'initech')`},
}

// requireSame compares answers with what the Events themselves say.
func (f *fixture) requireSame(t *testing.T, at time.Time, from, to time.Time) {
	t.Helper()
	var all []stats.Question
	for _, a := range asked {
		q := stats.Question{Measure: a.measure, By: a.by, Filter: a.filter, Whole: true, Limit: 200}
		q.Filter.From, q.Filter.To = from, to
		all = append(all, q)
	}
	together, err := f.Stats(t.Context(), store.DefaultWorkspace, at, all...)
	require.NoError(t, err)
	for i, a := range asked {
		answers, err := f.Stats(t.Context(), store.DefaultWorkspace, at, all[i])
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%+v", together[i]), fmt.Sprintf("%+v", answers[0]), "question %d among others", i)
		got := map[string]int64{}
		for _, s := range answers[0].Series {
			if s.Total != 0 {
				got[strings.Join(s.Labels, " ")] = int64(s.Total)
			}
		}
		want := map[string]int64{}
		rows, err := f.db.Query(t.Context(), a.sql+` FROM events WHERE merged_into IS NULL AND role = 0 AND occurred_at >= $1 AND occurred_at < $2 GROUP BY 1`, answers[0].From, answers[0].To)
		require.NoError(t, err)
		for rows.Next() {
			var name string
			var n int64
			require.NoError(t, rows.Scan(&name, &n))
			if n != 0 {
				want[name] = n
			}
		}
		require.NoError(t, rows.Err())
		require.Equal(t, want, got, "question %d, %s to %s", i, answers[0].From, answers[0].To)
	}
}

// Whatever arrives when, and whenever blocks are made, statistics count the
// Events: late ones, repeated ones, corrected ones.
func TestStatsCountEvents(t *testing.T) {
	f := open(t, store.Options{StatsCache: 1 << 20})
	r := rand.New(rand.NewPCG(11, 12))
	at := newest.Add(2 * time.Minute)
	for round := range 6 {
		reports := scattered(r, 150)
		if round > 0 { // the same again, and for some another kind of report that corrects it
			again := scattered(rand.New(rand.NewPCG(11, 12)), 20)
			for i := range again[:10] {
				again[i].src, again[i].code = event.FromLog, ""
			}
			reports = append(reports, again...)
		}
		f.write(t, reports...)
		// What is in no block is read at once.
		if round < 3 {
			f.requireSame(t, at, now, at)
		}
		_, err := f.RollUp(t.Context(), at)
		require.NoError(t, err)
		for _, length := range []time.Duration{45 * time.Minute, 90 * time.Minute, 6 * time.Hour, 50 * time.Hour, 9*24*time.Hour + time.Hour} {
			f.requireSame(t, at, at.Add(-length), at)
		}
		if round > 1 {
			at = at.Add(time.Duration(r.IntN(90)) * time.Minute)
		}
	}
}

// Points add up to the whole, at every length and step.
func TestPointsAddUp(t *testing.T) {
	f := open(t, store.Options{})
	f.write(t, scattered(rand.New(rand.NewPCG(1, 5)), 400)...)
	at := newest.Add(3 * time.Minute)
	_, err := f.RollUp(t.Context(), at)
	require.NoError(t, err)
	for _, length := range []time.Duration{time.Hour, 2 * time.Hour, 5 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 9 * 24 * time.Hour} {
		for _, by := range [][]rollup.Dim{nil, {rollup.Family}, {rollup.Code}, {rollup.Service, rollup.Endpoint}} {
			q := stats.Question{Measure: stats.Errors, By: by, Filter: event.Filter{From: at.Add(-length), To: at}, Compare: stats.Week}
			answers, err := f.Stats(t.Context(), store.DefaultWorkspace, at, q)
			require.NoError(t, err)
			a := answers[0]
			q.Whole, q.Filter.From = true, a.From // a step may begin a little earlier
			whole, err := f.Stats(t.Context(), store.DefaultWorkspace, at, q)
			require.NoError(t, err)
			sum, total := 0.0, 0.0
			for i, s := range a.Series {
				require.Len(t, s.Values, len(a.Points()))
				for _, v := range s.Values {
					if v == v { //nolint:gocritic // not NaN
						sum += v
					}
				}
				total += whole[0].Series[i].Total
			}
			assert.Equal(t, total, sum, "%s by %v: %d steps of %s", length, by, len(a.Points()), a.Step)
			assert.LessOrEqual(t, len(a.Points()), 100)
			assert.Positive(t, sum)
		}
	}
}

func TestRatesNeedTotals(t *testing.T) {
	f := open(t, store.Options{})
	at := now.Add(10 * time.Minute)
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "r1", status: 500, code: "boom", endpoint: "/a"},
		report{src: event.FromHTTP, service: "billing", request: "r2", status: 429, code: "slow", endpoint: "/b"},
		report{src: event.FromHTTP, service: "silent", request: "r3", status: 500, code: "boom"})
	period := event.Filter{From: now.Add(-20 * time.Minute), To: at}
	ask := func(q stats.Question) stats.Answer {
		q.Filter.From, q.Filter.To, q.Whole = period.From, period.To, true
		answers, err := f.Stats(t.Context(), store.DefaultWorkspace, at, q)
		require.NoError(t, err)
		return answers[0]
	}
	assert.True(t, ask(stats.Question{Measure: stats.Rate}).NoTotals)
	f.countRequests(t, requests("billing", "/a", 10), requests("billing", "/b", 30), requests("billing", "/c", 60))
	for range 2 { // before the blocks are made, and after
		a := ask(stats.Question{Measure: stats.Rate})
		assert.False(t, a.NoTotals)
		assert.InDelta(t, 0.02, a.Series[0].Total, 1e-9, "the failures of services whose requests are counted")
		assert.InDelta(t, 2.0/3, a.Covered, 1e-9)
		byCode := ask(stats.Question{Measure: stats.Rate, By: []rollup.Dim{rollup.Code}})
		assert.Equal(t, map[string]float64{"boom": 0.01, "slow": 0.01}, totals(byCode))
		byEndpoint := ask(stats.Question{Measure: stats.Rate, By: []rollup.Dim{rollup.Endpoint}, Filter: event.Filter{Service: "billing"}})
		assert.Equal(t, map[string]float64{"/a": 0.1, "/b": 1.0 / 30, "/c": 0}, totals(byEndpoint))
		assert.Equal(t, map[string]float64{"billing": 100}, totals(ask(stats.Question{Measure: stats.Requests, By: []rollup.Dim{rollup.Service}})))
		_, err := f.RollUp(t.Context(), at.Add(2*time.Hour))
		require.NoError(t, err)
		f.requireBlocks(t)
	}
}

// What a question is answered does not depend on those that it is asked with:
// one about a month reads whole days, one about a day reads their hours.
func TestQuestionsDoNotCountForEachOther(t *testing.T) {
	f := open(t, store.Options{})
	at := now.Add(10 * time.Minute)
	var reports []report
	for i := range 100 {
		age := time.Duration(i) * 90 * time.Minute
		reports = append(reports, report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("r", i), status: 500, code: "boom", at: now.Add(-age)})
		r := requests("billing", "/v1/charges", 10)
		r.Minute = now.Add(-age)
		f.countRequests(t, r)
	}
	f.write(t, reports...)
	_, err := f.RollUp(t.Context(), at)
	require.NoError(t, err)
	var questions []stats.Question
	for _, days := range []int{1, 2, 7, 28} {
		for _, by := range []rollup.Dim{rollup.Service, rollup.Endpoint, rollup.Environment} {
			for _, m := range []stats.Measure{stats.Rate, stats.Errors} {
				q := stats.Question{Measure: m, By: []rollup.Dim{by}, Whole: true, Filter: event.Filter{From: at.AddDate(0, 0, -days), To: at}}
				own := q
				own.Filter.Service = "billing"
				questions = append(questions, q, own)
			}
		}
	}
	together, err := f.Stats(t.Context(), store.DefaultWorkspace, at, questions...)
	require.NoError(t, err)
	for i, q := range questions {
		alone, err := f.Stats(t.Context(), store.DefaultWorkspace, at, q)
		require.NoError(t, err)
		assert.Equal(t, totals(alone[0]), totals(together[i]), "%s by %s over %s", q.Measure, q.By, q.Filter.To.Sub(q.Filter.From))
		require.Len(t, alone[0].Series, 1)
		assert.InDelta(t, alone[0].Series[0].Requests, together[i].Series[0].Requests, 1e-6)
	}
}

func requests(service, endpoint string, n float64) event.Requests {
	return event.Requests{Workspace: store.DefaultWorkspace, Series: event.Series{Service: service, Environment: "production", Method: "POST", Endpoint: endpoint},
		Minute: now, Source: event.TotalsRequests, N: n}
}

func totals(a stats.Answer) map[string]float64 {
	out := map[string]float64{}
	for _, s := range a.Series {
		out[strings.Join(s.Labels, " ")] = s.Total
	}
	return out
}

func (f *fixture) requireBlocks(t *testing.T) {
	t.Helper()
	var n int
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT count(*) FROM rollup_blocks`).Scan(&n))
	require.Positive(t, n)
}

func TestUnsupportedCombinations(t *testing.T) {
	f := open(t, store.Options{})
	period := event.Filter{From: now.Add(-time.Hour), To: now}
	for name, q := range map[string]stats.Question{
		"release":           {Measure: stats.Errors, By: []rollup.Dim{rollup.Release}},
		"customer":          {Measure: stats.Rate, By: []rollup.Dim{rollup.Customer}},
		"not by text":       {Measure: stats.Errors, Filter: event.Filter{Query: `"connection reset"`}},
		"code and customer": {Measure: stats.Errors, By: []rollup.Dim{rollup.Code, rollup.Customer}},
		"'code'":            {Measure: stats.Requests, By: []rollup.Dim{rollup.Code}},
	} {
		q.Filter.From, q.Filter.To = period.From, period.To
		_, err := f.Stats(t.Context(), store.DefaultWorkspace, now, q)
		assert.ErrorContains(t, err, "unsupported_combination")
		assert.ErrorContains(t, err, name)
	}
}

// Another workspace's failures are in nobody else's blocks.
func TestStatsAreOfOneWorkspace(t *testing.T) {
	f := open(t, store.Options{})
	_, err := f.db.Exec(t.Context(), `INSERT INTO workspaces (id, name) VALUES (2, 'other')`)
	require.NoError(t, err)
	f.write(t, report{src: event.FromHTTP, ws: 2, service: "theirs", request: "r1", status: 500, code: "boom"})
	for range 2 {
		answers, err := f.Stats(t.Context(), store.DefaultWorkspace, now.Add(time.Minute),
			stats.Question{Measure: stats.Errors, By: []rollup.Dim{rollup.Service}, Filter: event.Filter{From: now.Add(-3 * time.Hour), To: now.Add(time.Hour)}})
		require.NoError(t, err)
		assert.Empty(t, answers[0].Series)
		_, err = f.RollUp(t.Context(), now.Add(2*time.Hour))
		require.NoError(t, err)
	}
}

// Writers and any number of processes that make blocks: in the end all is in.
func TestRollUpWhileWriting(t *testing.T) {
	f := open(t, store.Options{})
	at := now.Add(3 * time.Hour)
	other := reopen(t, store.Options{URL: f.url})
	var writers, rollers sync.WaitGroup
	stop := make(chan struct{})
	for i := range 2 {
		writers.Go(func() {
			for _, batch := range slices.Collect(slices.Chunk(scattered(rand.New(rand.NewPCG(uint64(i), 9)), 300), 15)) {
				parts := make([]report, 0, len(batch))
				parts = append(parts, batch...)
				if err := writeAll(t, f.Store, parts); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, s := range []*store.Store{f.Store, other} {
		rollers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := s.RollUp(t.Context(), at); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	rollers.Wait()
	rolled, err := f.RollUp(t.Context(), at)
	require.NoError(t, err)
	assert.Zero(t, rolled.Left)
	var open int
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT count(*) FROM rollup_marks WHERE level = 1`).Scan(&open))
	assert.Zero(t, open)
	f.requireSame(t, at, at.Add(-9*24*time.Hour), at)
	f.requireSame(t, at, at.Add(-30*time.Hour), at)
}

func writeAll(t *testing.T, s *store.Store, reports []report) error {
	for _, r := range reports {
		part := r.part()
		if _, err := s.Write(t.Context(), []identity.Part{part}); err != nil {
			return err
		}
	}
	return nil
}

func partsOf(reports ...report) []identity.Part {
	out := make([]identity.Part, len(reports))
	for i, r := range reports {
		out[i] = r.part()
	}
	return out
}

// Quantiles are those of the Events, and a report that corrects a duration takes
// the old one back.
func TestDurationsOfFailures(t *testing.T) {
	f := open(t, store.Options{})
	var parts []identity.Part
	for i := range 200 {
		p := report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("r", i), trace: hex(i+1, 32), span: hex(i+1, 16), status: 500, code: fmt.Sprint("code_", i%2)}.part()
		ms := float64(i + 1)
		if i%2 == 1 {
			ms *= 10
		}
		if i < 180 {
			p.Event.DurationMS = &ms
		}
		parts = append(parts, p)
	}
	_, err := f.Write(t.Context(), parts)
	require.NoError(t, err)
	at := now.Add(2 * time.Hour)
	for range 2 {
		answers, err := f.Stats(t.Context(), store.DefaultWorkspace, at,
			stats.Question{Measure: stats.P95, Whole: true, By: []rollup.Dim{rollup.Code}, Filter: event.Filter{Service: "billing", From: now.Add(-5 * time.Hour), To: at}},
			stats.Question{Measure: stats.P50, Whole: true, Filter: event.Filter{From: now.Add(-5 * time.Hour), To: at}})
		require.NoError(t, err)
		byCode := totals(answers[0])
		assert.InEpsilon(t, 171, byCode["code_0"], 0.06)
		assert.InEpsilon(t, 1720, byCode["code_1"], 0.06)
		assert.InEpsilon(t, 90, answers[0].Series[0].Errors, 0.001)
		assert.Greater(t, answers[1].Series[0].Total, 100.0)
		_, err = f.RollUp(t.Context(), at)
		require.NoError(t, err)
	}
	var n int
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT sum(u) FROM customer_minutes, unnest(duration_counts) u`).Scan(&n))
	assert.Equal(t, 180, n)
}
