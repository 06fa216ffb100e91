package incident

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/detect"
)

func board() *Board {
	n := 0
	return &Board{Reopen: 30, New: func() (string, int) { n++; return fmt.Sprint("id-", n), n }}
}

func series(service, endpoint string) Series {
	return Series{Rule: "r", Environment: "production", Service: service, Endpoint: endpoint}
}

func fired(s Series, minute detect.Minute, level detect.Level) Found {
	why := detect.Why{Rule: detect.Spike, Errors: 40}
	return Found{Series: s, State: detect.State{Phase: detect.Firing, Level: level, Peak: 0.5, Errors: 40},
		Transitions: []detect.Transition{{Minute: minute, Kind: detect.Fired, To: detect.Firing, Level: level, Started: minute - 5, MaskFrom: minute - 15, Why: &why}}}
}

func ended(s Series, minute detect.Minute) Found {
	return Found{Series: s, State: detect.State{Phase: detect.Resolved, Peak: 0.6, Errors: 90},
		Transitions: []detect.Transition{{Minute: minute, Kind: detect.Ended, To: detect.Resolved, Reason: detect.ReasonClear}}}
}

func kinds(i *Incident) (out []string) {
	for _, e := range i.Events {
		out = append(out, e.Kind)
	}
	return out
}

func TestAServiceHasOneIncident(t *testing.T) {
	b := board()
	b.Minute(100, []Found{fired(series("billing", "/b"), 100, detect.Notify), fired(series("billing", "/a"), 100, detect.Notify), fired(series("search", ""), 100, detect.Page)})
	require.Len(t, b.Incidents, 2)
	billing := b.Incidents[0]
	assert.Equal(t, 1, billing.Number)
	assert.Equal(t, detect.Notify, billing.Level)
	assert.EqualValues(t, 95, billing.Started)
	assert.Equal(t, []string{"joined", "fired"}, kinds(billing))

	b.Minute(102, []Found{fired(series("billing", ""), 102, detect.Page)})
	assert.Len(t, b.Incidents, 2)
	assert.Equal(t, detect.Page, billing.Level)
	assert.EqualValues(t, 102, billing.Fired)
	assert.EqualValues(t, 100, billing.Opened)
	assert.EqualValues(t, 80, billing.Errors, "never fewer than before")
	assert.Equal(t, []string{"joined", "fired", "joined", "escalated"}, kinds(billing))

	b.Minute(110, []Found{ended(series("billing", ""), 110), ended(series("billing", "/a"), 110)})
	assert.True(t, billing.Open(), "an endpoint still fires")
	b.Minute(111, []Found{ended(series("billing", "/b"), 111)})
	assert.False(t, billing.Open())
	assert.EqualValues(t, 111, billing.Resolved)
	assert.Equal(t, detect.ReasonClear, billing.Reason)
	assert.InDelta(t, 0.6, billing.Peak, 0)

	b.Minute(130, []Found{fired(series("billing", "/c"), 130, detect.Page)})
	assert.Len(t, b.Incidents, 2, "what comes back soon is the same")
	assert.True(t, billing.Open())
	assert.Zero(t, billing.Resolved)
	b.Minute(131, []Found{ended(series("billing", "/c"), 131)})
	b.Minute(170, []Found{fired(series("billing", "/c"), 170, detect.Page)})
	assert.Len(t, b.Incidents, 3)
}

func TestAProvidersFailuresAreItsIncident(t *testing.T) {
	b := board()
	one, two := fired(series("billing", ""), 100, detect.Page), fired(series("shop", "/pay"), 101, detect.Page)
	one.Provider, two.Provider = "stripe", "stripe"
	b.Minute(100, []Found{one})
	b.Minute(101, []Found{two})
	require.Len(t, b.Incidents, 1)
	assert.Equal(t, Group{Environment: "production", Provider: "stripe"}, b.Incidents[0].Group)
	assert.Len(t, b.Incidents[0].Members, 2)
	// A member stays where it is, whoever causes most of it later.
	later := ended(series("shop", "/pay"), 110)
	b.Minute(110, []Found{later})
	assert.EqualValues(t, 110, b.Incidents[0].Members[1].Resolved)
}

func TestNothingBeginsWithAnEnd(t *testing.T) {
	b := board()
	b.Minute(100, []Found{ended(series("billing", ""), 100)})
	assert.Empty(t, b.Incidents)
}

func TestMembersAreBounded(t *testing.T) {
	b := board()
	var all []Found
	for n := range maxMembers + 50 {
		all = append(all, fired(series("billing", fmt.Sprint("/", n)), 100, detect.Page))
	}
	b.Minute(100, all)
	require.Len(t, b.Incidents, 1)
	assert.Len(t, b.Incidents[0].Members, maxMembers)
}

