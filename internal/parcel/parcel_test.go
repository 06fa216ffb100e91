package parcel

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/normalize"
)

func sample(t testing.TB) Parcel {
	t.Helper()
	zero, ms := int64(0), 0.0
	at := time.Date(2026, 11, 20, 14, 2, 35, 123456789, time.FixedZone("x", 3600))
	p, err := normalize.Item(event.Envelope{
		Source: event.FromHTTP, Service: "billing", Environment: "production", Release: "1", Method: "POST", Endpoint: "/v1/charges/{id}", Path: "/v1/charges/42",
		Status: 502, OccurredAt: at, DurationMS: &ms, TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7", ParentSpanID: "00f067aa0ba902b8",
		Customer: "acme", Attempt: 2, Headers: map[string]string{"retry-after": "45", "x-ratelimit-remaining": "0"}, UpstreamProvider: "openai", Weight: 4,
		Body:      []byte(`{"error":{"code":"BAD_GATEWAY","message":"<b>no</b> \u0000","request_id":"req_1","details":{"a":[1,2,{"b":null}]}},"errors":[{"field":"x","message":"y"}]}`),
		Exception: &event.Exception{Type: "Boom", Message: "it broke", Stacktrace: "at a.go:1\n\tat b.go:2"}, Aliases: []event.Alias{{Kind: "ray", Value: "7d1f2a3b4c5d6e7f"}},
	}, 7, at.Add(time.Second))
	require.NoError(t, err)
	if p.Event.RateLimit != nil {
		p.Event.RateLimit.Remaining = &zero
	}
	return Parcel{Parts: []identity.Part{p}}
}

// What is packed comes back as it was, to the nanosecond and the zero.
func TestThereAndBack(t *testing.T) {
	want := sample(t)
	raw, err := want.Pack()
	require.NoError(t, err)
	got, err := Unpack(raw)
	require.NoError(t, err)
	for i := range want.Parts {
		e := &want.Parts[i].Event
		want.Parts[i].StackHash = [16]byte{} // the store makes it
		e.OccurredAt, e.ReceivedAt = e.OccurredAt.UTC(), e.ReceivedAt.UTC()
	}
	assert.Equal(t, want.Parts, got.Parts)

	rejected := Parcel{Workspace: 7, Rejections: []event.Rejection{{ID: "an id", ReceivedAt: time.Date(2026, 11, 20, 14, 2, 35, 123456789, time.UTC),
		Source: event.FromLog, Reason: "r", Message: "m", Preview: "p", Item: raw}}}
	raw, err = rejected.Pack()
	require.NoError(t, err)
	got, err = Unpack(raw)
	require.NoError(t, err)
	assert.Equal(t, rejected.Rejections, got.Rejections)
	assert.EqualValues(t, 7, got.Workspace)
}

func FuzzUnpack(f *testing.F) {
	raw, err := sample(f).Pack()
	require.NoError(f, err)
	f.Add(raw)
	f.Add(packer.EncodeAll([]byte(`{"v":1,"parts":[{}]}`), nil))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		p, err := Unpack(packed)
		if err != nil {
			return
		}
		raw, err := p.Pack()
		require.NoError(t, err)
		again, err := Unpack(raw)
		require.NoError(t, err)
		assert.Len(t, again.Parts, len(p.Parts))
	})
}
