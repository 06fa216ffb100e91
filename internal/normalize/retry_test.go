package normalize

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

// A date says for how long only together with when it was given: by the answer's own
// Date, else by when the failure was.
func TestRetryAfterADate(t *testing.T) {
	at := time.Date(2026, 11, 20, 14, 2, 35, 0, time.UTC)
	for name, tc := range map[string]struct {
		env  event.Envelope
		want *event.RetryAfter
	}{
		"without Date":      {event.Envelope{Headers: map[string]string{"retry-after": "Fri, 20 Nov 2026 14:03:20 GMT"}}, &event.RetryAfter{Seconds: 45, Source: "header"}},
		"with Date":         {event.Envelope{Headers: map[string]string{"retry-after": "Fri, 20 Nov 2026 14:03:20 GMT", "date": "Fri, 20 Nov 2026 14:02:50 GMT"}}, &event.RetryAfter{Seconds: 30, Source: "header"}},
		"before the body":   {event.Envelope{Headers: map[string]string{"retry-after": "Fri, 20 Nov 2026 14:03:20 GMT"}, Body: []byte(`{"error":"x","retry_after":2}`)}, &event.RetryAfter{Seconds: 45, Source: "header"}},
		"not a date":        {event.Envelope{Headers: map[string]string{"retry-after": "soon"}, Body: []byte(`{"error":"x","retry_after":2}`)}, &event.RetryAfter{Seconds: 2, Source: "body"}},
		"from an attribute": {event.Envelope{RetryAfter: "Fri, 20 Nov 2026 14:03:20 GMT"}, &event.RetryAfter{Seconds: 45, Source: "header"}},
		"nothing":           {event.Envelope{Headers: map[string]string{"retry-after": ""}}, nil},
	} {
		tc.env.Source, tc.env.Service, tc.env.Status, tc.env.OccurredAt = event.FromHTTP, "billing", 429, at
		p, err := Item(tc.env, 1, at.Add(time.Second))
		require.NoError(t, err, name)
		assert.Equal(t, tc.want, p.Event.RetryAfter, name)
	}
}
