package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chaos is a collector and a database that are killed again and again while
// senders report, and what became of each report.
type chaos struct {
	*site
	collector *collector

	mu           sync.Mutex
	sent         map[string]bool // request IDs that went out at least once
	acknowledged map[string]bool
	kills        map[string]int
}

const (
	chaosSenders = 4
	chaosBatch   = 20
)

// TestChaos kills collector and database without warning under load, for
// ERRATA_CHAOS (8s), and then counts: every acknowledged report is there,
// once, and the roll-ups agree.
func TestChaos(t *testing.T) {
	length := 8 * time.Second
	if v := os.Getenv("ERRATA_CHAOS"); v != "" {
		var err error
		length, err = time.ParseDuration(v)
		require.NoError(t, err)
	}
	c := &chaos{site: newSite(t), sent: map[string]bool{}, acknowledged: map[string]bool{}, kills: map[string]int{}}
	c.collector = c.newCollector("spool")
	until := time.Now().Add(length)
	var senders sync.WaitGroup
	for s := range chaosSenders {
		senders.Go(func() { c.send(s, until) })
	}
	c.rampage(until)
	senders.Wait()
	c.collector.settle(time.Minute + length) // what came in while the database was away takes as long as it did
	c.count()
}

// send reports batches, each until it is acknowledged, as an exporter does.
func (c *chaos) send(sender int, until time.Time) {
	client := &http.Client{Timeout: 10 * time.Second}
	for n := 0; time.Now().Before(until); n++ {
		var lines strings.Builder
		ids := make([]string, chaosBatch)
		for i := range ids {
			ids[i] = fmt.Sprintf("req_chaos_%d_%d_%d", sender, n, i)
			fmt.Fprintf(&lines, `{"request_id":%q,"service":"service-%d","status":%d,"endpoint":"/v1/%d","customer":"customer-%d","occurred_at":%q,"envelope":{"error":{"code":"chaos","message":"it broke"}}}`+"\n",
				ids[i], n%3, 500+i%4, i%5, i%7, time.Now().UTC().Format(time.RFC3339Nano))
		}
		c.note(c.sent, ids)
		for deadline := until.Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if c.post(client, lines.String()) {
				c.note(c.acknowledged, ids)
				break
			}
		}
	}
}

func (c *chaos) note(where map[string]bool, ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		where[id] = true
	}
}

func (c *chaos) post(client *http.Client, body string) bool {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+c.collector.addr+"/v1/errors", strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return false
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("x-api-key", c.key)
	res, err := client.Do(req)
	if err != nil {
		return false // killed in the middle
	}
	defer res.Body.Close() //nolint:errcheck // only read
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		assert.True(c.t, err != nil || res.StatusCode == http.StatusServiceUnavailable, "refused with %s: %s", res.Status, answer)
		return false
	}
	var verdict struct {
		Accepted, Duplicates int
	}
	if json.Unmarshal(answer, &verdict) != nil {
		return false
	}
	assert.Equal(c.t, chaosBatch, verdict.Accepted+verdict.Duplicates, "%s", answer)
	return true
}

// rampage kills, one after the other and at random, the collector, the
// database's backends, and the database.
func (c *chaos) rampage(until time.Time) {
	for time.Now().Before(until) {
		time.Sleep(time.Duration(200+rand.IntN(800)) * time.Millisecond) //nolint:gosec // chaos
		switch what := rand.IntN(5); what {                              //nolint:gosec // chaos
		case 0, 1:
			c.kills["collector"]++
			c.collector.kill()
			if what == 1 { // both at once: the collector starts without a database
				c.kills["database"]++
				c.killDatabase()
				c.collector.start()
				c.startDatabase()
				break
			}
			c.collector.start()
		case 2:
			c.kills["database"]++
			c.killDatabase()
			time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond) //nolint:gosec // chaos
			c.startDatabase()
		case 3:
			c.kills["backend"]++
			c.killBackend()
		case 4: // the collector ends while the spool is all there is
			c.kills["database"]++
			c.killDatabase()
			for range 1 + rand.IntN(2) { //nolint:gosec // chaos
				time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond) //nolint:gosec // chaos
				c.kills["collector"]++
				c.collector.kill()
				c.collector.start()
			}
			c.startDatabase()
		}
	}
}

func (c *chaos) count() {
	conn, err := pgx.Connect(c.t.Context(), c.db.URL())
	require.NoError(c.t, err)
	defer conn.Close(c.t.Context()) //nolint:errcheck // only read
	rows, err := conn.Query(c.t.Context(), `SELECT request_id, count(*) FROM events WHERE merged_into IS NULL GROUP BY 1`)
	require.NoError(c.t, err)
	found := map[string]int{}
	var id string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error { found[id] = n; return nil })
	require.NoError(c.t, err)
	lost, twice, strange := 0, 0, 0
	for id := range c.acknowledged {
		if found[id] == 0 {
			lost++
		}
	}
	for id, n := range found {
		if n > 1 {
			twice++
		}
		if !c.sent[id] {
			strange++
		}
	}
	c.t.Logf("killed %v; sent %d, acknowledged %d, found %d, duplicated %d, lost %d", c.kills, len(c.sent), len(c.acknowledged), len(found), twice, lost)
	assert.Positive(c.t, len(c.acknowledged))
	assert.Zero(c.t, lost, "lost")
	assert.Zero(c.t, twice, "counted twice")
	assert.Zero(c.t, strange)
	requireCounts(c.t, c.db.URL(), len(found))
}
