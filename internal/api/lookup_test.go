package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
)

// Each ID has a row, in the order of the answer's IDs.
func TestLookupRows(t *testing.T) {
	f := newFixture(t)
	body, err := json.Marshal(map[string]string{"text": "req_none12345, req_abc123xyz (order A-7734120098) and req_rejected1; our key is sk_live_51Habc9Zz0QkX7Lm3"})
	require.NoError(t, err)
	res := f.call(http.MethodPost, "/v1/lookup", readKey, string(body))
	assert.NotContains(t, res.Body.String(), "51Habc9")
	out := decode[found](t, res)
	require.Len(t, out.Rows, 3)
	for i, row := range out.Rows {
		assert.Equal(t, out.IDs[i].Value, row.ID)
	}
	assert.Equal(t, idRow{ID: "req_none12345", Reason: "never_seen"}, out.Rows[0])
	assert.True(t, out.Rows[1].Found)
	assert.NotEmpty(t, out.Rows[1].Verdict)
	assert.NotEmpty(t, out.Rows[1].Service)
	assert.Equal(t, "rejected", out.Rows[2].Reason)
	assert.Equal(t, []string{"sk_live_…7Lm3"}, out.Secrets)
	assert.NotContains(t, res.Body.String(), "7734120098", "a guess that nobody knows")
}

// What is pasted reaches no log, whatever becomes of it.
func TestPastedTextIsNotLogged(t *testing.T) {
	f := newFixture(t)
	var log bytes.Buffer
	h := engine(Deps{
		Store: f.mem, Keys: auth.NewKeyring(f.mem.KeyByHash, time.Nanosecond), Version: "test",
		Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	const marker = "Marker7Q4"
	for _, body := range []string{`{"text":"req_` + marker + `"}`, `{"text":"` + marker, `{"text":"req_abc123xyz api_key=` + marker + `001"}`, `{"` + marker + `":1}`, `{"text":"` + strings.Repeat(marker, 40_000) + `"}`} {
		req := httptest.NewRequest(http.MethodPost, "/v1/lookup", strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+readKey)
		req.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(httptest.NewRecorder(), req)
	}
	assert.Contains(t, log.String(), "/v1/lookup")
	assert.NotContains(t, log.String(), marker)
}
