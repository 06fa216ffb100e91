package identity

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func part(name string, src event.Source, role event.Role, request, span string, at time.Duration) Part {
	own := [16]byte{}
	copy(own[:], name)
	p := Part{Source: src, Own: own, Idempotent: true, HasOccurredAt: true}
	p.Event = event.Event{
		ID: NewID(noon.Add(at), own, true), OccurredAt: noon.Add(at), ReceivedAt: noon.Add(time.Minute), Role: role, Service: "billing",
		RequestID: request, Status: 500, Message: name, Sources: []event.Source{src},
	}
	if span != "" {
		p.Event.TraceID, p.Event.SpanID = "t", span
	}
	return p
}

// names shows clusters as sorted groups of sorted names.
func names(parts []Part, clusters [][]int) string {
	var groups []string
	for _, c := range clusters {
		var g []string
		for _, i := range c {
			g = append(g, parts[i].Event.Message)
		}
		slices.Sort(g)
		groups = append(groups, strings.Join(g, "+"))
	}
	slices.Sort(groups)
	return strings.Join(groups, " ")
}

func TestCluster(t *testing.T) {
	span, log, http := event.FromSpan, event.FromLog, event.FromHTTP
	for _, c := range []struct {
		name  string
		parts []Part
		want  string
	}{
		{"three kinds by span", []Part{part("s", span, event.Primary, "", "1", 0), part("l", log, event.Context, "", "1", 0), part("h", http, event.Primary, "", "1", 0)}, "h+l+s"},
		{"two kinds by request", []Part{part("s", span, event.Primary, "r", "1", 0), part("h", http, event.Primary, "r", "", time.Second)}, "h+s"},
		{"too far apart", []Part{part("s", span, event.Primary, "r", "1", 0), part("h", http, event.Primary, "r", "", 61*time.Second)}, "h s"},
		{"same kind is another attempt", []Part{part("h1", http, event.Primary, "r", "", 0), part("h2", http, event.Primary, "r", "", time.Second)}, "h1 h2"},
		{"each attempt finds its own span", []Part{
			part("h1", http, event.Primary, "r", "", 0), part("h2", http, event.Primary, "r", "", 10*time.Second),
			part("s1", span, event.Primary, "r", "1", time.Second), part("s2", span, event.Primary, "r", "2", 11*time.Second)}, "h1+s1 h2+s2"},
		{"client and server span share an ID", []Part{part("c", span, event.Upstream, "", "1", 0), part("s", span, event.Primary, "", "1", 0), part("l", log, event.Context, "", "1", 0)}, "c l+s"},
		{"an upstream failure is not our answer", []Part{part("h", http, event.Primary, "r", "", 0), part("u", log, event.Upstream, "r", "", 0)}, "h u"},
		{"several logs of one span", []Part{part("s", span, event.Primary, "", "1", 0), part("l1", log, event.Context, "", "1", 0), part("l2", log, event.Context, "", "1", time.Second)}, "l1+l2+s"},
		{"a second report on a span", []Part{part("s", span, event.Primary, "", "1", 0), part("h1", http, event.Primary, "", "1", 0), part("h2", http, event.Primary, "", "1", time.Second)}, "h1+s h2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
			for range 20 {
				r.Shuffle(len(c.parts), func(i, j int) { c.parts[i], c.parts[j] = c.parts[j], c.parts[i] })
				require.Equal(t, c.want, names(c.parts, Cluster(c.parts, nil)))
			}
		})
	}
}

func TestClusterIgnoresConstantRequestIDs(t *testing.T) {
	var parts []Part
	for i := range MaxAttempts + 1 {
		parts = append(parts, part(fmt.Sprint("h", i), event.FromHTTP, event.Primary, "r", "", time.Duration(i)*time.Millisecond))
	}
	parts = append(parts, part("s", event.FromSpan, event.Primary, "r", "1", 0))
	assert.Len(t, Cluster(parts, nil), len(parts))
}

