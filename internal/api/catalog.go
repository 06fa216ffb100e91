package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/store"
)

const maxEntryBody = 64 << 10

// Catalogue is what the API needs of the store for the catalogue of codes.
type Catalogue interface {
	Catalog(ctx context.Context, ws int32) (*catalog.Book, error)
	SaveCatalogEntry(ctx context.Context, actor store.Actor, ws int32, e catalog.Entry, version int) (catalog.Entry, error)
	RemoveCatalogEntry(ctx context.Context, actor store.Actor, ws int32, k catalog.Key, version int) error
	CatalogHistory(ctx context.Context, ws int32, k catalog.Key, before, limit int) ([]store.Revision, error)
	RevertCatalogEntry(ctx context.Context, actor store.Actor, ws int32, k catalog.Key, to, version int) (catalog.Entry, error)
	ImportCatalog(ctx context.Context, actor store.Actor, ws int32, want []catalog.Entry, prune bool, digest string) (catalog.Plan, error)
}

// catalogRoutes are those that read, and those that change what is written.
func (a *api) catalogRoutes(v1 *gin.RouterGroup) {
	v1.GET("/catalog", edge.Handle(a.catalogEntries))
	v1.GET("/catalog/undocumented", edge.Handle(a.undocumented))
	v1.GET("/catalog/export", edge.Handle(a.exportCatalog))
	v1.POST("/catalog/plan", edge.Handle(a.planCatalog))
	v1.POST("/catalog/import", edge.Handle(a.importCatalog))
	v1.GET("/catalog/:service/:code", edge.Handle(a.catalogEntry))
	v1.PUT("/catalog/:service/:code", edge.Handle(a.saveCatalogEntry))
	v1.DELETE("/catalog/:service/:code", edge.Handle(a.removeCatalogEntry))
	v1.GET("/catalog/:service/:code/history", edge.Handle(a.catalogHistory))
	v1.POST("/catalog/:service/:code/revert", edge.Handle(a.revertCatalogEntry))
}

// entryView is an entry, or one that is built in and was changed by nobody.
type entryView struct {
	catalog.Entry
	BuiltIn   bool        `json:"built_in"`
	Of        string      `json:"of,omitempty"` // the profile that a built-in entry belongs to
	UpdatedAt *event.Time `json:"updated_at"`
}

func viewEntry(e catalog.Entry, of string) entryView {
	v := entryView{Entry: e, BuiltIn: e.Version == 0, Of: of}
	for _, list := range []*[]string{&v.Causes, &v.Fixes, &v.SourceRefs, &v.AlsoSeenAs} {
		*list = orEmpty(*list)
	}
	if !v.BuiltIn {
		v.UpdatedAt = &e.UpdatedAt
	}
	return v
}

type profileView struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	About string `json:"about"`
}

