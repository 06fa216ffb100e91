package web

import (
	"context"
	"errors"
	"net/http"
	"sort"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/lookup"
	"errata/internal/store"
)

const (
	maxText = 256 << 10 // bytes of pasted text
	// A form spends up to three bytes on one of the text.
	maxFindBody    = 3*maxText + 1024
	maxGroups      = 100 // shown of what a text leads to
	maxExplained   = 5   // IDs whose absence is looked into
	maxSuggestions = 5   // near misses for one ID
)

// find takes whatever was pasted to the one page that it is about, or shows
// the pages among which to choose. The text itself goes nowhere.
func (w *web) find(c *gin.Context) error {
	text, err := pastedText(c)
	if err != nil {
		return err
	}
	wanted := candidates(text)
	if path, err := w.direct(c, wanted); err != nil || path != "" {
		if err == nil {
			c.Redirect(http.StatusSeeOther, path)
		}
		return err
	}
	ids := make([]string, 0, len(wanted))
	for _, want := range wanted {
		ids = append(ids, want.Value)
	}
	hits, err := w.Store.Lookup(c.Request.Context(), member(c).Workspace, ids)
	if err != nil {
		return err
	}
	groups := group(ids, hits)
	switch {
	case len(groups) == 0:
		return w.nothing(c, http.StatusNotFound, ids, lookup.HasSecret(text))
	case len(groups) == 1 && !lookup.HasSecret(text):
		c.Redirect(http.StatusSeeOther, groups[0].path())
		return nil
	default:
		return w.found(c, groups, ids, hits, lookup.HasSecret(text))
	}
}

func pastedText(c *gin.Context) (string, error) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxFindBody)
	tooLarge := fault.New(fault.TooLarge, "payload_too_large", "The text is larger than %d KiB. Paste only the part with the error.", maxText>>10)
	if err := c.Request.ParseForm(); err != nil {
		var over *http.MaxBytesError
		if errors.As(err, &over) {
			return "", tooLarge
		}
		return "", fault.New(fault.Invalid, "invalid_request", "The form could not be read.").Because(err)
	}
	text := c.Request.PostForm.Get("text")
	if len(text) > maxText {
		return "", tooLarge
	}
	return text, nil
}

// candidates are the IDs in the text. A single word is one whatever its shape.
func candidates(text string) []lookup.Candidate {
	found := lookup.Extract(text)
	word := event.CleanID(text)
	if len(found) == 0 && word != "" && len(strings.Fields(text)) == 1 && !lookup.HasSecret(text) {
		found = append(found, lookup.Candidate{Kind: lookup.Unknown, Value: word})
	}
	return found[:min(len(found), store.MaxLookup)]
}

// direct is the page that a pasted link of ours to an Event leads to.
func (w *web) direct(c *gin.Context, wanted []lookup.Candidate) (string, error) {
	if len(wanted) != 1 || wanted[0].Kind != lookup.Event {
		return "", nil
	}
	e, err := w.Store.Event(c.Request.Context(), member(c).Workspace, wanted[0].Value)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return eventPath(e.RequestID, e.ID), err
}

// answer is what belongs together of the hits: one request, or one trace.
type answer struct {
	id   string // the pasted ID that led here first
	hits []store.Hit
}

func (a *answer) path() string { return requestPath(a.id) }

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

// face is the hit that stands for the answer in a list: a service's own
// answer before a call, the latest first.
func (a *answer) face() store.Hit {
	best := a.hits[0]
	for _, h := range a.hits[1:] {
		if own := h.Role == event.Primary; own != (best.Role == event.Primary) {
			if own {
				best = h
			}
		} else if h.OccurredAt.After(best.OccurredAt) {
			best = h
		}
	}
	return best
}

type foundPage struct {
	frame
	Rows   []listRow
	More   int // answers beyond those shown
	Absent []string
	Secret bool
}

