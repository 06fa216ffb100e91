package desk

import (
	"context"
	"slices"

	"errata/internal/brief"
	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/lookup"
	"errata/internal/store"
)

const (
	maxExplained = 5 // IDs for which near misses are looked for
	maxSimilar   = 3 // near misses for one ID
)

// question is a text that somebody asks about.
type question struct {
	ws        int32
	actor     store.Actor
	text      string
	most      int    // requests that are shown
	customers bool   // their names are shown
	tickets   bool   // those of the issue are shown
	ticket    string // the address of the one that is asked from; "" for none
}

// find says what is known of a text. It is the only place that looks things up,
// with the same extraction and the same look-ups as the pages.
func (d *Desk) find(ctx context.Context, q question) (brief.Brief, error) {
	out, err := d.findRequests(ctx, q)
	if err != nil || len(out.Cards) > 0 || out.Secret || !q.customers {
		return out, err
	}
	list, err := d.Store.CustomersCalled(ctx, q.ws, q.text)
	if out.Customers = brief.Called(list); len(list) > 0 { // the text is no ID
		out.Absent = []brief.Absence{}
	}
	return out, err
}

func (d *Desk) findRequests(ctx context.Context, q question) (brief.Brief, error) {
	out := brief.Brief{Cards: []brief.Card{}, Absent: []brief.Absence{}, Customers: []brief.Customer{}, Secret: lookup.HasSecret(q.text)}
	asked := lookup.Candidates(q.text)
	asked = asked[:min(len(asked), store.MaxLookup)]
	if len(asked) == 0 {
		return out, nil
	}
	hits, err := d.Store.Lookup(ctx, q.ws, lookup.Values(asked))
	if err != nil {
		return out, err
	}
	book, err := d.Store.Catalog(ctx, q.ws)
	if err != nil {
		return out, err
	}
	// A word that only might have been an ID is not worth a "not found".
	wanted := lookup.Missing(asked, func(id string) bool { return len(hits[id]) > 0 })
	absences, err := d.Store.Absences(ctx, q.ws, lookup.Values(wanted))
	if err != nil {
		return out, err
	}
	s := search{Desk: d, ctx: ctx, question: q, book: book, covered: map[string]bool{}, absences: absences, out: &out}
	leads := store.Unkeyed(lookup.Values(asked), hits)
	for _, c := range asked {
		if len(hits[c.Value]) == 0 && !slices.Contains(wanted, c) {
			continue
		}
		for _, id := range leads.Of(c.Value) {
			if err := s.add(id, leads.Hits[id]); err != nil {
				return out, err
			}
		}
	}
	d.Store.Looked(ctx, q.actor, q.ws, s.viewed...)
	return out, nil
}

// search is one look-up on its way from IDs to cards.
type search struct {
	*Desk
	question
	ctx     context.Context
	book    *catalog.Book
	covered map[string]bool // Events that are in the answer
	// absences say why IDs lead nowhere.
	absences map[string]store.Absence
	viewed   []string // Events that are shown
	out      *brief.Brief
}

// add puts what an ID leads to into the answer. IDs of one request are one card.
func (s *search) add(id string, hits []store.Hit) error {
	fresh := false
	for _, h := range hits {
		fresh = fresh || !s.covered[h.EventID]
	}
	switch {
	case len(hits) == 0:
		return s.absent(id)
	case !fresh:
		return nil
	case len(s.out.Cards) == s.most:
		s.out.More++
		for _, h := range hits {
			s.covered[h.EventID] = true
		}
		return nil
	}
	trail, err := s.Store.Trail(s.ctx, s.ws, id)
	if fault.Is(err, fault.NotFound) { // expired between two queries
		return s.absent(id)
	}
	if err != nil {
		return err
	}
	return s.show(id, &trail)
}

// show adds a card.
func (s *search) show(id string, trail *event.Trail) (err error) {
	for i := range trail.Events {
		s.covered[trail.Events[i].ID] = true
	}
	if s.customers { // else nothing says who they are
		if err := s.Store.NameTrails(s.ctx, s.ws, trail); err != nil {
			return err
		}
	}
	card := brief.Of(id, trail, s.book, s.Now(), s.customers)
	if s.tickets {
		if card.Tickets, err = s.ticketsOf(s.ctx, s.ws, trail.Events, card.EventID, s.ticket); err != nil {
			return err
		}
	}
	s.out.Cards = append(s.out.Cards, card)
	s.viewed = append(s.viewed, card.EventID)
	return nil
}

// absent says why an ID leads nowhere, and what it may have been.
func (s *search) absent(id string) error {
	a, known := s.absences[id]
	if !known { // it led somewhere a moment ago
		one, err := s.Store.Absences(s.ctx, s.ws, []string{id})
		if err != nil {
			return err
		}
		a = one[id]
	}
	said := store.RejectedFor(a.Because)
	if a.Reason == store.Thinned {
		said = a.WhyThinned()
	}
	out := brief.Absence{ID: id, Reason: string(a.Reason), Why: brief.Why(string(a.Reason), said, a.Day), Similar: []string{}}
	if len(s.out.Absent) < maxExplained {
		near, err := s.Store.Near(s.ctx, s.ws, id, maxSimilar)
		if err != nil {
			return err
		}
		for _, h := range near {
			out.Similar = append(out.Similar, h.Value)
		}
	}
	s.out.Absent = append(s.out.Absent, out)
	return nil
}
