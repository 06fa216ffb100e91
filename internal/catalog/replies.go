package catalog

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"errata/internal/event"
)

// Reply is one of the texts that can be sent to a customer.
type Reply struct {
	Kind  string `json:"kind"`  // fix, incident or investigating
	Label string `json:"label"` // which of them it is, in words
	Text  string `json:"text"`
}

// ReplyLabels say what the kinds of replies are for.
var ReplyLabels = map[string]string{"fix": "What they can do", "incident": "Our fault, and known", "investigating": "Our fault, and not known yet"}

// replies are up to three: what the customer can do, and where it is our fault,
// that it is known or looked into. The first is the one to send.
func (b *Book) replies(ev event.Event, f found, a *Answer, now time.Time, about About) []Reply {
	known := known(ev, a, about)
	ours := ev.Family == event.FamilyUs || ev.Family == event.FamilyUpstream
	out := make([]Reply, 0, 3)
	for _, r := range f.entry.replies() {
		text := Render(*r.text, known)
		switch {
		case text != "":
		case r.name == "fix":
			text = compose(ev, a.Retry, now, known["customer_name"])
		case ours: // as the family has it
			text = b.familyReply(ev, r.name, known)
		}
		if text == "" {
			continue
		}
		reply := Reply{r.name, ReplyLabels[r.name], text}
		if about.Incident && r.name == "incident" {
			out = append([]Reply{reply}, out...)
			continue
		}
		out = append(out, reply)
	}
	return out
}

func (b *Book) familyReply(ev event.Event, name string, known map[string]string) string {
	for _, l := range b.levels(ev.Service) {
		e := l.index["family_"+string(ev.Family)]
		if e == nil {
			continue
		}
		for _, r := range e.replies() {
			if text := Render(*r.text, known); r.name == name && text != "" {
				return text
			}
		}
	}
	return ""
}

// maxField is how much of a value gets into a reply.
const maxField = 300

// known are the fields that this failure has. They hold only what the customer
// knows or may know.
func known(ev event.Event, a *Answer, about About) map[string]string {
	out := map[string]string{"customer_name": about.CustomerName, "request_id": ev.RequestID, "docs_url": a.DocsURL, "code": orElse(ev.RawCode, ev.Code),
		"endpoint": strings.TrimSpace(ev.Method + " " + ev.Endpoint)}
	if !ev.ServiceUnknown {
		out["service"] = ev.Service
	}
	if !ev.OccurredAt.IsZero() {
		out["time_utc"] = ev.OccurredAt.UTC().Format("2 January 2006, 15:04:05")
	}
	if a.Retry.At != nil && a.Retry.Source != fromDefault { // a guess is no promise
		out["retry_at"] = a.Retry.At.UTC().Format("15:04:05 UTC")
		if day := a.Retry.At.UTC(); day.YearDay() != ev.OccurredAt.UTC().YearDay() || day.Year() != ev.OccurredAt.UTC().Year() {
			out["retry_at"] = day.Format("2 January 2006, 15:04:05 UTC")
		}
	}
	if limit := ev.RateLimit; limit != nil && limit.Limit != nil && *limit.Limit > 0 {
		out["limit"] = strconv.FormatInt(*limit.Limit, 10)
		if _, window, ok := strings.Cut(Rate(limit), " per "); ok {
			out["window"] = window
		}
	}
	for name, value := range out {
		out[name] = oneLine(value)
	}
	return out
}

// oneLine is a value as it may stand in a sentence, whatever a service sent.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, s)
	return cutTo(strings.TrimSpace(s), maxField)
}
