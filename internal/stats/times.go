package stats

import (
	"strconv"
	"time"

	"errata/internal/rollup"
)

// cut decides whether the period is read by minutes, hours or days, and widens
// it to whole ones.
func (p *Plan) cut() {
	f := &p.Filter
	length := f.To.Sub(f.From)
	grain := time.Minute
	switch {
	case p.Hours: // whole days in it are read as such
		p.days, grain = true, time.Hour
	case length > hoursFor:
		p.days, grain = true, 24*time.Hour
	case length > fineFor || p.earliest().Before(p.MinutesFrom):
		grain = time.Hour
	default:
		p.exact = true
	}
	f.From = f.From.UTC().Truncate(grain)
	if to := f.To.UTC().Truncate(grain); to.Before(f.To) {
		f.To = to.Add(grain)
	} else {
		f.To = to
	}
}

// earliest is before all that a short period needs, what it is compared with
// included.
func (p *Plan) earliest() time.Time {
	switch p.Compare {
	case Previous:
		return p.Filter.From.Add(-3 * fineFor) // a step may have moved it, too
	case Week:
		return p.Filter.From.Add(-7*24*time.Hour - fineFor)
	}
	return p.Filter.From.Add(-fineFor)
}

// compare says how much earlier the period is that this one is compared with: as
// long as it is by now, so that the two do not overlap, or as many weeks as were
// asked about.
func (p *Plan) compare(asked time.Duration) {
	const week = 7 * 24 * time.Hour
	switch p.Compare {
	case Previous:
		p.shift = p.Filter.To.Sub(p.Filter.From)
	case Week:
		// As it was asked for: seven days are compared with the week before, though
		// they were widened by an hour.
		p.shift = (asked + week - 1) / week * week
	}
}

// finest is the smallest step that the plan's cubes have.
func (p *Plan) finest() time.Duration {
	if p.exact {
		return time.Minute
	}
	out := time.Minute
	for _, c := range []rollup.Cube{p.errors, p.requests} {
		if c == 0 {
			continue
		}
		level := rollup.Hour
		if p.days && !p.Hours {
			level = rollup.Day
		}
		out = max(out, level.Step(c))
	}
	return out
}

// fitting are steps for periods up to a length: 60 to 100 points.
var fitting = []struct{ length, step time.Duration }{
	{61 * time.Minute, time.Minute}, {2 * time.Hour, 2 * time.Minute}, {7 * time.Hour, 5 * time.Minute}, {13 * time.Hour, 10 * time.Minute},
	{25 * time.Hour, 15 * time.Minute}, {3 * 24 * time.Hour, time.Hour}, {8 * 24 * time.Hour, 2 * time.Hour}, {35 * 24 * time.Hour, 6 * time.Hour},
}

func (p *Plan) chooseStep() error {
	if p.Whole {
		p.Step = 0
		return nil
	}
	length, finest := p.Filter.To.Sub(p.Filter.From), p.finest()
	if p.Step == 0 {
		p.Step = 24 * time.Hour
		for _, f := range fitting {
			if length <= f.length {
				p.Step = f.step
				break
			}
		}
		p.Step = max(p.Step, finest)
	}
	if p.Step < finest || p.Step%finest != 0 {
		return invalid("step", "must be a multiple of "+StepText(finest)+" for this period and these dimensions")
	}
	if p.Step > length {
		return invalid("step", "must not be longer than the period")
	}
	if length/p.Step >= maxPoints {
		return invalid("step", "is too small: an answer has 1500 points at most")
	}
	// Points begin at multiples of the step, so that they stay where they are
	// when the period moves on.
	p.Filter.From = p.Filter.From.Truncate(p.Step)
	return nil
}

// StepText writes a step as it is asked for: 5m, 1h, 1d.
func StepText(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/time.Minute)) + "m"
}

// steps is how many points there are.
func steps(from, to time.Time, step time.Duration) int {
	if step == 0 {
		return 1
	}
	return int((to.Sub(from) + step - 1) / step)
}
