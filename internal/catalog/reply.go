package catalog

import (
	"strings"
	"time"

	"errata/internal/event"
)

// compose is a text that support can send to the customer, where nobody wrote a
// template. It uses only what the customer knows already or may know: never the
// names of our services or providers, exceptions, or other customers. It promises
// no time that is not known.
func compose(ev event.Event, r Retry, now time.Time, name string) string {
	parts := []string{strings.TrimSpace("Hello "+name) + ",", subject(ev) + " " + explanation(ev, r.Class)}
	if next := nextStep(ev, r, now); next != "" {
		parts = append(parts, next)
	}
	return strings.Join(append(parts, closing(ev)), "\n\n")
}

func subject(ev event.Event) string {
	s := "your request"
	if ev.RequestID != "" {
		s += " " + ev.RequestID
	}
	if !ev.OccurredAt.IsZero() {
		s += " of " + ev.OccurredAt.UTC().Format("2 January 2006, 15:04:05") + " UTC"
	}
	return "We looked into " + s + "."
}

func explanation(ev event.Event, class string) string {
	switch class {
	case Wait:
		if rate := Rate(ev.RateLimit); rate != "" {
			return "It was not carried out because your key went over its limit of " + rate + "."
		}
		return "It was not carried out because more requests came in than your limit allows."
	case Quota:
		return "It was not carried out because the quota of your account is used up."
	case Access:
		if topicOf(ev) == "auth" {
			return "It was refused because the API key or token was missing or is not valid."
		}
		return "It was refused because your key does not have the permission that it needs."
	case Fix:
		return refused(ev)
	}
	switch {
	case ev.Family == event.FamilyCaller:
		return "It ended before an answer was ready."
	case ev.Family == event.FamilyUpstream && topicOf(ev) == "timeout":
		return "It failed because a service that we depend on did not answer in time. Your request was not at fault."
	case ev.Family == event.FamilyUpstream:
		return "It failed because a service that we depend on had a problem. Your request was not at fault, and this was not about your own limits."
	case topicOf(ev) == "unavailable":
		return "It failed because our service was not available for the moment. Your request was not at fault."
	default:
		return "It failed because of an error on our side, for which we apologise."
	}
}

func refused(ev event.Event) string {
	switch topicOf(ev) {
	case "notfound", "gone":
		return "It was refused because what it names does not exist, or is not visible to your key."
	case "conflict":
		return "It was refused because it conflicts with what is there already; an earlier attempt may have succeeded."
	case "toolarge", "context":
		return "It was refused because it is larger than we can accept."
	}
	if names := FieldNames(ev); names != "" {
		return "It was refused because of " + names + "." + fieldList(ev)
	}
	return "It was refused because something in it is missing or not in the form that we expect."
}

// fieldList repeats what the answer to the customer said of each field.
func fieldList(ev event.Event) string {
	var b strings.Builder
	for i, f := range ev.FieldErrors {
		if i == 10 {
			b.WriteString("\n- …")
			break
		}
		if f.Field == "" || (f.Message == "" && f.Code == "") {
			continue
		}
		b.WriteString("\n- " + f.Field + ": " + orElse(f.Message, f.Code))
	}
	return b.String()
}

func nextStep(ev event.Event, r Retry, now time.Time) string {
	switch r.Class {
	case Wait:
		if r.Safe {
			return "You can send it again now. Please pause a little longer after each refusal, so that it does not happen again; if you need a higher limit, tell us."
		}
		if r.At == nil { // nobody named a time
			return "Please wait for a minute or two before you send it again, and a little longer after each refusal; if you need a higher limit, tell us."
		}
		return "You can send it again from " + Clock(*r.At, now) + " on. Please pause a little longer after each refusal; if you need a higher limit, tell us."
	case Quota:
		return "Sending it again will not help until the quota resets or is raised. You can see your usage in your account."
	case Access:
		if topicOf(ev) == "auth" {
			return "Please check that the key is sent in the header that our documentation names, is complete, and has not expired or been revoked."
		}
		return "Please check the permissions of the key, and that it belongs to the workspace of what you wanted to use."
	case Fix:
		if ev.Family == event.FamilyUs {
			return ""
		}
		return "Please correct this and send it again."
	}
	if ev.Family == event.FamilyCaller {
		return "Please try again, if needed with a longer time limit on your side."
	}
	if r.At != nil && !r.Safe && now.Before(*r.At) {
		return "Please try again from " + Clock(*r.At, now) + " on. Before repeating a change, check whether the first attempt took effect."
	}
	return "Please try again. Before repeating a change, check whether the first attempt took effect."
}

func closing(ev event.Event) string {
	if ev.RequestID == "" {
		return "If it happens again, please send us the time and the whole answer that you received."
	}
	return "If it happens again, please send us the new request ID."
}