func TestDue(t *testing.T) {
	b := board()
	at := func(m detect.Minute, seconds int) time.Time {
		return (m + 1).Time().Add(time.Duration(seconds) * time.Second)
	}
	said := func(i *Incident, now time.Time) string {
		kind, changed, due := i.Due(now, DefaultPace)
		if !due {
			return ""
		}
		i.Tell(now)
		return fmt.Sprint(kind, changed)
	}
	b.Minute(100, []Found{fired(series("billing", "/a"), 100, detect.Notify)})
	i := b.Incidents[0]
	assert.Empty(t, said(i, at(100, 20)), "it may be over in a moment")
	assert.Equal(t, "firing[]", said(i, at(100, 30)))
	assert.Empty(t, said(i, at(101, 0)))
	b.Minute(102, []Found{fired(series("billing", "/b"), 102, detect.Notify)})
	assert.Empty(t, said(i, at(103, 0)), "members are not worth a message each")
	assert.Equal(t, "update[Also /b.]", said(i, at(106, 0)))
	b.Minute(107, []Found{fired(series("billing", ""), 107, detect.Page)})
	assert.Equal(t, "update[Its level is now page.]", said(i, at(107, 0)))
	b.Minute(120, []Found{fired(series("billing", "/c"), 120, detect.Page)})
	assert.Empty(t, said(i, at(130, 0)), "the service fails, so its endpoints do")
	assert.Equal(t, "update[It is still going on.]", said(i, at(107, 4*3600)))
	for k := range i.Members {
		b.Minute(400, []Found{ended(i.Members[k].Series, 400)})
	}
	assert.Equal(t, "resolved[]", said(i, at(400, 0)))
	assert.Empty(t, said(i, at(401, 0)))
	b.Minute(410, []Found{fired(series("billing", ""), 410, detect.Page)})
	assert.Equal(t, "reopened[It came back.]", said(i, at(410, 0)))

	b.Minute(500, []Found{fired(series("short", ""), 500, detect.Notify)})
	short := b.Incidents[len(b.Incidents)-1]
	b.Minute(501, []Found{ended(series("short", ""), 501)})
	assert.Empty(t, said(short, at(501, 0)), "over before anybody was told")
	b.Minute(600, []Found{fired(series("loud", ""), 600, detect.Page)})
	assert.Equal(t, "firing[]", said(b.Incidents[len(b.Incidents)-1], at(600, 0)), "a page does not wait")
	assert.Equal(t, alert.Page, LevelOf(detect.Page))
}

func TestSheet(t *testing.T) {
	place := Place{"production", "billing", "POST", "/a"}
	failed := func(m detect.Minute, n int64) []Failure {
		return []Failure{{Minute: m, Status: 500, Environment: "production", Service: "billing", Method: "POST", Endpoint: "/a", Code: "boom", N: n}}
	}
	only := func(f *Failure) bool { return f.Code == "other" }
	s := NewSheet([]Rule{{ID: "all"}, {ID: "some", Matches: only}}, 1000)
	s.Failed(failed(1000, 4))
	assert.Empty(t, s.Worth(), "too few for any rule")
	s.Failed(failed(990, 3))
	s.Failed(failed(1000-Room, 50))
	s.Failed(failed(1001, 50))
	whole, endpoint := Series{Rule: "all", Environment: "production", Service: "billing"}, Series{Rule: "all", Environment: "production", Service: "billing", Method: "POST", Endpoint: "/a"}
	assert.ElementsMatch(t, []Series{whole, endpoint}, s.Worth(), "what is outside of its time is not counted, nor what a rule is not about")
	assert.EqualValues(t, 4, s.Recent(whole, 1000))

	var in detect.Input
	s.Fill(&in, endpoint, 1000, false)
	assert.Equal(t, detect.Counts{Errors: 4, Requests: detect.Unknown}, in.Last[0])
	assert.Equal(t, detect.Counts{Errors: 3, Requests: detect.Unknown}, in.Last[10])
	s.Answered([]Answered{{1000, place, 60.4}, {999, Place{"production", "billing", "GET", "/b"}, 40}})
	assert.ElementsMatch(t, []Series{whole, endpoint}, s.Worth())
	s.Fill(&in, whole, 1000, false)
	assert.Equal(t, detect.Counts{Errors: 4, Requests: 60}, in.Last[0])
	assert.Equal(t, detect.Counts{Requests: 40}, in.Last[1])
	s.Fill(&in, endpoint, 1000, false)
	assert.Equal(t, detect.Counts{}, in.Last[1], "nothing was asked of it, and that is known")

	s.Clear(1000, 1001)
	s.Failed(failed(1000, 5))
	s.Answered([]Answered{{1000, place, 60}})
	s.Fill(&in, whole, 1000, false)
	assert.Equal(t, detect.Counts{Errors: 5, Requests: 60}, in.Last[0], "counted anew")
	s.Advance(1003)
	s.Fill(&in, whole, 1003, false)
	assert.True(t, in.Missing, "nothing was heard for three minutes")
	assert.Equal(t, detect.Counts{Errors: 5, Requests: 60}, in.Last[3])
	s.Fill(&in, whole, 1002, false)
	assert.False(t, in.Missing)
	s.Advance(1003 + Room)
	s.Sweep()
	assert.Empty(t, s.lines)
	assert.Empty(t, s.requests)
	s.Fill(&in, whole, 1003+Room, true)
	assert.EqualValues(t, 0, in.Last[0].Requests, "they are counted, if not now")

	s.Unmet(failed(1003+Room, 9))
	code := Series{Rule: "all", Environment: "production", Service: "billing", Code: "boom"}
	assert.Equal(t, []Series{code}, s.Worth())
	s.Fill(&in, code, 1003+Room, false)
	assert.True(t, in.NewCode)
	s.Meet()
	assert.Empty(t, s.Worth())
	r := Rule{Objectives: map[Place]float64{{"", "billing", "", ""}: 0.99, {"production", "billing", "POST", "/a"}: 0.9}}
	assert.InDelta(t, 0.99, r.Objective(whole), 0)
	assert.InDelta(t, 0.9, r.Objective(endpoint), 0)
	assert.Zero(t, r.Objective(code))
}
