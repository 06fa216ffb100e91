package web

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
	ql "errata/internal/query"
)

// mistake is what is wrong with a search, and where: the text in three pieces,
// of which the middle one is marked. Fixed is the search as it was probably
// meant, and Path leads there.
type mistake struct {
	Message              string
	Before, Wrong, After string
	Fixed, Path          string
}

// newMistake is nil where the fault is not about the search.
func newMistake(f *fault.Fault, list string, values map[string]string) *mistake {
	if f.Details["field"] != "q" {
		return nil
	}
	m := &mistake{Message: f.Message}
	position, _ := f.Details["position"].(int)
	length, _ := f.Details["length"].(int)
	text := []rune(values["q"])
	if position < 1 || position > len(text)+1 {
		return m
	}
	from := position - 1
	to := min(from+length, len(text))
	m.Before, m.Wrong, m.After = string(text[:from]), string(text[from:to]), string(text[to:])
	if suggestion, ok := f.Details["suggestion"].(string); ok {
		m.Fixed = m.Before + suggestion + m.After
		m.Path = listPath(list, values, "q", m.Fixed)
	}
	if m.Wrong == "" { // something is missing at the end
		m.Wrong = "\u00a0"
	}
	return m
}

// active is what the list is narrowed by, in words; a search term by term.
func active(names []string, values map[string]string, list *ql.List) []row {
	var out []row
	for _, name := range names {
		v := values[name]
		if v == "" {
			continue
		}
		parsed, err := list.Parse(v)
		if name != "q" || err != nil {
			out = append(out, row{name, v})
			continue
		}
		for _, t := range parsed.Terms {
			out = append(out, row{"search", t.String()})
		}
	}
	return out
}

// About are the pages of what the list is narrowed by.
func (p eventsPage) About() []link {
	var out []link
	add := func(label, value, path string) {
		if value != "" {
			out = append(out, link{Label: label + " " + value, Path: path})
		}
	}
	f := p.Form
	add("service", f.Service, pathOfService(f.Service))
	if f.Service != "" {
		add("endpoint", f.Endpoint, pathOfEndpoint(f.Service, strings.ToUpper(f.Method), f.Endpoint))
		add("release", f.Release, pathOfRelease(f.Service, f.Environment, f.Release))
	}
	add("code", f.Code, pathOfCode(f.Service, f.Code))
	add("customer", f.Customer, pathOfCustomer(f.Customer))
	return out
}

// Fields are the names that a search knows, for the help.
func (eventsPage) Fields() []string { return ql.Fields() }

// maxOffers is how many candidates are offered: as many as one takes in.
const maxOffers = 12

// offers are what can follow in the search, as it is to be typed in the place
// of Typed. They are for the script of the list; the page works without.
type offers struct {
	Typed  string   `json:"typed"`
	Offers []string `json:"offers"`
}

func (w *web) complete(c *gin.Context) error { return w.offer(c, ql.Events) }

// offer answers what can follow the text, which ends at the caret.
func (w *web) offer(c *gin.Context, list *ql.List) error {
	text := c.Query("q")
	out := offers{Offers: []string{}}
	if len(text) <= ql.MaxLen {
		expected := list.Complete(text, len(text))
		out.Typed, out.Offers = expected.Typed, append(out.Offers, expected.Candidates...)
		if expected.Kind == ql.Values && len(expected.Candidates) == 0 {
			values, err := w.Store.Values(c.Request.Context(), member(c).Workspace, expected.Field, expected.Prefix, maxOffers)
			if err != nil {
				return err
			}
			for _, v := range values {
				out.Offers = append(out.Offers, ql.Quote(v))
			}
		}
	}
	c.JSON(http.StatusOK, out)
	return nil
}
