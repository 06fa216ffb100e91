package ingest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
)

// failedSpans makes a request with spans of the given statuses.
func failedSpans(statuses ...int64) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "billing")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i, code := range statuses {
		s := spans.AppendEmpty()
		s.SetTraceID([16]byte{1, 2, 3})
		s.SetSpanID([8]byte{byte(i + 1)})
		s.SetKind(ptrace.SpanKindServer)
		s.SetEndTimestamp(1)
		now := uint64(time.Now().UnixNano()) //nolint:gosec // after 1970
		s.Attributes().PutInt("http.response.status_code", code)
		s.SetStartTimestamp(pcommon.Timestamp(now))
		s.SetEndTimestamp(pcommon.Timestamp(now))
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func TestOTLPOverHTTP(t *testing.T) {
	b := serve(t)
	req := failedSpans(500, 200, 429)
	raw, err := req.MarshalProto()
	require.NoError(t, err)
	res, body := b.send(t, "/v1/traces", raw, "Content-Type", "application/x-protobuf")
	require.Equal(t, http.StatusOK, res.StatusCode)
	assert.Equal(t, "application/x-protobuf", res.Header.Get("Content-Type"))
	answer := ptraceotlp.NewExportResponse()
	require.NoError(t, answer.UnmarshalProto([]byte(body)))
	assert.Empty(t, answer.PartialSuccess().ErrorMessage())
	require.Len(t, b.parts, 2, "a span below 400 makes no event")

	asJSON, err := req.MarshalJSON()
	require.NoError(t, err)
	res, body = b.send(t, "/v1/traces", asJSON)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
	require.Len(t, b.parts, 4)
	assert.True(t, identity.SameItem(b.parts[0].Event.ID, b.parts[2].Event.ID), "the same span in either encoding is the same item")

	res, _ = b.send(t, "/v1/logs", nil, "Content-Type", "application/x-protobuf")
	assert.Equal(t, http.StatusOK, res.StatusCode, "an empty request succeeds")
}

func TestOTLPErrorsAreStatus(t *testing.T) {
	b := serve(t)
	for name, c := range map[string]struct {
		path, contentType, key string
		body                   []byte
		status                 int
		code                   codes.Code
	}{
		"garbage protobuf": {"/v1/traces", "application/x-protobuf", ingestKey, []byte("\xff\xff\xff"), 400, codes.InvalidArgument},
		"garbage json":     {"/v1/logs", "application/json", ingestKey, []byte("{"), 400, codes.InvalidArgument},
		"no key":           {"/v1/traces", "application/x-protobuf", "", nil, 401, codes.Unauthenticated},
		"read key":         {"/v1/traces", "application/json", readKey, []byte("{}"), 403, codes.PermissionDenied},
		"too large":        {"/v1/traces", "application/x-protobuf", ingestKey, make([]byte, maxOTLPBody+1), 413, codes.ResourceExhausted},
		"deep json":        {"/v1/traces", "application/json", ingestKey, []byte(strings.Repeat("[", 5000)), 400, codes.InvalidArgument},
		"wrong type":       {"/v1/traces", "text/plain", ingestKey, nil, 415, codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := b.send(t, c.path, c.body, "Content-Type", c.contentType, "x-api-key", c.key)
			require.Equal(t, c.status, res.StatusCode)
			var st spb.Status
			if c.contentType == "application/json" {
				require.NoError(t, protojson.Unmarshal([]byte(body), &st))
			} else {
				require.NoError(t, proto.Unmarshal([]byte(body), &st))
			}
			assert.EqualValues(t, c.code, st.GetCode())
			assert.NotEmpty(t, st.GetMessage())
		})
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/v1/traces", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, http.StatusMethodNotAllowed, res.StatusCode)
	assert.Equal(t, "POST", res.Header.Get("Allow"))
}

func TestPartialSuccessNamesTheSpan(t *testing.T) {
	b := serve(t)
	req := failedSpans(500, 1000)
	old := req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	old.SetTraceID([16]byte{9})
	old.SetSpanID([8]byte{9})
	old.SetKind(ptrace.SpanKindServer)
	old.SetEndTimestamp(pcommon.Timestamp(uint64(time.Now().AddDate(0, -3, 0).UnixNano()))) //nolint:gosec // after 1970
	old.Attributes().PutInt("http.response.status_code", 500)
	raw, err := req.MarshalProto()
	require.NoError(t, err)
	_, body := b.send(t, "/v1/traces", raw, "Content-Type", "application/x-protobuf")
	answer := ptraceotlp.NewExportResponse()
	require.NoError(t, answer.UnmarshalProto([]byte(body)))
	assert.EqualValues(t, 2, answer.PartialSuccess().RejectedSpans())
	assert.Contains(t, answer.PartialSuccess().ErrorMessage(), "0900000000000000")
	assert.Contains(t, answer.PartialSuccess().ErrorMessage(), "older than the 30 days")
	assert.Len(t, b.parts, 1)
	assert.Len(t, b.rejected, 2)
}

func TestManyAttributes(t *testing.T) {
	b := serve(t)
	req := failedSpans(500)
	attrs := req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	all := attrs.AsRaw()
	for i := range 100_000 {
		all[fmt.Sprint("k", i)] = "v"
	}
	require.NoError(t, attrs.FromRaw(all)) // one by one, each would be looked for among the others
	raw, err := req.MarshalProto()
	require.NoError(t, err)
	res, _ := b.send(t, "/v1/traces", raw, "Content-Type", "application/x-protobuf")
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Len(t, b.parts, 1)
}

func TestBatcherGroupsWhatIsPending(t *testing.T) {
	release := make(chan struct{})
	m := &memory{fail: func([]identity.Part) error { <-release; return nil }}
	b := newBatcher(m, 1)
	done := make(chan error, 10)
	submit := func(i int) {
		_, err := b.submit(context.Background(), "a", []identity.Part{{Event: event.Event{ID: fmt.Sprint(i)}}})
		done <- err
	}
	go submit(0)
	require.Eventually(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.bytes > 0 && len(b.turn) == 0 }, time.Second, time.Millisecond)
	for i := range 9 {
		go submit(i + 1)
	}
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.lines["a"] != nil && len(b.lines["a"].queue) == 9
	}, time.Second, time.Millisecond)
	close(release)
	for range 10 {
		require.NoError(t, <-done)
	}
	assert.Equal(t, 2, m.writes, "nine that waited are one transaction")
	require.NoError(t, b.close(t.Context()))
	_, err := b.submit(t.Context(), "a", make([]identity.Part, 1))
	assert.True(t, fault.Is(err, fault.Unavailable), "closed")
}

