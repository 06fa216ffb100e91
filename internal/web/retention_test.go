package web

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/store"
)

// An ID whose day has gone is not called unknown.
func TestExpiredIDIsExplained(t *testing.T) {
	f := newFixture(t).signIn()
	at := f.now.AddDate(0, 0, -20)
	f.write(event.Event{RequestID: "req_expired77", Status: 500, Code: "boom", OccurredAt: at},
		event.Event{RequestID: "req_newer77", Status: 500, Code: "boom", OccurredAt: at.Add(time.Second)})
	require.NoError(t, f.Expire(t.Context(), f.now.AddDate(0, 0, 20)))
	said := words(f.post("/find", nil, "text", "req_expired77").Find("main"))
	assert.Contains(t, said, "It was probably reported on "+at.Format(time.DateOnly)+", and has expired since.")
	assert.Contains(t, words(f.post("/find", nil, "text", "req_never77").Find("main")), "No failure with this ID has been reported.")
}

// late is a store whose housekeeping is behind.
type late struct{ *store.Store }

func (late) JobRuns(context.Context) ([]store.JobRun, error) {
	return []store.JobRun{{Name: "partitions"}, {Name: "retention", Behind: true}}, nil
}

func TestHousekeepingThatIsBehindIsSaid(t *testing.T) {
	f := newFixture(t).signIn()
	assert.NotContains(t, words(f.get("/").Find("main")), "Housekeeping")
	server := httptest.NewServer(New(Deps{Store: late{f.Store}, Keys: auth.NewKeyring(f.KeyByHash, 0), Sessions: f.Sessions()}))
	t.Cleanup(server.Close)
	f.server.URL = server.URL
	page := f.get("/")
	requireSound(t, page)
	assert.Contains(t, words(page.Find("main")), "Housekeeping is behind (retention): tell whoever runs Errata.")
}
