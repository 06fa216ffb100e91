package chart

import "time"

// tick is a label on the time axis, and where it is between 0 and 1.
type tick struct {
	at    float64
	label string
}

const day = 24 * time.Hour

var tickSteps = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 14 * day,
}

// timeTicks are round times of the wall clock there, at most eight.
func timeTicks(from, to time.Time, loc *time.Location) []tick {
	const most = 7
	local, span := from.In(loc), to.Sub(from)
	y, m, d := local.Date()
	for _, step := range tickSteps {
		if span > most*step {
			continue
		}
		if step < day {
			seconds := int(step / time.Second)
			first := (local.Hour()*3600 + local.Minute()*60 + local.Second()) / seconds
			return walk(from, to, clockForm(step), func(i int) time.Time {
				return time.Date(y, m, d, 0, 0, (first+i)*seconds, 0, loc)
			})
		}
		days, first := int(step/day), 0
		if days >= 7 { // weeks begin on Monday
			first = -(int(local.Weekday()) + 6) % 7
		}
		return walk(from, to, "2 Jan", func(i int) time.Time { return time.Date(y, m, d+first+i*days, 0, 0, 0, 0, loc) })
	}
	for months := 1; ; months *= 2 {
		if span <= most*30*day*time.Duration(months) {
			return walk(from, to, "Jan 2006", func(i int) time.Time { return time.Date(y, m+time.Month(i*months), 1, 0, 0, 0, 0, loc) })
		}
	}
}

func clockForm(step time.Duration) string {
	if step < time.Minute {
		return "15:04:05"
	}
	return "15:04"
}

// walk collects ticks between from and to. Around a change of the clock a time
// may not exist, or come twice.
func walk(from, to time.Time, form string, next func(int) time.Time) []tick {
	var out []tick
	last := from.Add(-1)
	for i := 0; i < 64; i++ {
		t := next(i)
		if !t.Before(to) {
			break
		}
		if !t.After(last) {
			continue
		}
		last = t
		label := t.Format(form)
		if label == "00:00" {
			label = t.Format("2 Jan")
		}
		out = append(out, tick{at: float64(t.Sub(from)) / float64(to.Sub(from)), label: label})
	}
	return out
}

// bucketLabel says when a bucket begins.
func bucketLabel(t time.Time, step time.Duration, loc *time.Location) string {
	switch t = t.In(loc); {
	case step >= day && t.Hour() == 0 && t.Minute() == 0:
		return t.Format("2 Jan 2006")
	case step < time.Minute:
		return t.Format("2 Jan 15:04:05")
	}
	return t.Format("2 Jan 15:04")
}

// zone is the name of the place for Intl.DateTimeFormat: a name of the database
// of zones, or an offset.
func zone(at time.Time, loc *time.Location) string {
	name := loc.String()
	for i := range len(name) {
		if name[i] == '/' {
			return name
		}
	}
	if name == "UTC" {
		return name
	}
	return at.In(loc).Format("-07:00")
}
