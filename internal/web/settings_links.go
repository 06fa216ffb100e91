package web

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/linkout"
	"errata/internal/story"
)

const (
	linksPath    = "/settings/links"
	maxLinksForm = 128 << 10
	// spareLinks are rows to fill in, below those there are.
	spareLinks = 2
)

// settingNames are the templates of settings.
var settingNames = []string{"links", "thinning"}

func (w *web) settingRoutes(member *gin.RouterGroup) {
	admin := func(handle func(*gin.Context) error) gin.HandlerFunc {
		return edge.Handle(func(c *gin.Context) error {
			if err := mayDecide(c); err != nil {
				return err
			}
			return handle(c)
		})
	}
	member.GET(linksPath, admin(w.linkSettings))
	member.POST(linksPath, admin(w.saveLinks))
	member.GET(thinningPath, admin(w.thinning))
	member.POST(thinningPath, admin(w.decideThinning))
	member.GET(catalogPath, admin(w.catalogForm))
	member.POST(catalogPath, admin(w.importCatalog))
	member.GET(catalogPath+"/export", admin(w.exportCatalog))
}

// linkSettings shows the links that each failure gets, and where they would lead for
// the newest failure that has a trace.
type linkSettings struct {
	frame
	Problem, Done string
	Rows          []linkRow
	Presets       []link
	Fields        []row
	Tried         string // the failure that they are tried with
	TriedPath     string
	Links         []linkout.Link
}

type linkRow struct {
	N         int
	Name, URL string
}

func (w *web) linkSettings(c *gin.Context) error {
	list, err := w.Store.Links(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return err
	}
	page := linkSettings{}
	if c.Query("saved") == "1" {
		page.Done = "Saved. Pages of failures have these links now."
	}
	shown := slices.Clone(list)
	for _, p := range linkout.Presets {
		if p.Name == c.Query("add") {
			shown = append(shown, p)
			page.Done = "Change the host of the new link to your own, and save."
		}
	}
	return w.showLinks(c, http.StatusOK, page, shown, list)
}

// saveLinks takes the whole list. What is empty is left out.
func (w *web) saveLinks(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxLinksForm)
	names, urls := c.PostFormArray("name"), c.PostFormArray("url")
	var list []linkout.Template
	for i := range min(len(names), len(urls)) {
		if names[i] != "" || urls[i] != "" {
			list = append(list, linkout.Template{Name: names[i], URL: urls[i]})
		}
	}
	login := member(c)
	_, err := w.Store.SetLinks(c.Request.Context(), login.Actor, login.Workspace, list)
	if f := fault.Of(err); err != nil && f.Kind == fault.Unprocessable {
		had, err := w.Store.Links(c.Request.Context(), login.Workspace)
		if err != nil {
			return err
		}
		return w.showLinks(c, http.StatusUnprocessableEntity, linkSettings{Problem: f.Message}, list, had)
	}
	if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, linksPath+"?saved=1")
	return nil
}

// showLinks shows a list to be changed, and tries the one that is stored.
func (w *web) showLinks(c *gin.Context, status int, page linkSettings, shown, stored []linkout.Template) error {
	for i, t := range shown {
		page.Rows = append(page.Rows, linkRow{N: i + 1, Name: t.Name, URL: t.URL})
	}
	for range min(spareLinks, linkout.MaxTemplates-len(shown)) {
		page.Rows = append(page.Rows, linkRow{N: len(page.Rows) + 1})
	}
	for _, p := range linkout.Presets {
		page.Presets = append(page.Presets, link{Label: p.Name, Path: linksPath + "?" + query("add", p.Name)})
	}
	for _, f := range linkout.Fields {
		page.Fields = append(page.Fields, row{"{" + f.Name + "}", f.About})
	}
	e, err := w.lastTraced(c)
	if err != nil {
		return err
	}
	if e != nil && len(stored) > 0 {
		trail := event.NewTrail(e.ID, []event.Event{*e})
		page.Tried, page.TriedPath = fmt.Sprintf("%s of %s, %s", story.Heading(e), e.Service, w.moment(e.OccurredAt).Ago), eventPath(e.RequestID, e.ID)
		page.Links = linkout.Fill(stored, &trail, e)
	}
	page.frame = w.frame(c, "Links", "settings")
	return w.render(c, status, "links", page)
}

// lastTraced is the newest failure that has a trace; nil where the last hundred have
// none.
func (w *web) lastTraced(c *gin.Context) (*event.Event, error) {
	const looked = 100
	list, err := w.Store.Events(c.Request.Context(), member(c).Workspace, event.Filter{Role: event.Primary}, looked, "")
	if err != nil {
		return nil, err
	}
	for i := range list.Events {
		if list.Events[i].TraceID != "" {
			return &list.Events[i], nil
		}
	}
	return nil, nil //nolint:nilnil // none
}
