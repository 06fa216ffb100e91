package web

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
	"errata/internal/store"
)

const auditPath = "/settings/audit"

type auditPage struct {
	frame
	Actor, Action, Target string // the filter
	Rows                  []auditRow
	Older                 string
	Problem               string
}

type auditRow struct {
	Time                    moment
	Who, Kind, What, Target string
	Path                    string // where the target is shown
	Details                 string
}

// auditLog shows who looked up, shared, wrote and changed what.
func (w *web) auditLog(c *gin.Context) error {
	if err := mayDecide(c); err != nil {
		return err
	}
	page := auditPage{Actor: strings.TrimSpace(c.Query("actor")), Action: strings.TrimSpace(c.Query("action")), Target: strings.TrimSpace(c.Query("target"))}
	status := http.StatusOK
	f := store.AuditFilter{Actor: page.Actor, Action: page.Action, Target: page.Target}
	rows, next, err := w.Store.AuditLog(c.Request.Context(), member(c).Workspace, f, pageSize, c.Query("cursor"))
	if fault.Is(err, fault.Unprocessable) {
		status, page.Problem, err = http.StatusUnprocessableEntity, fault.Of(err).Message, nil
		page.Actor, page.Action, page.Target = strings.ToValidUTF8(page.Actor, ""), strings.ToValidUTF8(page.Action, ""), strings.ToValidUTF8(page.Target, "")
	}
	if err != nil {
		return err
	}
	for _, r := range rows {
		page.Rows = append(page.Rows, auditRow{w.moment(r.At.Time), r.Actor.Label, r.Actor.Kind, r.Action, r.Target, auditTarget(r), string(r.Details)})
	}
	if next != "" {
		page.Older = auditPath + "?" + query("actor", page.Actor, "action", page.Action, "target", page.Target, "cursor", next)
	}
	page.frame = w.frame(c, "Audit log", "settings")
	return w.render(c, status, "audit", page)
}

// auditTarget is where one sees what it was done to.
func auditTarget(r store.AuditRow) string {
	room, _, _ := strings.Cut(r.Action, ".")
	switch {
	case r.Target == "":
	case room == "request", r.Action == "share.create", r.Action == "share.revoke", r.Action == "share.opened":
		return eventPath("", r.Target)
	case room == "issue":
		return issuePath(r.Target)
	case room == "customer":
		return pathOfCustomer(r.Target)
	}
	return ""
}
