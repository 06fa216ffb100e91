package desk

import (
	"cmp"
	"context"
	"strings"

	"errata/internal/brief"
	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/lookup"
	"errata/internal/store"
)

const (
	maxExplained = 5 // IDs whose absence is looked into
	maxSimilar   = 3 // near misses for one ID
)

// question is a text that somebody asks about.
type question struct {
	ws        int32
	actor     store.Actor
	text      string
	most      int  // requests that are shown
	customers bool // their names are shown
}

// find says what is known of a text. It is the only place that looks things up,
// with the same extraction and the same look-ups as the pages.
func (d *Desk) find(ctx context.Context, q question) (brief.Brief, error) {
	out := brief.Brief{Cards: []brief.Card{}, Absent: []brief.Absence{}, Secret: lookup.HasSecret(q.text)}
	asked := candidates(q.text)
	ids := make([]string, len(asked))
	for i, c := range asked {
		ids[i] = c.Value
	}
	if len(ids) == 0 {
		return out, nil
	}
	hits, err := d.Store.Lookup(ctx, q.ws, ids)
	if err != nil {
		return out, err
	}
	book, err := d.Store.Catalog(ctx, q.ws)
	if err != nil {
		return out, err
	}
	s := search{Desk: d, ctx: ctx, question: q, book: book, covered: map[string]bool{}, out: &out}
	for _, c := range asked {
		if c.Kind == lookup.Unknown && len(asked) > 1 && len(hits[c.Value]) == 0 {
			continue // a word that only might have been an ID
		}
		if err := s.add(c, hits[c.Value]); err != nil {
			return out, err
		}
	}
	return out, nil
}

// candidates are the IDs in a text. A single word is one whatever its shape.
func candidates(text string) []lookup.Candidate {
	found := lookup.Extract(text)
	if word := event.CleanID(text); len(found) == 0 && word != "" && !lookup.HasSecret(text) && len(strings.Fields(text)) == 1 {
		found = append(found, lookup.Candidate{Kind: lookup.Unknown, Value: word})
	}
	return found[:min(len(found), store.MaxLookup)]
}

// search is one look-up on its way from IDs to cards.
type search struct {
	*Desk
	question
	ctx     context.Context
	book    *catalog.Book
	covered map[string]bool // Events that are in the answer
	out     *brief.Brief
}

// add puts what an ID leads to into the answer. IDs of one request are one card.
func (s *search) add(id lookup.Candidate, hits []store.Hit) error {
	if len(hits) == 0 && id.Kind == lookup.Event {
		return s.addEvent(id.Value)
	}
	fresh := false
	for _, h := range hits {
		fresh = fresh || !s.covered[h.EventID]
	}
	switch {
	case len(hits) == 0:
		return s.absent(id.Value)
	case !fresh:
		return nil
	case len(s.out.Cards) == s.most:
		s.out.More++
		for _, h := range hits {
			s.covered[h.EventID] = true
		}
		return nil
	}
	trail, err := s.Store.Trail(s.ctx, s.ws, id.Value)
	if fault.Is(err, fault.NotFound) { // expired between two queries
		return s.absent(id.Value)
	}
	if err != nil {
		return err
	}
	return s.show(id.Value, &trail)
}

// addEvent follows the ID of an Event, as a link of ours has it.
func (s *search) addEvent(id string) error {
	e, err := s.Store.Event(s.ctx, s.ws, id)
	if fault.Is(err, fault.NotFound) {
		return s.absent(id)
	}
	if err != nil || s.covered[e.ID] {
		return err
	}
	if key := cmp.Or(e.RequestID, e.TraceID); key != "" {
		return s.add(lookup.Candidate{Kind: lookup.Request, Value: key}, []store.Hit{{EventID: e.ID}})
	}
	trail := event.NewTrail(id, []event.Event{e})
	return s.show(id, &trail)
}

// show adds a card, and notes who saw it.
func (s *search) show(id string, trail *event.Trail) error {
	for i := range trail.Events {
		s.covered[trail.Events[i].ID] = true
	}
	card := brief.Of(id, trail, s.book, s.Now(), s.customers)
	if len(trail.Events) == 1 && trail.Events[0].ID == id {
		card.Path = "/events/" + id
	}
	s.out.Cards = append(s.out.Cards, card)
	return s.Store.Audit(s.ctx, s.ws, s.actor, "request.view", card.EventID, nil)
}

// absent says why an ID leads nowhere, and what it may have been.
func (s *search) absent(id string) error {
	a := brief.Absence{ID: id, Reason: "not_checked", Why: "Why was not looked into: the text has too many IDs.", Similar: []string{}}
	if len(s.out.Absent) < maxExplained {
		trail, err := s.Store.Trail(s.ctx, s.ws, id)
		if err == nil && len(s.out.Cards) < s.most { // arrived between two queries
			return s.show(id, &trail)
		}
		if err == nil {
			s.out.More++
			return nil
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		f := fault.Of(err)
		a.Reason, _ = f.Details["reason"].(string)
		day, _ := f.Details["day"].(string)
		a.Why = brief.Why(a.Reason, f.Message, day)
		if a.Similar, err = s.similar(id); err != nil {
			return err
		}
	}
	s.out.Absent = append(s.out.Absent, a)
	return nil
}

// similar are IDs that look like one, then those that begin with it.
func (s *search) similar(id string) ([]string, error) {
	near, err := s.Store.LookAlikes(s.ctx, s.ws, id, maxSimilar)
	if err != nil {
		return nil, err
	}
	more, err := s.Store.Prefix(s.ctx, s.ws, id, maxSimilar)
	if err != nil {
		return nil, err
	}
	out, seen := []string{}, map[string]bool{id: true}
	for _, h := range append(near, more...) {
		if !seen[h.Value] && len(out) < maxSimilar {
			seen[h.Value] = true
			out = append(out, h.Value)
		}
	}
	return out, nil
}
