package web

import (
	"time"

	"errata/internal/event"
	"errata/internal/retries"
)

// tries are what the customer tried again.
type tries struct {
	Text    string
	Perhaps bool
	Basis   string // what makes them attempts of one thing
	List    []try
	Of      int // how many there are, where these are not all
}

type try struct {
	N              int
	Machine, Clock string
	Heading, Path  string
	Family         event.Family
	Gap            string // since the one before
	This, OK       bool
}

func triesOf(e *event.Event, a *retries.Answer) *tries {
	if a == nil {
		return nil
	}
	out := &tries{Text: a.Text, Perhaps: a.Basis == retries.ByLikeness, Basis: "Of the same customer at the same endpoint with the same idempotency key, 10 minutes before and after it."}
	if out.Perhaps {
		out.Basis = "Of the same customer at the same endpoint with the same code, 10 minutes before and after it."
	}
	if a.Total < 2 {
		return out
	}
	for i := range a.Attempts {
		one := &a.Attempts[i]
		like := event.Event{Status: one.Status, Code: one.Code}
		t := try{
			N: one.N, Machine: one.At.UTC().Format(time.RFC3339Nano), Clock: one.At.UTC().Format(time.TimeOnly), Heading: heading(&like), Path: eventPath(one.RequestID, one.EventID),
			Family: event.FamilyOf(one.Status, one.Code), Gap: one.Waited(), This: one.EventID == e.ID, OK: one.OK,
		}
		if one.Early() {
			t.Gap += ": too early"
		}
		if one.RequestID == e.RequestID { // whose page is about the last of them
			t.Path = eventPath("", one.EventID)
		}
		out.List = append(out.List, t)
	}
	if a.Total > len(out.List) {
		out.Of = a.Total
	}
	return out
}
