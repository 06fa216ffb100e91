package ingest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
)

// memory is a Sink for the HTTP surface; the store has tests of its own.
type memory struct {
	mu       sync.Mutex
	parts    []identity.Part
	writes   int
	rejected []event.Rejection
	fail     func(parts []identity.Part) error

	requests  []event.Requests
	failCount func() error
}

func (m *memory) CountRequests(_ context.Context, rs []event.Requests) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failCount != nil {
		if err := m.failCount(); err != nil {
			return err
		}
	}
	m.requests = append(m.requests, rs...)
	return nil
}

// counted gives what was counted since the last call, in short.
func (m *memory) counted() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []string{}
	for _, r := range m.requests {
		out = append(out, fmt.Sprintf("%d %s/%s %s %s %d %s %g", r.Workspace, r.Service, r.Environment, r.Method, r.Endpoint, r.Status, r.Source, r.N))
	}
	m.requests = nil
	return out
}

func (m *memory) Write(_ context.Context, parts []identity.Part) ([]identity.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	if m.fail != nil {
		if err := m.fail(parts); err != nil {
			return nil, err
		}
	}
	outs := make([]identity.Outcome, len(parts))
	for i, p := range parts {
		outs[i] = identity.Outcome{Verdict: identity.Accepted, EventID: p.Event.ID}
		for _, have := range m.parts {
			if p.Idempotent && identity.SameItem(have.Event.ID, p.Event.ID) {
				outs[i].Verdict = identity.Duplicate
			}
		}
		m.parts = append(m.parts, p)
	}
	return outs, nil
}

func (m *memory) Reject(_ context.Context, _ int32, rs []event.Rejection) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rejected = append(m.rejected, rs...)
	return nil
}

func (m *memory) last(t *testing.T) event.Event {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	require.NotEmpty(t, m.parts)
	return m.parts[len(m.parts)-1].Event
}

const ingestKey, readKey = "an-ingest-key-of-24-letters", "a-read-key-of-24-characters"

func keyring() *auth.Keyring {
	return auth.NewKeyring(func(_ context.Context, hash []byte) (auth.Key, error) {
		switch {
		case bytes.Equal(hash, auth.Hash(ingestKey)):
			return auth.Key{Workspace: 7, Hash: hash, Scopes: []auth.Scope{auth.Ingest}}, nil
		case bytes.Equal(hash, auth.Hash(readKey)):
			return auth.Key{Workspace: 7, Hash: hash, Scopes: []auth.Scope{auth.Read}}, nil
		}
		return auth.Key{}, fault.New(fault.NotFound, "key_not_found", "no such key")
	}, 0)
}

type bench struct {
	*memory
	*Server
	url string
}

func serve(t *testing.T, with ...func(*Deps)) *bench {
	t.Helper()
	m := &memory{}
	deps := Deps{Sink: m, Requests: m, Rejects: m, Keys: keyring()}
	for _, set := range with {
		set(&deps)
	}
	s, err := New(deps)
	require.NoError(t, err)
	srv := httptest.NewServer(s.HTTP())
	t.Cleanup(func() {
		srv.Close()
		assert.NoError(t, s.Close(context.Background()))
	})
	return &bench{m, s, srv.URL}
}

// send posts a body; headers come in pairs.
func (b *bench) send(t *testing.T, path string, body []byte, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("x-api-key", ingestKey)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(raw)
}

func (b *bench) errors(t *testing.T, body string, headers ...string) (int, answer) {
	t.Helper()
	res, raw := b.send(t, "/v1/errors", []byte(body), headers...)
	var a answer
	if res.StatusCode == http.StatusOK {
		require.NoError(t, json.Unmarshal([]byte(raw), &a), raw)
	}
	return res.StatusCode, a
}

