package web

import (
	"html/template"
	"net/http"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"errata/internal/catalog"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

// publicPolicy is for what anybody may open: no script, no form, nothing but our
// style sheet.
const publicPolicy = "default-src 'none'; style-src 'self'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// publicTemplate stands alone: it has no menu, no script, and no way on.
var publicTemplate = template.Must(template.ParseFS(templateFiles, "templates/shared.html"))

// publicRoutes need no session, and look at none.
func (w *web) publicRoutes(r *gin.Engine) {
	r.Group("", noStore).GET("/s/:secret", edge.Handle(w.shared))
}

// newViewLimiter holds back who tries secrets: thirty at once, then one a second.
func newViewLimiter() *limiter {
	return &limiter{seen: map[string]*rate.Limiter{}, rate: 1, burst: 30, what: "look-ups of public links"}
}

type sharedPage struct {
	CSS     string
	Gone    string // why there is nothing
	Heading string
	Plain   string
	Side    string
	Helps   []string
	Time    moment
	Until   moment
}

// shared shows what a public link is for. Whatever stands against it is said in
// the same words.
func (w *web) shared(c *gin.Context) error {
	c.Header("Content-Security-Policy", publicPolicy)
	c.Header("X-Robots-Tag", "noindex, nofollow, noarchive")
	c.Header("Referrer-Policy", "no-referrer")
	if err := w.views.allow(c.RemoteIP()); err != nil {
		return err
	}
	secret, err := pathID(c, "secret")
	if err != nil {
		secret = ""
	}
	page := sharedPage{CSS: w.assets.url("style.css")}
	status := http.StatusOK
	s, err := w.Store.OpenShare(c.Request.Context(), w.Now(), secret)
	switch {
	case fault.Is(err, fault.NotFound):
		status, page.Gone = http.StatusNotFound, fault.Of(err).Message
	case err != nil:
		return err
	default:
		w.fillShared(&page, s)
	}
	c.Status(status)
	c.Header("Content-Type", "text/html; charset=utf-8")
	return publicTemplate.Execute(c.Writer, page)
}

// fillShared explains the code by what is built in: what a workspace wrote about
// it is not for everybody.
func (w *web) fillShared(page *sharedPage, s store.Shared) {
	e := event.Event{Status: s.Status, Code: s.Code, RawCode: s.Code, Family: s.Family, Role: event.Primary, OccurredAt: s.OccurredAt}
	why := catalog.Explain(e)
	page.Heading, page.Plain, page.Side, page.Helps = heading(&e), why.Plain, why.Side, why.Fixes
	page.Time, page.Until = w.moment(s.OccurredAt), w.moment(s.ExpiresAt)
}

type sharingPage struct {
	frame
	On     bool
	Shares []shareRow
	Event  string // that a link is to be made for
	Link   string // the new one
	Days   []choice
}

type shareRow struct {
	ID, Path, By   string
	Made, Until    moment
	Opened         string // how often
	First, Last    moment // when that was
	ForThisRequest bool
}

const sharingPath = "/settings/sharing"

// sharing lists the public links, and makes one for the Event that the address
// names.
func (w *web) sharing(c *gin.Context) error {
	if err := mayDecide(c); err != nil {
		return err
	}
	return w.showSharing(c, http.StatusOK, c.Query("event"), "")
}

func (w *web) showSharing(c *gin.Context, status int, eventID, link string) error {
	ctx, ws := c.Request.Context(), member(c).Workspace
	on, err := w.Store.PublicLinks(ctx, ws)
	if err != nil {
		return err
	}
	list, err := w.Store.Shares(ctx, ws, w.Now())
	if err != nil {
		return err
	}
	page := sharingPage{frame: w.frame(c, "Public links", "settings"), On: on, Event: eventID, Link: link}
	for _, days := range []int{1, store.ShareDays, store.MaxShareDays} {
		page.Days = append(page.Days, choice{itoa(days), plural(days, "day", "days"), days == store.ShareDays})
	}
	for _, s := range list {
		row := shareRow{ID: s.ID, Path: eventPath("", s.EventID), By: s.By, Made: w.moment(s.CreatedAt.Time), Until: w.moment(s.ExpiresAt.Time), ForThisRequest: s.EventID == eventID}
		if s.LastOpenedAt != nil {
			row.Opened, row.First, row.Last = plural(s.Opened, "time", "times"), w.moment(s.FirstOpenedAt.Time), w.moment(s.LastOpenedAt.Time)
		}
		page.Shares = append(page.Shares, row)
	}
	return w.render(c, status, "sharing", page)
}

// decideSharing allows links or not, makes one, or takes one back. A new link is
// in the answer itself and nowhere else.
func (w *web) decideSharing(c *gin.Context) error {
	if err := mayDecide(c); err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	ctx, login := c.Request.Context(), member(c)
	var err error
	switch c.PostForm("do") {
	case "allow", "forbid":
		err = w.Store.SetPublicLinks(ctx, login.Actor, login.Workspace, c.PostForm("do") == "allow")
	case "revoke":
		err = w.Store.RevokeShare(ctx, login.Actor, login.Workspace, c.PostForm("share"))
	case "share":
		days, err := number("days", c.PostForm("days"))
		if err != nil {
			return err
		}
		secret, _, err := w.Store.Share(ctx, login.Actor, login.Workspace, w.Now(), c.PostForm("event"), days)
		if err != nil {
			return err
		}
		return w.showSharing(c, http.StatusCreated, c.PostForm("event"), w.base(c)+"/s/"+secret)
	default:
		err = invalid("Choose what to do.")
	}
	if err == nil {
		c.Redirect(http.StatusSeeOther, sharingPath)
	}
	return err
}
