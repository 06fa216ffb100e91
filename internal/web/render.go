package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/catalog"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
)

//go:embed templates
var templateFiles embed.FS

// pages are the parsed templates, by name.
type pages map[string]*template.Template

// pageNames are the templates; each fills "main" in the layout.
var pageNames = []string{"login", "link", "home", "request", "found", "bulk", "nothing", "called", "events", "issues", "issue", "rejections", "dashboard", "alerts", "history", "incident", "error"}

func loadPages() pages {
	base := template.Must(template.New("layout.html").Funcs(template.FuncMap{"family": familyWord, "number": grouped}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/stats.html", "templates/topics.html", "templates/incidents.html", "templates/silenced.html", "templates/channelparts.html", "templates/request_team.html", "templates/absence.html", "templates/watches.html"))
	out := pages{}
	for _, name := range slices.Concat(pageNames, topicNames, ruleNames, silenceNames, channelNames, catalogNames, settingNames, integrationNames, teamNames, supportNames) {
		out[name] = template.Must(template.Must(base.Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return out
}

// grouped writes a whole number as people read it: 1,204.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// frame is what every page has around its content.
type frame struct {
	Title   string
	At      string // the entry of the menu that this is
	User    string // "" when nobody is signed in
	Version string
	CSS, JS string
	Theme   theme
	Here    string // the page itself; "" where it answers a form
	// Box says whether the frame has the search box; the home page has its own.
	Box bool
	// Reads: who is signed in sees what engineers see, and not only what support does.
	Reads bool
	// Admin: who is signed in may change settings.
	Admin bool
	// Reload is after how many seconds a browser without scripts loads the page
	// again; 0 is never.
	Reload int
	// Description is for programs that show what a link leads to; "" for nothing.
	Description string
	Alerts      int    // incidents that last
	Paused      string // why nothing is judged
	Alarmed     alarmed
}

func (w *web) frame(c *gin.Context, title, at string) frame {
	user, open, paused, alarms := "", 0, "", alarmed{}
	if _, ok := c.Get(memberKey); ok {
		if user = member(c).Actor.Label; user == "" {
			user = "signed in"
		}
		open, paused = w.openNow(c), w.paused(c)
		if member(c).Reads {
			alarms = w.alarmsNow(c)
		}
	}
	return frame{Title: title, At: at, User: user, Alerts: open, Paused: paused, Alarmed: alarms, Version: w.Version, Theme: themeOf(c), Here: here(c), CSS: w.assets.url("style.css"), JS: w.assets.url("errata.js"), Box: user != "" && at != "home", Reads: member(c).Reads, Admin: member(c).Decides}
}

func (w *web) render(c *gin.Context, status int, name string, page any) error {
	var b bytes.Buffer
	if err := w.pages[name].Execute(&b, page); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

type errorPage struct {
	frame
	Status    int
	Message   string
	Code      string
	RequestID string
	Missing   string // the scope that it takes
}

type row struct{ Name, Value string }

// writeError is edge's error body as a page.
func (w *web) writeError(c *gin.Context, f *fault.Fault) bool {
	status := edge.Status(f.Kind)
	title := http.StatusText(status)
	if f.Kind == fault.NotFound {
		title = "There is nothing here"
	}
	page, name := errorPage{frame: w.frame(c, title, ""), Status: status, Message: f.Message, Code: f.Code, RequestID: edge.RequestID(c)}, "error"
	if missing, ok := f.Details["required_scope"].(string); ok && page.User != "" {
		name, page.Missing, page.Title = "forbidden", missing, "This is for administrators"
		if missing == string(auth.Read) {
			page.Title = "This is for engineers"
		}
	}
	if err := w.render(c, status, name, page); err != nil {
		w.Logger.ErrorContext(c.Request.Context(), "the error page failed", "error", err)
		return false
	}
	return true
}

// moment is an instant for readers and for machines.
type moment struct {
	Machine string
	Human   string
	Ago     string
}

const humanTime = "2 Jan 2006 15:04:05"

func (w *web) moment(t time.Time) moment { return momentAt(t, w.Now()) }

func momentAt(t, now time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	t = t.UTC()
	ago := catalog.Span(now.Sub(t)) + " ago"
	if t.After(now.Add(time.Second)) {
		ago = "in " + catalog.Span(t.Sub(now))
	}
	return moment{Machine: t.Format(time.RFC3339Nano), Human: t.Format(humanTime) + " UTC", Ago: ago}
}

// pathID is an ID in the path, unescaped. Gin leaves the slash of a catch-all.
func pathID(c *gin.Context, name string) (string, error) {
	id, err := url.PathUnescape(strings.TrimPrefix(c.Param(name), "/"))
	if err != nil || !utf8.ValidString(id) || id == "" {
		return "", fault.New(fault.Invalid, "invalid_request", "The ID in the address is not valid.")
	}
	return id, nil
}

// requestPath is where a request is shown.
func requestPath(id string) string { return "/r/" + url.PathEscape(id) }

// eventPath is where an Event is shown: with its request where it has one.
func eventPath(requestID, eventID string) string {
	if requestID != "" {
		return requestPath(requestID)
	}
	return "/events/" + url.PathEscape(eventID)
}

// familyWord says a family in a word or two, for lists.
func familyWord(f event.Family) string {
	switch f {
	case event.FamilyCaller:
		return "caller"
	case event.FamilyLimits:
		return "limit"
	case event.FamilyUpstream:
		return "upstream"
	default:
		return "us"
	}
}
