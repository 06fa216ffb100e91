package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/store"
)

// draft is what somebody typed into a form that they sent after their session had
// ended. It goes from the form to the page of the sign-in and back as a field: before
// the sign-in the server keeps nothing of it, and it is in no address. After that it is
// in the session, and in its form again, until it is sent.
type draft struct {
	Action string    `json:"action"` // where the form goes
	Do     string    `json:"do"`
	Text   string    `json:"text"`
	At     time.Time `json:"at"` // of the sign-in
}

// drafts are the only fields that come back, by route and deed: the words of people.
// Forms that take a secret are not among them, and must not be.
var drafts = map[string]map[string]string{
	"/desk/:event": {"note": "body", "ticket": "url", "status": "status"},
	"/issues/:id":  {"comment": "body", "ticket": "url"},
}

const (
	keyDraft = "draft"
	// draftKept is how long after the sign-in a draft waits in its form.
	draftKept = time.Hour
	// maxDraft is the longest note or comment that is taken, in bytes.
	maxDraft = 40_000
)

// askToSignIn sends whoever is not signed in to the login page, which leads back to
// where they were.
func (w *web) askToSignIn(c *gin.Context) error {
	next := c.Request.URL.RequestURI()
	if c.Request.Method != http.MethodGet {
		readable := readForm(c)
		next = pageOfForm(c, readable)
		if d := draftOf(c); readable && d != nil {
			if id, err := pathID(c, "event"); err == nil { // of a desk
				next = deskBack(next, id)
			}
			next, _, _ = strings.Cut(next, "#")
			return w.render(c, http.StatusUnauthorized, "login", loginPage{frame: w.frame(c, "Sign in", ""), Next: next + "#unsent", Draft: d})
		}
	}
	to := "/login"
	if next != "/" {
		to += "?" + query("next", next)
	}
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

// readForm reads a form that is small enough to be one of people's words. Others, files
// among them, are not looked into.
func readForm(c *gin.Context) bool {
	if c.ContentType() != "application/x-www-form-urlencoded" || c.Request.ContentLength > maxDecisionBody {
		return false
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	return c.Request.ParseForm() == nil
}

// pageOfForm is where a form stands: it says so itself, or has the address of its page.
// Browsers do not tell, since our pages ask them not to.
func pageOfForm(c *gin.Context, readable bool) string {
	if readable {
		if back := localPath(c.PostForm("back")); back != "/" {
			return back
		}
	}
	if auth.Exists(http.MethodGet, c.FullPath()) {
		return localPath(c.Request.URL.EscapedPath())
	}
	return "/"
}

// draftOf is what a form was sent with; nil where there is nothing to keep.
func draftOf(c *gin.Context) *draft {
	do := c.PostForm("do")
	return typed(c.Request.URL.EscapedPath(), do, c.PostForm(drafts[c.FullPath()][do]))
}

// draftAgain is what the page of the sign-in was given, as it comes back with the key.
func draftAgain(c *gin.Context) *draft {
	action, do := c.PostForm("draft-action"), c.PostForm("draft-do")
	for route, fields := range drafts {
		prefix, _, _ := strings.Cut(route, ":")
		if strings.HasPrefix(action, prefix) && len(action) < 300 && fields[do] != "" {
			return typed(action, do, c.PostForm("draft"))
		}
	}
	return nil
}

func typed(action, do, text string) *draft {
	if strings.TrimSpace(text) == "" || len(text) > maxDraft {
		return nil
	}
	return &draft{Action: action, Do: do, Text: text}
}

// What says what was typed.
func (d *draft) What() string {
	return map[string]string{"note": "Your note", "comment": "Your comment", "ticket": "Your ticket", "status": "Your choice"}[d.Do]
}

// Status is the choice in words; "" where it is none.
func (d *draft) Status() string {
	if d.Do != "status" {
		return ""
	}
	return statusWords[store.DeskStatus(d.Text)]
}

// Long tells whether it has lines.
func (d *draft) Long() bool { return slices.Contains([]string{"note", "comment"}, d.Do) }

// keepDraft puts a draft into a session that somebody has signed in to.
func (w *web) keepDraft(c *gin.Context, d *draft) error {
	if d == nil {
		return nil
	}
	d.At = w.Now()
	raw, err := json.Marshal(d)
	if err != nil {
		return err
	}
	w.sessions.Put(c.Request.Context(), keyDraft, string(raw))
	return nil
}

// draftFor is the draft for the forms that go to action; its zero value for none.
func (w *web) draftFor(c *gin.Context, action string) draft {
	var d draft
	raw := w.sessions.GetString(c.Request.Context(), keyDraft)
	if raw == "" || json.Unmarshal([]byte(raw), &d) != nil || d.Action != action || w.Now().Sub(d.At) > draftKept {
		return draft{}
	}
	return d
}

// dropDraft forgets a draft whose form is sent again, and one that has waited for long.
// It is for sessions that are stored after it.
func (w *web) dropDraft(c *gin.Context) {
	raw := w.sessions.GetString(c.Request.Context(), keyDraft)
	if raw == "" {
		return
	}
	var d draft
	err := json.Unmarshal([]byte(raw), &d)
	sent := c.Request.Method == http.MethodPost && d.Action == c.Request.URL.EscapedPath() && readForm(c) && c.PostForm("do") == d.Do
	if err != nil || sent || w.Now().Sub(d.At) > draftKept {
		w.sessions.Remove(c.Request.Context(), keyDraft)
	}
}
