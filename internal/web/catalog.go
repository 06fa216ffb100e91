package web

import (
	"context"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/store"
)

// Catalogue is what the pages need of the store for the catalogue of codes.
type Catalogue interface {
	Catalog(ctx context.Context, ws int32) (*catalog.Book, error)
	SaveCatalogEntry(ctx context.Context, actor store.Actor, ws int32, e catalog.Entry, version int) (catalog.Entry, error)
	RemoveCatalogEntry(ctx context.Context, actor store.Actor, ws int32, k catalog.Key, version int) error
	CatalogHistory(ctx context.Context, ws int32, k catalog.Key, before, limit int) ([]store.Revision, error)
	RevertCatalogEntry(ctx context.Context, actor store.Actor, ws int32, k catalog.Key, to, version int) (catalog.Entry, error)
	ImportCatalog(ctx context.Context, actor store.Actor, ws int32, want []catalog.Entry, prune bool, digest string) (catalog.Plan, error)
}

func (w *web) catalogRoutes(member *gin.RouterGroup) {
	member.GET("/codes/:first/:code/edit", edge.Handle(w.editEntry))
	member.POST("/codes/:first/:code/edit", edge.Handle(w.decideEntry))
	member.GET("/codes/:first/:code/history", edge.Handle(w.entryHistory))
	member.POST("/codes/:first/:code/history", edge.Handle(w.revertEntry))
}

// catalogNames are the templates of these pages.
var catalogNames = []string{"catalog_edit", "catalog_history", "catalog_import"}

// book is the catalogue of the member's workspace.
func (w *web) book(c *gin.Context) (*catalog.Book, error) {
	return w.Store.Catalog(c.Request.Context(), member(c).Workspace)
}

// pathOfEntry is where an entry is edited; history is beside it.
func pathOfEntry(k catalog.Key, page string) string {
	return "/codes/" + segment(k.Service) + "/" + segment(k.Code) + "/" + page
}

// entryAsked is the entry that an address names.
func entryAsked(c *gin.Context) (k catalog.Key, err error) {
	service, err := nameOf(c.Param("first"))
	if err != nil {
		return k, err
	}
	code, err := nameOf(c.Param("code"))
	if err != nil {
		return k, err
	}
	if k = catalog.KeyOf(service, code); k.Code == "" {
		return k, invalid("The address names no code.")
	}
	return k, nil
}

// recent is the newest failure of a code in a week, for previews; one that is made
// up where there is none.
func (w *web) recent(c *gin.Context, k catalog.Key) (e event.Event, real bool, err error) {
	now := w.Now()
	f := event.Filter{Service: k.Service, Role: event.Primary, From: now.Add(-recentDays), To: now}
	if k.Code != catalog.All {
		f.Code = k.Code
	}
	found, err := w.Store.Events(c.Request.Context(), member(c).Workspace, f, 1, "")
	if err != nil {
		return e, false, err
	}
	if len(found.Events) > 0 {
		return found.Events[0], true, nil
	}
	e = event.Event{RequestID: "req_example", OccurredAt: now, Service: k.Service, Code: k.Code, RawCode: k.Code, Role: event.Primary, Status: catalog.UsualStatus(k.Code)}
	e.Family = event.FamilyOf(e.Status, e.Code)
	for _, side := range catalog.Sides {
		if k.Code == "family_"+side {
			e.Family = event.Family(side)
		}
	}
	return e, false, nil
}
