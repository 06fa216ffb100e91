package web

import (
	"net/http"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/fault"
	"errata/internal/store"
)

const (
	maxLoginBody = 8<<10 + maxDecisionBody // a key, and what was to be sent with it
	// Ten attempts at once, then one every six seconds: enough for people, too
	// little for guessing.
	loginBurst = 10
	loginRate  = rate.Limit(1.0 / 6)
	// maxClients bounds the memory that addresses can take.
	maxClients = 10_000
)

type loginPage struct {
	frame
	Next    string
	Problem string
	Draft   *draft // what was typed before
}

func (w *web) loginForm(c *gin.Context) error {
	next := localPath(c.Query("next"))
	if _, ok := c.Get(memberKey); ok {
		c.Redirect(http.StatusSeeOther, next)
		return nil
	}
	return w.render(c, http.StatusOK, "login", loginPage{frame: w.frame(c, "Sign in", ""), Next: next})
}

func (w *web) loginWithKey(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxLoginBody)
	next, draft := localPath(c.PostForm("next")), draftAgain(c)
	if _, ok := c.Get(memberKey); ok && draft != nil && c.PostForm("key") == "" { // with a link, in another tab
		if err := w.keepDraft(c, draft); err != nil {
			return err
		}
		if err := w.keepSession(c); err != nil {
			return err
		}
		c.Redirect(http.StatusSeeOther, next)
		return nil
	}
	refuse := func(f *fault.Fault, why string) error {
		return w.render(c, edge.Status(f.Kind), "login", loginPage{frame: w.frame(c, "Sign in", ""), Next: next, Problem: why, Draft: draft})
	}
	if err := w.logins.allow(c.RemoteIP()); err != nil {
		if draft == nil {
			return err
		}
		f := fault.Of(err)
		edge.SetRetryAfter(c, f)
		return refuse(f, f.Message)
	}
	key, err := w.Keys.Check(c.Request.Context(), strings.TrimSpace(c.PostForm("key")), auth.Support)
	if err != nil {
		f := fault.Of(err)
		if f.Kind != fault.Unauthorized && f.Kind != fault.Forbidden {
			return err
		}
		return refuse(f, w.whyNot(f, c.PostForm("key")))
	}
	login := store.Login{Workspace: key.Workspace, Actor: store.Actor{Kind: "session", ID: key.ID, Label: key.Name}}
	login.Allow(key.Scopes...)
	if err := w.Store.Audit(c.Request.Context(), login.Workspace, login.Actor, "login", "key", nil); err != nil {
		return err
	}
	if err := w.keepDraft(c, draft); err != nil {
		return err
	}
	return w.enter(c, login, next)
}

// whyNot words a refusal for a form, where there are no headers to send.
func (w *web) whyNot(f *fault.Fault, key string) string {
	switch {
	case strings.TrimSpace(key) == "":
		return "Enter an API key."
	case f.Kind == fault.Forbidden:
		return "This key may only send failures. Signing in takes a key with the scope \"support\", \"read\" or \"admin\"."
	default:
		return f.Message
	}
}

func (w *web) enter(c *gin.Context, login store.Login, next string) error {
	if err := w.begin(c, login); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, next)
	return nil
}

type linkPage struct {
	frame
	Action string
}

// linkForm only asks: chat programs and mail scanners open links to preview
// them, which must not use them up.
func (w *web) linkForm(c *gin.Context) error {
	return w.render(c, http.StatusOK, "link", linkPage{frame: w.frame(c, "Sign in", ""), Action: c.Request.URL.EscapedPath()})
}

func (w *web) loginWithLink(c *gin.Context) error {
	if err := w.logins.allow(c.RemoteIP()); err != nil {
		return err
	}
	token, err := pathID(c, "token")
	if err != nil {
		return err
	}
	login, err := w.Store.UseLoginLink(c.Request.Context(), auth.Hash(token))
	if err != nil {
		return err
	}
	return w.enter(c, login, "/")
}

// limiter holds back clients that try too often, by address.
type limiter struct {
	mu    sync.Mutex
	seen  map[string]*rate.Limiter
	rate  rate.Limit
	burst int
	what  string
}

func newLimiter() *limiter {
	return &limiter{seen: map[string]*rate.Limiter{}, rate: loginRate, burst: loginBurst, what: "attempts to sign in"}
}

func (l *limiter) allow(address string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.seen[address]
	if one == nil {
		if len(l.seen) >= maxClients {
			clear(l.seen)
		}
		one = rate.NewLimiter(l.rate, l.burst)
		l.seen[address] = one
	}
	if r := one.Reserve(); r.Delay() > 0 {
		wait := r.Delay()
		r.Cancel()
		return fault.New(fault.RateLimited, "rate_limit_exceeded", "Too many %s from this address. Wait a little, then try again.", l.what).Retry(wait)
	}
	return nil
}
