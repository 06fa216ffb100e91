package month

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"errata/internal/event"
)

// teller tells a month, minute by minute.
type teller struct {
	*Month
	rand    *rand.Rand
	release []int   // that each service runs
	failed  []int64 // by series, since its last total
	text    []byte  // room to write in
}

const (
	// overHTTP is the share of failures that are reported with their body.
	overHTTP = 0.1
	// cascades is the share of failures behind the front that their caller
	// reports as well.
	cascades = 0.3
)

func (t *teller) minute(n int) Minute {
	at := t.at(n)
	for i := range t.world.services {
		for s := &t.world.services[i]; t.release[i]+1 < len(s.releases) && !s.releases[t.release[i]+1].at.After(at); {
			t.release[i]++
		}
	}
	out := Minute{At: at}
	if count := t.shape.events(n, t.spec.Events); count > 0 {
		out.Failures = t.failures(n, at, int(count))
	}
	out.Totals = t.requests(n)
	return out
}

func (t *teller) failures(minute int, at time.Time, count int) []event.Envelope {
	offsets := make([]time.Duration, count)
	for i := range offsets {
		offsets[i] = time.Duration(t.rand.Int64N(int64(time.Minute))).Truncate(time.Microsecond)
	}
	slices.Sort(offsets)
	out := make([]event.Envelope, 0, count)
	for len(out) < count {
		out = append(out, event.Envelope{})
		env := &out[len(out)-1]
		service := t.fail(env, minute, at.Add(offsets[len(out)-1]))
		if len(out) < count && service >= fronts && env.Status >= 500 && t.rand.Float64() < cascades {
			out = append(out, event.Envelope{})
			t.pass(&out[len(out)-1], &out[len(out)-2])
		}
	}
	return out
}

// fail makes a failure, and says of which service.
func (t *teller) fail(env *event.Envelope, minute int, at time.Time) (serviceNumber int) {
	r := t.rand
	var service, endpoint, way int
	environment := production
	if incident := t.shape.under(minute, r); incident != nil {
		service, endpoint, way = incident.service, incident.endpoint, incident.kind
	} else {
		service = t.world.popular.spin(r)
		s := &t.world.services[service]
		endpoint = s.popular.spin(r)
		e := &s.endpoints[endpoint]
		way = e.ways[e.likely.spin(r)]
		if r.Float64() >= inProduction {
			environment = staging
		}
	}
	s := &t.world.services[service]
	e := &s.endpoints[endpoint]
	k := &kinds[way]
	provider := s.providers[r.IntN(len(s.providers))]
	*env = event.Envelope{
		Source: event.FromSpan, RequestID: t.id("req_", 16), Service: s.name, Environment: environment, Release: s.releases[t.release[service]].version,
		Method: e.method, Endpoint: e.route, Path: t.path(e.route), Status: k.status, OccurredAt: at, DurationMS: t.duration(e, k),
		TraceID: t.hex(32), SpanID: t.hex(16), ParentSpanID: t.hex(16), Customer: customer(t.world.customers.spin(r)),
	}
	message := t.message(k.message[r.IntN(len(k.message))], provider)
	if k.family == event.FamilyLimits {
		env.RetryAfter = strconv.Itoa(1 + r.IntN(60))
	}
	if k.family == event.FamilyUpstream {
		env.UpstreamProvider, env.UpstreamRequestID = provider, t.id("up_", 12)
	}
	if r.Float64() < overHTTP {
		env.Source, env.Body = event.FromHTTP, t.body(s.style, k, message, env.RequestID)
	} else {
		env.ExplicitCode, env.ExplicitMessage = k.code, message
		if stacks := s.stacks[k.exception]; stacks != nil {
			env.Exception = &event.Exception{Type: k.exception, Message: message, Stacktrace: stacks[r.IntN(len(stacks))]}
		}
	}
	t.count(service, endpoint, environment)
	return service
}

// pass makes the failure of the service in front that called a failing one.
func (t *teller) pass(env, cause *event.Envelope) {
	front := t.rand.IntN(fronts)
	s := &t.world.services[front]
	endpoint := s.popular.spin(t.rand)
	e := &s.endpoints[endpoint]
	took := *cause.DurationMS + between(t.rand, 1, 10)
	*env = event.Envelope{
		Source: event.FromSpan, RequestID: cause.RequestID, Service: s.name, Environment: cause.Environment, Release: s.releases[t.release[front]].version,
		Method: e.method, Endpoint: e.route, Path: t.path(e.route), Status: cascade.status, OccurredAt: cause.OccurredAt.Add(time.Millisecond), DurationMS: &took,
		TraceID: cause.TraceID, SpanID: cause.ParentSpanID, ParentSpanID: "", Customer: cause.Customer,
		ExplicitCode: cascade.code, ExplicitMessage: t.message(cascade.message[0], cause.Service), UpstreamProvider: cause.Service,
	}
	t.count(front, endpoint, env.Environment)
}

func (t *teller) duration(e *endpoint, k *kind) *float64 {
	median := e.median
	switch {
	case k.slow:
		median = 5000
	case k.status < 500:
		median /= 4
	}
	ms := float64(int(about(t.rand, median, 0.7)*1000)) / 1000
	return &ms
}
