package event

import (
	"bytes"
	"encoding/json"
	"time"
)

// Time is an instant as the API shows it: RFC 3339, UTC, always with
// milliseconds. It reads any RFC 3339 time.
type Time struct{ time.Time }

// MarshalJSON writes the milliseconds even where they are zero, so that times
// have one width and sort as text.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(t.UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// The plain types have the fields of their originals but not these methods,
// which would otherwise call themselves.
type (
	plainEvent     Event
	plainTrail     Trail
	plainRejection Rejection
)

// MarshalJSON shows times with milliseconds, and no list as null.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Sources == nil {
		e.Sources = []Source{}
	}
	return encode(struct {
		ID         string `json:"id"`
		OccurredAt Time   `json:"occurred_at"`
		ReceivedAt Time   `json:"received_at"`
		plainEvent
	}{e.ID, Time{e.OccurredAt}, Time{e.ReceivedAt}, plainEvent(e)})
}

// MarshalJSON shows times with milliseconds, and no list as null.
func (t Trail) MarshalJSON() ([]byte, error) {
	t.TraceIDs, t.Services, t.Events = orEmpty(t.TraceIDs), orEmpty(t.Services), orEmpty(t.Events)
	return encode(struct {
		RequestID string   `json:"request_id"`
		TraceIDs  []string `json:"trace_ids"`
		Services  []string `json:"services"`
		FirstAt   Time     `json:"first_at"`
		LastAt    Time     `json:"last_at"`
		plainTrail
	}{t.RequestID, t.TraceIDs, t.Services, Time{t.FirstAt}, Time{t.LastAt}, plainTrail(t)})
}

// MarshalJSON shows times with milliseconds.
func (r Rejection) MarshalJSON() ([]byte, error) {
	return encode(struct {
		ID         string `json:"id"`
		ReceivedAt Time   `json:"received_at"`
		plainRejection
	}{r.ID, Time{r.ReceivedAt}, plainRejection(r)})
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// encode is json.Marshal without escapes for HTML: messages are quoted by
// people, who should read "a < b" as it was sent.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
