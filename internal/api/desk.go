package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/store"
)

// Team is what the API needs of the store for people who work on requests
// together.
type Team interface {
	Reach(ctx context.Context, ws int32) ([]store.Reach, error)
	Desk(ctx context.Context, ws int32, events []event.Event, focus string) (store.Desk, error)
	AddNote(ctx context.Context, actor store.Actor, ws int32, eventID, body string) error
	RemoveNote(ctx context.Context, actor store.Actor, may store.NotesOf, ws int32, eventID, id string) error
	SetDeskStatus(ctx context.Context, actor store.Actor, ws int32, eventID string, status store.DeskStatus) error
	AddTicket(ctx context.Context, actor store.Actor, ws int32, eventID, address string) error
	RemoveTicket(ctx context.Context, actor store.Actor, ws int32, eventID, address string) error
	Watch(ctx context.Context, actor store.Actor, ws int32, now time.Time, value, channel string) (string, error)
	Watches(ctx context.Context, ws int32, now time.Time) ([]store.RequestWatch, error)
	RemoveWatch(ctx context.Context, actor store.Actor, ws int32, id string) error
	PublicLinks(ctx context.Context, ws int32) (bool, error)
	SetPublicLinks(ctx context.Context, actor store.Actor, ws int32, on bool) error
	Share(ctx context.Context, actor store.Actor, ws int32, now time.Time, eventID string, days int) (string, store.RequestShare, error)
	Shares(ctx context.Context, ws int32, now time.Time) ([]store.RequestShare, error)
	RevokeShare(ctx context.Context, actor store.Actor, ws int32, id string) error
	AuditLog(ctx context.Context, ws int32, f store.AuditFilter, limit int, cursor string) ([]store.AuditRow, string, error)
	Looked(ctx context.Context, actor store.Actor, ws int32, events ...string)
}

// teamRoutes are for whoever may look a request up: support does the talking. To
// give something away takes an administrator.
func (a *api) teamRoutes(v1 *gin.RouterGroup) {
	v1.GET("/requests/:request_id/desk", edge.Handle(a.desk))
	v1.PUT("/requests/:request_id/status", edge.Handle(a.setStatus))
	v1.POST("/requests/:request_id/notes", edge.Handle(a.addNote))
	v1.DELETE("/requests/:request_id/notes/:note", edge.Handle(a.removeNote))
	v1.POST("/requests/:request_id/tickets", edge.Handle(a.addTicket))
	v1.DELETE("/requests/:request_id/tickets", edge.Handle(a.removeTicket))
	v1.GET("/watches", edge.Handle(a.watches))
	v1.POST("/watches", edge.Handle(a.addWatch))
	v1.DELETE("/watches/:id", edge.Handle(a.removeWatch))
	v1.POST("/requests/:request_id/shares", edge.Handle(a.share))
	v1.GET("/audit", edge.Handle(a.audit))
	v1.GET("/shares", edge.Handle(a.shares))
	v1.PUT("/shares", edge.Handle(a.allowShares))
	v1.DELETE("/shares/:id", edge.Handle(a.revokeShare))
}

// deskOf finds the Trail under the ID in the path.
func (a *api) deskOf(c *gin.Context) (trail event.Trail, err error) {
	id, err := pathID(c, "request_id")
	if err != nil {
		return trail, err
	}
	return a.Store.Trail(c.Request.Context(), workspace(c), id)
}

func (a *api) desk(c *gin.Context) error {
	trail, err := a.deskOf(c)
	if err != nil {
		return err
	}
	return a.replyDesk(c, http.StatusOK, trail)
}

func (a *api) replyDesk(c *gin.Context, status int, trail event.Trail) error {
	d, err := a.Store.Desk(c.Request.Context(), workspace(c), trail.Events, trail.Summary.EventID)
	if err != nil {
		return err
	}
	if !engineer(c) {
		d.IssueID = ""
	}
	return reply(c, status, d)
}

// atDesk reads what was sent into in, does it to the request's Event, and answers
// with what is kept beside the request from now on.
func (a *api) atDesk(c *gin.Context, status int, in any, do func(ctx context.Context, eventID string) error) error {
	if err := readJSON(c, maxChangeBody, in); err != nil {
		return err
	}
	trail, err := a.deskOf(c)
	if err != nil {
		return err
	}
	if err := do(c.Request.Context(), trail.Summary.EventID); err != nil {
		return err
	}
	return a.replyDesk(c, status, trail)
}

func (a *api) addNote(c *gin.Context) error {
	var in struct {
		Body string `json:"body"`
	}
	return a.atDesk(c, http.StatusCreated, &in, func(ctx context.Context, id string) error {
		return a.Store.AddNote(ctx, actor(c), workspace(c), id, in.Body)
	})
}

func (a *api) removeNote(c *gin.Context) error {
	note, err := pathID(c, "note")
	if err != nil {
		return err
	}
	trail, err := a.deskOf(c)
	if err != nil {
		return err
	}
	d, err := a.Store.Desk(c.Request.Context(), workspace(c), trail.Events, trail.Summary.EventID)
	if err != nil {
		return err
	}
	of := trail.Summary.EventID
	for _, n := range d.Notes {
		if n.ID == note {
			of = n.EventID
		}
	}
	may := store.OwnNotes
	if edge.Key(c).Allows(auth.Admin) {
		may = store.AnyoneNotes
	}
	if err := a.Store.RemoveNote(c.Request.Context(), actor(c), may, workspace(c), of, note); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (a *api) setStatus(c *gin.Context) error {
	var in struct {
		Status store.DeskStatus `json:"status"`
	}
	return a.atDesk(c, http.StatusOK, &in, func(ctx context.Context, id string) error {
		return a.Store.SetDeskStatus(ctx, actor(c), workspace(c), id, in.Status)
	})
}

func (a *api) addTicket(c *gin.Context) error {
	var in struct {
		URL string `json:"url"`
	}
	return a.atDesk(c, http.StatusCreated, &in, func(ctx context.Context, id string) error {
		return a.Store.AddTicket(ctx, actor(c), workspace(c), id, in.URL)
	})
}

func (a *api) removeTicket(c *gin.Context) error {
	p, err := query(c, "url")
	if err != nil {
		return err
	}
	trail, err := a.deskOf(c)
	if err != nil {
		return err
	}
	if err := a.Store.RemoveTicket(c.Request.Context(), actor(c), workspace(c), trail.Summary.EventID, p["url"]); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