func TestForms(t *testing.T) {
	const one = `{"service":"billing","status":500,"request_id":"req_%d"}`
	for name, c := range map[string]struct {
		body, contentType  string
		accepted, rejected int
	}{
		"object":            {fmt.Sprintf(one, 1), "application/json", 1, 0},
		"array":             {"[" + fmt.Sprintf(one, 1) + "," + fmt.Sprintf(one, 2) + "]", "application/json; charset=utf-8", 2, 0},
		"ndjson":            {fmt.Sprintf(one, 1) + "\n\n" + fmt.Sprintf(one, 2) + "\r\n", "application/x-ndjson", 2, 0},
		"ndjson, bad line":  {fmt.Sprintf(one, 1) + "\n{oops\n" + fmt.Sprintf(one, 2), "application/x-ndjson", 2, 1},
		"stream as json":    {fmt.Sprintf(one, 1) + fmt.Sprintf(one, 2), "application/json", 2, 0},
		"byte order mark":   {"\xef\xbb\xbf" + fmt.Sprintf(one, 1), "application/json", 1, 0},
		"unknown fields":    {`{"service":"b","status":500,"request_id":"r1x","wat":{}}`, "application/json", 1, 0},
		"duplicate keys":    {`{"service":"a","service":"b","status":500,"request_id":"r1x"}`, "application/json", 1, 0},
		"one bad of three":  {`[{"service":"a","status":500},{"status":500},{"service":"c","envelope":{"error":"x"}}]`, "application/json", 2, 1},
		"items of any type": {`[1,"x",null,[],{"service":"a","status":500}]`, "application/json", 1, 4},
	} {
		t.Run(name, func(t *testing.T) {
			b := serve(t)
			status, a := b.errors(t, c.body, "Content-Type", c.contentType)
			require.Equal(t, http.StatusOK, status)
			assert.Equal(t, c.accepted, a.Accepted)
			assert.Len(t, a.Rejected, c.rejected)
			assert.Len(t, b.rejected, c.rejected, "what is rejected is kept")
		})
	}
}

func TestRefusedAsAWhole(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300)
	many := "[" + strings.TrimSuffix(strings.Repeat(`{},`, maxItems+1), ",") + "]"
	for name, c := range map[string]struct {
		body, contentType string
		status            int
	}{
		"empty":           {"", "application/json", 400},
		"blank":           {" \n", "application/json", 400},
		"truncated":       {`[{"service":"a","status":500},{"serv`, "application/json", 400},
		"deep":            {deep, "application/json", 400},
		"too many items":  {many, "application/json", 413},
		"wrong type":      {`{}`, "text/xml", 415},
		"no type":         {`{}`, "", 415},
		"not even a type": {`{}`, ";;;", 415},
	} {
		t.Run(name, func(t *testing.T) {
			b := serve(t)
			res, body := b.send(t, "/v1/errors", []byte(c.body), "Content-Type", c.contentType)
			assert.Equal(t, c.status, res.StatusCode, body)
			assert.Contains(t, body, `"request_id":"req_`)
			assert.Empty(t, b.parts)
		})
	}
}

func TestBadFieldsRejectTheirItemOnly(t *testing.T) {
	for name, c := range map[string]struct{ fields, field, code string }{
		"status 0":        {`"status":0`, "status", "validation_failed"},
		"status 1000":     {`"status":1000`, "status", "validation_failed"},
		"status a word":   {`"status":"teapot"`, "status", "validation_failed"},
		"status a float":  {`"status":500.5`, "status", "validation_failed"},
		"status huge":     {`"status":1e999`, "status", "validation_failed"},
		"year 1":          {`"status":500,"occurred_at":"0001-01-01T00:00:01Z"`, "occurred_at", "occurred_at_out_of_range"},
		"year 9999":       {`"status":500,"occurred_at":"9999-12-31T23:59:59Z"`, "occurred_at", "occurred_at_out_of_range"},
		"two months old":  {`"status":500,"occurred_at":"` + time.Now().AddDate(0, -2, 0).Format(time.RFC3339) + `"`, "occurred_at", "expired_on_arrival"},
		"no time":         {`"status":500,"occurred_at":"yesterday"`, "occurred_at", "validation_failed"},
		"duration":        {`"status":500,"duration_ms":"NaN"`, "duration_ms", "validation_failed"},
		"headers":         {`"status":500,"headers":"x"`, "headers", "validation_failed"},
		"role":            {`"status":500,"role":"boss"`, "role", "validation_failed"},
		"customer":        {`"status":500,"customer":{"id":1}`, "customer", "validation_failed"},
		"nothing to say":  {`"customer":"acme"`, "status", "validation_failed"},
		"null everywhere": {`"status":null,"envelope":null`, "status", "validation_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			b := serve(t)
			status, a := b.errors(t, `[{"service":"billing",`+c.fields+`},{"service":"billing","status":500,"request_id":"neighbour-1"}]`)
			require.Equal(t, http.StatusOK, status)
			assert.Equal(t, 1, a.Accepted, "the neighbour lands")
			require.Len(t, a.Rejected, 1)
			assert.Equal(t, 0, a.Rejected[0].Index)
			assert.Equal(t, c.code, a.Rejected[0].Error.Code)
			assert.Equal(t, c.field, a.Rejected[0].Error.Details["field"])
			require.Len(t, b.rejected, 1)
			assert.Equal(t, c.code, b.rejected[0].Reason)
		})
	}
}

