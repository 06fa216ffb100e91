package alert

import (
	"fmt"
	"strings"
	"time"

	"errata/internal/event"
)

// Link is a word that leads somewhere. Without a URL it is only a word.
type Link struct{ Text, URL string }

// Text is a message as people read it, in plain lines that carry no markup;
// each channel dresses them.
type Text struct {
	Title   string
	Lines   []string
	Samples []Link // request IDs
	Links   []Link // what one can do
	Ask     string // the question that Links answer, if they do
	Why     string
	Footer  string
}

// Write puts a message into words.
func Write(m Message) Text {
	m = m.Clean()
	if m.Kind == KindDigest {
		return digest(m)
	}
	i, ok := m.Subject()
	if m.Kind == KindArrived && len(m.Changed) > 0 {
		t := Text{Title: "[ARRIVED] " + m.Changed[0], Lines: m.Changed[1:], Footer: m.Workspace}
		if to := m.Request.URL(); to != "" {
			t.Links = []Link{{"Open the request", to}}
		}
		return t
	}
	if !ok {
		return Text{Title: fmt.Sprintf("[%s] Errata", label(m.Kind)), Lines: m.Changed}
	}
	t := Text{Title: title(m, i), Lines: m.Changed, Why: why(i), Footer: footer(i)}
	if line := composition(i); line != "" {
		t.Lines = append(t.Lines, line)
	}
	if i.Own != nil {
		t.Lines = append(t.Lines, i.Own.lines(m.Kind)...)
	}
	for _, id := range i.Samples {
		t.Samples = append(t.Samples, Link{Text: id, URL: i.requestURL(id)})
	}
	t.Links = i.links()
	if m.Kind == KindTest { // there is no such incident, and there are no such requests
		t.Links = nil
		if i.BaseURL != "" {
			t.Links = []Link{{"Errata", i.BaseURL + "/"}}
		}
		for n := range t.Samples {
			t.Samples[n].URL = ""
		}
	}
	if m.Kind == KindResolved && len(i.votes()) > 0 {
		t.Ask, t.Links = "Was this useful?", append(i.votes(), t.Links...)
	}
	return t
}

func label(k Kind) string { return strings.ToUpper(Plain(string(k), 20)) }

// title is the one line that a lock screen shows: what, where, how much, how
// much it usually is, whom it concerns, since when.
func title(m Message, i Incident) string {
	head := "[" + label(m.Kind) + "] " + What(i)
	if m.Kind == KindTest {
		head = "[TEST] Nothing is wrong. An incident would look like this: " + What(i)
	}
	if i.Own != nil {
		return ownTitle(m, i, head)
	}
	if m.Kind == KindResolved {
		return head + "  " + ending(m, i)
	}
	since := "since " + clock(i.StartedAt, m.At)
	var parts []string
	if ratio, ok := i.Ratio(); ok {
		part := percent(ratio) + " of requests"
		if i.Why.NormalRatio != nil {
			part += " (normal " + percent(*i.Why.NormalRatio) + ")"
		}
		parts = append(parts, part)
	}
	errors := count(i.Errors, "error")
	if i.Why.WindowMinutes > 0 {
		errors += fmt.Sprintf(" / %d min", i.Why.WindowMinutes)
	}
	if i.Requests == nil && i.Why.NormalErrors != nil {
		errors += " (normal " + number(*i.Why.NormalErrors) + ")"
	}
	parts = append(parts, errors)
	if i.Customers > 0 {
		parts = append(parts, count(i.Customers, "customer"))
	}
	return head + "  " + strings.Join(append(parts, since), ", ")
}

// ending says what a resolved Incident was, all in all.
func ending(m Message, i Incident) string {
	parts := []string{"lasted " + lasting(i.ResolvedAt.Sub(i.StartedAt))}
	if i.PeakRatio != nil {
		parts = append(parts, "peak "+percent(*i.PeakRatio)+" of requests")
	} else if i.PeakErrors > 0 {
		parts = append(parts, "peak "+count(i.PeakErrors, "error")+" / min")
	}
	parts = append(parts, count(max(i.TotalErrors, i.Errors), "error"))
	if i.Customers > 0 {
		parts = append(parts, count(i.Customers, "customer"))
	}
	parts = append(parts, "from "+clock(i.StartedAt, m.At)+" to "+clock(i.ResolvedAt, m.At))
	switch i.ResolvedBy {
	case "":
	case "missing_data":
		parts = append(parts, "closed because no data comes any more")
	case "accepted":
		parts = append(parts, "accepted as the new normal")
	case "rule_off":
		parts = append(parts, "closed because its rule was removed or switched off")
	default:
		parts = append(parts, "closed by "+i.ResolvedBy)
	}
	return strings.Join(parts, ", ")
}

