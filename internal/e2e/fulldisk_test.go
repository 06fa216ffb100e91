package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/store"
)

// A disk that is full while the database is away is 503, and what was
// acknowledged before is whole: none of what was refused is there, all of what
// was not is, also after the collector was killed. With room, it goes on. The
// disk is full, for this test, where the process may not write on.
func TestFullDisk(t *testing.T) {
	s := newSite(t)
	c := s.newCollectorWith("spool", 256) // 128 KiB
	taken := map[string]bool{}
	n := 0
	send := func() int {
		t.Helper()
		ids, body := incompressible(n, 10)
		n++
		status, retry := c.report(body)
		switch status {
		case http.StatusOK:
			for _, id := range ids {
				taken[id] = true
			}
		case http.StatusServiceUnavailable:
			assert.Contains(t, []string{"1", "2", "3"}, retry, "Retry-After")
		default:
			t.Errorf("it answers %d", status)
		}
		return status
	}
	fill := func() {
		t.Helper()
		require.Equal(t, http.StatusOK, send(), "there is room")
		for i := 0; send() == http.StatusOK; i++ {
			require.Less(t, i, 100, "the disk is never full")
		}
		for range 3 { // and stays it
			send()
		}
	}
	require.Equal(t, http.StatusOK, send())

	s.killDatabase()
	fill()
	s.startDatabase()
	c.settle(time.Minute)
	require.Equal(t, http.StatusOK, send())
	requireOnly(t, s, taken)

	s.killDatabase()
	fill()
	c.kill()
	c.start() // without a database
	s.startDatabase()
	c.settle(time.Minute)
	requireOnly(t, s, taken)
}

// incompressible is a batch of reports that the spool cannot make small, and
// their request IDs.
func incompressible(batch, size int) (ids []string, body string) {
	var lines strings.Builder
	for i := range size {
		id := fmt.Sprintf("req_disk_%d_%d", batch, i)
		ids = append(ids, id)
		var noise strings.Builder
		for range 100 {
			fmt.Fprintf(&noise, "%c%c%c%c ", 'a'+rand.IntN(26), 'a'+rand.IntN(26), 'a'+rand.IntN(26), 'a'+rand.IntN(26)) //nolint:gosec // noise
		}
		fmt.Fprintf(&lines, `{"request_id":%q,"service":"billing","status":500,"envelope":{"error":{"code":"disk","message":%q}}}`+"\n", id, noise.String())
	}
	return ids, lines.String()
}

// report posts lines and gives the status and Retry-After; 0 when there is no
// answer.
func (c *collector) report(lines string) (status int, retryAfter string) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.addr+"/v1/errors", strings.NewReader(lines))
	require.NoError(c.site.t, err)
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("x-api-key", c.site.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(res.Body)
	require.NoError(c.site.t, err)
	if res.StatusCode == http.StatusOK {
		var answer struct{ Rejected []json.RawMessage }
		require.NoError(c.site.t, json.Unmarshal(raw, &answer))
		require.Empty(c.site.t, answer.Rejected)
	}
	return res.StatusCode, res.Header.Get("Retry-After")
}

// requireOnly: these request IDs are stored, once each, and no others but those
// of failures of our own.
func requireOnly(t *testing.T, s *site, taken map[string]bool) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: s.db.URL()})
	require.NoError(t, err)
	defer db.Close()
	var want, got []string
	for id := range taken {
		want = append(want, id)
	}
	for cursor := ""; ; {
		page, err := db.Events(t.Context(), store.DefaultWorkspace, event.Filter{Service: "billing"}, store.MaxPage, cursor)
		require.NoError(t, err)
		for _, e := range page.Events {
			got = append(got, e.RequestID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	missing, extra := differences(want, got)
	assert.Empty(t, missing, "lost")
	assert.Empty(t, extra, "refused and stored, or stored twice")
}