// catalogEntries lists what the workspace wrote and, if asked to, what is built in.
func (a *api) catalogEntries(c *gin.Context) error {
	p, err := query(c, "service", "include")
	if err != nil {
		return err
	}
	if v := p["include"]; v != "" && v != "built_in" {
		return invalid("include", "must be 'built_in', or be left out")
	}
	book, err := a.Store.Catalog(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	service, narrowed := p["service"]
	out := struct {
		Entries  []entryView   `json:"entries"`
		Profiles []profileView `json:"profiles"`
	}{Entries: []entryView{}, Profiles: []profileView{}}
	for _, e := range book.Entries() {
		if !narrowed || e.Service == catalog.KeyOf(service, catalog.All).Service {
			out.Entries = append(out.Entries, viewEntry(e, ""))
		}
	}
	if p["include"] != "" {
		for _, e := range catalog.Sorted(catalog.BuiltIn()) {
			out.Entries = append(out.Entries, viewEntry(e, ""))
		}
	}
	for _, p2 := range catalog.Profiles() {
		out.Profiles = append(out.Profiles, profileView{p2.Name, p2.Title, p2.About})
		if p["include"] != "" {
			for _, e := range p2.Entries() {
				out.Entries = append(out.Entries, viewEntry(e, p2.Name))
			}
		}
	}
	return reply(c, http.StatusOK, out)
}

// keyAsked is the entry that the path names.
func keyAsked(c *gin.Context) (k catalog.Key, err error) {
	service, err := pathID(c, "service")
	if err != nil {
		return k, err
	}
	code, err := pathID(c, "code")
	if err != nil {
		return k, err
	}
	if k = catalog.KeyOf(service, code); k.Code == "" {
		return k, invalid("code", "must be a code as the service sends it, http_404 for a status, family_us for a family, or * for what holds for all codes")
	}
	return k, nil
}

// catalogEntry is what the workspace wrote about a code, if it did, and what is
// said of it.
func (a *api) catalogEntry(c *gin.Context) error {
	k, err := keyAsked(c)
	if err != nil {
		return err
	}
	p, err := query(c, "status")
	if err != nil {
		return err
	}
	ev := event.Event{Service: k.Service, Code: k.Code, Role: event.Primary, Status: catalog.UsualStatus(k.Code)}
	if v := p["status"]; v != "" {
		if ev.Status, err = strconv.Atoi(v); err != nil || ev.Status < 100 || ev.Status > 599 {
			return invalid("status", "must be a status such as 429")
		}
	}
	ev.Family = event.FamilyOf(ev.Status, ev.Code)
	book, err := a.Store.Catalog(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	out := struct {
		Entry       *entryView          `json:"entry"`
		Explanation catalog.Explanation `json:"explanation"`
	}{Explanation: book.Explain(ev)}
	own, ok := book.Own(k)
	if ok {
		v := viewEntry(own, "")
		out.Entry = &v
	}
	c.Header("ETag", etag(own.Version))
	return reply(c, http.StatusOK, out)
}

func etag(version int) string { return `"` + strconv.Itoa(version) + `"` }

// versionAsked is the version that a change was made from: If-Match says it, or
// If-None-Match: * that there is none, or the body.
func versionAsked(c *gin.Context, given *int, otherwise int) (int, error) {
	match := strings.TrimSpace(c.GetHeader("If-Match"))
	switch {
	case match == "*":
		return store.AnyVersion, nil
	case match != "":
		n, err := strconv.Atoi(strings.Trim(strings.TrimPrefix(match, "W/"), `"`))
		if err != nil || n < 0 {
			return 0, invalid("If-Match", `must be the ETag of the entry, such as "3", or *`)
		}
		return n, nil
	case strings.TrimSpace(c.GetHeader("If-None-Match")) == "*":
		return 0, nil
	case given != nil && *given < 0:
		return 0, invalid("version", "must be that of the entry as you read it; 0 where there was none")
	case given != nil:
		return *given, nil
	}
	return otherwise, nil
}

// saveCatalogEntry puts an entry in the place of what it was: what is left out is
// empty.
func (a *api) saveCatalogEntry(c *gin.Context) error {
	k, err := keyAsked(c)
	if err != nil {
		return err
	}
	e := catalog.Entry{Service: k.Service, Code: k.Code}
	in := struct {
		Title      *string          `json:"title"`
		Plain      *string          `json:"plain"`
		Causes     *[]string        `json:"causes"`
		Fixes      *[]string        `json:"fixes"`
		RetryClass *string          `json:"retry_class"`
		Side       *string          `json:"side"`
		Replies    *catalog.Replies `json:"replies"`
		Owner      *string          `json:"owner"`
		DocsURL    *string          `json:"docs_url"`
		RepoURL    *string          `json:"repo_url"`
		SourceRefs *[]string        `json:"source_refs"`
		AlsoSeenAs *[]string        `json:"also_seen_as"`
		Profile    *string          `json:"profile"`
		Version    *int             `json:"version"`
	}{&e.Title, &e.Plain, &e.Causes, &e.Fixes, &e.RetryClass, &e.Side, &e.Replies, &e.Owner, &e.DocsURL, &e.RepoURL, &e.SourceRefs, &e.AlsoSeenAs, &e.Profile, nil}
	if err := readJSON(c, maxEntryBody, &in); err != nil {
		return err
	}
	version, err := versionAsked(c, in.Version, 0)
	if err != nil {
		return err
	}
	saved, err := a.Store.SaveCatalogEntry(c.Request.Context(), actor(c), workspace(c), e, version)
	if err != nil {
		return err
	}
	return replyEntry(c, saved)
}

func replyEntry(c *gin.Context, e catalog.Entry) error {
	c.Header("ETag", etag(e.Version))
	return reply(c, http.StatusOK, viewEntry(e, ""))
}

func (a *api) removeCatalogEntry(c *gin.Context) error {
	k, err := keyAsked(c)
	if err != nil {
		return err
	}
	version, err := versionAsked(c, nil, store.AnyVersion)
	if err != nil {
		return err
	}
	if err := a.Store.RemoveCatalogEntry(c.Request.Context(), actor(c), workspace(c), k, version); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// revisionView is a version of an entry; Entry is null where it was removed.
type revisionView struct {
	store.Revision
	Entry *entryView `json:"entry"`
}

func (a *api) catalogHistory(c *gin.Context) error {
	k, err := keyAsked(c)
	if err != nil {
		return err
	}
	p, err := query(c, "limit", "cursor")
	if err != nil {
		return err
	}
	limit, cursor, err := p.page()
	if err != nil {
		return err
	}
	before := 0
	if cursor != "" {
		if before, err = strconv.Atoi(cursor); err != nil || before < 1 {
			return invalid("cursor", "must be the `next` of the page before")
		}
	}
	list, err := a.Store.CatalogHistory(c.Request.Context(), workspace(c), k, before, limit+1)
	if err != nil {
		return err
	}
	out := struct {
		History []revisionView `json:"history"`
		Next    *string        `json:"next"`
	}{History: []revisionView{}}
	for i, r := range list {
		if i == limit {
			next := strconv.Itoa(list[i-1].Version)
			out.Next = &next
			break
		}
		v := revisionView{Revision: r}
		if r.Entry != nil {
			e := viewEntry(*r.Entry, "")
			v.Entry = &e
		}
		out.History = append(out.History, v)
	}
	return reply(c, http.StatusOK, out)
}

func (a *api) revertCatalogEntry(c *gin.Context) error {
	k, err := keyAsked(c)
	if err != nil {
		return err
	}
	var in struct {
		To      int  `json:"to"`
		Version *int `json:"version"`
	}
	if err := readJSON(c, maxEntryBody, &in); err != nil {
		return err
	}
	if in.To < 1 {
		return invalid("to", "must be a version of the entry's history")
	}
	version, err := versionAsked(c, in.Version, store.AnyVersion)
	if err != nil {
		return err
	}
	saved, err := a.Store.RevertCatalogEntry(c.Request.Context(), actor(c), workspace(c), k, in.To, version)
	if err != nil {
		return err
	}
	return replyEntry(c, saved)
}
