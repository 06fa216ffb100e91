package month

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"errata/internal/event"
)

const (
	production = "production"
	staging    = "staging"
	// inProduction is the share of what happens there.
	inProduction = 0.92
	// fronts is how many services customers talk to first.
	fronts = 3
)

// world is what a month happens to.
type world struct {
	services  []service
	popular   wheel // services
	customers wheel
}

type service struct {
	name      string
	endpoints []endpoint
	popular   wheel // endpoints
	style     int   // of its error bodies
	providers []string
	stacks    map[string][]string // by exception
	releases  []release           // in order; the first is from before the month
}

type release struct {
	at      time.Time
	version string
}

type endpoint struct {
	method, route string
	ways          []int // to fail: indexes into kinds
	likely        wheel // ways
	median        float64
	// errorRate is the share of its requests that fail on a normal day.
	errorRate float64
}

func newWorld(spec *Spec, r *rand.Rand) *world {
	w := &world{popular: zipf(spec.Services, 1.1), customers: zipf(spec.Customers, 1.05)}
	for i := range spec.Services {
		s := service{name: serviceName(i), style: r.IntN(3), stacks: map[string][]string{}}
		for range 1 + r.IntN(3) {
			s.providers = append(s.providers, providers[r.IntN(len(providers))])
		}
		s.endpoints = newEndpoints(3+r.IntN(28), r)
		s.popular = zipf(len(s.endpoints), 1)
		for _, k := range kinds {
			if k.exception != "" {
				s.stacks[k.exception] = newStacks(s.name, k.exception, r)
			}
		}
		s.releases = newReleases(spec, r)
		w.services = append(w.services, s)
	}
	return w
}

func serviceName(i int) string {
	name := domains[i%len(domains)] + suffixes[i/len(domains)%len(suffixes)]
	if lap := i / len(domains) / len(suffixes); lap > 0 {
		name = fmt.Sprint(name, "-", lap+1)
	}
	return name
}

// newEndpoints makes n different ones, 30 at most.
func newEndpoints(n int, r *rand.Rand) []endpoint {
	var all []endpoint
	add := func(method, route string) {
		all = append(all, endpoint{method: method, route: route, median: about(r, 60, 0.8), errorRate: about(r, 0.02, 0.7)})
	}
	for _, i := range r.Perm(len(resources))[:6] {
		base := "/v1/" + resources[i]
		add("GET", base+"/{id}")
		add("POST", base)
		add("GET", base)
		add("PATCH", base+"/{id}")
		add("POST", base+"/{id}/"+verbs[r.IntN(len(verbs))])
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:n]
	for i := range all {
		all[i].fails(r)
	}
	return all
}

// fails chooses in which ways an endpoint does, of each family one at least.
func (e *endpoint) fails(r *rand.Rand) {
	e.errorRate = min(e.errorRate, 0.2)
	byFamily := map[event.Family][]int{}
	for i, k := range kinds {
		byFamily[k.family] = append(byFamily[k.family], i)
	}
	var weights []float64
	for _, f := range []event.Family{event.FamilyCaller, event.FamilyLimits, event.FamilyUs, event.FamilyUpstream} {
		ways := byFamily[f]
		n := min(1+r.IntN(4), len(ways))
		for _, i := range r.Perm(len(ways))[:n] {
			e.ways = append(e.ways, ways[i])
			weights = append(weights, shares[f]/float64(n)*between(r, 0.5, 1.5))
		}
	}
	e.likely = newWheel(weights)
}

// newStacks makes the stack traces of one bug or another.
func newStacks(service, exception string, r *rand.Rand) []string {
	stacks := make([]string, 2+r.IntN(3))
	for i := range stacks {
		var b strings.Builder
		fmt.Fprintf(&b, "%s: it broke\n", exception)
		for range 6 + r.IntN(8) {
			fmt.Fprintf(&b, "    at com.example.%s.%s.%s(%s.java:%d)\n", strings.ReplaceAll(service, "-", "_"), resources[r.IntN(len(resources))], verbs[r.IntN(len(verbs))],
				resources[r.IntN(len(resources))], 1+r.IntN(900))
		}
		stacks[i] = b.String()
	}
	return stacks
}

// newReleases gives a service a new version every one to five days.
func newReleases(spec *Spec, r *rand.Rand) []release {
	const day = 24 * float64(time.Hour)
	var out []release
	at := spec.From.Add(-time.Duration(between(r, 0, 5) * day))
	for ; len(out) == 0 || at.Before(spec.To); at = at.Add(time.Duration(between(r, 1, 5) * day)) {
		out = append(out, release{at, at.Format("2006.01.02") + "-" + fmt.Sprint(1+r.IntN(3))})
	}
	return out
}
