// Package brief says what is known of a text in as few lines as a chat or a
// sidebar has: for each request that it names what failed, whose side that is on,
// what to do, and what to write back, and for each that nobody knows, why.
//
// It is pure, and decides what leaves the house: who the customer is only where
// that was wanted, and nothing of what the answer held or of how services look from
// within, which package front keeps back.
package brief

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"errata/internal/catalog"
	"errata/internal/customer"
	"errata/internal/event"
	"errata/internal/front"
	"errata/internal/story"
)

// Brief is the answer to a text.
type Brief struct {
	Cards []Card `json:"cards"`
	// More is how many requests the text names beyond those shown.
	More   int       `json:"more"`
	Absent []Absence `json:"absent"`
	// Customers are those whom the text as a whole is the name or the ID of, where it
	// led to no request and they may be named.
	Customers []Customer `json:"customers"`
	// Secret: the text holds something like a live credential.
	Secret bool `json:"secret"`
}

// Card is one request.
type Card struct {
	ID          string       `json:"id"` // as the text has it
	EventID     string       `json:"event_id"`
	Path        string       `json:"path"`
	Heading     string       `json:"heading"` // status and code
	Verdict     string       `json:"verdict"`
	Began       string       `json:"began,omitempty"` // where, when that was elsewhere
	Family      event.Family `json:"family"`
	Side        string       `json:"side"`
	OccurredAt  event.Time   `json:"occurred_at"`
	Service     string       `json:"service"`
	Endpoint    string       `json:"endpoint,omitempty"`
	Environment string       `json:"environment,omitempty"`
	Customer    string       `json:"customer,omitempty"` // masked, unless it may be shown
	Todo        string       `json:"todo"`
	Fixes       []string     `json:"fixes"`
	Reply       string       `json:"reply"`
	// Tickets are told beside a ticket only.
	Tickets *Tickets `json:"tickets,omitempty"`
}

// Tickets are those in which a request, or another of its issue, came up.
type Tickets struct {
	Linked bool     `json:"linked"` // the ticket that is asked from, to this very request
	Count  int      `json:"count"`  // of the issue
	Others []Ticket `json:"others"` // a few of them; not the one that is asked from
}

// Ticket is a link to one.
type Ticket struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Absence is an ID that nobody knows, and why, as far as that is known.
type Absence struct {
	ID      string   `json:"id"`
	Reason  string   `json:"reason"`
	Why     string   `json:"why"`
	Similar []string `json:"similar"`
}

// Customer is one whom somebody asked for by name.
type Customer struct {
	Customer string `json:"customer"`
	Name     string `json:"name"`
	Path     string `json:"path"`
}

// Called lists them with their pages.
func Called(list []customer.Named) []Customer {
	out := make([]Customer, len(list))
	for i, n := range list {
		out[i] = Customer{n.Customer, n.Name, customer.Path(n.Customer)}
	}
	return out
}

// maxFixes is how many of them there is room for.
const maxFixes = 3

// Of makes a card of a request; named says whether it may name the customer.
func Of(id string, trail *event.Trail, book *catalog.Book, now time.Time, named bool) Card {
	e := trail.Find(trail.Summary.EventID)
	seen := front.Seen(trail)
	about := catalog.About{}
	if named {
		about.CustomerName = trail.Summary.CustomerName
	}
	says := front.Answer(book, seen, now, about)
	c := Card{
		ID: id, EventID: e.ID, Path: "/r/" + url.PathEscape(id), Heading: story.Heading(e), Verdict: says.Verdict, Family: seen.Family, Side: says.Side,
		OccurredAt: event.Time{Time: e.OccurredAt.UTC()}, Service: e.Service, Endpoint: strings.TrimSpace(e.Method + " " + e.Endpoint), Environment: e.Environment,
		Customer: e.Customer, Todo: says.Retry.Text, Fixes: says.Fixes[:min(len(says.Fixes), maxFixes)],
	}
	if len(says.Replies) > 0 {
		c.Reply = says.Replies[0].Text
	}
	if root := trail.Find(trail.Summary.RootCauseEventID); root != nil && root.ID != e.ID {
		began := story.Outside(root)
		c.Began = "It began in " + began.Service + ": " + story.Heading(&began)
	}
	if !named {
		c.Customer = Mask(c.Customer)
	}
	return c
}

// Mask leaves so much of a name that who knows it recognises it, and who does not
// learns nothing that finds them.
func Mask(name string) string {
	n := utf8.RuneCountInString(name)
	if n == 0 {
		return ""
	}
	kept := []rune(name)[:min(2, max(1, n-2))]
	return string(kept) + "…"
}

// Why puts the reason of a "not found" into words; said are those of the store,
// and day the one that it speaks of.
func Why(reason, said, day string) string {
	switch {
	case reason == "rejected", reason == "thinned":
		return said
	case reason == "probably_expired" && day != "":
		return "It was probably reported on " + day + ", and has expired since."
	case reason == "probably_expired":
		return "It was probably reported, and has expired since."
	}
	return "No failure with this ID has been reported. Requests that succeed are not stored."
}
