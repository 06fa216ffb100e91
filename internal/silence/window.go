package silence

import (
	"strings"
	"time"
	_ "time/tzdata" // time zones, also where the machine has none

	"github.com/netresearch/go-cron"
)

// expressions are five fields: minute, hour, day of the month, month, day of
// the week.
var expressions = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).WithMaxSearchYears(9)

// checkWindow looks at what only maintenance windows have.
func (s Silence) checkWindow() (Silence, error) {
	if s.TimeZone == "" {
		s.TimeZone = "UTC"
	}
	switch _, err := time.LoadLocation(s.TimeZone); {
	case err != nil, s.TimeZone == "Local":
		return s, wrong("time_zone", "must be the name of a time zone, such as Europe/Berlin or UTC")
	case !s.Window() && s.Minutes != 0:
		return s, wrong("minutes", "goes with 'cron' only: without it the silence lasts from 'starts_at' to 'ends_at'")
	case !s.Window():
		s.TimeZone = "UTC"
		return s, nil
	case s.Minutes < 1 || s.Minutes > MaxMinutes:
		return s, wrong("minutes", "must say how long the window is, 1 to %d minutes", MaxMinutes)
	}
	if _, ok := s.schedule(); !ok {
		return s, wrong("cron", "must be five fields, minute, hour, day of the month, month and day of the week, such as '30 2 * * SUN'")
	}
	if len(s.Next(s.StartsAt.Add(-time.Second), 1)) == 0 {
		return s, wrong("cron", "never begins between 'starts_at' and 'ends_at'")
	}
	return s, nil
}

// schedule is the expression, on the clock of its time zone.
func (s Silence) schedule() (cron.Schedule, bool) {
	if len(s.Cron) > maxCronBytes || strings.ContainsAny(s.Cron, "=@?") || len(strings.Fields(s.Cron)) != 5 {
		return nil, false // a time zone or a word in front, which have fields of their own here
	}
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return nil, false
	}
	parsed, err := expressions.Parse(s.Cron)
	if err != nil {
		return nil, false
	}
	return zoned{parsed, zone}, true
}

// zoned is a schedule on the clock of a time zone. The library sees nothing but
// the clock's hands, which it takes for UTC: a time that does not come, because
// the clock is put forward, is when that happens, and one that comes twice,
// because it is put back, is the first of them.
type zoned struct {
	cron.Schedule
	zone *time.Location
}

func (z zoned) Next(after time.Time) time.Time {
	for hands := handsOf(after.In(z.zone)); ; {
		hands = z.Schedule.Next(hands)
		if hands.IsZero() {
			return hands
		}
		if at := whenShown(hands, z.zone); at.After(after) {
			return at
		}
	}
}

// handsOf is what a clock shows, as if it were in UTC.
func handsOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// whenShown is when a zone's clock shows that first, or jumps over it.
func whenShown(hands time.Time, zone *time.Location) (first time.Time) {
	near := time.Date(hands.Year(), hands.Month(), hands.Day(), hands.Hour(), hands.Minute(), hands.Second(), 0, zone)
	from, to := near.ZoneBounds()
	for _, t := range []time.Time{near, from.Add(-time.Second), to} {
		_, offset := t.Zone()
		at := hands.Add(-time.Duration(offset) * time.Second).In(zone)
		if handsOf(at).Equal(hands) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if !first.IsZero() {
		return first
	}
	for _, jump := range []time.Time{from, to} {
		if !jump.IsZero() && handsOf(jump.Add(-time.Second)).Before(hands) && handsOf(jump).After(hands) {
			return jump
		}
	}
	return near // the zone's clock neither shows nor skips it: cannot be
}

// InForce reports whether the silence mutes at that time.
func (s Silence) InForce(at time.Time) bool {
	return !at.Before(s.StartsAt.Time) && at.Before(s.EndsAt.Time) && (!s.Window() || s.Open(at))
}

// Open reports whether a maintenance window would be open at a time, also
// before the first and after the last one. Each is as long as it says, whatever
// the clock does in the meantime.
func (s Silence) Open(at time.Time) bool {
	schedule, ok := s.schedule()
	if !ok {
		return false
	}
	start := schedule.Next(at.Add(-time.Duration(s.Minutes) * time.Minute))
	return !start.IsZero() && !start.After(at)
}

// Next are the next times, at most so many, at which it begins after now: of a
// maintenance window, more than one.
func (s Silence) Next(now time.Time, most int) (out []time.Time) {
	if !s.Window() {
		if s.StartsAt.After(now) {
			out = append(out, s.StartsAt.Time)
		}
		return out
	}
	schedule, ok := s.schedule()
	if now.Before(s.StartsAt.Time) {
		now = s.StartsAt.Add(-time.Second)
	}
	for ok && len(out) < most {
		now = schedule.Next(now)
		if now.IsZero() || !now.Before(s.EndsAt.Time) {
			break
		}
		out = append(out, now.UTC())
	}
	return out
}

// Until is when a silence that is in force stops being so; the zero time where
// it is not in force. Windows that touch are one.
func (s Silence) Until(now time.Time) time.Time {
	switch {
	case !s.InForce(now):
		return time.Time{}
	case !s.Window():
		return s.EndsAt.Time
	}
	schedule, _ := s.schedule()
	length := time.Duration(s.Minutes) * time.Minute
	end := now
	for range 1000 { // of windows that always touch
		start := schedule.Next(end.Add(-length))
		if start.IsZero() || start.After(end) || !end.Before(s.EndsAt.Time) {
			break
		}
		end = start.Add(length)
	}
	if end.After(s.EndsAt.Time) {
		return s.EndsAt.Time
	}
	return end.UTC()
}