func (w *web) found(c *gin.Context, groups []*answer, ids []string, hits map[string][]store.Hit, secret bool) error {
	page := foundPage{Secret: secret}
	for _, g := range groups {
		row := w.hitRow(g.face())
		row.Path, row.ID = g.path(), g.id
		page.Rows = append(page.Rows, row)
	}
	sort.SliceStable(page.Rows, func(i, j int) bool { return page.Rows[i].Time.Machine > page.Rows[j].Time.Machine })
	if len(page.Rows) > maxGroups {
		page.More, page.Rows = len(page.Rows)-maxGroups, page.Rows[:maxGroups]
	}
	for _, id := range ids {
		if len(hits[id]) == 0 && len(page.Absent) < maxGroups {
			page.Absent = append(page.Absent, id)
		}
	}
	page.frame = w.frame(c, plural(len(groups), "request", "requests")+" found", "")
	return w.render(c, http.StatusOK, "found", page)
}

type nothingPage struct {
	frame
	Absences []absence
	Status   statusLine
	Secret   bool
	Ask      string
}

type absence struct {
	ID          string
	Why         string
	Suggestions []listRow
}

// askCustomer is what makes the next look-up succeed.
const askCustomer = `Hello,

to find out what happened we need a little more. Could you send us:

- the time of the error, with its time zone
- the address and method of the request, for example POST /v1/charges
- the status (such as 429) and the whole body of the answer
- the value of the X-Request-Id header of the answer

Please leave out API keys and passwords.`

// nothing says as helpfully as possible that no page answers to the IDs.
func (w *web) nothing(c *gin.Context, code int, ids []string, secret bool) error {
	status, err := w.status(c)
	if err != nil {
		return err
	}
	title := "No ID found in this text"
	if len(ids) > 0 {
		title = "No failure found under " + plural(len(ids), "this ID", "these IDs")
	} else if code == http.StatusNotFound {
		code = http.StatusUnprocessableEntity
	}
	page := nothingPage{frame: w.frame(c, title, ""), Status: status, Secret: secret, Ask: askCustomer}
	for _, id := range ids[:min(len(ids), maxExplained)] {
		a, err := w.absence(c.Request.Context(), member(c).Workspace, id)
		if err != nil {
			return err
		}
		page.Absences = append(page.Absences, a)
	}
	return w.render(c, code, "nothing", page)
}

func (w *web) absence(ctx context.Context, ws int32, id string) (absence, error) {
	a := absence{ID: id}
	if _, err := w.Store.Trail(ctx, ws, id); fault.Is(err, fault.NotFound) {
		a.Why = why(fault.Of(err))
	} else if err != nil {
		return a, err
	}
	near, err := w.Store.LookAlikes(ctx, ws, id, maxSuggestions)
	if err != nil {
		return a, err
	}
	if len(near) < maxSuggestions {
		more, err := w.Store.Prefix(ctx, ws, id, maxSuggestions)
		if err != nil {
			return a, err
		}
		near = append(near, more...)
	}
	seen := map[string]bool{id: true}
	for _, h := range near {
		if !seen[h.Value] && len(a.Suggestions) < maxSuggestions {
			seen[h.Value] = true
			row := w.hitRow(h)
			row.ID, row.Path = h.Value, requestPath(h.Value)
			a.Suggestions = append(a.Suggestions, row)
		}
	}
	return a, nil
}

func why(f *fault.Fault) string {
	switch f.Details["reason"] {
	case "rejected":
		return f.Message
	case "probably_expired":
		if day, ok := f.Details["day"].(string); ok {
			return "It was probably reported on " + day + ", and has expired since."
		}
		return "It was probably reported, and has expired since."
	case "thinned":
		return "It was counted but not kept, because there were too many like it."
	default:
		return "No failure with this ID has been reported."
	}
}

func plural(n int, one, many string) string {
	switch {
	case strings.HasPrefix(one, "this") && n == 1:
		return one
	case strings.HasPrefix(one, "this"):
		return many
	case n == 1:
		return "1 " + one
	default:
		return itoa(n) + " " + many
	}
}