func TestHostileButStorable(t *testing.T) {
	big := strings.Repeat("x", 10<<20)
	for name, c := range map[string]struct {
		body  string
		check func(t *testing.T, e event.Event)
	}{
		"10 MB message": {`{"service":"b","status":500,"envelope":{"error":"x","message":"` + big + `"}}`, func(t *testing.T, e event.Event) { assert.LessOrEqual(t, len(e.Message), 8<<10) }},
		"NUL":           {`{"service":"b\u0000c","status":500,"envelope":{"error":"a\u0000b","message":"m\u0000"}}`, func(t *testing.T, e event.Event) { assert.NotContains(t, e.Service+e.Message+e.Code, "\x00") }},
		"invalid UTF-8": {"{\"service\":\"b\xff\",\"status\":500,\"request_id\":\"r-1\"}", func(t *testing.T, e event.Event) { assert.Contains(t, e.Service, "\uFFFD") }},
		"control in ID": {`{"service":"b","status":500,"request_id":"a\u0007b"}`, func(t *testing.T, e event.Event) { assert.Empty(t, e.RequestID) }},
		"junk ID":       {`{"service":"b","status":500,"request_id":"undefined"}`, func(t *testing.T, e event.Event) { assert.Empty(t, e.RequestID) }},
		"cookie as ID":  {`{"service":"b","status":500,"request_id":"session=s3cr3tvalue; path=/"}`, func(t *testing.T, e event.Event) { assert.Empty(t, e.RequestID) }},
		"huge numbers":  {`{"service":"b","status":500,"envelope":{"error":"x","details":{"n":1e99999}}}`, func(t *testing.T, e event.Event) { assert.True(t, json.Valid(e.Details)) }},
		"secret in body": {`{"service":"b","status":500,"envelope":{"error":"x","message":"Authorization: Bearer abcdef0123456789"}}`, func(t *testing.T, e event.Event) {
			assert.NotContains(t, e.Message+string(e.RawBody), "abcdef0123456789")
		}},
		"status as text":  {`{"service":"b","status":"503"}`, func(t *testing.T, e event.Event) { assert.Equal(t, 503, e.Status) }},
		"time in seconds": {fmt.Sprintf(`{"service":"b","status":500,"occurred_at":%d}`, time.Now().Unix()), func(t *testing.T, e event.Event) { assert.WithinDuration(t, time.Now(), e.OccurredAt, 5*time.Second) }},
		"body as a text":  {`{"service":"b","status":500,"envelope":"<html><title>502 Bad Gateway</title></html>"}`, func(t *testing.T, e event.Event) { assert.Contains(t, e.Message, "502 Bad Gateway") }},
	} {
		t.Run(name, func(t *testing.T) {
			b := serve(t)
			status, a := b.errors(t, c.body)
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, 1, a.Accepted, "%+v", a.Rejected)
			c.check(t, b.last(t))
		})
	}
}

func TestRawBody(t *testing.T) {
	b := serve(t)
	res, body := b.send(t, "/v1/errors?service=prompts&status=429&endpoint=/v1/run&customer=acme", []byte(`{"error":"rate_limit_exceeded","message":"slow"}`),
		"Retry-After", "45", "X-Request-Id", "req_given", "Cookie", "a=b", "Content-Type", "application/problem+json")
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	assert.Equal(t, "req_given", res.Header.Get("X-Request-Id"))
	e := b.last(t)
	assert.Equal(t, "req_given", e.RequestID)
	assert.Equal(t, "acme", e.Customer)
	require.NotNil(t, e.RetryAfter)
	assert.InDelta(t, 45, e.RetryAfter.Seconds, 0)
	assert.NotContains(t, e.Headers, "cookie")
	assert.NotContains(t, e.Headers, "x-api-key")

	res, _ = b.send(t, "/v1/errors?service=prompts&status=abc", []byte(`x`))
	assert.Equal(t, http.StatusOK, res.StatusCode, "the item is rejected, not the request")
	require.Len(t, b.rejected, 1)
}

