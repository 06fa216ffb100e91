package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/customer"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/lookup"
	"errata/internal/store"
)

const (
	maxText   = lookup.MaxText // bytes of pasted text
	maxTrails = 20             // shown in full; the rest as hits
	maxHinted = 20             // IDs for which near misses are looked for
	// JSON may spend six bytes on one of the text.
	maxLookupBody = 2 << 20
)

// found is the answer to "here is what the customer sent us".
type found struct {
	IDs        []lookup.Candidate `json:"ids"`
	Rows       []idRow            `json:"rows"` // one for each of IDs
	Trails     []event.Trail      `json:"trails"`
	Hits       []hit              `json:"hits"` // Events of the Trails beyond maxTrails
	NotFound   []missing          `json:"not_found"`
	DidYouMean []suggestion       `json:"did_you_mean"`
	// Customers are those whom the text as a whole is the name or the ID of. They are
	// asked for only where nothing else was found.
	Customers []customer.Called `json:"customers"`
	// Truncated says that the text had more IDs than one look-up takes.
	Truncated bool `json:"truncated"`
	// Secrets are what looks like live keys in the text, masked: whoever sent
	// them should replace them.
	Secrets []string `json:"secrets"`
}

// idRow is what one ID leads to, in short: the Event that stands for it.
type idRow struct {
	ID         string       `json:"id"`
	Found      bool         `json:"found"`
	Reason     string       `json:"reason,omitempty"` // why it was not
	RequestID  string       `json:"request_id,omitempty"`
	OccurredAt *event.Time  `json:"occurred_at,omitempty"`
	Service    string       `json:"service,omitempty"`
	Status     int          `json:"status,omitempty"`
	Code       string       `json:"code,omitempty"`
	Family     event.Family `json:"family,omitempty"`
	Verdict    string       `json:"verdict,omitempty"`
	Customer   string       `json:"customer,omitempty"`
}

func rowOf(id string, h store.Hit) idRow {
	return idRow{
		ID: id, Found: true, RequestID: h.RequestID, OccurredAt: &event.Time{Time: h.OccurredAt}, Service: h.Service, Status: h.Status,
		Code: h.Code, Family: h.Family, Verdict: catalog.Verdict(h.Event()), Customer: h.Customer,
	}
}

type missing struct {
	ID            string `json:"id"`
	Reason        string `json:"reason"`
	RetentionDays int    `json:"retention_days,omitempty"`
	Day           string `json:"day,omitempty"` // of one that has probably expired, or was thinned out
	Rule          string `json:"rule,omitempty"`
	Kept          int    `json:"kept,omitempty"`
	AfterDays     int    `json:"after_days,omitempty"`
}

// hit is store.Hit with times as the API shows them.
type hit struct {
	store.Hit
	OccurredAt event.Time `json:"occurred_at"`
}

type suggestion struct {
	ID string `json:"id"` // as it was asked for
	hit
}

func (a *api) lookupQuery(c *gin.Context) error {
	p, err := query(c, "q")
	if err != nil {
		return err
	}
	return a.lookup(c, "q", p["q"])
}

// lookupText takes the text in the body, so that nothing that was pasted ends
// in an access log. It is not stored.
func (a *api) lookupText(c *gin.Context) error {
	var in struct {
		Text string `json:"text"`
	}
	if err := readJSON(c, maxLookupBody, &in); err != nil {
		return err
	}
	return a.lookup(c, "text", in.Text)
}

func (a *api) lookup(c *gin.Context, field, text string) error {
	if len(text) > maxText {
		return fault.New(fault.TooLarge, "payload_too_large", "The text is larger than %d KiB.", maxText>>10).With("limit_bytes", maxText)
	}
	if strings.TrimSpace(text) == "" {
		return invalid(field, "must hold the text to look through")
	}
	search := search{api: a, ctx: c.Request.Context(), ws: workspace(c), covered: map[string]bool{}}
	if err := search.run(text); err != nil {
		return err
	}
	a.looked(c, search.out.Trails...)
	a.Store.Looked(c.Request.Context(), actor(c), workspace(c), search.brief...)
	if !engineer(c) {
		return reply(c, http.StatusOK, search.outside())
	}
	return reply(c, http.StatusOK, search.out)
}

// search is one look-up on its way from text to answer.
type search struct {
	*api
	ctx     context.Context
	ws      int32
	book    *catalog.Book
	covered map[string]bool // Events that are already in the answer
	brief   []string        // those that are shown beyond maxTrails, one for each Trail
	// absences say why IDs lead nowhere.
	absences map[string]store.Absence
	out      found
}

func (s *search) run(text string) error {
	s.out = found{
		IDs: []lookup.Candidate{}, Rows: []idRow{}, Trails: []event.Trail{}, Hits: []hit{}, NotFound: []missing{}, DidYouMean: []suggestion{},
		Customers: []customer.Called{}, Secrets: append([]string{}, lookup.Masked(text)...),
	}
	if err := s.find(s.candidates(text)); err != nil || len(s.out.Trails)+len(s.out.Hits)+len(s.out.Secrets) > 0 {
		return err
	}
	list, err := s.Store.CustomersCalled(s.ctx, s.ws, text)
	s.out.Customers = customer.Answer(list)
	return err
}

