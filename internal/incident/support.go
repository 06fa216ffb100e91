package incident

import (
	"fmt"
	"math"
	"strings"
	"time"

	"errata/internal/detect"
)

// ForCustomers is what support can tell customers about an incident, in plain
// words: what they notice, since when, and what they can do. It names neither
// other customers nor providers nor causes, and promises no time.
func ForCustomers(r *Record) string {
	if r.Own() {
		return "This is about Errata itself, not about our services: there is nothing to tell customers."
	}
	begin := r.StartedAt.UTC()
	var b strings.Builder
	if r.Open() {
		fmt.Fprintf(&b, "Since %s %s.", clock(begin), r.noticed("fail", "are refused", "reach us"))
	} else {
		fmt.Fprintf(&b, "From %s to %s %s.", clock(begin), clock(r.ResolvedAt.UTC()), r.noticed("failed", "were refused", "reached us"))
	}
	if where := r.mostly(); where != "" {
		fmt.Fprintf(&b, " Mostly concerned: %s.", where)
	}
	switch {
	case !r.Open():
		b.WriteString(" It is over. What failed in that time can be sent again.")
	case r.AckedAt != nil:
		b.WriteString(" Our engineers are looking into it. " + r.advice())
	default:
		b.WriteString(" Our monitoring has noticed it. " + r.advice())
	}
	return b.String()
}

func (r *Record) noticed(fail, refused, reach string) string {
	where := "our service"
	if r.Service != "" {
		where = r.Service
	}
	switch strings.ToLower(r.Environment) {
	case "", "production", "prod":
	default:
		where += " (" + r.Environment + ")"
	}
	switch {
	case r.Why.Rule == detect.Heartbeat:
		return fmt.Sprintf("hardly any requests to %s %s", where, reach)
	case r.Why.Rule == detect.Concentrated:
		return fmt.Sprintf("requests of one customer to %s %s, because they are more than their limit allows", where, refused)
	case r.Family == detect.Limits.String():
		return fmt.Sprintf("more requests to %s %s than usual, as going over a limit (429)%s", where, refused, r.share())
	case r.Provider != "":
		return fmt.Sprintf("some requests that need one of our providers %s%s", fail, r.share())
	}
	return fmt.Sprintf("some requests to %s %s because of an error on our side%s", where, fail, r.share())
}

// share is roughly how many, where that is known.
func (r *Record) share() string {
	rate := r.Why.Rate
	if !r.Open() {
		rate = max(rate, r.Peak)
	}
	switch n := math.Round(100 * rate); {
	case r.Why.Requests == 0 || n < 1:
		return ""
	case n >= 99:
		return ", nearly all of them"
	default:
		return fmt.Sprintf(", about %.0f of 100", n)
	}
}

// mostly names an endpoint where that has most of the failures.
func (r *Record) mostly() string {
	if len(r.Facts.Endpoints) == 0 || r.Facts.Endpoints[0].Share < .5 {
		return ""
	}
	e := r.Facts.Endpoints[0]
	return strings.TrimSpace(e.Method + " " + e.Endpoint)
}

func (r *Record) advice() string {
	switch {
	case r.Why.Rule == detect.Heartbeat:
		return "Please tell us if you cannot reach us."
	case r.Family == detect.Limits.String():
		return "Please wait before you try again, and longer after each refusal."
	}
	return "Please try again, with a longer pause after each attempt that fails."
}

func clock(t time.Time) string { return t.Format("2 January 15:04") + " UTC" }
