package silence

import (
	"slices"
	"time"

	"errata/internal/alert"
)

// Subject is what a message is about: a series, or an incident with all that
// takes part in it. Of what it consists of (Endpoints, Codes, Customers), only
// the largest need to be there, with their shares of the failures.
type Subject struct {
	Environment, Service string
	Family               string   // 5xx or 429
	Rules                []string // IDs of those that hold
	Endpoints            []Endpoint
	Codes, Customers     []alert.Share
}

// Endpoint is an endpoint and its share of the failures; 1 for a series of that
// endpoint. A Method of "" is one that is not known.
type Endpoint struct {
	Method, Endpoint string
	Share            float64
}

// Most is the share of the failures from which on they count as all of them: a
// silence for an endpoint mutes an incident that is nine tenths that endpoint's.
// With less, what is left might be the failure that nobody should miss.
const Most = 0.9

// Matches reports whether the silence is for that, whenever.
func (s Silence) Matches(about Subject) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(s.Environment, about.Environment) && is(s.Service, about.Service) && is(s.Family, about.Family) &&
		s.rule(about.Rules) && s.endpoint(about.Endpoints) && mostly(s.Code, about.Codes) && mostly(s.Customer, about.Customers)
}

// rule wants all rules that hold to be the one that is silenced.
func (s Silence) rule(rules []string) bool {
	return s.RuleID == "" || len(rules) > 0 && !slices.ContainsFunc(rules, func(id string) bool { return id != s.RuleID })
}

func (s Silence) endpoint(endpoints []Endpoint) bool {
	if s.Endpoint == "" && s.Method == "" {
		return true
	}
	var sum float64
	for _, e := range endpoints {
		if (s.Endpoint == "" || s.Endpoint == e.Endpoint) && (s.Method == "" || s.Method == e.Method) {
			sum += e.Share
		}
	}
	return sum >= Most
}

func mostly(name string, shares []alert.Share) bool {
	return name == "" || slices.ContainsFunc(shares, func(s alert.Share) bool { return s.Name == name && s.Share >= Most })
}

// Muting are those of the silences that are in force at a time and match. A
// message is muted where there is one.
func Muting(silences []Silence, about Subject, at time.Time) (out []Silence) {
	for _, s := range silences {
		if s.Matches(about) && s.InForce(at) {
			out = append(out, s)
		}
	}
	return out
}

// Of gives the subject of a message about an incident. Its rules and its family
// are not in the message, and come from the incident's members.
func Of(i alert.Incident, family string, rules []string) Subject {
	about := Subject{Environment: i.Environment, Service: i.Service, Family: family, Rules: rules, Codes: i.Codes}
	for _, m := range i.Members {
		about.Endpoints = append(about.Endpoints, Endpoint(m))
	}
	if i.TopCustomer != "" {
		about.Customers = []alert.Share{{Name: i.TopCustomer, Share: i.TopCustomerShare}}
	}
	return about
}
