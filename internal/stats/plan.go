package stats

import (
	"slices"
	"strconv"
	"time"

	"errata/internal/fault"
	"errata/internal/rollup"
)

// Plan is how a question is answered: the period in blocks, and the cubes.
type Plan struct {
	Question
	now   time.Time
	where where
	// services have their own cubes read; nil reads those over all services.
	services []string
	// errors and requests are the cubes; 0 where not needed.
	errors, requests rollup.Cube
	// step of the blocks' coarsest cube, and how the period is cut.
	exact bool // by the minute, from what has not been rolled up yet
	days  bool
	shift time.Duration // of the period compared with
	// room is how many points of series are worked with before it is known which
	// of them get into the answer.
	room int
	keep [][]string // labels of the series that get into the answer; nil if not known
	// rates are asked for the series of the answer; nil if not at all.
	rates *Plan
}

// Read is blocks that a plan needs: those of a Cube, of each of the Services
// where the cube is a service's own, that begin within the period. Fine asks for
// the cube by the minute, made of what was counted and not of stored blocks.
type Read struct {
	Cube     rollup.Cube
	Services []string
	From, To time.Time
	Days     bool // whole days where there are such blocks
	Fine     bool
	Whole    bool          // folded: when things happened does not matter
	By       rollup.DimSet // what has to be told apart where it is folded
	Customer string        // of stored blocks, their rows are enough; "" for all
}

const (
	// fineFor is how long a period may be for which single minutes are read.
	fineFor = 2 * time.Hour
	// hoursFor is from which length on days are read.
	hoursFor = 8 * 24 * time.Hour
	// longest is how long a period may be: what roll-ups are kept for, and a week
	// to compare with.
	longest = 410 * 24 * time.Hour
	// maxServices is how many services' own cubes one question may read.
	maxServices = 10
	maxPoints   = 1500
	// roomFor is 32 MB, of numbers.
	roomFor = 4 << 20
)

// NewPlan finds the cubes that answer a question. Errors: faults of kind
// Unprocessable; unsupported_combination says which combinations there are.
func NewPlan(q Question, now time.Time) (*Plan, error) {
	p := &Plan{Question: q, now: now, room: roomFor}
	if err := p.check(); err != nil {
		return nil, err
	}
	var err error
	var services []string
	if p.where, services, err = conditions(q.Filter); err != nil {
		return nil, err
	}
	if len(q.Services) > 0 {
		p.where.add(rollup.Service, func(v string) bool { return slices.Contains(q.Services, v) })
		if services == nil {
			services = slices.Compact(slices.Sorted(slices.Values(q.Services)))
		}
	}
	if err := p.choose(services); err != nil {
		return nil, err
	}
	asked := p.Filter.To.Sub(p.Filter.From)
	p.cut()
	if err := p.chooseStep(); err != nil {
		return nil, err
	}
	p.compare(asked)
	if q.Rates && q.Measure == Errors {
		q.Measure, q.Step, q.Whole, q.Compare, q.Rates = Rate, 0, true, NoCompare, false
		if p.rates, err = NewPlan(q, now); err != nil { // there are no such rates
			p.rates = nil //nolint:nilerr // counts can be told
		}
	}
	return p, nil
}

func (p *Plan) check() error {
	if !slices.Contains(Measures, p.Measure) {
		return invalid("measure", "must be one of errors, requests, rate, customers, p50, p95")
	}
	if !slices.Contains([]Compare{NoCompare, Previous, Week}, p.Compare) {
		return invalid("compare", "must be 'previous' or 'week'")
	}
	if most := p.Measure.most(); len(p.By) > most {
		return invalid("by", "takes "+strconv.Itoa(most)+" dimensions at most with measure="+string(p.Measure))
	}
	for i, d := range p.By {
		if slices.Contains(p.By[:i], d) {
			return invalid("by", "has '"+d.String()+"' twice")
		}
	}
	if p.Limit == 0 {
		p.Limit = 20
	}
	if p.Limit < 1 || p.Limit > maxLimit {
		return invalid("limit", "must be between 1 and 10000")
	}
	if !p.Filter.From.Before(p.Filter.To) {
		return invalid("from", "must be before 'to'")
	}
	if p.Filter.To.Sub(p.Filter.From) > longest {
		return invalid("from", "must be at most 400 days before 'to'")
	}
	return nil
}

// Reads are the blocks that the plan needs, those to compare with included.
func (p *Plan) Reads() []Read {
	var out []Read
	for _, c := range []rollup.Cube{p.errors, p.requests} {
		if c == 0 {
			continue
		}
		r := Read{Cube: c, From: p.Filter.From, To: p.Filter.To, Days: p.days, Fine: p.isFine(c), Whole: p.folds(), By: p.tells(c), Customer: p.Filter.Customer}
		if c.Own() {
			r.Services = p.services
		}
		out = append(out, p.split(r)...)
		if p.shift > 0 {
			r.From, r.To = r.From.Add(-p.shift), r.To.Add(-p.shift)
			out = append(out, p.split(r)...)
		}
	}
	if p.ranks() {
		out = append(out, p.whole().Reads()...)
	}
	if p.rates != nil {
		out = append(out, p.rates.Reads()...)
	}
	return out
}

// isFine: the cube's blocks are too coarse for the period.
func (p *Plan) isFine(c rollup.Cube) bool {
	return p.exact && c.Dims() != nil && rollup.Hour.Step(c) > time.Minute
}

// folds: all that matters of when something happened is on which side of
// complete it was, or in which point. What there is of one customer is little: it
// is read as it is.
func (p *Plan) folds() bool {
	return !p.exact && p.Filter.Customer == "" && (p.Step == 0 || p.pointwise())
}

// pointwise: each point is folded by itself. It is what takes long to add up, and
// little of it is told apart.
func (p *Plan) pointwise() bool {
	return p.Step > 0 && p.Step%time.Hour == 0 && p.Measure == Customers && !p.ranks()
}

// tells are the dimensions of a cube that the plan looks at.
func (p *Plan) tells(c rollup.Cube) rollup.DimSet {
	if !p.folds() {
		return 0
	}
	out := rollup.SetOf(append(p.where.dims(), p.By...)...)
	for _, d := range []rollup.Dim{rollup.Covered, rollup.Duration, rollup.Customer} {
		out |= rollup.SetOf(d)
	}
	return out & rollup.SetOf(c.Dims()...)
}

// split cuts a read where its points are cut. The hour in which that is, if it
// is within one, is read as it is.
func (p *Plan) split(r Read) (out []Read) {
	if !r.Whole {
		return []Read{r}
	}
	add := func(from, to time.Time, whole bool) {
		part := r
		part.Whole = whole
		if part.From, part.To = maxTime(r.From, from), minTime(r.To, to); part.From.Before(part.To) {
			out = append(out, part)
		}
	}
	if p.pointwise() {
		for t := r.From; t.Before(r.To); t = t.Add(p.Step) {
			add(t, t.Add(p.Step), true)
		}
		return out
	}
	at := p.completeIn(r.From)
	hour := at.Truncate(time.Hour)
	next := hour
	if hour.Before(at) {
		next = hour.Add(time.Hour)
	}
	add(r.From, hour, true)
	add(hour, next, false)
	add(next, r.To, true)
	return out
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func maxTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func invalid(field, why string) error {
	return fault.New(fault.Unprocessable, "validation_failed", "The '%s' parameter %s", field, why).With("field", field)
}
