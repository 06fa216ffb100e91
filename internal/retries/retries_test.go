package retries_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/retries"
)

var at = time.Date(2026, 11, 20, 14, 2, 35, 0, time.UTC)

// refused is a 429 some seconds after the first one.
func refused(after, wait float64) event.Event {
	e := event.Event{OccurredAt: at.Add(time.Duration(after * float64(time.Second))), Status: 429, Code: "rate_limit_exceeded", Role: event.Primary}
	e.ID = fmt.Sprintf("e%07.1f", after)
	e.RequestID = "req_" + e.ID
	if wait > 0 {
		e.RetryAfter = &event.RetryAfter{Seconds: wait, Source: "header"}
	}
	return e
}

func with(e event.Event, change func(*event.Event)) event.Event {
	change(&e)
	return e
}

func TestJudge(t *testing.T) {
	five := []event.Event{refused(0, 45), refused(4, 45), refused(8, 45), refused(70, 90), refused(130, 45)}
	later := at.Add(time.Hour)
	took := func(ms float64) func(*event.Event) { return func(e *event.Event) { e.DurationMS = &ms } }
	for name, c := range map[string]struct {
		this  int // which of events
		found retries.Found
		now   time.Time
		want  string
	}{
		"in the middle": {2, retries.Found{Basis: retries.ByKey, Events: five}, later, "This was attempt 3 of 5 in 2 min 10 s; the customer waited 4 s where 45 s were asked for. " +
			"After attempt 5 no further failure was reported within 10 minutes of this one."},
		"the first": {0, retries.Found{Basis: retries.ByKey, Events: five[:3]}, later, "This was attempt 1 of 3 in 8 s; the customer waited 4 s before the next where 45 s were asked for. No attempt waited for as long as was asked. " +
			"After attempt 3 no further failure was reported within 10 minutes of this one."},
		"the last, who waited":   {3, retries.Found{Basis: retries.ByKey, Events: five[:4]}, later, "This was attempt 4 of 4 in 1 min 10 s; the customer waited 1 min 2 s, and 45 s were asked for. No further failure was reported within 10 minutes of this one."},
		"the window lasts":       {3, retries.Found{Basis: retries.ByKey, Events: five[:4]}, at.Add(2 * time.Minute), "This was attempt 4 of 4 in 1 min 10 s; the customer waited 1 min 2 s, and 45 s were asked for. No further failure was reported so far."},
		"no time was named":      {1, retries.Found{Basis: retries.ByKey, Events: []event.Event{refused(0, 0), refused(4, 0)}}, later, "This was attempt 2 of 2 in 4 s; the customer waited 4 s. No further failure was reported within 10 minutes of this one."},
		"clocks differ a little": {1, retries.Found{Basis: retries.ByKey, Events: []event.Event{refused(0, 4), refused(3.6, 0)}}, later, "This was attempt 2 of 2 in 4 s; the customer waited 4 s, and 4 s were asked for. No further failure was reported within 10 minutes of this one."},
		"how long it took is not waiting": {1, retries.Found{Basis: retries.ByKey, Events: []event.Event{refused(0, 45), with(refused(50, 0), took(46_000))}}, later,
			"This was attempt 2 of 2 in 50 s; the customer waited 4 s where 45 s were asked for. No further failure was reported within 10 minutes of this one."},
		"side by side nobody waited": {1, retries.Found{Basis: retries.ByKey, Events: []event.Event{refused(0, 45), with(refused(4, 0), took(8000))}}, later, "This was attempt 2 of 2 in 4 s. No further failure was reported within 10 minutes of this one."},
		"at once":                    {1, retries.Found{Basis: retries.ByKey, Events: []event.Event{refused(0, 1), refused(0.2, 0)}}, later, "This was attempt 2 of 2; the customer waited less than 1 s where 1 s was asked for. No further failure was reported within 10 minutes of this one."},
		"within a trace it may not have been the customer": {1, retries.Found{Basis: retries.ByKey, Events: []event.Event{
			with(refused(0, 45), func(e *event.Event) { e.TraceID = "t" }), with(refused(4, 0), func(e *event.Event) { e.TraceID = "t" })}}, later,
			"This was attempt 2 of 2 in 4 s. No further failure was reported within 10 minutes of this one."},
		"it went well": {0, retries.Found{Basis: retries.ByKey, Events: []event.Event{refused(0, 45), with(refused(50, 0), func(e *event.Event) { e.Status, e.Code = 201, "http_201" })}}, later,
			"This was attempt 1 of 2 in 50 s; the customer waited 50 s before the next, and 45 s were asked for. Attempt 2 succeeded (201)."},
		"this one went well": {1, retries.Found{Basis: retries.ByKey, Events: []event.Event{refused(0, 45), with(refused(50, 0), func(e *event.Event) { e.Status, e.Code = 201, "http_201" })}}, later,
			"This was attempt 2 of 2 in 50 s; the customer waited 50 s, and 45 s were asked for. This attempt succeeded (201)."},
		"alone with its key":         {0, retries.Found{Basis: retries.ByKey, Events: five[:1]}, later, "No other failure with its idempotency key was reported within 10 minutes of it."},
		"alone so far":               {0, retries.Found{Basis: retries.ByKey}, at, "No other failure with its idempotency key was reported so far."},
		"a key for everything":       {0, retries.Found{Basis: retries.ByKey, Events: five, More: true}, later, "More than 100 failures within 10 minutes have the same idempotency key. It is not made anew for each request, so that it does not tell what was tried again."},
		"alike":                      {1, retries.Found{Basis: retries.ByLikeness, Events: five[:2]}, later, "This was perhaps attempt 2 of 2 in 4 s; the customer waited 4 s where 45 s were asked for. The same customer met the same code at the same endpoint; no idempotency key shows that it was one request. No further failure was reported within 10 minutes of this one."},
		"alike, and alone":           {0, retries.Found{Basis: retries.ByLikeness, Events: five[:1]}, later, ""},
		"alike, and many":            {0, retries.Found{Basis: retries.ByLikeness, Events: five, More: true}, later, ""},
		"alike, but of another path": {0, retries.Found{Basis: retries.ByLikeness, Events: []event.Event{five[0], with(five[1], func(e *event.Event) { e.Path = "/v1/charges/43" })}}, later, ""},
		"alike, of the same request": {0, retries.Found{Basis: retries.ByLikeness, Events: []event.Event{five[0], with(five[1], func(e *event.Event) { e.RequestID = five[0].RequestID })}}, later, ""},
	} {
		events := append([]event.Event{}, c.found.Events...)
		e := refused(0, 45)
		if len(events) > 0 {
			e = events[c.this]
		}
		a := retries.Judge(&e, c.found, c.now)
		if c.want == "" {
			assert.Nil(t, a, name)
			continue
		}
		require.NotNil(t, a, name)
		assert.Equal(t, c.want, a.Text, name)
	}
}

