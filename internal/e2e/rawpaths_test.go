package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
	"errata/internal/store"
)

// A service that knows no routes: its failures as spans and as reports, and its
// totals, meet under endpoints that are made of their paths.
func TestRawPaths(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	now := time.Now().UTC()
	span := func(n, status int, path string) string {
		return fmt.Sprintf(`{"traceId":"%032x","spanId":"%016x","kind":2,"name":"GET","startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[
			{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":%q}},
			{"key":"http.response.status_code","value":{"intValue":"%d"}},{"key":"errata.request_id","value":{"stringValue":"req_span%d"}}]}`,
			n, n, now.UnixNano(), now.UnixNano()+int64(n), path, status, n)
	}
	status, body := p.post("/v1/traces", p.ingestKey, "application/json", `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"raw"}}]},"scopeSpans":[{"spans":[`+
		span(1, 500, "/v1/charges/42")+`,`+span(2, 500, "/v1/charges/ch_3NkPxY2eZvKYlo2C")+`,`+span(3, 404, "/wp-login.php")+`,`+span(4, 200, "/v1/charges/43")+`]}]}]}`)
	require.Equal(t, http.StatusOK, status, body)
	status, body = p.post("/v1/errors", p.ingestKey, "application/json", `[{"service":"raw","method":"GET","path":"/v1/charges/44","status":500,"request_id":"req_path"},
		{"service":"raw","method":"GET","endpoint":"/v1/charges/45","status":404,"request_id":"req_endpoint"},
		{"service":"raw","method":"GET","endpoint":"/v1/charges/:charge","path":"/v1/charges/46","status":500,"request_id":"req_route"}]`)
	require.Equal(t, http.StatusOK, status, body)

	for id, want := range map[string]string{"req_span1": "/v1/charges/{id}", "req_span2": "/v1/charges/{id}", "req_span3": "(unmatched)",
		"req_path": "/v1/charges/{id}", "req_endpoint": "/v1/charges/{id}", "req_route": "/v1/charges/:charge"} {
		e := p.trail(id).Events[0]
		assert.Equal(t, want, e.Endpoint, id)
		assert.Equal(t, want == "/v1/charges/{id}", e.EndpointDerived, id)
	}
	assert.Equal(t, "/v1/charges/45", p.trail("req_endpoint").Events[0].Path, "what was sent is not lost")

	status, body = p.get("/v1/endpoints?service=raw")
	require.Equal(t, http.StatusOK, status, body)
	var list struct {
		Full      bool
		Endpoints []struct{ Method, Endpoint string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	assert.False(t, list.Full)
	assert.Equal(t, []struct{ Method, Endpoint string }{{"GET", "(unmatched)"}, {"GET", "/v1/charges/:charge"}, {"GET", "/v1/charges/{id}"}}, list.Endpoints)

	status, body = p.get("/v1/events?service=raw&endpoint=/v1/charges/%7Bid%7D")
	require.Equal(t, http.StatusOK, status)
	var found struct{ Events []struct{} }
	require.NoError(t, json.Unmarshal([]byte(body), &found))
	assert.Len(t, found.Events, 4)

	assert.Equal(t, map[string]float64{"/v1/charges/{id}": 5, "/v1/charges/:charge": 1, "(unmatched)": 1}, p.requestsOf(t, "raw"), "a success among them")
	status, body = p.post("/v1/totals", p.ingestKey, "application/json", fmt.Sprintf(`{"service":"raw","minutes":[{"minute":%q,"method":"GET","endpoint":"/v1/charges/42","requests":7},
		{"minute":%q,"method":"GET","endpoint":"/v1/charges/43","requests":8}]}`, now.Format(time.RFC3339), now.Format(time.RFC3339)))
	require.Equal(t, http.StatusOK, status, body)
	assert.Equal(t, map[string]float64{"/v1/charges/{id}": 15}, p.requestsOf(t, "raw"))
}

// requestsOf is how many requests each endpoint of a service had lately.
func (p *product) requestsOf(t *testing.T, service string) map[string]float64 {
	t.Helper()
	minutes, err := p.Store.Requests(t.Context(), store.DefaultWorkspace, store.RequestFilter{Service: service, From: time.Now().Add(-2 * time.Hour), To: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	got := map[string]float64{}
	for _, m := range minutes {
		got[m.Endpoint] += m.N
	}
	return got
}
