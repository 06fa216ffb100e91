package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/edge"
	"errata/internal/fault"
)

// exportCatalog gives what the workspace wrote as a file.
func (a *api) exportCatalog(c *gin.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	book, err := a.Store.Catalog(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", catalog.Write(book.Entries()))
	return nil
}

// changeView is a step of a plan, with its lines of YAML.
type changeView struct {
	Act     catalog.Act `json:"act"`
	Service string      `json:"service"`
	Code    string      `json:"code"`
	Fields  []string    `json:"fields"`
	Lines   []string    `json:"lines"`
}

type entryKeyView struct {
	Service string `json:"service"`
	Code    string `json:"code"`
}

type planView struct {
	Plan    string         `json:"plan"` // names it, for import
	Applied bool           `json:"applied"`
	Changes []changeView   `json:"changes"`
	Left    []entryKeyView `json:"left"`
	Same    int            `json:"same"`
}

func viewPlan(p catalog.Plan, applied bool) planView {
	v := planView{Plan: p.Digest(), Applied: applied, Changes: []changeView{}, Left: []entryKeyView{}, Same: p.Same}
	for _, op := range p.Ops {
		k := op.Key()
		v.Changes = append(v.Changes, changeView{op.Act, k.Service, k.Code, orEmpty(catalog.Edits(op.Have, op.Want)), op.Listing()})
	}
	for _, e := range p.Left {
		v.Left = append(v.Left, entryKeyView{e.Service, e.Code})
	}
	return v
}

// planCatalog says what importing a file would change.
func (a *api) planCatalog(c *gin.Context) error {
	want, prune, _, err := fileAsked(c, "prune")
	if err != nil {
		return err
	}
	book, err := a.Store.Catalog(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, viewPlan(catalog.Compare(book.Entries(), want, prune), false))
}

// importCatalog makes the change that somebody looked at.
func (a *api) importCatalog(c *gin.Context) error {
	want, prune, p, err := fileAsked(c, "prune", "plan")
	if err != nil {
		return err
	}
	if p["plan"] == "" {
		return invalid("plan", "must be the 'plan' that POST /v1/catalog/plan gave for this file, so that what is applied is what was looked at")
	}
	plan, err := a.Store.ImportCatalog(c.Request.Context(), actor(c), workspace(c), want, prune, p["plan"])
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, viewPlan(plan, true))
}

// fileAsked reads a file of entries from the body.
func fileAsked(c *gin.Context, known ...string) (want []catalog.Entry, prune bool, p params, err error) {
	if p, err = query(c, known...); err != nil {
		return nil, false, p, err
	}
	switch p["prune"] {
	case "", "false":
	case "true":
		prune = true
	default:
		return nil, false, p, invalid("prune", "must be true or false")
	}
	text, err := edge.ReadBody(c, catalog.MaxFile)
	if err != nil {
		return nil, false, p, err
	}
	want, mistakes := catalog.Read("", text)
	if len(mistakes) == 0 {
		return want, prune, p, nil
	}
	m := mistakes[0]
	return nil, false, p, fault.New(fault.Unprocessable, "validation_failed", "Line %d of the file: '%s' %s. Nothing was changed; 'details.mistakes' has all that is to mend.", m.Line, m.Path, m.Why).
		With("field", m.Path).With("mistakes", mistakes)
}
