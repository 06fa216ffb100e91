package stats

import (
	"slices"
	"strings"

	"errata/internal/rollup"
)

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
		rollup.Providers, rollup.Callers, rollup.ServiceCallers, rollup.ServicesCodes}
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