func TestBatcherIsBounded(t *testing.T) {
	release := make(chan struct{})
	m := &memory{fail: func([]identity.Part) error { <-release; return nil }}
	b := newBatcher(m, 1)
	b.limit = 2 * perPartOverhead
	first := make(chan error, 1)
	go func() {
		_, err := b.submit(context.Background(), "a", make([]identity.Part, 2))
		first <- err
	}()
	require.Eventually(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.bytes > 0 }, time.Second, time.Millisecond)
	_, err := b.submit(t.Context(), "a", make([]identity.Part, 1))
	require.True(t, fault.Is(err, fault.Unavailable))
	close(release)
	require.NoError(t, <-first)
	require.NoError(t, b.close(t.Context()))
}

// Bodies are read into buffers that are used again: nothing of what was decoded
// may point into them.
func TestDecodedRequestsKeepNothingOfTheBody(t *testing.T) {
	req := failedSpans(500)
	req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutEmptyBytes("raw").FromRaw([]byte("some bytes"))
	proto, err := req.MarshalProto()
	require.NoError(t, err)
	asJSON, err := req.MarshalJSON()
	require.NoError(t, err)
	for _, body := range [][]byte{proto, asJSON} {
		got := ptraceotlp.NewExportRequest()
		require.NoError(t, decode(got.UnmarshalProto, got.UnmarshalJSON, body, body[0] == '{'))
		for i := range body {
			body[i] = 'X'
		}
		again, err := got.MarshalJSON()
		require.NoError(t, err)
		want, err := req.MarshalJSON()
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(again))
	}
}
