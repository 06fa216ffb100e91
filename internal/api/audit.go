package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/store"
)

// audit lists who did what, the newest first.
func (a *api) audit(c *gin.Context) error {
	p, err := query(c, "actor", "action", "target", "from", "to", "limit", "cursor")
	if err != nil {
		return err
	}
	f := store.AuditFilter{Actor: p["actor"], Action: p["action"], Target: p["target"]}
	if f.From, err = instant("from", p["from"], a.Now()); err != nil {
		return err
	}
	if f.To, err = instant("to", p["to"], a.Now()); err != nil {
		return err
	}
	limit, cursor, err := p.page()
	if err != nil {
		return err
	}
	rows, next, err := a.Store.AuditLog(c.Request.Context(), workspace(c), f, limit, cursor)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Rows []store.AuditRow `json:"audit"`
		Next *string          `json:"next"`
	}{orEmpty(rows), orNull(next)})
}

// looked leaves in the audit log what was shown: which Events, and never what was
// asked with.
func (a *api) looked(c *gin.Context, trails ...event.Trail) {
	var ids []string
	for i := range trails {
		if id := trails[i].Summary.EventID; id != "" {
			ids = append(ids, id)
		}
	}
	a.Store.Looked(c.Request.Context(), actor(c), workspace(c), ids...)
}
