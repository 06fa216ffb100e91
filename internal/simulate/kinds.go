package simulate

import (
	"math/rand/v2"

	"errata/internal/detect"
)

// Case is a series of two weeks to which one thing happens whose loudness is
// agreed: what is no outage, and what must wake somebody nevertheless.
type Case struct {
	Series
	Family detect.Family
	Wants  []Want
	late   []arrival
}

// Want is what somebody must be told of a stretch, in minutes since the start.
type Want struct {
	From, To int // To is not included
	Level    detect.Level
}

// arrival is a row that comes later than its minute.
type arrival struct {
	due int
	detect.Sample
}

// A Situation draws cases of one kind.
type Situation struct {
	Name string
	draw func(c *Case, r *rand.Rand)
	busy bool // only where there are many requests: few do not tell customers apart
}

const (
	caseDays = 14
	caseFrom = 9 * day // what happens, happens after it
	caseTo   = 13 * day
)

// Situations are all kinds.
func Situations() []Situation {
	return []Situation{
		{"nothing", func(*Case, *rand.Rand) {}, false},
		{"429, broad", func(c *Case, r *rand.Rand) {
			c.Family = detect.Limits
			c.fail(r, c.stretch(r, 10, 60), between(r, 0.12, 0.6), everybody, detect.Page)
		}, true},
		{"429, one customer", func(c *Case, r *rand.Rand) {
			c.Family = detect.Limits
			c.fail(r, c.stretch(r, 20, 90), between(r, 0.06, 0.3), one, detect.Notify)
		}, true},
		{"429, three customers", func(c *Case, r *rand.Rand) {
			c.Family = detect.Limits
			c.fail(r, c.stretch(r, 20, 90), between(r, 0.12, 0.3), three, detect.Notify)
		}, true},
		{"5xx, one customer", func(c *Case, r *rand.Rand) {
			c.fail(r, c.stretch(r, 20, 120), between(r, 0.06, 0.4), one, detect.Notify)
		}, true},
		{"5xx, one, then all", func(c *Case, r *rand.Rand) {
			from, to := c.stretch(r, 60, 120)()
			middle := from + 20 + r.IntN(20)
			c.fail(r, exactly(from, middle), between(r, 0.06, 0.2), one, detect.Notify)
			c.Wants[0].To -= slack
			c.fail(r, exactly(middle, to), between(r, 0.2, 0.8), everybody, detect.Page)
		}, true},
		{"a tenth late", func(c *Case, r *rand.Rand) {
			c.fail(r, c.stretch(r, 15, 60), between(r, 0.3, 1), everybody, detect.Page)
			c.delay(r, 0.1, 1, 20)
		}, false},
		{"spool drains", func(c *Case, r *rand.Rand) {
			from, to := c.stretch(r, 5, 40)()
			for i := from; i < to; i++ {
				c.Samples[i].Late = poisson(r, 2*c.Class.Load)
			}
		}, false},
		{"slow clock", func(c *Case, r *rand.Rand) {
			c.fail(r, c.stretch(r, 20, 60), between(r, 0.4, 1), everybody, detect.Page)
			c.delay(r, 1, 30, 30)
			c.Wants[0].From, c.Wants[0].To = c.Wants[0].From+30, c.Wants[0].To+30 // nobody can know before
		}, true},
		{"release, still well", func(c *Case, r *rand.Rand) {
			c.fail(r, exactly(c.moment(r), len(c.Samples)), min(c.Base*between(r, 2, 4), 0.014)-c.Base, everybody, detect.Quiet)
		}, false},
		{"release, for good", func(c *Case, r *rand.Rand) {
			c.fail(r, exactly(c.moment(r), len(c.Samples)), between(r, 0.08, 0.3), everybody, detect.Page)
		}, true},
		{"storm with a break", func(c *Case, r *rand.Rand) {
			from, to := c.stretch(r, 20, 40)()
			again := to + 3 + r.IntN(12)
			rate := between(r, 0.4, 1)
			c.fail(r, exactly(from, to), rate, everybody, detect.Page)
			c.fail(r, exactly(again, again+10), rate, everybody, detect.Quiet)
			c.Wants = append(c.Wants[:0], Want{From: from, To: again + 10, Level: detect.Page})
		}, false},
		{"totals fail", func(c *Case, r *rand.Rand) {
			from, to := c.stretch(r, 30, 180)()
			for i := from; i < to; i++ {
				c.Samples[i].Requests = []int64{detect.Unknown, 0}[from%2]
			}
		}, false},
		{"totals fail in an outage", func(c *Case, r *rand.Rand) {
			from, to := c.stretch(r, 30, 60)()
			c.fail(r, exactly(from, to), between(r, 0.4, 1), everybody, detect.Page)
			for i := from; i < to; i++ {
				c.Samples[i].Requests = []int64{detect.Unknown, 0}[from%2]
			}
		}, true},
	}
}

