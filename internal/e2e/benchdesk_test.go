package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// desk measures what an agent does all day: pastes a mail with a request ID,
// opens the page it leads to, and sometimes pastes a list of 500. Each ID is one
// that was not asked for before, of any day of the month.
func (r *rig) desk(p *product, db *pgx.Conn, browser *http.Client, page func(string) fetched, events int64) {
	b := r.b
	const many, lists = 500, 20
	ids := r.anyIDs(db, events, max(many, 2*asks))
	paste := func(text string) (time.Duration, int) {
		start := time.Now()
		res, err := browser.PostForm("http://"+p.HTTPAddr+"/find", url.Values{"text": {text}}) //nolint:noctx // a moment, on loopback
		require.NoError(b, err)
		require.NoError(b, res.Body.Close())
		return time.Since(start), res.StatusCode
	}
	var pages, finds, bulks []time.Duration
	largest := 0
	for i := range asks {
		took, status := paste("Hello,\n\nsince this morning we see errors, for example request " + ids[i] + ".\nCan you help?\n\nRegards, Ada")
		require.Equal(b, http.StatusSeeOther, status)
		finds = append(finds, took)
		f := page("/r/" + url.PathEscape(ids[asks+i]))
		pages = append(pages, f.took)
		largest = max(largest, f.gzipped)
	}
	for range lists {
		took, status := paste(strings.Join(ids[:many], "\n"))
		require.Equal(b, http.StatusOK, status)
		bulks = append(bulks, took)
	}
	for _, m := range []struct {
		name string
		took []time.Duration
		must time.Duration
	}{{"find", finds, 30 * time.Millisecond}, {"request-page", pages, 80 * time.Millisecond}, {"find-500", bulks, 500 * time.Millisecond}} {
		b.Logf("%s: first %s, p50 %s, p95 %s", m.name, m.took[0], quantile(0.5, m.took), quantile(0.95, m.took))
		b.ReportMetric(float64(quantile(0.95, m.took).Microseconds())/1000, "ms-p95-"+m.name)
		assert.LessOrEqual(b, quantile(0.95, m.took), m.must, m.name)
	}
	b.ReportMetric(float64(largest)/1024, "KB-gz-request-page-largest")
	assert.LessOrEqual(b, largest, 10<<10)
}

// anyIDs are n request IDs from all over the month.
func (r *rig) anyIDs(db *pgx.Conn, events int64, n int) []string {
	percent := min(100, 100*float64(100*n)/float64(events))
	rows, err := db.Query(r.b.Context(), `
		SELECT request_id FROM (SELECT DISTINCT request_id FROM events TABLESAMPLE SYSTEM ($1) REPEATABLE (1) WHERE request_id <> '' AND merged_into IS NULL) AS sampled
		ORDER BY md5(request_id) LIMIT $2`, percent, n)
	require.NoError(r.b, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(r.b, err)
	require.Len(r.b, ids, n)
	return ids
}
