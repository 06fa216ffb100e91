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
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/trace"

	"errata/internal/cli"
	"errata/internal/pgtest"
)

// attemptsOf is what is said of the attempts of a request, and their request IDs.
func (p *product) attemptsOf(id string) (text string, ids []string) {
	p.t.Helper()
	status, body := p.get("/v1/requests/" + id + "?include=attempts")
	require.Equal(p.t, http.StatusOK, status, body)
	var got struct {
		Attempts struct {
			Text     string
			Attempts []struct {
				RequestID string `json:"request_id"`
			}
		}
	}
	require.NoError(p.t, json.Unmarshal([]byte(body), &got))
	for _, a := range got.Attempts.Attempts {
		ids = append(ids, a.RequestID)
	}
	return got.Attempts.Text, ids
}

// A client tries five times in four minutes, each time under a new request ID. The
// gateway reports over HTTP with the headers that it captured.
func TestAttemptsOverHTTP(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	at := time.Now().UTC().Add(-time.Hour)
	var lines []string
	report := func(n int, after time.Duration, headers string) {
		lines = append(lines, fmt.Sprintf(`{"service":"billing","method":"POST","endpoint":"/v1/charges","status":429,"customer":"acme","request_id":"req_%d","occurred_at":"%s","headers":{"Retry-After":"45",%s},
			"envelope":{"error":{"code":"rate_limit_exceeded","message":"slow down"}}}`, n, at.Add(after).Format(time.RFC3339Nano), headers))
	}
	for i, after := range []time.Duration{0, 4, 9, 60, 230} {
		report(i+1, after*time.Second, `"Idempotency-Key":"\"8e03978e-40d5-43dd-bc93-6894a57f9324\""`)
	}
	report(6, 10*time.Second, `"Idempotency-Key":"another-one"`)
	// They arrive in no order, and twice over.
	lines[0], lines[3] = lines[3], lines[0]
	status, body := p.post("/v1/errors", p.ingestKey, "application/json", "["+strings.Join(append(lines, lines[1]), ",")+"]")
	require.Equal(t, http.StatusOK, status, body)
	assert.Contains(t, body, `"accepted":6,"duplicates":1`)

	text, ids := p.attemptsOf("req_2")
	assert.Equal(t, []string{"req_1", "req_2", "req_3", "req_4", "req_5"}, ids)
	assert.Equal(t, "This was attempt 2 of 5 in 3 min 50 s; the customer waited 4 s where 45 s were asked for. After attempt 5 no further failure was reported within 10 minutes of this one.", text)
	text, _ = p.attemptsOf("req_6")
	assert.Equal(t, "No other failure with its idempotency key was reported within 10 minutes of it.", text)

	var out strings.Builder
	require.NoError(t, cli.Lookup(t.Context(), cli.LookupOptions{Server: "http://" + p.HTTPAddr, Key: p.readKey, IDs: []string{"req_2"}, Out: &out}))
	assert.Contains(t, out.String(), "Attempts: This was attempt 2 of 5 in 3 min 50 s;")
	status, body = p.get("/v1/requests/8e03978e-40d5-43dd-bc93-6894a57f9324")
	require.Equal(t, http.StatusOK, status, body)
	assert.Contains(t, body, `"request_id":"req_5"`)
	assert.NotContains(t, body, "req_4", "requests with one key stay apart")
}

// The same with spans: those of a real SDK that captures the header, in traces of
// their own.
func TestAttemptsOverOpenTelemetry(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(p.OTLPHTTPAddr), otlptracehttp.WithInsecure(), otlptracehttp.WithHeaders(map[string]string{"x-api-key": p.ingestKey}))
	require.NoError(t, err)
	billing, at := tracer(t, "billing", exporter), time.Now().UTC().Add(-time.Hour)
	for i, key := range []string{"order-42,item-7", "order-42,item-7", "order-42,item-8"} {
		start := at.Add(time.Duration(i) * 20 * time.Second)
		_, span := billing.Start(t.Context(), "POST /v1/charges", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(start), trace.WithAttributes(
			attribute.String("http.request.method", "POST"), attribute.String("http.route", "/v1/charges"), attribute.Int("http.response.status_code", 503), attribute.String("errata.customer", "acme"),
			attribute.StringSlice("http.response.header.x-request-id", []string{fmt.Sprint("req_", i+1)}), attribute.StringSlice("http.response.header.retry-after", []string{"30"}),
			attribute.StringSlice("http.request.header.idempotency-key", []string{key})))
		span.End(trace.WithTimestamp(start.Add(5 * time.Second)))
	}
	p.eventually("all of them are there", func() bool {
		_, err := p.Store.Trail(t.Context(), 1, "req_3")
		return err == nil
	})
	text, ids := p.attemptsOf("req_2")
	assert.Equal(t, []string{"req_1", "req_2"}, ids)
	assert.Equal(t, "This was attempt 2 of 2 in 20 s; the customer waited 15 s where 30 s were asked for. No further failure was reported within 10 minutes of this one.", text)
	assert.Equal(t, "req_2", p.trail("req_2").RequestID)
}
