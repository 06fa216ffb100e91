package silence

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/event"
	"errata/internal/fault"
)

var now = at("2026-11-20T12:00:00Z")

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func silence(change func(s *Silence)) Silence {
	s := Silence{Service: "billing", Reason: "we know", StartsAt: event.Time{Time: now}, EndsAt: event.Time{Time: now.Add(time.Hour)}}
	change(&s)
	return s
}

func window(cron string, minutes int, zone, from, to string) Silence {
	return Silence{Reason: "maintenance", Cron: cron, Minutes: minutes, TimeZone: zone, StartsAt: event.Time{Time: at(from)}, EndsAt: event.Time{Time: at(to)}}
}

func TestCheck(t *testing.T) {
	s, err := silence(func(s *Silence) {
		s.Service, s.Method, s.Code, s.StartsAt = " billing ", "post", "RateLimit.Exceeded", event.Time{}
	}).Check(now)
	require.NoError(t, err)
	assert.Equal(t, []any{"billing", "POST", "UTC", now}, []any{s.Service, s.Method, s.TimeZone, s.StartsAt.Time})
	assert.Equal(t, event.CanonicalCode("RateLimit.Exceeded", 0), s.Code)
	w := window("30  2 * *  SUN", 90, "Europe/Berlin", "2026-11-20T12:00:00Z", "2030-01-01T00:00:00Z")
	w, err = w.Check(now)
	require.NoError(t, err)
	assert.Equal(t, "30 2 * * SUN", w.Cron)

	for field, changes := range map[string][]func(s *Silence){
		"reason":  {func(s *Silence) { s.Reason = " " }, func(s *Silence) { s.Reason = "a\x00b" }},
		"ends_at": {func(s *Silence) { s.EndsAt.Time = time.Time{} }, func(s *Silence) { s.EndsAt.Time = now.Add(91 * 24 * time.Hour) }, func(s *Silence) { s.EndsAt = s.StartsAt }, func(s *Silence) { s.StartsAt.Time, s.EndsAt.Time = now.Add(-2*time.Hour), now.Add(-time.Hour) }},
		"starts_at": {func(s *Silence) {
			s.StartsAt.Time, s.EndsAt.Time = now.Add(400*24*time.Hour), now.Add(401*24*time.Hour)
		}},
		"family":    {func(s *Silence) { s.Family = "4xx" }},
		"rule_id":   {func(s *Silence) { s.RuleID = "default" }},
		"service":   {func(s *Silence) { s.Service = "a\nb" }},
		"minutes":   {func(s *Silence) { s.Minutes = 5 }, func(s *Silence) { s.Cron = "* * * * *" }, func(s *Silence) { s.Cron, s.Minutes = "* * * * *", MaxMinutes+1 }},
		"time_zone": {func(s *Silence) { s.TimeZone = "Berlin" }, func(s *Silence) { s.TimeZone = "Local" }, func(s *Silence) { s.TimeZone = "../etc/passwd" }},
		"cron": {
			func(s *Silence) { s.Cron, s.Minutes = "x", 5 }, func(s *Silence) { s.Cron, s.Minutes = "@daily", 5 }, func(s *Silence) { s.Cron, s.Minutes = "TZ=UTC 1 2 * * *", 5 },
			func(s *Silence) { s.Cron, s.Minutes = "61 * * * *", 5 }, func(s *Silence) { s.Cron, s.Minutes = "0 0 30 2 *", 5 }, func(s *Silence) { s.Cron, s.Minutes = "0 0 0 1 1 *", 5 },
			func(s *Silence) { s.Cron, s.Minutes = "0 3 * * *", 5 }, // not within this hour
		},
	} {
		for i, change := range changes {
			_, err := silence(change).Check(now)
			assert.Equal(t, field, fault.Of(err).Details["field"], "%s %d: %v", field, i, err)
		}
	}
}

