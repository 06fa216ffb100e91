package alert

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"errata/internal/event"
)

// What a message may hold, in characters and in items.
const (
	maxName     = 100 // services, codes, releases, customers
	maxEndpoint = 160
	maxID       = 120
	maxLine     = 300
	maxURL      = 1000
	maxMembers  = 10
	maxCodes    = 10
	maxSamples  = 3
	maxChanged  = 10
	maxDigest   = 50
)

// Plain makes text that others wrote fit for one line of anything: valid
// UTF-8, no control or formatting characters, which could start new lines,
// hide text or turn it round, and no more than max characters.
func Plain(s string, max int) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r): // and U+0085, and the line and paragraph separators
			space = n > 0
			continue
		case r == utf8.RuneError, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp), invisible(r):
			continue
		}
		need := 1
		if space {
			need = 2
		}
		if n+need > max {
			return cut(b.String(), max)
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
		n += need
	}
	return b.String()
}

// invisible characters are letters and marks by category, and show nothing.
func invisible(r rune) bool {
	return r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0 || r == 0x034f || unicode.Is(unicode.Variation_Selector, r)
}

// cut says that there was more.
func cut(s string, max int) string {
	if max <= 0 {
		return ""
	}
	runes := []rune(s)
	if len(runes) >= max {
		runes = runes[:max-1]
	}
	return string(runes) + "…"
}

// webURL gives the URL where it leads to a page and carries no password.
func webURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || len(s) > maxURL || u.User != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.String()
}

// Clean gives the message with everything in it that others wrote made plain
// and bounded, whatever they wrote. The renderers ask for it.
func (m Message) Clean() Message {
	m.ID, m.DedupKey, m.Workspace = Plain(m.ID, maxID), Plain(m.DedupKey, 3*maxID), Plain(m.Workspace, maxName)
	m.Changed = slices.Clone(m.Changed[:min(len(m.Changed), maxChanged)])
	for n, line := range m.Changed {
		m.Changed[n] = Plain(line, maxLine)
	}
	if m.Request != nil { // its ID is escaped where it is used, and another one if it is cut
		r := *m.Request
		if r.BaseURL = strings.TrimRight(webURL(r.BaseURL), "/"); len(r.ID) > event.MaxIDLen {
			r.ID = ""
		}
		m.Request = &r
	}
	m.Incidents = slices.Clone(m.Incidents[:min(len(m.Incidents), maxDigest)])
	for n := range m.Incidents {
		m.Incidents[n] = m.Incidents[n].clean()
		if i := &m.Incidents[n]; !i.Open() && i.ResolvedAt.IsZero() {
			i.ResolvedAt = m.At
		}
	}
	return m
}

func (i Incident) clean() Incident {
	name := func(s *string) { *s = Plain(*s, maxName) }
	for _, s := range []*string{&i.Workspace, &i.Environment, &i.Service, &i.ResolvedBy, &i.TopCustomer, &i.Rule.Name, &i.Rule.ID, &i.Why.Statistic} {
		name(s)
	}
	i.ID, i.Rule.Letter = Plain(i.ID, maxID), Plain(i.Rule.Letter, 3)
	i.Members = slices.Clone(i.Members[:min(len(i.Members), maxMembers)])
	for n := range i.Members {
		i.Members[n].Method, i.Members[n].Endpoint = Plain(i.Members[n].Method, 20), Plain(i.Members[n].Endpoint, maxEndpoint)
	}
	i.Codes = slices.Clone(i.Codes[:min(len(i.Codes), maxCodes)])
	for n := range i.Codes {
		name(&i.Codes[n].Name)
	}
	if i.Deploy != nil {
		d := *i.Deploy
		name(&d.Release)
		i.Deploy = &d
	}
	samples := i.Samples
	i.Samples = nil
	for _, id := range samples[:min(len(samples), maxSamples)] {
		if id = Plain(id, maxID); id != "" {
			i.Samples = append(i.Samples, id)
		}
	}
	i.Own = i.Own.clean()
	i.Runbook, i.BaseURL = webURL(i.Runbook), strings.TrimRight(webURL(i.BaseURL), "/")
	return i
}
