package web

import (
	"slices"
	"strings"
	"time"

	"errata/internal/catalog"
	"errata/internal/event"
)

// entry is what the catalogue says of a code, whatever the single failure.
type entry struct {
	catalog.Explanation
	Retry       string
	Known       bool // the catalogue knows this very code
	Replies     []catalog.Reply
	Sample      string // whose failure the replies are of; "" for none
	Edit, Place string // where it is edited, and what is said of all codes of the service
}

// retryWords are the classes of retries in general.
var retryWords = map[string]string{
	catalog.Fix:     "No. Nothing changes until the request does.",
	catalog.Access:  "No. Nothing changes until the key or its permissions do.",
	catalog.Quota:   "No. Nothing changes until the quota resets or is raised.",
	catalog.Wait:    "Yes, after the time that the answer names, or a minute where it names none; then with growing, slightly random pauses.",
	catalog.Once:    "Once, after a short pause, and only where repeating does no harm. If it comes again, escalate.",
	catalog.Backoff: "Yes, with growing pauses: 1, 2, 4, 8, 16 s.",
}

// entry reads the catalogue for what a failure of the code is; e may be nil.
func (t *codeTopic) entry(book *catalog.Book, service string, e *event.Event) *entry {
	k := catalog.Key{Service: service, Code: t.filter.Code}
	out := &entry{Edit: pathOfEntry(k, "edit")}
	general := event.Event{Code: t.filter.Code, Service: service}
	if e != nil {
		general.Status, general.Family, general.Role = e.Status, e.Family, e.Role
		about := *e
		about.Service = service
		out.Replies, out.Sample = catalog.Resolve(book, about, t.now, catalog.About{}).Replies, eventPath(e.RequestID, e.ID)
	} else if len(t.families.Series) > 0 { // all that roll-ups know
		general.Family = event.Family(t.families.Series[0].Labels[0])
	}
	out.Explanation = book.Explain(general)
	out.Retry, out.Known = retryWords[out.RetryClass], out.Source == catalog.ByCode
	if service != "" {
		out.Place = pathOfEntry(catalog.Key{Service: service, Code: catalog.All}, "edit")
	}
	return out
}

// facts are what the code is, and when it was seen.
func (t *codeTopic) facts(service string, list []event.Event) []fact {
	var out []fact
	if service != "" {
		out = append(out, fact{"Service", service, t.about(pathOfService(service))}, fact{"Elsewhere", "all services", t.about(pathOfCode("", t.filter.Code))})
	}
	var statuses, raw []string
	for _, s := range t.kinds.Series {
		if status := s.Labels[1]; status != "" && s.Total > 0 && !slices.Contains(statuses, status) {
			statuses = append(statuses, status)
		}
	}
	if len(statuses) > 0 {
		out = append(out, fact{"Status", strings.Join(statuses, ", "), ""})
	}
	for _, e := range list {
		if e.RawCode != "" && e.RawCode != e.Code && !slices.Contains(raw, e.RawCode) && len(raw) < 5 {
			raw = append(raw, e.RawCode)
		}
	}
	if len(raw) > 0 {
		out = append(out, fact{"Also seen as", strings.Join(raw, ", "), ""})
	}
	if first := t.first(); !first.IsZero() {
		out = append(out, fact{"First in this period", "after " + t.clock(first), ""})
	}
	if e := newest(list); e != nil {
		out = append(out, fact{"Last", momentAt(e.OccurredAt, t.now).Ago, eventPath(e.RequestID, e.ID)})
	}
	return out
}

// first is when the first step with a failure began.
func (t *codeTopic) first() time.Time {
	if s := t.failed.one(); s != nil {
		for i, at := range t.failed.Points() {
			if i < len(s.Values) && s.Values[i] > 0 {
				return at
			}
		}
	}
	return time.Time{}
}