func TestInForce(t *testing.T) {
	s := silence(func(*Silence) {})
	for age, want := range map[time.Duration]bool{-time.Second: false, 0: true, 59 * time.Minute: true, time.Hour: false} {
		assert.Equal(t, want, s.InForce(now.Add(age)), age)
	}
	assert.Equal(t, now.Add(time.Hour), s.Until(now))
	assert.Zero(t, s.Until(now.Add(time.Hour)))
	assert.Equal(t, []time.Time{now}, s.Next(now.Add(-time.Hour), 3))
	assert.Empty(t, s.Next(now, 3))

	w := window("0 22 * * MON-FRI", 180, "UTC", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z")
	for when, want := range map[string]bool{
		"2026-11-20T21:59:59Z": false, "2026-11-20T22:00:00Z": true, "2026-11-21T00:59:59Z": true, "2026-11-21T01:00:00Z": false, "2026-11-21T22:30:00Z": false,
		"2026-11-15T23:00:00Z": false, "2026-11-23T22:30:00Z": false, "2026-11-16T00:30:00Z": false,
	} {
		assert.Equal(t, want, w.InForce(at(when)), when)
	}
	assert.True(t, w.Open(at("2026-11-13T22:30:00Z")), "what it would have been")
	assert.Equal(t, at("2026-11-21T01:00:00Z"), w.Until(at("2026-11-20T23:00:00Z")))
	assert.Equal(t, []time.Time{at("2026-11-19T22:00:00Z"), at("2026-11-20T22:00:00Z")}, w.Next(at("2026-11-18T23:00:00Z"), 5))
	always := window("*/10 * * * *", 10, "UTC", "2026-11-20T00:00:00Z", "2026-11-20T03:05:00Z")
	assert.Equal(t, at("2026-11-20T03:05:00Z"), always.Until(at("2026-11-20T01:00:00Z")), "windows that touch are one")
}

// The clock is put forward in Berlin on 29 March 2026 from 2 to 3 o'clock, and
// back on 25 October from 3 to 2.
func TestClocksThatChange(t *testing.T) {
	w := window("30 2 * * *", 60, "Europe/Berlin", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
	assert.Equal(t, []time.Time{at("2026-03-28T01:30:00Z"), at("2026-03-29T01:00:00Z"), at("2026-03-30T00:30:00Z")}, w.Next(at("2026-03-28T00:00:00Z"), 3),
		"where its time does not come it begins when it would have been past")
	assert.True(t, w.InForce(at("2026-03-29T01:59:00Z")))
	assert.False(t, w.InForce(at("2026-03-29T02:00:00Z")), "and is as long as ever")

	assert.Equal(t, []time.Time{at("2026-10-24T00:30:00Z"), at("2026-10-25T00:30:00Z"), at("2026-10-26T01:30:00Z")}, w.Next(at("2026-10-23T12:00:00Z"), 3),
		"where its time comes twice it begins once")
	assert.True(t, w.InForce(at("2026-10-25T00:45:00Z")))
	assert.False(t, w.InForce(at("2026-10-25T01:45:00Z")))

	// A window over the change is as long as it says.
	night := window("0 22 * * SAT", 8*60, "Europe/Berlin", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
	assert.Equal(t, at("2026-03-29T05:00:00Z"), night.Until(at("2026-03-28T23:00:00Z")))
	assert.Equal(t, at("2026-10-25T04:00:00Z"), night.Until(at("2026-10-24T23:00:00Z")))

	// Half an hour, south of the equator; and a midnight that does not come.
	lord := window("45 1 * * *", 10, "Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
	assert.Equal(t, []time.Time{at("2026-04-03T14:45:00Z"), at("2026-04-04T14:45:00Z"), at("2026-04-05T15:15:00Z")}, lord.Next(at("2026-04-03T12:00:00Z"), 3))
	cairo := window("0 0 * * *", 10, "Africa/Cairo", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
	assert.Len(t, cairo.Next(at("2026-04-22T12:00:00Z"), 4), 4)
	for i, next := range cairo.Next(at("2026-04-21T12:00:00Z"), 5) {
		assert.Equal(t, 22+i, next.In(mustZone("Africa/Cairo")).Day())
	}
}

func mustZone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

// In every zone, a daily window begins once a day, all through a year.
func TestDailyMeansOnceADay(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "Asia/Kathmandu", "Africa/Casablanca"} {
		for _, cron := range []string{"0 0 * * *", "30 0 * * *", "0 2 * * *", "30 2 * * *", "59 23 * * *", "15 1 * * *"} {
			w := window(cron, 5, zone, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
			days := map[string]int{}
			for _, next := range w.Next(at("2026-01-01T00:00:00Z"), 1000) {
				days[next.In(mustZone(zone)).Format(time.DateOnly)]++
				assert.True(t, w.InForce(next))
			}
			assert.InDelta(t, 365, len(days), 1, "%s in %s", cron, zone)
			for day, n := range days {
				assert.Equal(t, 1, n, "%s in %s on %s", cron, zone, day)
			}
		}
	}
}

func TestMatches(t *testing.T) {
	const rule, other = "01970000-0000-7000-8000-000000000001", "01970000-0000-7000-8000-000000000002"
	incident := Of(alert.Incident{
		Environment: "production", Service: "billing", Members: []alert.Member{{Method: "POST", Endpoint: "/v1/charges", Share: .91}, {Method: "GET", Endpoint: "/v1/charges", Share: .05}},
		Codes: []alert.Share{{Name: "internal_error", Share: .88}, {Name: "timeout", Share: .12}}, TopCustomer: "acme", TopCustomerShare: .95,
	}, "5xx", []string{rule})
	for name, c := range map[string]struct {
		s    Silence
		want bool
	}{
		"everything":                           {Silence{}, true},
		"its service and environment":          {Silence{Service: "billing", Environment: "production"}, true},
		"another service":                      {Silence{Service: "auth"}, false},
		"another environment":                  {Silence{Environment: "staging"}, false},
		"its family":                           {Silence{Family: "5xx"}, true},
		"another family":                       {Silence{Family: "429"}, false},
		"its rule":                             {Silence{RuleID: rule}, true},
		"another rule":                         {Silence{RuleID: other}, false},
		"the endpoint that it mostly is about": {Silence{Endpoint: "/v1/charges", Method: "POST"}, true},
		"a part of it":                         {Silence{Endpoint: "/v1/charges", Method: "GET"}, false},
		"both":                                 {Silence{Endpoint: "/v1/charges"}, true},
		"a code beside others":                 {Silence{Code: "internal_error"}, false},
		"the customer":                         {Silence{Customer: "acme"}, true},
		"another customer":                     {Silence{Customer: "globex"}, false},
	} {
		assert.Equal(t, c.want, c.s.Matches(incident), name)
	}
	assert.False(t, Silence{RuleID: rule}.Matches(Subject{Rules: []string{rule, other}}), "what another rule found is told")
	assert.False(t, Silence{RuleID: rule}.Matches(Subject{}))
	assert.True(t, Silence{Code: "x"}.Matches(Subject{Codes: []alert.Share{{Name: "x", Share: .9}}}))
	assert.False(t, Silence{Endpoint: "/a"}.Matches(Subject{Service: "billing"}), "a whole service is not its endpoint")

	over := silence(func(s *Silence) { s.EndsAt.Time = now })
	in := silence(func(s *Silence) { s.ID = "in" })
	assert.Equal(t, []Silence{in}, Muting([]Silence{over, in, silence(func(s *Silence) { s.Service = "auth" })}, incident, now))
}

// Nothing that can be written as an expression keeps a reader busy, or panics.
func FuzzWindow(f *testing.F) {
	for _, c := range []string{"30 2 * * SUN", "*/5 0-3 L * 1-5", "0 0 29 2 *", "0 0 31 4 *", "* * * * *", "1,2,3 5 1-31/2 JAN-DEC mon#2", "60 * * * *", "H H * * *", "0 0 ? * ?"} {
		f.Add(c, 5, "Europe/Berlin")
	}
	f.Fuzz(func(t *testing.T, expression string, minutes int, zone string) {
		s, err := silence(func(s *Silence) {
			s.Cron, s.Minutes, s.TimeZone, s.EndsAt.Time = expression, minutes, zone, now.Add(400*24*time.Hour)
		}).Check(now)
		if err != nil || !s.Window() {
			return
		}
		next := s.Next(now, 3)
		for i, n := range next {
			if !s.InForce(n) || i > 0 && !n.After(next[i-1]) {
				t.Fatal(next)
			}
		}
	})
}
