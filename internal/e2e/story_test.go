package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
)

// A request goes over five services, a provider refuses the last of them, and the
// customer gets a 502. Whoever looks it up reads that in words, and that the customer
// was not rate-limited, whichever of its IDs they have.
func TestAStoryOverFiveServices(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	at := time.Now().UTC().Add(-time.Minute)
	services := []string{"edge-gateway", "prompts-api", "orchestrator", "agents", "llm-proxy"}
	report := func(fields map[string]any) string {
		b, err := json.Marshal(fields)
		require.NoError(t, err)
		return string(b)
	}
	// They are reported in no order at all, and twice over, as retries do.
	var lines []string
	for _, i := range []int{3, 0, 4, 1, 2, 0} {
		fields := map[string]any{"service": services[i], "environment": "production", "status": 502, "method": "POST", "endpoint": "/v1/" + services[i], "trace_id": trace,
			"span_id": fmt.Sprintf("%016x", i+1), "occurred_at": at.Add(time.Duration(-i) * 10 * time.Millisecond).Format(time.RFC3339Nano), "duration_ms": 900 - 50*i, "customer": "acme",
			"envelope": map[string]any{"error": map[string]any{"code": "bad_gateway", "message": "the service behind failed"}}}
		if i > 0 {
			fields["parent_span_id"] = fmt.Sprintf("%016x", i)
		} else {
			fields["request_id"] = "req_story1"
		}
		if i == 4 {
			fields["envelope"] = json.RawMessage(`{"error":"provider_error","message":"LLM provider returned an error","details":{"provider":"openai","code":"rate_limit_exceeded"}}`)
		}
		lines = append(lines, report(fields))
	}
	status, body := p.post("/v1/errors", p.ingestKey, "application/x-ndjson", strings.Join(lines, "\n"))
	require.Equal(t, http.StatusOK, status, body)
	assert.JSONEq(t, `{"accepted":5,"duplicates":1,"rejected":[]}`, body)

	for _, id := range []string{"req_story1", trace} {
		status, body = p.get("/v1/requests/" + id + "?include=blast_radius")
		require.Equal(t, http.StatusOK, status, body)
		var got struct {
			Services    []string
			Explanation struct{ Verdict string }
			Story       struct {
				RootCause     string `json:"root_cause"`
				NotTheirLimit bool   `json:"not_their_limit"`
				Through       []string
			}
			BlastRadius struct{ Verdict, Text string } `json:"blast_radius"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		assert.Len(t, got.Services, 5)
		assert.True(t, got.Story.NotTheirLimit)
		assert.Equal(t, []string{"llm-proxy", "agents", "orchestrator", "prompts-api", "edge-gateway"}, got.Story.Through)
		assert.Contains(t, got.Story.RootCause, "The failure began in llm-proxy: 502 provider_error.")
		assert.Contains(t, got.Story.RootCause, "The customer was not rate-limited: our provider openai limited us.")
		assert.Equal(t, "Our upstream openai refused us (rate_limit_exceeded); the customer was not rate-limited. Nothing is wrong with their request.", got.Explanation.Verdict)
		assert.Equal(t, "too_few", got.BlastRadius.Verdict)
		assert.Contains(t, got.BlastRadius.Text, "1 customer, 1 failure")
	}
}
