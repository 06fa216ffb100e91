// Package blast answers "is it just them?": whether what failed for one customer
// fails for others too, out of a few counts of the same code at the same endpoint.
//
// It is pure. The store counts; what the counts mean is decided here, once, for
// pages, the API and messages alike, and always said with its numbers: whoever
// answers a customer has to be able to tell why.
package blast

import (
	"time"

	"errata/internal/event"
)

// Verdict is the answer in a word.
type Verdict string

// The verdicts, in the order in which they are tried.
const (
	KnownIncident Verdict = "known_incident" // an incident covers it
	OthersToo     Verdict = "others_too"     // several customers, and far more than usual
	OnlyThem      Verdict = "only_them"      // nobody else met it
	Common        Verdict = "common"         // several customers, as on other days
	TooFew        Verdict = "too_few"        // one cannot tell
)

const (
	// several is from how many customers on it is not a matter of one of them.
	several = 3
	// unusual is by which factor there must be more than the same hour last week.
	unusual = 3
	// mostly is the share of the failures that must be a customer's for it to be
	// theirs alone: the others name nobody.
	mostly = 0.8
	// few is below how many failures of fewer customers nothing is said.
	few = 5
)

// Counts are of failures with the same code at the same endpoint of a service,
// within a window.
type Counts struct {
	Window
	Events    int64
	Customers int64 // distinct, of those that are named
	Customer  string
	Theirs    int64 // of Customer
	// Normal is how many there were in the same hour a week before; nothing is known
	// of it where Errata did not count yet, or no longer keeps single minutes.
	Normal      int64
	NormalKnown bool
	First, Last time.Time // minutes in which there was one, within the window
	Minutes     []int64   // of the window, one by one
	Incident    *Incident // that covers the failure
}

// Window is the time that is looked at.
type Window struct {
	From  time.Time
	To    time.Time
	Fresh bool // it is the last hour, and not the time around the failure
}

const (
	around = 30 * time.Minute
	fresh  = 60 * time.Minute
)

// WindowOf is the last hour where the failure is in it, else half an hour before
// and after it. It is of whole minutes.
func WindowOf(at, now time.Time) Window {
	w := Window{From: at.Add(-around), To: at.Add(around)}
	if age := now.Sub(at); age >= 0 && age <= fresh {
		w = Window{From: now.Add(-fresh), To: now, Fresh: true}
	}
	w.From = w.From.UTC().Truncate(time.Minute)
	if to := w.To.UTC().Truncate(time.Minute); to.Equal(w.To) {
		w.To = to
	} else {
		w.To = to.Add(time.Minute)
	}
	return w
}

// Before is the same window a week earlier.
func (w Window) Before() Window {
	const week = 7 * 24 * time.Hour
	return Window{From: w.From.Add(-week), To: w.To.Add(-week)}
}

// Incident is one that covers the failure: open, or open when it happened.
type Incident struct {
	Name       string      `json:"name"` // INC-12
	Number     int         `json:"number"`
	Title      string      `json:"title"`
	Open       bool        `json:"open"`
	StartedAt  event.Time  `json:"started_at"`
	ResolvedAt *event.Time `json:"resolved_at"`
}

// Answer is what is said, and why.
type Answer struct {
	Verdict Verdict    `json:"verdict"`
	Title   string     `json:"title"` // the verdict in words
	Text    string     `json:"text"`  // the numbers behind it, as a sentence
	From    event.Time `json:"from"`
	To      event.Time `json:"to"`

	Customers int64 `json:"customers"`
	Events    int64 `json:"events"`
	// Normal is nil where it is not known.
	Normal *int64 `json:"normal"`
	// CustomerEvents and CustomerShare are of the customer of the failure; nil where
	// it names none.
	CustomerEvents *int64      `json:"customer_events"`
	CustomerShare  *float64    `json:"customer_share"` // of Events, 0 to 1
	FirstAt        *event.Time `json:"first_at"`       // in the window, to the minute
	LastAt         *event.Time `json:"last_at"`
	Incident       *Incident   `json:"incident"`

	Minutes []int64 `json:"-"`
}

// Judge says what the counts mean.
func Judge(c Counts) Answer {
	out := Answer{From: event.Time{Time: c.From}, To: event.Time{Time: c.To}, Customers: c.Customers, Events: c.Events, Incident: c.Incident, Minutes: c.Minutes}
	if c.NormalKnown {
		out.Normal = &c.Normal
	}
	if c.Customer != "" {
		share := c.share()
		out.CustomerEvents, out.CustomerShare = &c.Theirs, &share
	}
	if !c.First.IsZero() {
		out.FirstAt, out.LastAt = &event.Time{Time: c.First}, &event.Time{Time: c.Last}
	}
	out.Verdict = c.verdict()
	out.Title, out.Text = c.title(out.Verdict), c.text(out.Verdict)
	return out
}

func (c *Counts) share() float64 {
	if c.Events <= 0 {
		return 0
	}
	return min(float64(c.Theirs)/float64(c.Events), 1) // they are counted apart, and one may be ahead
}

func (c *Counts) verdict() Verdict {
	switch {
	case c.Incident != nil:
		return KnownIncident
	case c.Customers >= several && (!c.NormalKnown || c.Events >= unusual*c.Normal):
		return OthersToo
	case c.Customers == 1 && c.Theirs > 0 && c.share() >= mostly && c.Events >= few:
		return OnlyThem
	case c.Customers >= several:
		return Common
	default:
		return TooFew
	}
}