func TestCompression(t *testing.T) {
	plain := []byte(`{"service":"billing","status":500,"request_id":"req_z"}`)
	var gz, zl bytes.Buffer
	g := gzip.NewWriter(&gz)
	_, err := g.Write(plain)
	require.NoError(t, errors.Join(err, g.Close()))
	z := zlib.NewWriter(&zl)
	_, err = z.Write(plain)
	require.NoError(t, errors.Join(err, z.Close()))
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	for encoding, body := range map[string][]byte{"gzip": gz.Bytes(), "deflate": zl.Bytes(), "zstd": enc.EncodeAll(plain, nil)} {
		b := serve(t)
		for range 2 { // decoders are used again
			status, _ := b.errors(t, string(body), "Content-Encoding", encoding)
			assert.Equal(t, http.StatusOK, status, encoding)
		}
		res, _ := b.send(t, "/v1/errors", body[:len(body)/2], "Content-Encoding", encoding)
		assert.Equal(t, http.StatusBadRequest, res.StatusCode, encoding)
	}
	res, _ := serve(t).send(t, "/v1/errors", plain, "Content-Encoding", "br")
	assert.Equal(t, http.StatusUnsupportedMediaType, res.StatusCode)
}

func TestBombs(t *testing.T) {
	b := serve(t)
	var gz bytes.Buffer
	g := gzip.NewWriter(&gz)
	for range 80 {
		_, err := g.Write(make([]byte, 1<<20))
		require.NoError(t, err)
	}
	require.NoError(t, g.Close())
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	for path, contentType := range map[string]string{"/v1/errors": "application/json", "/v1/traces": "application/x-protobuf", "/v1/logs": "application/json"} {
		res, _ := b.send(t, path, gz.Bytes(), "Content-Encoding", "gzip", "Content-Type", contentType)
		assert.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode, path)
		res, _ = b.send(t, path, enc.EncodeAll(make([]byte, 80<<20), nil), "Content-Encoding", "zstd", "Content-Type", contentType)
		assert.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode, path)
	}
	res, _ := b.send(t, "/v1/errors", make([]byte, maxErrorsBody+1))
	assert.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode, "before decompression")
}

func TestIdempotence(t *testing.T) {
	b := serve(t)
	_, a := b.errors(t, `{"service":"billing","status":500}`)
	assert.Equal(t, []warning{{0, "not_idempotent"}}, a.Warnings)
	for want := range 2 {
		_, a = b.errors(t, `{"service":"billing","status":500}`, "Idempotency-Key", "k1")
		assert.Empty(t, a.Warnings)
		assert.Equal(t, want, a.Duplicates)
	}
}

// The key of what failed is another than that of the report that says so.
func TestIdempotencyKeyOfWhatFailed(t *testing.T) {
	b := serve(t)
	_, a := b.errors(t, `[{"service":"billing","status":500,"idempotency_key":"order-42"},{"service":"billing","status":500,"headers":{"Idempotency-Key":"order-43"}},{"service":"billing","status":500}]`,
		"Idempotency-Key", "report-1")
	assert.Equal(t, 3, a.Accepted)
	res, body := b.send(t, "/v1/errors?service=billing&status=500&idempotency_key=order-44", []byte(`{"error":"boom"}`), "x-api-key", ingestKey, "Idempotency-Key", "report-2")
	require.Equal(t, 200, res.StatusCode, body)
	var keys []string
	for i := range b.parts {
		keys = append(keys, b.parts[i].Event.IdempotencyKey())
	}
	assert.Equal(t, []string{"order-42", "order-43", "", "order-44"}, keys)
	_, a = b.errors(t, `{"service":"billing","status":500,"idempotency_key":{"a":1}}`)
	require.Len(t, a.Rejected, 1)
}

