package story

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"errata/internal/event"
)

// Attempts are what was tried more than once within a Trail.
type Attempts struct {
	Service  string    `json:"service"`
	To       string    `json:"to,omitempty"` // the provider that was called
	What     string    `json:"what,omitempty"`
	Outcomes []Outcome `json:"outcomes"`
	// SucceededOn is which of them went well, where that was reported; else 0.
	SucceededOn int    `json:"succeeded_on,omitempty"`
	Text        string `json:"text"`
}

// Outcome is how one of them went.
type Outcome struct {
	N       int        `json:"n"`
	EventID string     `json:"event_id"`
	At      event.Time `json:"at"`
	Status  int        `json:"status,omitempty"`
	Code    string     `json:"code"`
	OK      bool       `json:"ok"`
}

type attemptKey struct{ service, method, endpoint, provider, role, caller string }

// attempts finds what was tried again: the same call from the same place, or what its
// client said was not the first.
func attempts(t *event.Trail) []Attempts {
	c := callersOf(t.Events)
	groups := map[attemptKey][]*event.Event{}
	var order []attemptKey
	for i := range t.Events { // in order of time
		e := &t.Events[i]
		if e.Role == event.Context {
			continue
		}
		k := attemptKey{e.Service, e.Method, e.Endpoint, providerOf(e), string(e.Role), e.ParentSpanID}
		if caller, _ := c.of(e); caller == nil && e.Role == event.Primary {
			k.caller = "" // an outermost one: each time the client comes anew
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], e)
	}
	out := []Attempts{}
	for _, k := range order {
		list := groups[k]
		numbered := slices.ContainsFunc(list, func(e *event.Event) bool { return e.Attempt > 0 })
		if !numbered && (len(list) == 1 || sideBySide(list)) {
			continue
		}
		a := Attempts{Service: k.service, To: k.provider, What: strings.TrimSpace(k.method + " " + k.endpoint)}
		slices.SortStableFunc(list, func(x, y *event.Event) int { return cmp.Compare(x.Attempt, y.Attempt) })
		n := 0
		for _, e := range list {
			n = max(n+1, e.Attempt+1)
			o := Outcome{N: n, EventID: e.ID, At: event.Time{Time: e.OccurredAt}, Status: e.Status, Code: e.Code, OK: e.WentWell()}
			if o.OK && a.SucceededOn == 0 {
				a.SucceededOn = n
			}
			a.Outcomes = append(a.Outcomes, o)
		}
		a.Text = a.words()
		out = append(out, a)
	}
	return out
}

// sideBySide: who tries again waits for what was tried before. What began earlier is
// another piece of the same work.
func sideBySide(list []*event.Event) bool {
	for i := 1; i < len(list); i++ {
		if startOf(list[i]).Before(list[i-1].OccurredAt) {
			return true
		}
	}
	return false
}

// shownOutcomes are how many are told one by one.
const shownOutcomes = 6

func (a *Attempts) words() string {
	var parts []string
	for i, o := range a.Outcomes {
		if left := len(a.Outcomes) - shownOutcomes; left > 1 && i == shownOutcomes {
			parts = append(parts, strconv.Itoa(left)+" more")
			break
		}
		how := "ok"
		if !o.OK {
			if how = strconv.Itoa(o.Status); o.Status == 0 {
				how = o.Code
			}
		}
		parts = append(parts, "#"+strconv.Itoa(o.N)+" "+how)
	}
	out := strings.Join(parts, ", ")
	if a.SucceededOn > 0 {
		out += ": succeeded on attempt " + strconv.Itoa(a.SucceededOn)
	}
	return out
}
