package web

import (
	"context"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/note"
	"errata/internal/store"
)

// Team is what the pages need of the store for people who work on requests
// together.
type Team interface {
	Absences(ctx context.Context, ws int32, ids []string) (map[string]store.Absence, error)
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
	Looked(ctx context.Context, actor store.Actor, ws int32, events ...string)
	AuditLog(ctx context.Context, ws int32, f store.AuditFilter, limit int, cursor string) ([]store.AuditRow, string, error)
	OpenShare(ctx context.Context, now time.Time, secret string) (store.Shared, error)
}

// teamNames are the templates of this room.
var teamNames = []string{"desk", "sharing", "audit"}

func (w *web) teamRoutes(member *gin.RouterGroup) {
	member.GET("/desk/:event", edge.Handle(w.deskOf))
	member.POST("/desk/:event", edge.Handle(w.atDesk))
	member.POST("/watches", edge.Handle(w.decideWatch))
	member.GET(auditPath, edge.Handle(w.auditLog))
	member.GET(sharingPath, edge.Handle(w.sharing))
	member.POST(sharingPath, edge.Handle(w.decideSharing))
}

// teamDesk is the part of a page that a team writes in.
type teamDesk struct {
	Action   string
	Back     string
	Status   string // in words
	Decided  string // who set it, and when
	Statuses []choice
	Notes    []deskNote
	Tickets  []deskTicket
	OnIssue  []deskTicket // those of the issue that are not this request's
	Count    int          // tickets on the issue
	Issue    string       // where it is
	Waits    []deskWait   // who waited for it
	Share    string       // where public links are made; "" for who may not
	Problem  string
	Typed    string // what could not be taken
	TypedURL string
	Unsent   string // the form that was sent after the session had ended
}

type deskNote struct {
	ID, EventID, Author string
	Time                moment
	Body                template.HTML
	Mine                bool
}

type deskWait struct {
	By      string
	Arrived moment // when it was noticed
}

type deskTicket struct{ Name, URL string }

// statusWords are the statuses as people say them.
var statusWords = map[store.DeskStatus]string{
	store.DeskNew: "new", store.DeskInvestigating: "investigating", store.DeskAnswered: "answered", store.DeskEscalated: "escalated", store.DeskKnownIssue: "known issue",
}

// deskBeside reads what is kept beside the request that a page is about.
func (w *web) deskBeside(c *gin.Context, events []event.Event, focus string) (*teamDesk, error) {
	login := member(c)
	d, err := w.Store.Desk(c.Request.Context(), login.Workspace, events, focus)
	if err != nil {
		return nil, err
	}
	out := &teamDesk{Action: "/desk/" + d.EventID, Status: statusWords[d.Status], Count: len(d.Issue)}
	if e := (&event.Trail{Events: events}).Find(focus); e != nil {
		out.Back = eventPath(e.RequestID, e.ID)
	}
	if login.Decides {
		out.Share = sharingPath + "?" + query("event", d.EventID)
	}
	if d.IssueID != "" && login.Reads {
		out.Issue = issuePath(d.IssueID)
	}
	if d.StatusAt != nil {
		out.Decided = "by " + d.StatusBy + ", " + w.moment(d.StatusAt.Time).Ago
	}
	status, draft := d.Status, w.draftFor(c, out.Action)
	switch out.Unsent = draft.Do; draft.Do {
	case "note":
		out.Typed = draft.Text
	case "ticket":
		out.TypedURL = draft.Text
	case "status":
		status = store.DeskStatus(draft.Text)
	}
	for _, s := range store.DeskStatuses {
		out.Statuses = append(out.Statuses, choice{string(s), statusWords[s], s == status})
	}
	for _, n := range d.Notes {
		out.Notes = append(out.Notes, deskNote{n.ID, n.EventID, n.Author, w.moment(n.At.Time), note.Render(n.Body), login.Decides || n.AuthorID == login.Actor.ID})
	}
	for _, x := range d.Waits {
		out.Waits = append(out.Waits, deskWait{x.By, w.moment(x.ArrivedAt.Time)})
	}
	own := map[string]bool{}
	for _, t := range d.Tickets {
		own[t.URL] = true
		out.Tickets = append(out.Tickets, deskTicket{t.Name(), t.URL})
	}
	for _, t := range d.Issue {
		if !own[t.URL] {
			out.OnIssue = append(out.OnIssue, deskTicket{t.Name(), t.URL})
		}
	}
	return out, nil
}

type deskPage struct {
	frame
	Desk *teamDesk
}

// deskOf shows the desk on a page of its own, which is also where one comes to
// when something could not be taken.
func (w *web) deskOf(c *gin.Context) error { return w.showDesk(c, http.StatusOK, nil) }

func (w *web) showDesk(c *gin.Context, status int, problem *fault.Fault) error {
	id, err := pathID(c, "event")
	if err != nil {
		return err
	}
	e, err := w.Store.Event(c.Request.Context(), member(c).Workspace, id)
	if err != nil {
		return err
	}
	title := "Notes on " + heading(&e)
	if !member(c).Reads {
		title = "Notes on this request"
	}
	page := deskPage{frame: w.frame(c, title, "")}
	if page.Desk, err = w.deskBeside(c, []event.Event{e}, e.ID); err != nil {
		return err
	}
	if problem != nil {
		page.Desk.Unsent = ""
		page.Desk.Problem, page.Desk.Typed, page.Desk.TypedURL = problem.Message, c.PostForm("body"), c.PostForm("url")
		if c.PostForm("do") == "untick" {
			page.Desk.TypedURL = ""
		}
	}
	return w.render(c, status, "desk", page)
}

// atDesk does what one of the forms asks for, and leads back to the request.
func (w *web) atDesk(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	id, err := pathID(c, "event")
	if err != nil {
		return err
	}
	if err := w.deskDeed(c, id); err != nil {
		if f := fault.Of(err); f.Kind == fault.Unprocessable || f.Kind == fault.Conflict {
			return w.showDesk(c, edge.Status(f.Kind), f)
		}
		return err
	}
	c.Redirect(http.StatusSeeOther, deskBack(c.PostForm("back"), id))
	return nil
}

func (w *web) deskDeed(c *gin.Context, id string) error {
	ctx, login := c.Request.Context(), member(c)
	switch c.PostForm("do") {
	case "note":
		return w.Store.AddNote(ctx, login.Actor, login.Workspace, id, c.PostForm("body"))
	case "unnote":
		may := store.OwnNotes
		if login.Decides {
			may = store.AnyoneNotes
		}
		return w.Store.RemoveNote(ctx, login.Actor, may, login.Workspace, c.PostForm("event"), c.PostForm("note"))
	case "status":
		return w.Store.SetDeskStatus(ctx, login.Actor, login.Workspace, id, store.DeskStatus(c.PostForm("status")))
	case "ticket":
		return w.Store.AddTicket(ctx, login.Actor, login.Workspace, id, strings.TrimSpace(c.PostForm("url")))
	case "untick":
		return w.Store.RemoveTicket(ctx, login.Actor, login.Workspace, id, c.PostForm("url"))
	}
	return invalid("Choose what to do.")
}

// deskBack is the desk on the page that somebody came from.
func deskBack(back, id string) string {
	to := localPath(back)
	if !strings.HasPrefix(to, "/r/") && !strings.HasPrefix(to, "/events/") || strings.Contains(to, "..") {
		to = eventPath("", id)
	}
	return strings.SplitN(to, "#", 2)[0] + "#desk"
}
