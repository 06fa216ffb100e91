package catalog

import (
	"fmt"
	"strconv"
	"strings"

	"errata/internal/event"
)

// Verdict says in one line what happened and on whose side, with the numbers
// and names that the Event holds.
func Verdict(ev event.Event) string {
	if ev.Role == event.Upstream && ev.Family != event.FamilyUpstream {
		return fmt.Sprintf("A call that %s made to %s failed: %s.", service(ev), provider(ev, "another service"), what(ev))
	}
	switch ev.Family {
	case event.FamilyUpstream:
		return upstream(ev)
	case event.FamilyLimits:
		return limits(ev)
	case event.FamilyCaller:
		return caller(ev)
	default:
		return ours(ev)
	}
}

func service(ev event.Event) string {
	if ev.Service == "" || ev.ServiceUnknown {
		return "our service"
	}
	return ev.Service
}

func provider(ev event.Event, otherwise string) string {
	if ev.Upstream != nil && ev.Upstream.Provider != "" {
		return ev.Upstream.Provider
	}
	return otherwise
}

// what is the failure as machines name it.
func what(ev event.Event) string {
	switch {
	case ev.Status > 0 && !strings.HasPrefix(ev.Code, "http_"):
		return fmt.Sprintf("%d %s", ev.Status, ev.Code)
	case ev.Status > 0:
		return "status " + strconv.Itoa(ev.Status)
	default:
		return ev.Code
	}
}

func upstream(ev event.Event) string {
	name := "our upstream"
	if p := provider(ev, ""); p != "" {
		name = "our upstream " + p
	}
	inner := ""
	if ev.Upstream != nil {
		inner = event.CanonicalCode(ev.Upstream.Code, 0)
	}
	slow := topic(ev) == "timeout" || ev.Status == 504
	switch limited := event.FamilyOf(0, inner) == event.FamilyLimits; {
	case limited:
		return sentence("%s refused us (%s); the customer was not rate-limited. Nothing is wrong with their request.", name, inner)
	case inner != "" && inner != "unknown":
		return sentence("%s failed us (%s). Nothing is wrong with the customer's request.", name, inner)
	case slow:
		return sentence("%s did not answer %s in time. The customer's request may have been large, but is not wrong.", name, service(ev))
	default:
		return sentence("%s failed %s. Nothing is wrong with the customer's request.", name, service(ev))
	}
}

func sentence(format string, args ...any) string {
	s := fmt.Sprintf(format, args...)
	return strings.ToUpper(s[:1]) + s[1:]
}

func limits(ev event.Event) string {
	if class(ev) == Quota {
		return "The customer's account has used up its quota. Nothing is broken on our side; retrying will not help."
	}
	if rate := Rate(ev.RateLimit); rate != "" {
		return "The customer went over their limit of " + rate + ". Nothing is broken on our side."
	}
	return "The customer sent more requests than their limit allows. Nothing is broken on our side."
}

// Rate is a limit in words; "" when the number is not known.
func Rate(r *event.RateLimit) string {
	if r == nil || r.Limit == nil || *r.Limit <= 0 {
		return ""
	}
	noun := "requests"
	if *r.Limit == 1 {
		noun = "request"
	}
	s := fmt.Sprintf("%d %s", *r.Limit, noun)
	window := strings.TrimPrefix(strings.TrimSpace(r.Window), "1 ")
	seconds, err := strconv.Atoi(window)
	switch {
	case window == "":
		return s
	case err != nil:
		return s + " per " + window
	case seconds == 60:
		return s + " per minute"
	case seconds == 3600:
		return s + " per hour"
	case seconds == 86400:
		return s + " per day"
	default:
		return s + " per " + window + " s"
	}
}

func caller(ev event.Event) string {
	switch t := topicOf(ev); t {
	case "auth":
		return service(ev) + " did not accept the caller's key or token. The caller has to correct it."
	case "forbidden":
		return "The caller is known, but " + service(ev) + " does not allow them to do this. A permission or subscription has to change."
	case "notfound", "gone":
		return "The caller asked " + service(ev) + " for something that does not exist, or not for them."
	case "validation":
		if names := FieldNames(ev); names != "" {
			return "The caller's request was refused because of " + names + ". They have to correct it."
		}
		return "The caller's request was refused because a value in it is missing or wrong. They have to correct it."
	case "conflict":
		return "The caller's request conflicts with what is already there, for example because it exists already."
	case "canceled":
		return "The caller hung up before " + service(ev) + " had answered."
	case "payment":
		return "The payment or the plan of the caller's account was not accepted."
	case "":
		return fmt.Sprintf("%s refused the caller's request (%s). They have to change it.", service(ev), what(ev))
	default:
		if names := FieldNames(ev); names != "" {
			return "The caller's request was refused because of " + names + ". They have to correct it."
		}
		return fmt.Sprintf("%s refused the caller's request: %s. They have to change it.", service(ev), lower(builtIn().topics[t].Title))
	}
}

func ours(ev event.Event) string {
	switch topicOf(ev) {
	case "unavailable":
		return service(ev) + " was not available for the moment. This is on our side; nothing is wrong with the customer's request."
	case "database":
		return service(ev) + " could not reach its data. This is on our side; nothing is wrong with the customer's request."
	case "timeout":
		return service(ev) + " took too long. This is on our side; nothing is wrong with the customer's request."
	case "notimplemented":
		return service(ev) + " does not offer what was asked for."
	default:
		return service(ev) + " failed unexpectedly. This is on our side; nothing is known to be wrong with the customer's request."
	}
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// maxNamed bounds the fields that are named in a sentence.
const maxNamed = 4

// FieldNames lists the refused fields in words; "" when none is named.
func FieldNames(ev event.Event) string {
	var names []string
	seen := map[string]bool{}
	for _, f := range ev.FieldErrors {
		if f.Field != "" && !seen[f.Field] {
			seen[f.Field] = true
			names = append(names, "'"+f.Field+"'")
		}
	}
	switch n := len(names); {
	case n == 0:
		return ""
	case n == 1:
		return "the field " + names[0]
	case n > maxNamed:
		return fmt.Sprintf("the fields %s and %d more", strings.Join(names[:maxNamed], ", "), n-maxNamed)
	default:
		return "the fields " + strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}
