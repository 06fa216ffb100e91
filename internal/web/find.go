package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/lookup"
	"errata/internal/store"
)

const (
	maxText = lookup.MaxText // bytes of pasted text
	// A form spends up to three bytes on one of the text.
	maxFindBody = 3*maxText + 1024
	maxShort    = 10 // answers that are shown with their root cause; more make a table
)

// pasted is what is known of a text. The text itself goes nowhere.
type pasted struct {
	wanted  []lookup.Candidate
	more    int      // IDs beyond those that are looked up at once
	secrets []string // as they may be shown
	text    string   // as it was typed; it is only compared
	csv     bool
}

// find takes whatever was pasted to the one page that it is about, or shows
// the pages among which to choose.
func (w *web) find(c *gin.Context) error {
	p, err := readPasted(c)
	if err != nil {
		return err
	}
	ids := lookup.Values(p.wanted)
	hits, err := w.Store.Lookup(c.Request.Context(), member(c).Workspace, ids)
	if err != nil {
		return err
	}
	missing := lookup.Values(lookup.Missing(p.wanted, func(id string) bool { return len(hits[id]) > 0 }))
	requests := store.Unkeyed(ids, hits)
	groups := group(requests.IDs, requests.Hits)
	if len(groups) == 0 && !p.csv && len(p.secrets) == 0 {
		if done, err := w.findCustomer(c, p.text); err != nil || done {
			return err
		}
	}
	switch {
	case p.csv:
		if err := may(c, auth.Read); err != nil {
			return err
		}
		return w.bulkCSV(c, p.wanted, hits, missing)
	case len(groups) == 0 && len(missing) <= maxShort:
		named, whole, err := w.leads(c, p.text, missing)
		if err != nil {
			return err
		}
		if whole && len(named) == 1 && len(p.secrets) == 0 {
			c.Redirect(http.StatusSeeOther, named[0].Value)
			return nil
		}
		return w.nothing(c, missing, &p, named)
	case len(groups) == 1 && len(p.secrets) == 0 && len(missing) <= maxShort:
		c.Redirect(http.StatusSeeOther, groups[0].path())
		return nil
	case len(groups)+len(missing) <= maxShort:
		return w.found(c, groups, missing, p.secrets)
	default:
		return w.bulk(c, p, hits, missing)
	}
}

// readPasted reads the form: a text, or the IDs of a table that is asked for
// again.
func readPasted(c *gin.Context) (pasted, error) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxFindBody)
	tooLarge := fault.New(fault.TooLarge, "payload_too_large", "The text is larger than %d KiB. Paste only the part with the error.", maxText>>10)
	if err := c.Request.ParseForm(); err != nil {
		var over *http.MaxBytesError
		if errors.As(err, &over) {
			return pasted{}, tooLarge
		}
		return pasted{}, fault.New(fault.Invalid, "invalid_request", "The form could not be read.").Because(err)
	}
	form := c.Request.PostForm
	text, list := form.Get("text"), form.Get("ids")
	if len(text) > maxText || len(list) > maxText {
		return pasted{}, tooLarge
	}
	p := pasted{csv: form.Get("as") == "csv", text: text}
	if list != "" {
		p.wanted = listed(list)
	} else {
		p.wanted, p.secrets = lookup.Candidates(text), lookup.Masked(text)
	}
	if len(p.wanted) > store.MaxLookup {
		for _, c := range p.wanted[store.MaxLookup:] {
			if !c.Weak {
				p.more++
			}
		}
		p.wanted = p.wanted[:store.MaxLookup]
	}
	return p, nil
}

// listed are IDs exactly as they are, one on each line.
func listed(text string) []lookup.Candidate {
	var out []lookup.Candidate
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		if id := event.CleanID(line); id != "" && !seen[id] {
			seen[id] = true
			out = append(out, lookup.Candidate{Kind: lookup.Unknown, Value: id})
		}
	}
	return out
}

// answer is what belongs together of the hits: one request, or one trace.
type answer struct {
	id   string // the pasted ID that led here first
	hits []store.Hit
}

func (a *answer) path() string { return pathUnder(a.id, a.hits[0]) }

// pathUnder is the page that an ID leads to: that of the request, also for the ID
// that one of its Events has here.
func pathUnder(id string, h store.Hit) string {
	if h.Kind == "event" {
		return eventPath(h.RequestID, h.EventID)
	}
	return requestPath(id)
}

// group puts the hits together that one page shows: those with the same
// request ID or trace. Pasting both IDs of a request finds one thing.
func group(ids []string, hits map[string][]store.Hit) []*answer {
	var out []*answer
	owner := map[string]*answer{}
	for _, id := range ids {
		if len(hits[id]) == 0 {
			continue
		}
		into := &answer{id: id}
		for _, h := range hits[id] {
			for _, key := range keys(h) {
				if other := owner[key]; other != nil && len(into.hits) == 0 {
					into = other
				}
			}
		}
		if len(into.hits) == 0 {
			out = append(out, into)
		}
		for _, h := range hits[id] {
			into.hits = append(into.hits, h)
			for _, key := range keys(h) {
				owner[key] = into
			}
		}
	}
	return out
}

func keys(h store.Hit) []string {
	out := []string{"e:" + h.EventID}
	if h.RequestID != "" {
		out = append(out, "r:"+h.RequestID)
	}
	if h.TraceID != "" {
		out = append(out, "t:"+h.TraceID)
	}
	return out
}

func nowhere(*gin.Context) error {
	return fault.New(fault.NotFound, "route_not_found", "There is no such page.")
}
