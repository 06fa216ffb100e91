package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/lookup"
	ql "errata/internal/query"
	"errata/internal/store"
)

const (
	maxExplained   = 10 // IDs whose absence is looked into
	maxSuggestions = 5  // near misses for one ID
)

type nothingPage struct {
	frame
	Absences []absence
	Status   statusLine
	Secrets  []string
	Guesses  int // words that were tried, but may not be IDs
	Named    []row
	Ask      string
	Reach    []reachRow
}

type absence struct {
	ID          string
	Why         string
	Suggestions []listRow
	Watch       *watchForm
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
func (w *web) nothing(c *gin.Context, code int, ids, secrets []string, guesses int) error {
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
	page := nothingPage{frame: w.frame(c, title, ""), Status: status, Secrets: secrets, Guesses: guesses, Ask: askCustomer}
	if page.Reach, err = w.reach(c); err != nil {
		return err
	}
	for _, id := range ids[:min(len(ids), maxExplained)] {
		a, err := w.absence(c.Request.Context(), member(c).Workspace, id)
		if err != nil {
			return err
		}
		page.Absences = append(page.Absences, a)
	}
	if len(ids) == 1 && lookup.MinPrefix(ids[0]) > store.MinPrefix {
		if page.Named, err = w.named(c.Request.Context(), member(c).Workspace, ids[0]); err != nil {
			return err
		}
	}
	return w.render(c, code, "nothing", page)
}

// named are the code, the customer or the service that a word is the name of:
// people paste those, too. Value is the path.
func (w *web) named(ctx context.Context, ws int32, word string) ([]row, error) {
	var out []row
	for _, kind := range []struct {
		field ql.Field
		name  string
		path  func(string) string
	}{
		{ql.Code, event.CanonicalCode(word, 0), func(s string) string { return pathOfCode("", s) }},
		{ql.Customer, word, pathOfCustomer}, {ql.Service, word, pathOfService},
	} {
		known, err := w.Store.Values(ctx, ws, kind.field, kind.name, maxSuggestions)
		if err != nil {
			return nil, err
		}
		if slices.Contains(known, kind.name) {
			out = append(out, row{"the " + string(kind.field) + " " + kind.name, kind.path(kind.name)})
		}
	}
	return out, nil
}

func (w *web) absence(ctx context.Context, ws int32, id string) (absence, error) {
	a := absence{ID: id}
	missing, err := w.Store.Absence(ctx, ws, id)
	if err != nil {
		return a, err
	}
	a.Why = w.whyAbsent(missing)
	if a.Watch, err = w.watchForm(ctx, ws, missing); err != nil {
		return a, err
	}
	near, err := w.Store.LookAlikes(ctx, ws, id, maxSuggestions)
	if err != nil {
		return a, err
	}
	if len(near) < maxSuggestions && len(id) >= lookup.MinPrefix(id) {
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
