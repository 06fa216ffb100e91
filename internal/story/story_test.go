package story_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/story"
)

var at = time.Date(2026, 11, 20, 14, 2, 35, 0, time.UTC)

func ms(n float64) *float64 { return &n }

// five is a request over five services: the gateway answers 502 since, four calls
// further down, a provider refused ours.
func five() []event.Event {
	services := []string{"edge-gateway", "prompts-api", "orchestrator", "agents", "llm-proxy"}
	var out []event.Event
	for i, s := range services {
		e := event.Event{ID: s, RequestID: fmt.Sprintf("req_%d", i), TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: fmt.Sprintf("%016x", i+1), Service: s, Role: event.Primary,
			Status: 502, Code: "bad_gateway", Method: "POST", Endpoint: "/v1/" + s, OccurredAt: at.Add(time.Duration(-i) * 10 * time.Millisecond), DurationMS: ms(float64(1000 - 50*i)), Customer: "acme"}
		if i > 0 {
			e.ParentSpanID = fmt.Sprintf("%016x", i)
		}
		out = append(out, e)
	}
	out = append(out, event.Event{ID: "call", TraceID: out[0].TraceID, SpanID: "00000000000000ff", ParentSpanID: out[4].SpanID, Service: "llm-proxy", Role: event.Upstream, Status: 429,
		Code: "rate_limit_exceeded", Method: "POST", Endpoint: "/v1/chat/completions", OccurredAt: at.Add(-60 * time.Millisecond), DurationMS: ms(80), Upstream: &event.UpstreamInfo{Provider: "openai"}})
	for i := range out {
		out[i].Family = event.FamilyOf(out[i].Status, out[i].Code)
	}
	return out
}

func trail(events []event.Event) *event.Trail {
	t := event.NewTrail("req_0", events)
	return &t
}

func TestFiveServices(t *testing.T) {
	tr := trail(five())
	s := story.Tell(tr)
	assert.True(t, s.NotTheirLimit)
	assert.Equal(t, []string{"llm-proxy", "agents", "orchestrator", "prompts-api", "edge-gateway"}, s.Through)
	assert.Equal(t, "The failure began in llm-proxy, in a call that it made to openai: 429 rate_limit_exceeded. The customer was not rate-limited: our provider openai limited us. "+
		"From there it came out through agents, orchestrator, prompts-api and edge-gateway.", s.RootCause)
	seen := story.Seen(tr)
	assert.Equal(t, "Our upstream openai refused us (rate_limit_exceeded); the customer was not rate-limited. Nothing is wrong with their request.", catalog.Explain(seen).Verdict)
	reply := catalog.Resolve(nil, seen, at.Add(time.Minute), catalog.About{}).Replies[0].Text
	assert.Contains(t, reply, "this was not about your own limits")
	assert.NotContains(t, reply, "openai")
	assert.Nil(t, tr.Find("edge-gateway").Upstream, "what was stored stays as it is")

	var order []string
	for i, step := range story.Timeline(tr) {
		order = append(order, step.ID)
		assert.Equal(t, i, step.Depth)
	}
	assert.Equal(t, []string{"edge-gateway", "prompts-api", "orchestrator", "agents", "llm-proxy", "call"}, order)
}

// A 429 that is passed on is still the provider's, where it is known who called whom.
func TestALimitThatIsPassedOn(t *testing.T) {
	events := five()
	events[0].Status, events[0].Code, events[0].Family = 429, "rate_limit_exceeded", event.FamilyLimits
	s := story.Tell(trail(events))
	assert.True(t, s.NotTheirLimit)
	seen := story.Seen(trail(events))
	assert.Equal(t, event.FamilyUpstream, seen.Family)
	e := catalog.Resolve(nil, seen, at, catalog.About{})
	assert.Contains(t, e.Verdict, "the customer was not rate-limited")
	assert.Equal(t, catalog.Backoff, e.Retry.Class)
	require.NotEmpty(t, e.Replies)
	assert.NotContains(t, e.Replies[0].Text, "your key went over")

	for i := range events { // nobody says who called whom: it may be their own limit as well
		events[i].SpanID, events[i].ParentSpanID = "", ""
	}
	s = story.Tell(trail(events))
	assert.False(t, s.NotTheirLimit)
	assert.Contains(t, s.RootCause, "to openai: 429")
	assert.Empty(t, s.Through)
	assert.Equal(t, event.FamilyLimits, story.Seen(trail(events)).Family)
}

func TestWhoseLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		change func([]event.Event)
		want   string
		theirs bool
	}{
		"our own service": {func(e []event.Event) { e[1].Status, e[1].Code, e[1].Family = 429, "rate_limited", event.FamilyLimits }, "The customer was not rate-limited: our own service prompts-api limited the one that called it.", false},
		"a call to nobody": {func(e []event.Event) {
			e[1].Role, e[1].Status, e[1].Code, e[1].Family = event.Upstream, 429, "rate_limited", event.FamilyLimits
		}, "a service that prompts-api called limited us.", false},
		"the provider's code": {func(e []event.Event) {
			e[1].Upstream = &event.UpstreamInfo{Provider: "openai", Code: "insufficient_quota"}
		}, "our provider openai limited us.", false},
		"no limit at all": {func(e []event.Event) { e[1].Status, e[1].Code, e[1].Family = 500, "boom", event.FamilyUs }, "", true},
	} {
		events := five()[:2]
		tc.change(events)
		s := story.Tell(trail(events))
		assert.Equal(t, !tc.theirs, s.NotTheirLimit, name)
		if tc.want != "" {
			assert.Contains(t, s.RootCause, tc.want, name)
		} else {
			assert.NotContains(t, s.RootCause, "limited", name)
		}
	}
	alone := story.Tell(trail(five()[:1]))
	assert.Empty(t, alone.RootCause, "it began where the customer saw it")
	assert.Equal(t, story.Story{Through: []string{}, Attempts: []story.Attempts{}}, alone)
}

// Without spans, the request ID that an upstream answered with says who called whom.
func TestUpstreamIDs(t *testing.T) {
	events := five()[:3]
	for i := range events {
		events[i].SpanID, events[i].ParentSpanID, events[i].DurationMS = "", "", nil
		events[i].Upstream = &event.UpstreamInfo{RequestID: fmt.Sprintf("req_%d", i+1)}
	}
	steps := story.Timeline(trail(events))
	require.Len(t, steps, 3)
	for i, s := range steps {
		assert.Equal(t, i, s.Depth)
		if i > 0 {
			assert.Equal(t, story.ByUpstream, s.Link)
		}
	}
	assert.Equal(t, []string{"orchestrator", "prompts-api", "edge-gateway"}, story.Tell(trail(events)).Through)
}

// What nobody links stands in the order in which it began; claims that go round in a
// circle are none.
func TestTimelineByTime(t *testing.T) {
	events := five()[:3]
	for i := range events {
		events[i].SpanID, events[i].ParentSpanID = "", ""
	}
	var order []string
	for _, s := range story.Timeline(trail(events)) {
		order = append(order, s.Service)
		assert.Equal(t, []any{0, story.ByTime}, []any{s.Depth, s.Link})
	}
	assert.Equal(t, []string{"edge-gateway", "prompts-api", "orchestrator"}, order, "the one that took longest began first")

	circle := five()[:3]
	circle[0].ParentSpanID = circle[2].SpanID
	circle = append(circle, event.Event{ID: "below", Service: "x", TraceID: circle[0].TraceID, ParentSpanID: circle[1].SpanID, OccurredAt: at})
	steps := story.Timeline(trail(circle))
	assert.Len(t, steps, 4, "each once")
	_ = story.Tell(trail(circle))
}

func TestAttempts(t *testing.T) {
	call := func(n int, status int, after time.Duration) event.Event {
		return event.Event{ID: fmt.Sprint("call", n), RequestID: "req_0", Service: "billing", Role: event.Primary, Method: "POST", Endpoint: "/v1/charges", Status: status, Code: event.CanonicalCode("", status),
			Family: event.FamilyOf(status, ""), OccurredAt: at.Add(after), DurationMS: ms(11)}
	}
	tell := func(events ...event.Event) []story.Attempts { return story.Tell(trail(events)).Attempts }
	assert.Empty(t, tell(call(1, 429, 0)))
	got := tell(call(1, 429, 0), call(2, 429, 2*time.Second), call(3, 200, 45*time.Second))
	require.Len(t, got, 1)
	assert.Equal(t, "#1 429, #2 429, #3 ok: succeeded on attempt 3", got[0].Text)
	assert.Equal(t, 3, got[0].SucceededOn)

	known := call(2, 503, 0) // the first one was not reported
	known.Attempt = 2
	assert.Equal(t, "#3 503", tell(known)[0].Text)
	assert.Empty(t, tell(call(1, 500, 0), call(2, 500, 5*time.Millisecond)), "they ran side by side")
	var many []event.Event
	for i := range 20 {
		many = append(many, call(i, 429, time.Duration(i)*time.Second))
	}
	assert.Equal(t, "#1 429, #2 429, #3 429, #4 429, #5 429, #6 429, 14 more", tell(many...)[0].Text)

	events := five()
	again := events[5]
	again.ID, again.SpanID, again.OccurredAt = "again", "00000000000000fe", again.OccurredAt.Add(-200*time.Millisecond)
	calls := tell(slices.Concat(events, []event.Event{again})...)
	require.Len(t, calls, 1)
	assert.Equal(t, []string{"llm-proxy", "openai", "#1 429, #2 429"}, []string{calls[0].Service, calls[0].To, calls[0].Text})
	numbers := map[string]int{}
	for _, s := range story.Timeline(trail(slices.Concat(events, []event.Event{again}))) {
		numbers[s.ID] = s.Attempt
	}
	assert.Equal(t, []int{1, 2, 0}, []int{numbers["again"], numbers["call"], numbers["agents"]})
}