func TestKeys(t *testing.T) {
	b := serve(t)
	for _, c := range []struct {
		header, value string
		status        int
	}{{"x-api-key", "", 401}, {"x-api-key", "short", 401}, {"x-api-key", "an-unknown-key-of-24-letters", 401}, {"x-api-key", readKey, 403}, {"Authorization", "Bearer " + ingestKey, 200}} {
		res, body := b.send(t, "/v1/errors", []byte(`{"service":"b","status":500}`), "x-api-key", "", c.header, c.value)
		assert.Equal(t, c.status, res.StatusCode, body)
	}
	assert.Equal(t, int32(7), b.parts[0].Workspace)
}

func TestPoisonIsIsolated(t *testing.T) {
	b := serve(t)
	b.fail = func(parts []identity.Part) error {
		for _, p := range parts {
			if p.Event.RequestID == "req_poison" {
				return errors.New("the database does not like this")
			}
		}
		return nil
	}
	var items []string
	for i := range 20 {
		items = append(items, fmt.Sprintf(`{"service":"b","status":500,"request_id":"req_%d"}`, i))
	}
	items[13] = `{"service":"b","status":500,"request_id":"req_poison"}`
	_, a := b.errors(t, "["+strings.Join(items, ",")+"]")
	assert.Equal(t, 19, a.Accepted)
	require.Len(t, a.Rejected, 1)
	assert.Equal(t, 13, a.Rejected[0].Index)
	assert.Equal(t, "not_storable", a.Rejected[0].Error.Code)
	require.Len(t, b.rejected, 1)
	assert.Equal(t, "req_poison", b.rejected[0].RequestID)
	assert.Contains(t, b.rejected[0].Message, "does not like")
}

func TestDatabaseAway(t *testing.T) {
	b := serve(t)
	b.fail = func([]identity.Part) error {
		return fault.New(fault.Unavailable, "service_unavailable", "away").Retry(2 * time.Second)
	}
	res, _ := b.send(t, "/v1/errors", []byte(`{"service":"b","status":500}`))
	assert.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	assert.Equal(t, "2", res.Header.Get("Retry-After"))
	assert.Empty(t, b.rejected, "nothing is rejected that can be sent again")

	b.fail = func([]identity.Part) error { panic("boom") }
	res, _ = b.send(t, "/v1/errors", []byte(`{"service":"b","status":500}`))
	assert.Equal(t, http.StatusOK, res.StatusCode, "a panic costs its item")
	require.Len(t, b.rejected, 1)
}

// A client that does not wait for its answer is no failure of ours.
func TestClientGone(t *testing.T) {
	for path, body := range map[string]string{
		"/v1/errors": `{"service":"b","status":500}`,
		"/v1/logs":   `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":17,"attributes":[{"key":"exception.type","value":{"stringValue":"E"}}]}]}]}]}`,
	} {
		release, writing := make(chan struct{}), make(chan struct{})
		var failures atomic.Int64
		ended := make(chan int, 1)
		b := serve(t, func(d *Deps) { d.OnServerError = func(*gin.Context, *fault.Fault) { failures.Add(1) } })
		b.fail = func([]identity.Part) error { close(writing); <-release; return nil }
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			b.HTTP().ServeHTTP(rec, r)
			ended <- rec.Code
		})
		srv := httptest.NewServer(handler)
		t.Cleanup(srv.Close)
		ctx, hangUp := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("x-api-key", ingestKey)
		go func() { <-writing; hangUp() }()
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, 499, <-ended, path)
		assert.Zero(t, failures.Load(), path)
		close(release)
	}
}

func FuzzDecodeErrors(f *testing.F) {
	for _, s := range []string{`{"service":"b","status":500}`, `[{"service":1},{}]`, "{\"a\":1}\n{\"b\":", `{"status":"x","occurred_at":1e300,"headers":{"a":["b"]},"duration_ms":-1}`, "\xef\xbb\xbf[]"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, lines bool) {
		items, err := decodeErrors(body, lines)
		if err == nil && len(items) > maxItems {
			t.Fatal("too many items")
		}
		for i := range items {
			_, _ = (&Server{deps: Deps{}}).norm.Item(*items[i].env, 1, time.Now())
		}
	})
}