func TestMergeDoesNotDependOnOrder(t *testing.T) {
	s := part("s", event.FromSpan, event.Primary, "r", "1", 0)
	s.Event.Release, s.Event.Endpoint = "r1", "/v1/x"
	l := part("l", event.FromLog, event.Context, "", "1", -time.Second)
	l.Event.Exception, l.StackHash = &event.Exception{Type: "E"}, [16]byte{1}
	h := part("h", event.FromHTTP, event.Primary, "r", "", time.Second)
	h.Event.RawCode, h.Event.Code, h.Event.Endpoint = "NO_MONEY", "no_money", "(unmatched)"
	h.Event.Aliases = []event.Alias{{Kind: "ray", Value: "x"}}
	parts := []Part{s, l, h}
	want := Merge(parts)
	assert.Equal(t, "no_money", want.Event.Code)
	assert.Equal(t, "/v1/x", want.Event.Endpoint)
	assert.Equal(t, event.Primary, want.Event.Role)
	assert.True(t, noon.Equal(want.Event.OccurredAt), "the span's clock")
	assert.Equal(t, "E", want.Event.Exception.Type)
	for _, order := range [][]int{{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		got := Merge([]Part{parts[order[0]], parts[order[1]], parts[order[2]]})
		assert.Equal(t, want, got)
	}
}

// A log of a plain error knows neither status nor code; what its span or a
// report say wins, in whichever order they are.
func TestMergePassesOverVagueCodes(t *testing.T) {
	const plain = "*errors.errorString"
	said := func(src event.Source, status int, raw, code string) Part {
		p := part(string(src), src, event.Primary, "r", "1", 0)
		p.Event.Status, p.Event.RawCode, p.Event.Code = status, raw, code
		return p
	}
	span := said(event.FromSpan, 503, plain, "http_503")
	log := said(event.FromLog, 0, plain, "errors_error_string")
	for _, c := range []struct {
		parts     []Part
		raw, code string
	}{
		{[]Part{span, log}, plain, "http_503"},
		{[]Part{said(event.FromSpan, 503, "", "http_503"), log}, plain, "http_503"},
		{[]Part{said(event.FromHTTP, 503, "", "http_503"), log}, plain, "http_503"},
		{[]Part{said(event.FromSpan, 0, "*fmt.wrapError", "fmt_wrap_error"), log}, "*fmt.wrapError", "fmt_wrap_error"},
		{[]Part{span, said(event.FromLog, 0, "PoolTimeout", "pool_timeout")}, "PoolTimeout", "pool_timeout"},
		{[]Part{span, log, said(event.FromHTTP, 503, "Error", "error")}, "Error", "error"},
		{[]Part{log, said(event.FromSpan, 503, "Exception", "exception")}, "Exception", "exception"}, // out of its body
	} {
		for range 2 {
			got := Merge(c.parts).Event
			assert.Equal(t, []string{c.raw, c.code}, []string{got.RawCode, got.Code})
			slices.Reverse(c.parts)
		}
	}
}

func TestNewID(t *testing.T) {
	own := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	a, b := NewID(noon, own, true), NewID(noon.Add(time.Hour), own, true)
	assert.Equal(t, a, NewID(noon, own, true))
	assert.Less(t, a, b)
	assert.True(t, SameItem(a, b))
	at, ok := Time(a)
	assert.True(t, ok)
	assert.True(t, noon.Equal(at))
	assert.NotEqual(t, NewID(noon, own, false), NewID(noon, own, false))
	assert.Equal(t, byte('7'), a[14])
	assert.Contains(t, "89ab", string(a[19]))
	_, ok = Time("nonsense")
	assert.False(t, ok)
}

func TestKeyDaysMeetOnRetry(t *testing.T) {
	// Whatever an item's age, a retry within a day shares a key day with it.
	for age := -20 * time.Hour; age < 40*24*time.Hour; age += 5 * time.Hour {
		for delay := time.Duration(0); delay <= 24*time.Hour; delay += 3 * time.Hour {
			p := part("x", event.FromHTTP, event.Primary, "r", "", 0)
			p.Event.ReceivedAt = p.Event.OccurredAt.Add(age)
			first := p.KeyDays()
			p.Event.ReceivedAt = p.Event.ReceivedAt.Add(delay)
			again := p.KeyDays()
			shared := slices.ContainsFunc(first, func(d Day) bool { return slices.Contains(again, d) })
			require.True(t, shared, "age %v, delay %v: %v and %v", age, delay, first, again)
		}
	}
}

func TestKeyDaysNearMidnight(t *testing.T) {
	midnight := noon.Add(12 * time.Hour)
	p := part("x", event.FromHTTP, event.Primary, "r", "", 12*time.Hour-time.Minute)
	p.Event.ReceivedAt = midnight
	assert.Equal(t, []Day{DayOf(noon), DayOf(noon) + 1}, p.KeyDays())
}

func TestNamedEndpointBeatsDerived(t *testing.T) {
	s := part("s", event.FromSpan, event.Primary, "r", "1", 0)
	s.Event.Endpoint, s.Event.EndpointDerived = "/v1/x/{id}", true
	l := part("l", event.FromLog, event.Context, "r", "1", 0)
	l.Event.Endpoint = unmatched
	h := part("h", event.FromHTTP, event.Primary, "r", "", time.Second)
	h.Event.Endpoint = "/v1/x/:x"
	assert.Equal(t, "/v1/x/:x", Merge([]Part{s, l, h}).Event.Endpoint)
	assert.False(t, Merge([]Part{s, l, h}).Event.EndpointDerived)
	assert.Equal(t, "/v1/x/{id}", Merge([]Part{l, s}).Event.Endpoint)
	assert.True(t, Merge([]Part{l, s}).Event.EndpointDerived)
	h.Event.Endpoint = ""
	assert.Equal(t, unmatched, Merge([]Part{h, l}).Event.Endpoint)
}
