package ruleset

import (
	"strconv"

	"errata/internal/event"
	"errata/internal/query"
)

// Failure is what is counted by the minute of a failure, and so what a rule can
// tell failures apart by.
type Failure struct {
	Environment, Service, Method, Endpoint string
	Status                                 int
	Code, Provider                         string
	Family                                 event.Family
}

func (f *Failure) value(of query.Field) string {
	switch of {
	case query.Environment:
		return f.Environment
	case query.Service:
		return f.Service
	case query.Method:
		return f.Method
	case query.Endpoint:
		return f.Endpoint
	case query.Status:
		if f.Status != 0 {
			return strconv.Itoa(f.Status)
		}
	case query.Code:
		return f.Code
	case query.Provider:
		return f.Provider
	case query.Family:
		return string(f.Family)
	}
	return ""
}

// Scope says which failures a rule looks at. The zero value holds all.
type Scope struct{ terms []query.Term }

// Scope reads the rule's query, once for all failures that it is then asked
// about. An error is a fault that says which fields work.
func (r Rule) Scope() (Scope, error) {
	q, err := query.Rules.Parse(r.Query)
	if err != nil {
		return Scope{}, inQuery(err).fault()
	}
	if text := wordIn(q); text != "" {
		_, err := r.Check()
		return Scope{}, err
	}
	return Scope{q.Terms}, nil
}

// All reports a scope without any condition.
func (s Scope) All() bool { return len(s.terms) == 0 }

// Holds reports whether the rule looks at a failure.
func (s Scope) Holds(f Failure) bool {
	for _, t := range s.terms {
		if !t.Holds(f.value(t.Field)) {
			return false
		}
	}
	return true
}

// ByService reports whether the scope asks for nothing but services and
// environments, so that whole series are in it or not, and the requests that
// they are shares of are known. A rule with another scope judges shares of all
// requests of its series.
func (s Scope) ByService() bool {
	for _, t := range s.terms {
		if t.Field != query.Service && t.Field != query.Environment {
			return false
		}
	}
	return true
}
