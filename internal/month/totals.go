package month

import (
	"cmp"
	"math"
	"slices"

	"errata/internal/event"
)

// plan says how often each endpoint's requests are told. A row for each of them
// and each minute would be many times the rows of the failures, as it is in a
// large company; here they are a third as many. The busiest endpoints tell every
// minute, the others every step minutes, under the first of them.
type plan struct {
	series []series
	first  []int // series of each service's first endpoint
	step   int   // minutes
}

// series is the requests of one endpoint in production.
type series struct {
	service, endpoint int
	share             float64 // of all failures that are usual
	busy              bool
}

// rowsPer is how many failures there are for each row of totals.
const rowsPer = 3

// steps are those that divide a day.
var steps = []int{1, 5, 15, 60, 6 * 60, 24 * 60}

func newPlan(w *world, minutes int, events int64) plan {
	p := plan{first: make([]int, len(w.services))}
	for i := range w.services {
		p.first[i] = len(p.series)
		for k := range w.services[i].endpoints {
			p.series = append(p.series, series{service: i, endpoint: k, share: w.popular.share(i) * w.services[i].popular.share(k) * inProduction})
		}
	}
	budget := events / rowsPer
	rows := int64(0)
	for _, p.step = range steps {
		if rows = int64(len(p.series)) * int64(1+(minutes-1)/p.step); rows <= budget {
			break
		}
	}
	byShare := make([]int, len(p.series))
	for i := range byShare {
		byShare[i] = i
	}
	slices.SortStableFunc(byShare, func(a, b int) int { return cmp.Compare(p.series[b].share, p.series[a].share) })
	busy := min(max(budget-rows, 0)/int64(minutes), int64(len(p.series)))
	for _, i := range byShare[:busy] {
		p.series[i].busy = true
	}
	return p
}

// count notes a failure, which the next total includes.
func (t *teller) count(service, endpoint int, environment string) {
	if environment == production {
		t.failed[t.totals.first[service]+endpoint]++
	}
}

// requests gives the totals that are told at the end of a minute.
func (t *teller) requests(minute int) []event.Requests {
	since := minute / t.totals.step * t.totals.step
	told := minute+1 == since+t.totals.step || minute+1 == t.minutes
	var out []event.Requests
	for i := range t.totals.series {
		s := &t.totals.series[i]
		from := since
		if s.busy {
			from = minute
		} else if !told {
			continue
		}
		svc := &t.world.services[s.service]
		e := &svc.endpoints[s.endpoint]
		fine := t.shape.usually(from, minute+1, t.spec.Events) * s.share * (1 - e.errorRate) / e.errorRate
		n := math.Round(fine*(1+0.05*t.rand.NormFloat64())) + float64(t.failed[i])
		t.failed[i] = 0
		if n <= 0 {
			continue
		}
		out = append(out, event.Requests{Series: event.Series{Service: svc.name, Environment: production, Method: e.method, Endpoint: e.route},
			Source: event.TotalsRequests, Minute: t.at(from), N: n})
	}
	return out
}