// Draw makes a case: of any class that suits it, and any base.
func (s *Situation) Draw(r *rand.Rand, noise Noise) *Case {
	classes := Classes()[:3]
	if s.busy {
		classes = classes[:2]
	}
	c := &Case{Series: Series{Class: classes[r.IntN(len(classes))], Base: Bases()[r.IntN(3)], Noise: noise, minutes: caseDays * day}}
	c.Series.draw(r)
	for i := range c.Samples {
		c.Samples[i].Customers, c.Samples[i].Top = everybody(r, c.Samples[i].Errors)
	}
	s.draw(c, r)
	return c
}

// moment is when something happens: by day, since at night little can be seen.
func (c *Case) moment(r *rand.Rand) int {
	for {
		at, usual := caseFrom+r.IntN(caseTo-caseFrom), int64(0)
		for i := range 60 {
			usual += c.Samples[at+i].Requests
		}
		if float64(usual) >= 0.5*60*c.Class.Load {
			return at
		}
	}
}

func exactly(from, to int) func() (int, int) { return func() (int, int) { return from, to } }

func (c *Case) stretch(r *rand.Rand, shortest, longest int) func() (int, int) {
	from := c.moment(r)
	return exactly(from, from+shortest+r.IntN(longest-shortest+1))
}

// fail lets a share of requests fail, of some customers, beside what fails anyhow.
func (c *Case) fail(r *rand.Rand, when func() (int, int), rate float64, whose customers, level detect.Level) {
	from, to := when()
	for i := from; i < to; i++ {
		s := &c.Samples[i]
		p := rate
		if c.Noise.Jitter > 0 {
			p = min(rate*gamma(r, c.Noise.Jitter), 1)
		}
		more := binomial(r, s.Requests-s.Errors, p)
		hit, top := whose(r, more)
		s.Errors += more
		s.Top = max(s.Top, top)
		if hit <= 3 {
			s.Customers += hit
		} else {
			s.Customers = max(s.Customers, hit)
		}
	}
	if level > detect.Quiet {
		c.Wants = append(c.Wants, Want{From: from, To: to, Level: level})
	}
}

// delay lets a share of errors come some minutes late; what comes more than a
// quarter of an hour late is counted where it arrives, and marked.
func (c *Case) delay(r *rand.Rand, part float64, least, most int) {
	for i := range c.Samples {
		s := &c.Samples[i]
		held := binomial(r, s.Errors, part)
		s.Errors -= held
		for range held {
			due := i + least + r.IntN(most-least+1)
			row := arrival{due, detect.Sample{Minute: s.Minute, Counts: detect.Counts{Errors: 1}}}
			if due-i > 15 {
				row.Sample = detect.Sample{Minute: Start + detect.Minute(due), Counts: detect.Counts{Late: 1}}
			}
			if due < len(c.Samples) {
				c.late = append(c.late, row)
			}
		}
	}
}

// customers says how many errors are whose: how many customers they hit, and how
// many hit the one with the most.
type customers func(r *rand.Rand, errors int64) (distinct, top int64)

// everybody is a hundred customers of whom some are larger.
func everybody(r *rand.Rand, errors int64) (distinct, top int64) {
	const many = 100
	var of [many]int64
	asked := min(errors, 300)
	for range asked {
		u := r.Float64()
		i := int(many * u * u)
		if of[i]++; of[i] == 1 {
			distinct++
		}
		top = max(top, of[i])
	}
	if asked > 0 {
		top = top * errors / asked
	}
	return distinct, top
}

func one(_ *rand.Rand, errors int64) (distinct, top int64) { return min(errors, 1), errors }

func three(r *rand.Rand, errors int64) (distinct, top int64) {
	return min(errors, 3), max(binomial(r, errors, 0.4), min(errors, 1))
}