// find looks up what may be IDs.
func (s *search) find(asked []lookup.Candidate) error {
	if len(asked) == 0 {
		return nil
	}
	hits, err := s.Store.Lookup(s.ctx, s.ws, lookup.Values(asked))
	if err != nil {
		return err
	}
	// A word that only might have been an ID is not worth a "not found".
	wanted := lookup.Missing(asked, func(id string) bool { return len(hits[id]) > 0 })
	if s.absences, err = s.Store.Absences(s.ctx, s.ws, lookup.Values(wanted)); err != nil {
		return err
	}
	leads := store.Unkeyed(lookup.Values(asked), hits)
	for _, c := range asked {
		if len(hits[c.Value]) == 0 && !slices.Contains(wanted, c) {
			continue
		}
		c.Weak = false // the store knows it
		s.out.IDs = append(s.out.IDs, c)
		row, err := s.row(c.Value, hits[c.Value], &leads)
		if err != nil {
			return err
		}
		s.out.Rows = append(s.out.Rows, row)
	}
	return s.explainAll()
}

// explainAll adds what the catalogue says of the Trails, and what their customers are
// called. Both are read once for all of them.
func (s *search) explainAll() (err error) {
	if len(s.out.Trails) == 0 {
		return nil
	}
	if s.book, err = s.Store.Catalog(s.ctx, s.ws); err != nil {
		return err
	}
	trails := make([]*event.Trail, len(s.out.Trails))
	for i := range s.out.Trails {
		trails[i] = &s.out.Trails[i]
	}
	if err := s.Store.NameTrails(s.ctx, s.ws, trails...); err != nil {
		return err
	}
	for _, t := range trails {
		s.explain(t, s.book)
	}
	return nil
}

// candidates are the IDs to ask for. A text that is one word is an ID, however
// little it looks like one: IDs are opaque.
func (s *search) candidates(text string) []lookup.Candidate {
	found := lookup.Candidates(text)
	if len(found) > store.MaxLookup {
		s.out.Truncated = !found[store.MaxLookup].Weak
		found = found[:store.MaxLookup]
	}
	return found
}

// row puts what one ID leads to into the answer, and gives its row.
func (s *search) row(id string, hits []store.Hit, leads *store.Leads) (idRow, error) {
	if len(hits) == 0 {
		return s.missing(id)
	}
	gone := true
	for _, page := range leads.Of(id) {
		there, err := s.add(page, leads.Hits[page])
		if err != nil {
			return idRow{}, err
		}
		gone = gone && !there
	}
	if gone && len(leads.Of(id)) > 0 { // expired between two queries
		return s.missing(id)
	}
	return rowOf(id, store.Face(hits)), nil
}

// add puts a Trail into the answer, unless it has expired. IDs of one request lead to
// the same Trail, which is shown once.
func (s *search) add(id string, hits []store.Hit) (there bool, err error) {
	fresh := s.fresh(hits)
	if len(fresh) == 0 {
		return true, nil
	}
	if len(s.out.Trails) == maxTrails {
		s.brief = append(s.brief, store.Face(fresh).EventID)
		for _, h := range fresh {
			s.covered[h.EventID] = true
			s.out.Hits = append(s.out.Hits, viewHit(h))
		}
		return true, nil
	}
	trail, err := s.Store.Trail(s.ctx, s.ws, id)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.show(trail)
	return true, nil
}

// show adds a Trail.
func (s *search) show(trail event.Trail) {
	for i := range trail.Events {
		s.covered[trail.Events[i].ID] = true
	}
	s.out.Trails = append(s.out.Trails, trail)
}

func (s *search) fresh(hits []store.Hit) []store.Hit {
	var fresh []store.Hit
	for _, h := range hits {
		if !s.covered[h.EventID] {
			fresh = append(fresh, h)
		}
	}
	return fresh
}

// missing says why an ID leads nowhere, and what it may have been.
func (s *search) missing(id string) (idRow, error) {
	a, known := s.absences[id]
	if !known { // it led somewhere a moment ago
		one, err := s.Store.Absences(s.ctx, s.ws, []string{id})
		if err != nil {
			return idRow{}, err
		}
		a = one[id]
	}
	s.out.NotFound = append(s.out.NotFound, missing{ID: id, Reason: string(a.Reason), RetentionDays: a.RetentionDays, Day: a.Day, Rule: a.Rule, Kept: a.Kept, AfterDays: a.AfterDays})
	row := idRow{ID: id, Reason: string(a.Reason)}
	if len(s.out.NotFound) > maxHinted {
		return row, nil
	}
	near, err := s.Store.Near(s.ctx, s.ws, id, maxHints)
	for _, h := range near {
		s.out.DidYouMean = append(s.out.DidYouMean, suggestion{ID: id, hit: viewHit(h)})
	}
	return row, err
}

func viewHit(h store.Hit) hit { return hit{h, event.Time{Time: h.OccurredAt}} }