// Only so many are listed: those around the failure.
func TestJudgeListsThoseAround(t *testing.T) {
	var list []event.Event
	for i := range 60 {
		list = append(list, refused(float64(i), 0))
	}
	for this, want := range map[int][2]int{0: {1, 20}, 30: {21, 40}, 59: {41, 60}} {
		a := retries.Judge(&list[this], retries.Found{Basis: retries.ByKey, Events: list}, at)
		require.Len(t, a.Attempts, 20)
		assert.Equal(t, want, [2]int{a.Attempts[0].N, a.Attempts[19].N})
		assert.Equal(t, []int{this + 1, 60}, []int{a.This, a.Total})
	}
}

func TestAnswerAsJSON(t *testing.T) {
	list := []event.Event{refused(0, 45), refused(4, 0)}
	b, err := json.Marshal(retries.Judge(&list[1], retries.Found{Basis: retries.ByKey, Events: list}, at.Add(time.Hour)))
	require.NoError(t, err)
	assert.JSONEq(t, `{"basis":"idempotency_key","text":"This was attempt 2 of 2 in 4 s; the customer waited 4 s where 45 s were asked for. No further failure was reported within 10 minutes of this one.",
		"this":2,"total":2,"seconds":4,"attempts":[
		{"n":1,"event_id":"e00000.0","request_id":"req_e00000.0","occurred_at":"2026-11-20T14:02:35.000Z","status":429,"code":"rate_limit_exceeded","ok":false,"gap_seconds":null,"asked_seconds":null},
		{"n":2,"event_id":"e00004.0","request_id":"req_e00004.0","occurred_at":"2026-11-20T14:02:39.000Z","status":429,"code":"rate_limit_exceeded","ok":false,"gap_seconds":4,"asked_seconds":45}]}`, string(b))
	var a retries.Attempt
	for want, in := range map[string]string{"after 4 s (45 s asked for)": `{"gap_seconds":4,"asked_seconds":45}`, "after 4 s": `{"gap_seconds":4}`, "after less than 1 s": `{"gap_seconds":0.1}`, "": `{"asked_seconds":45}`, "after 3 min": `{"gap_seconds":180,"asked_seconds":0.4}`} {
		a = retries.Attempt{}
		require.NoError(t, json.Unmarshal([]byte(in), &a))
		assert.Equal(t, want, a.Waited())
	}
}