// What names the thing that fails. Environments are named unless there is
// only the one that everybody means.
func What(i Incident) string {
	what := Plain(i.Service, maxName)
	switch environment := Plain(i.Environment, maxName); environment {
	case "", "production", "prod":
	default:
		what += " (" + environment + ")"
	}
	if family := FamilyWord(i.Family); family != "" {
		return what + " " + family
	}
	return what + " " + Plain(i.Rule.Name, maxName)
}

// FamilyWord is how people on call say it.
func FamilyWord(f event.Family) string {
	switch f {
	case event.FamilyUs:
		return "5xx"
	case event.FamilyLimits:
		return "429"
	case event.FamilyUpstream:
		return "upstream errors"
	case event.FamilyCaller:
		return "4xx"
	default:
		return ""
	}
}

// composition says what the errors are made of, and what came before them.
func composition(i Incident) string {
	var parts []string
	if len(i.Members) > 0 {
		m := i.Members[0]
		parts = append(parts, strings.TrimSpace(m.Method+" "+m.Endpoint)+" "+percent(m.Share)+" of it")
	}
	var codes []string
	for _, c := range i.Codes[:min(len(i.Codes), 3)] {
		codes = append(codes, c.Name+" "+percent(c.Share))
	}
	if len(codes) > 0 {
		parts = append(parts, strings.Join(codes, ", "))
	}
	if i.TopCustomer != "" && i.TopCustomerShare >= 0.5 {
		parts = append(parts, "customer "+i.TopCustomer+" "+percent(i.TopCustomerShare))
	}
	if d := i.Deploy; d != nil && d.Release != "" {
		if after := i.StartedAt.Sub(d.At); after < time.Minute {
			parts = append(parts, "started with deploy "+d.Release)
		} else {
			parts = append(parts, "started "+lasting(after)+" after deploy "+d.Release)
		}
	}
	return strings.Join(parts, " | ")
}

// why is what other tools leave out.
func why(i Incident) string {
	if i.Own != nil && len(i.Own.Says) > 0 {
		return "Why it fired: " + i.Own.Says[0]
	}
	w := i.Why
	rule := "rule " + i.Rule.Letter
	if i.Rule.Letter == "" {
		rule = "rule " + i.Rule.Name
	}
	parts := []string{rule}
	if w.Statistic != "" {
		part := w.Statistic + "=" + number(w.Value)
		if w.Limit != 0 {
			part += " (limit " + number(w.Limit) + ")"
		}
		parts = append(parts, part)
	}
	if w.Ratio != nil && w.RatioLimit > 0 {
		parts = append(parts, percent(*w.Ratio)+" >= "+percent(w.RatioLimit))
	}
	if w.OfMinutes > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s", w.Minutes, count(int64(w.OfMinutes), "minute")))
	}
	if w.SingleCustomer {
		parts = append(parts, "one customer only")
	}
	if w.LateData {
		parts = append(parts, "late data")
	}
	return "Why it fired: " + strings.Join(parts, ", ")
}

func footer(i Incident) string {
	parts := []string{i.Name()}
	for _, s := range []string{i.Workspace, i.Environment, string(i.Level)} {
		if s = Plain(s, maxName); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " | ")
}

// digest is a list where single messages would be a storm.
func digest(m Message) Text {
	open := 0
	t := Text{}
	for _, i := range m.Incidents {
		state := KindResolved
		if i.Open() {
			open++
			state = KindFiring
		}
		t.Lines = append(t.Lines, i.Name()+" "+title(Message{Kind: state, At: m.At}, i))
		t.Links = append(t.Links, Link{Text: i.Name(), URL: i.url("")})
	}
	t.Title = fmt.Sprintf("[DIGEST] %s: %d firing, %d resolved", count(int64(len(m.Incidents)), "incident"), open, len(m.Incidents)-open)
	t.Lines = append(t.Lines, m.Changed...)
	t.Footer = m.Workspace
	return t
}
