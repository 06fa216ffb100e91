package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const taken = `{"accepted":1,"duplicates":0,"rejected":[]}`

func TestSendRawBody(t *testing.T) {
	collector, requests, bodies := newCollector(t, nil, taken)
	file := filepath.Join(t.TempDir(), "body.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"error":{"code":"x","message":"m","request_id":"req_fromthebody1"}}`), 0o600))
	var out strings.Builder
	require.NoError(t, Send(context.Background(), SendOptions{
		Collector: collector.URL, Key: "k", Service: "billing", Status: 429, Endpoint: "/v1/charges", Method: "POST", Customer: "acme",
		Environment: "production", File: file, Out: &out,
	}))
	q := (*requests)[0].URL.Query()
	assert.Equal(t, "billing 429 /v1/charges POST acme production", strings.Join([]string{
		q.Get("service"), q.Get("status"), q.Get("endpoint"), q.Get("method"), q.Get("customer"), q.Get("environment"),
	}, " "))
	assert.Equal(t, "application/json", (*requests)[0].Header.Get("Content-Type"))
	assert.Contains(t, (*bodies)[0], "req_fromthebody1")
	assert.Equal(t, "1 accepted\nLook it up: errata lookup req_fromthebody1\n", out.String())
}

func TestSendFullReports(t *testing.T) {
	for body, contentType := range map[string]string{
		`{"service":"a","status":500,"request_id":"req one"}`:                                             "application/json",
		` [{"service":"a","status":500,"request_id":"req one"}]`:                                          "application/json",
		"{\"service\":\"a\",\"status\":500,\"request_id\":\"req one\"}\n{\"service\":\"b\",\"status\":1}": "application/x-ndjson",
	} {
		collector, requests, _ := newCollector(t, nil, taken)
		var out strings.Builder
		require.NoError(t, Send(context.Background(), SendOptions{Collector: collector.URL, Key: "k", File: "-", In: strings.NewReader(body), Out: &out}))
		assert.Equal(t, contentType, (*requests)[0].Header.Get("Content-Type"))
		assert.Empty(t, (*requests)[0].URL.RawQuery)
		assert.Contains(t, out.String(), "errata lookup 'req one'")
	}
}

func TestSendWithoutABody(t *testing.T) {
	collector, _, bodies := newCollector(t, nil, taken)
	var out strings.Builder
	require.NoError(t, Send(context.Background(), SendOptions{Collector: collector.URL, Key: "k", Service: "a", Status: 503, RequestID: "req_5", Out: &out}))
	assert.JSONEq(t, `{"service":"a","status":503,"request_id":"req_5"}`, (*bodies)[0])
}

func TestSendSaysWhatWasRejected(t *testing.T) {
	collector, _, _ := newCollector(t, nil, `{"accepted":0,"duplicates":2,"rejected":[{"index":1,"error":{"code":"validation_failed","message":"The 'status' field …"}}],
		"warnings":[{"index":0,"code":"not_idempotent"}]}`)
	var out strings.Builder
	err := Send(context.Background(), SendOptions{Collector: collector.URL, Key: "k", File: "-", In: strings.NewReader("[]"), Out: &out})
	assert.Equal(t, 1, exitCode(t, err))
	assert.Contains(t, out.String(), "0 accepted, 2 known already, 1 rejected\n  item 1: validation_failed: The 'status' field …\n")
	assert.Contains(t, out.String(), "sending it again counts it again")
}

func TestSendRefusesNothing(t *testing.T) {
	for _, opt := range []SendOptions{{}, {Service: "a"}, {File: "/does/not/exist"}, {File: "-"}} {
		assert.Equal(t, 1, exitCode(t, Send(context.Background(), opt)))
	}
}

func TestQuoted(t *testing.T) {
	for id, want := range map[string]string{"req_1": "req_1", "a b": "'a b'", "it's": `'it'\''s'`, "$(rm)": "'$(rm)'", "-x": "'-x'", "a/b=": "a/b="} {
		assert.Equal(t, want, quoted(id))
	}
}
