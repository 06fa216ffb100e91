package api

import (
	"errors"
	"slices"

	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/catalog"
	"errata/internal/customer"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/front"
	"errata/internal/lookup"
	"errata/internal/store"
)

// engineer reports whether who asks sees services from within. Who does not gets the
// same answers, with that left out.
func engineer(c *gin.Context) bool { return edge.Key(c).Allows(auth.Read) }

// outside is a Trail for support.
func (a *api) outside(trail *event.Trail, book *catalog.Book) front.Trail {
	out, said := front.Of(trail, book, a.Now())
	out.Retry = retry{said, maybe(said.At)}
	return out
}

// requestOutside is request for support. Links lead to where engineers look: that they
// were asked for changes nothing.
func (a *api) requestOutside(c *gin.Context, id string, more []string) (front.Trail, error) {
	ctx, ws := c.Request.Context(), workspace(c)
	trail, err := a.Store.Trail(ctx, ws, id)
	if err != nil {
		return front.Trail{}, absentOutside(a.withHints(ctx, ws, id, err))
	}
	book, err := a.Store.Catalog(ctx, ws)
	if err != nil {
		return front.Trail{}, err
	}
	if err := a.Store.NameTrails(ctx, ws, &trail); err != nil {
		return front.Trail{}, err
	}
	out := a.outside(&trail, book)
	more = slices.DeleteFunc(slices.Clone(more), func(part string) bool { return part != withBlast && part != withAttempts })
	if err := a.include(ctx, ws, &trail, more); err != nil {
		return front.Trail{}, err
	}
	out.BlastRadius, out.Attempts = trail.BlastRadius, trail.Attempts
	a.looked(c, trail)
	return out, nil
}

// absentOutside keeps of a rejection why it was, and not what was said against it.
func absentOutside(err error) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		if because, ok := f.Details["rejected_because"].(string); ok {
			f.Message = store.RejectedFor(because)
		}
	}
	return err
}

// foundOutside is found for support.
type foundOutside struct {
	IDs        []lookup.Candidate  `json:"ids"`
	Rows       []idRow             `json:"rows"`
	Trails     []front.Trail       `json:"trails"`
	Hits       []hitOutside        `json:"hits"`
	NotFound   []missing           `json:"not_found"`
	DidYouMean []suggestionOutside `json:"did_you_mean"`
	Customers  []customer.Called   `json:"customers"`
	Truncated  bool                `json:"truncated"`
	Secrets    []string            `json:"secrets"`
}

// hitOutside is the Event that stands for a Trail.
type hitOutside struct {
	EventID    string       `json:"event_id"`
	Kind       string       `json:"kind"`
	Value      string       `json:"value"`
	RequestID  string       `json:"request_id,omitempty"`
	OccurredAt event.Time   `json:"occurred_at"`
	Service    string       `json:"service"`
	Status     int          `json:"status,omitempty"`
	Code       string       `json:"code"`
	Family     event.Family `json:"family"`
	Role       event.Role   `json:"role"`
	Customer   string       `json:"customer,omitempty"`
}

// suggestionOutside is an ID that may have been meant.
type suggestionOutside struct {
	ID    string `json:"id"` // as it was asked for
	Value string `json:"value"`
}

func (s *search) outside() foundOutside {
	out := foundOutside{
		IDs: s.out.IDs, Rows: s.out.Rows, Trails: []front.Trail{}, Hits: []hitOutside{}, NotFound: s.out.NotFound, DidYouMean: []suggestionOutside{},
		Customers: s.out.Customers, Truncated: s.out.Truncated, Secrets: s.out.Secrets,
	}
	for i := range s.out.Trails {
		out.Trails = append(out.Trails, s.api.outside(&s.out.Trails[i], s.book))
	}
	of := map[string][]store.Hit{}
	for _, h := range s.out.Hits {
		of[h.Value] = append(of[h.Value], h.Hit)
	}
	for _, h := range s.out.Hits {
		if of[h.Value] == nil {
			continue
		}
		f := store.Face(of[h.Value])
		delete(of, h.Value)
		out.Hits = append(out.Hits, hitOutside{EventID: f.EventID, Kind: f.Kind, Value: f.Value, RequestID: f.RequestID, OccurredAt: event.Time{Time: f.OccurredAt},
			Service: f.Service, Status: f.Status, Code: f.Code, Family: f.Family, Role: f.Role, Customer: f.Customer})
	}
	for _, d := range s.out.DidYouMean {
		out.DidYouMean = append(out.DidYouMean, suggestionOutside{d.ID, d.Value})
	}
	return out
}
