package web

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

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

// nothing says as helpfully as possible that no page answers to the IDs, and what else
// the text leads to.
func (w *web) nothing(c *gin.Context, ids []string, p *pasted, named []row) error {
	status, err := w.status(c)
	if err != nil {
		return err
	}
	title, code := "No ID found in this text", http.StatusUnprocessableEntity
	if len(ids) > 0 {
		title, code = "No failure found under "+plural(len(ids), "this ID", "these IDs"), http.StatusNotFound
	}
	page := nothingPage{frame: w.frame(c, title, ""), Status: status, Secrets: p.secrets, Guesses: max(0, len(p.wanted)-len(ids)), Named: named, Ask: askCustomer}
	if page.Reach, err = w.reach(c); err != nil {
		return err
	}
	if page.Absences, err = w.absences(c, ids); err != nil {
		return err
	}
	if page.Channels, err = w.watchChannels(c, page.Absences); err != nil {
		return err
	}
	return w.render(c, code, "nothing", page)
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
