// Package slo is about service level objectives: what share of its requests a
// service, or one of its endpoints, must answer without failing on its own
// side, and what is left of the failures that this allows. It is pure: it says
// what to ask roll-ups for (Survey), and what the answers mean.
//
// A request failed where its service's own answer (role primary) is of the
// families us and upstream: what the caller did wrong, and limits, use up
// nothing. Where requests are not counted there is no budget, rather than a
// guess.
package slo

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"errata/internal/event"
	"errata/internal/fault"
)

// SLO is an objective that somebody set. Its scope is unique in a workspace.
type SLO struct {
	ID          string     `json:"id"`
	Service     string     `json:"service"`
	Environment string     `json:"environment"` // "": all of them together
	Method      string     `json:"method"`      // "": whichever
	Endpoint    string     `json:"endpoint"`    // "": the whole service
	Objective   float64    `json:"objective"`   // percent of requests that do not fail on our side
	WindowDays  int        `json:"window_days"`
	CreatedAt   event.Time `json:"created_at"`
	UpdatedAt   event.Time `json:"updated_at"`
	UpdatedBy   string     `json:"updated_by"`
}

const (
	// Default is the objective of services that have none of their own, where
	// the installation says no other.
	Default = 99.9
	// DefaultDays is the window where nobody says another: four weeks have the
	// same days of the week in them, whenever they begin.
	DefaultDays = 28

	minObjective = 50
	maxObjective = 99.999
	maxDays      = 90

	maxName     = 200 // bytes, as in Events
	maxMethod   = 20
	maxEndpoint = 1 << 10
)

// Ours are the failures that use a budget up, in the language of the search.
const Ours = "family:us,upstream"

// Whole reports whether the objective is one of a whole service.
func (o SLO) Whole() bool { return o.Endpoint == "" }

// Window is over which time the objective is to hold.
func (o SLO) Window() time.Duration { return time.Duration(o.WindowDays) * 24 * time.Hour }

// Allowed is the share of requests (0..1) that may fail.
func (o SLO) Allowed() float64 { return 1 - o.Objective/100 }

// Percent writes an objective: 99.95%.
func Percent(objective float64) string {
	return strconv.FormatFloat(objective, 'f', -1, 64) + "%"
}

// Scope says in words what the objective is about.
func (o SLO) Scope() string {
	out := o.Service
	if !o.Whole() {
		out += " " + strings.TrimSpace(o.Method+" "+o.Endpoint)
	}
	if o.Environment != "" {
		out += " in " + o.Environment
	}
	return out
}

// Check gives the objective as it is stored. What cannot be right is a fault
// Unprocessable that names the field.
func (o SLO) Check() (SLO, error) {
	o.Service, o.Environment, o.Endpoint = strings.TrimSpace(o.Service), strings.TrimSpace(o.Environment), strings.TrimSpace(o.Endpoint)
	o.Method = strings.ToUpper(strings.TrimSpace(o.Method))
	switch {
	case o.Service == "":
		return o, wrong("service", "must name a service: objectives are set for one service at a time")
	case !line(o.Service, maxName):
		return o, wrong("service", "must be one line of at most %d bytes, the service's name as it reports", maxName)
	case !line(o.Environment, maxName):
		return o, wrong("environment", "must be one line of at most %d bytes; leave it empty for all environments together", maxName)
	case !line(o.Endpoint, maxEndpoint):
		return o, wrong("endpoint", "must be one line of at most %d bytes, such as /v1/charges/{id}; leave it empty for the whole service", maxEndpoint)
	case !line(o.Method, maxMethod):
		return o, wrong("method", "must be an HTTP method such as POST; leave it empty for all methods")
	case o.Method != "" && o.Whole():
		return o, wrong("method", "goes with an endpoint only; name the endpoint, or leave the method empty")
	case math.IsNaN(o.Objective) || o.Objective < minObjective || o.Objective > maxObjective:
		return o, wrong("objective", "must be a percentage from %d to %s, such as 99.5: less says nothing, and 100 allows no failure at all, so that there is no budget to give", minObjective, strconv.FormatFloat(maxObjective, 'f', -1, 64))
	case math.Abs(o.Objective*1000-math.Round(o.Objective*1000)) > 1e-6:
		return o, wrong("objective", "must have at most three decimals, such as 99.95")
	case o.WindowDays < 1 || o.WindowDays > maxDays:
		return o, wrong("window_days", "must be a number of days from 1 to %d; %d is usual", maxDays, DefaultDays)
	}
	o.Objective = math.Round(o.Objective*1000) / 1000
	return o, nil
}

// line reports text of one line that can be stored.
func line(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func wrong(field, format string, args ...any) error {
	return fault.New(fault.Unprocessable, "validation_failed", "The '"+field+"' field "+format+".", args...).With("field", field)
}
