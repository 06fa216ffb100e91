package web

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/dialect"
	"errata/internal/event"
	"errata/internal/lookup"
	ql "errata/internal/query"
	"errata/internal/store"
)

const (
	maxSuggested   = 10 // IDs for which near misses are looked for
	maxSuggestions = 5  // near misses for one ID
)

type nothingPage struct {
	frame
	Absences []absence
	Channels []choice // by which somebody can be told that an ID arrived
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
	Watch       bool // whether it may yet arrive
}

// askCustomer is what makes the next look-up succeed.
const askCustomer = `Hello,

to find out what happened we need a little more. Could you send us:

- the time of the error, with its time zone
- the address and method of the request, for example POST /v1/charges
- the status (such as 429) and the whole body of the answer
- the value of the X-Request-Id header of the answer

Please leave out API keys and passwords.`

// nothing says as helpfully as possible that no page answers to the IDs. says is the
// code that a body in the text has, if it has one.
func (w *web) nothing(c *gin.Context, code int, ids, secrets []string, guesses int, says string) error {
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
	if page.Absences, err = w.absences(c, ids); err != nil {
		return err
	}
	if page.Channels, err = w.watchChannels(c, page.Absences); err != nil {
		return err
	}
	if len(ids) == 1 && lookup.MinPrefix(ids[0]) > store.MinPrefix {
		if page.Named, err = w.named(c.Request.Context(), member(c).Workspace, ids[0]); err != nil {
			return err
		}
		if !member(c).Reads {
			page.Named = slices.DeleteFunc(page.Named, func(r row) bool {
				return !strings.HasPrefix(r.Value, "/codes/") && !strings.HasPrefix(r.Value, "/customers/")
			})
		}
	}
	if says != "" {
		known, err := w.known(c.Request.Context(), member(c).Workspace, ql.Code, says)
		if err != nil {
			return err
		}
		if known {
			page.Named = append(page.Named, row{"The body in it has the code " + says, pathOfCode("", says)})
		}
	}
	return w.render(c, code, "nothing", page)
}

// maxBodies is how many openings of JSON in a text are tried.
const maxBodies = 16

// codeIn is the code of the first error body in a text that has one; "" for none. A
// body without an ID still says what went wrong.
func codeIn(text string) string {
	for range maxBodies {
		at := strings.IndexByte(text, '{')
		if at < 0 {
			break
		}
		text = text[at:]
		dec := json.NewDecoder(strings.NewReader(text))
		var body json.RawMessage
		if dec.Decode(&body) != nil {
			text = text[1:]
			continue
		}
		if r := dialect.Read(body, nil, 0); r.RawCode != "" {
			return event.CanonicalCode(r.RawCode, 0)
		}
		text = text[dec.InputOffset():]
	}
	return ""
}

func (w *web) known(ctx context.Context, ws int32, field ql.Field, name string) (bool, error) {
	list, err := w.Store.Values(ctx, ws, field, name, maxSuggestions)
	return slices.Contains(list, name), err
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
		known, err := w.known(ctx, ws, kind.field, kind.name)
		if err != nil {
			return nil, err
		}
		if known {
			out = append(out, row{"It is the " + string(kind.field) + " " + kind.name, kind.path(kind.name)})
		}
	}
	return out, nil
}

// absences say why IDs lead nowhere, and what the first few may have been.
func (w *web) absences(c *gin.Context, ids []string) ([]absence, error) {
	login := member(c)
	all, err := w.Store.Absences(c.Request.Context(), login.Workspace, ids)
	if err != nil {
		return nil, err
	}
	var out []absence
	for i, id := range ids {
		found := all[id]
		why := w.whyAbsent(found)
		if !login.Reads && found.Reason == store.Rejected {
			why = store.RejectedFor(found.Because)
		}
		// One that has been and gone does not come again.
		a := absence{ID: id, Why: why, Watch: found.ID != "" && found.Reason != store.ProbablyExpired && found.Reason != store.Thinned}
		if i < maxSuggested {
			if a.Suggestions, err = w.meant(c, id); err != nil {
				return nil, err
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// meant are IDs that somebody may have meant.
func (w *web) meant(c *gin.Context, id string) ([]listRow, error) {
	hits, err := w.Store.Near(c.Request.Context(), member(c).Workspace, id, maxSuggestions)
	var out []listRow
	for _, h := range hits {
		row := w.hitRow(h)
		row.ID, row.Path = h.Value, requestPath(h.Value)
		if !member(c).Reads {
			row.outside()
		}
		out = append(out, row)
	}
	return out, err
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
