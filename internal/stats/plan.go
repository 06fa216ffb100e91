package stats

import (
	"slices"
	"strconv"
	"strings"
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
	if err := p.choose(services); err != nil {
		return nil, err
	}
	asked := p.Filter.To.Sub(p.Filter.From)
	p.cut()
	if err := p.chooseStep(); err != nil {
		return nil, err
	}
	p.compare(asked)
	return p, nil
}

func (p *Plan) check() error {
	if !slices.Contains(Measures, p.Measure) {
		return invalid("measure", "must be one of errors, requests, rate, customers, p50, p95")
	}
	if !slices.Contains([]Compare{NoCompare, Previous, Week}, p.Compare) {
		return invalid("compare", "must be 'previous' or 'week'")
	}
	if len(p.By) > 3 {
		return invalid("by", "takes three dimensions at most")
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

// choose takes the first cube, from small to large, that has what is needed.
func (p *Plan) choose(services []string) error {
	need := slices.Clone(p.By)
	for _, d := range p.where.dims() {
		if !slices.Contains(need, d) {
			need = append(need, d)
		}
	}
	own := len(services) > 0 && len(services) <= maxServices
	if p.Measure != Requests {
		all := need
		if p.Measure == Rate {
			all = append(slices.Clone(need), rollup.Covered)
		}
		for _, c := range p.candidates() {
			if p.errors == 0 && p.fits(c, all, own) && p.holdsAll(c) && (p.Measure != Customers || c.Distinct()) {
				p.errors = c
			}
		}
		if p.errors == 0 {
			return p.refuse(own)
		}
	}
	if p.Measure == Rate || p.Measure == Requests {
		for _, d := range p.requestDims(need) {
			if !slices.Contains([]rollup.Dim{rollup.Environment, rollup.Service, rollup.Method, rollup.Endpoint}, d) {
				return unsupported("Requests are counted by service, environment, method and endpoint only, so that there is no " + string(p.Measure) + " by '" + d.String() + "'. Ask for measure=errors.")
			}
		}
		for _, c := range []rollup.Cube{rollup.Requests, rollup.ServiceRequests, rollup.Answered, rollup.Routes} {
			if p.requests == 0 && p.fits(c, p.requestDims(need), own) {
				p.requests = c
			}
		}
	}
	if p.errors.Own() || p.requests.Own() {
		p.services = services
	}
	return nil
}

// candidates are the cubes of failures, from small to large.
func (p *Plan) candidates() []rollup.Cube {
	if p.Measure.quantile() > 0 {
		return []rollup.Cube{rollup.ServiceDurations, rollup.Durations}
	}
	return []rollup.Cube{rollup.Totals, rollup.ServiceTotals, rollup.Codes, rollup.Services, rollup.Endpoints, rollup.ServiceDetail,
		rollup.Providers, rollup.Callers, rollup.ServiceCallers}
}

// fits reports whether a cube has the dimensions. A service's own cube stands for
// its service.
func (p *Plan) fits(c rollup.Cube, need []rollup.Dim, own bool) bool {
	if c.Own() && !own {
		return false
	}
	for _, d := range need {
		if !slices.Contains(c.Dims(), d) && !(c.Own() && d == rollup.Service) {
			return false
		}
	}
	return true
}

// holdsAll reports whether a cube has every failure that is asked about. Those by
// provider or customer leave out what names none.
func (p *Plan) holdsAll(c rollup.Cube) bool {
	d := rollup.Customer
	switch {
	case c == rollup.Providers:
		d = rollup.Provider
	case p.Measure == Customers || !c.Covers([]rollup.Dim{rollup.Customer}):
		return true
	}
	return slices.Contains(p.By, d) || !p.where.allows(d, "")
}

// requestDims are those dimensions that narrow or split the requests. What tells
// failures apart (status, code, family, role) does not: the rate of a code is its
// share of all requests.
func (p *Plan) requestDims(need []rollup.Dim) []rollup.Dim {
	return slices.DeleteFunc(slices.Clone(need), func(d rollup.Dim) bool {
		ofFailures := d == rollup.Status || d == rollup.Code || d == rollup.Family || d == rollup.Role || d == rollup.Provider
		return ofFailures && (p.Measure == Rate || d == rollup.Role)
	})
}

func (p *Plan) refuse(own bool) error {
	var names []string
	for _, d := range p.By {
		names = append(names, d.String())
	}
	for _, d := range p.where.dims() {
		if d != rollup.Role && !slices.Contains(names, d.String()) {
			names = append(names, d.String())
		}
	}
	f := unsupported("Roll-ups do not tell " + strings.Join(names, " and ") + " apart together for measure=" + string(p.Measure) + ". Those with provider or customer have only failures that name one: split by it, or filter for it.")
	if !own {
		f.Message += " With a filter on one service (service=…) there are more combinations."
	}
	return f.With("supported", Combinations(p.Measure))
}

// Combinations are the dimensions that can be asked for and filtered by
// together: over all services, and where the filter names services.
func Combinations(m Measure) map[string][]string {
	out := map[string][]string{"any": {}, "with_service": {}}
	for _, c := range rollup.Cubes() {
		if c.Counts() != (m == Requests) || m == Customers && !c.Distinct() || (m.quantile() > 0) != c.Covers([]rollup.Dim{rollup.Duration}) || m == Rate && !c.Covers([]rollup.Dim{rollup.Covered}) {
			continue
		}
		var dims []string
		for _, d := range c.Dims() {
			if d != rollup.Covered && d != rollup.Role && d != rollup.Duration {
				dims = append(dims, d.String())
			}
		}
		if c.Own() {
			out["with_service"] = append(out["with_service"], "service,"+strings.Join(dims, ","))
		} else {
			out["any"] = append(out["any"], strings.Join(dims, ","))
		}
	}
	return out
}

// cut decides whether the period is read by minutes, hours or days, and widens
// it to whole ones.
func (p *Plan) cut() {
	f := &p.Filter
	length := f.To.Sub(f.From)
	grain := time.Minute
	switch {
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
		if p.days {
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

// Reads are the blocks that the plan needs, those to compare with included.
func (p *Plan) Reads() []Read {
	var out []Read
	for _, c := range []rollup.Cube{p.errors, p.requests} {
		if c == 0 {
			continue
		}
		r := Read{Cube: c, From: p.Filter.From, To: p.Filter.To, Days: p.days, Fine: p.exact && c.Dims() != nil && rollup.Hour.Step(c) > time.Minute}
		if c.Own() {
			r.Services = p.services
		}
		out = append(out, r)
		if p.shift > 0 {
			r.From, r.To = r.From.Add(-p.shift), r.To.Add(-p.shift)
			out = append(out, r)
		}
	}
	return out
}

func invalid(field, why string) error {
	return fault.New(fault.Unprocessable, "validation_failed", "The '%s' parameter %s", field, why).With("field", field)
}
