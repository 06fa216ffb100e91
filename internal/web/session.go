package web

import (
	"encoding/gob"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/fault"
	"errata/internal/store"
)

const (
	cookieName    = "errata_session"
	sessionLength = 12 * time.Hour
	sessionIdle   = 2 * time.Hour

	// keyLogin has another name than before there was a scope for support: who was
	// signed in then signs in once more, and a server of before does not take somebody
	// of support for an engineer.
	keyLogin  = "member"
	memberKey = "errata.web.member"
)

func newSessions(keep scs.CtxStore) *scs.SessionManager {
	gob.Register(store.Login{}) // the sessions library stores values with gob
	m := scs.New()
	if keep != nil {
		m.Store = keep
	}
	m.Lifetime, m.IdleTimeout, m.HashTokenInStore = sessionLength, sessionIdle, true
	return m
}

// loadSession reads the session that the cookie names. A cookie that names
// none is no error: it begins a new one, which is not stored before a login.
func (w *web) loadSession(c *gin.Context) {
	token := ""
	if cookie, err := c.Request.Cookie(cookieName); err == nil {
		token = cookie.Value
	}
	ctx, err := w.sessions.Load(c.Request.Context(), token)
	if err != nil {
		edge.Write(c, err)
		return
	}
	c.Request = c.Request.WithContext(ctx)
	login, ok := w.sessions.Get(ctx, keyLogin).(store.Login)
	if !ok {
		return
	}
	if alive, err := w.stillWelcome(c, &login); err != nil {
		edge.Write(c, err)
	} else if alive {
		c.Set(memberKey, login)
	}
}

// stillWelcome: a session that a key opened may do what the key may, and ends when
// that is revoked.
func (w *web) stillWelcome(c *gin.Context, login *store.Login) (bool, error) {
	if login.Actor.ID == linkActor {
		return true, nil
	}
	scopes, err := w.Store.KeyScopes(c.Request.Context(), login.Workspace, login.Actor.ID)
	login.Allow(scopes...)
	key := auth.Key{Scopes: scopes}
	return key.Allows(auth.Support), err
}

// linkActor is the Actor's ID of sessions that a one-time link opened.
const linkActor = "link"

// requireSession sends whoever is not signed in to the login page, and lets
// the session of others live on.
func (w *web) requireSession(c *gin.Context) {
	if _, ok := c.Get(memberKey); !ok {
		if err := w.askToSignIn(c); err != nil {
			edge.Write(c, err)
		}
		c.Abort()
		return
	}
	w.dropDraft(c)
	if err := w.keepSession(c); err != nil {
		edge.Write(c, err)
	}
}

// requireScope refuses who may not open a page.
func (w *web) requireScope(c *gin.Context) {
	if err := may(c, auth.Least(c.Request.Method, c.FullPath())); err != nil {
		edge.Write(c, err)
	}
}

// may is the refusal of who is signed in and may not do what scope names.
func may(c *gin.Context, scope auth.Scope) error {
	login := member(c)
	if login.May(scope) {
		return nil
	}
	why := "You may look, but not decide: sign in with a key with the scope \"admin\", or with a sign-in link."
	if !login.Reads {
		why = "What you signed in with has the scope \"support\": it shows what happened to a request, and what to tell the customer. This takes a key with the scope \"" + string(scope) + "\"."
	}
	return fault.New(fault.Forbidden, "forbidden", "%s", why).With("required_scope", string(scope))
}

func member(c *gin.Context) store.Login {
	if v, ok := c.Get(memberKey); ok {
		if login, ok := v.(store.Login); ok {
			return login
		}
	}
	return store.Login{}
}

// begin signs somebody in, under a new token: one that was planted before the
// login is worth nothing after it.
func (w *web) begin(c *gin.Context, login store.Login) error {
	ctx := c.Request.Context()
	if err := w.sessions.RenewToken(ctx); err != nil {
		return err
	}
	w.sessions.Put(ctx, keyLogin, login)
	return w.keepSession(c)
}

// keepSession stores the session, which moves its idle deadline, and sends
// the cookie.
func (w *web) keepSession(c *gin.Context) error {
	token, expiry, err := w.sessions.Commit(c.Request.Context())
	if err != nil {
		return err
	}
	setCookie(c, cookieName, token, expiry)
	return nil
}

func (w *web) logout(c *gin.Context) error {
	if err := w.sessions.Destroy(c.Request.Context()); err != nil {
		return err
	}
	setCookie(c, cookieName, "", time.Unix(1, 0))
	c.Redirect(http.StatusSeeOther, "/login")
	return nil
}

// setCookie marks the cookie as secure where the browser came over TLS. A
// header that claims it can only make that stricter.
func setCookie(c *gin.Context, name, value string, expiry time.Time) {
	cookie := &http.Cookie{
		Name: name, Value: value, Path: "/", Expires: expiry, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: c.Request.TLS != nil || strings.EqualFold(c.GetHeader("X-Forwarded-Proto"), "https"),
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.Writer, cookie)
}

// localPath is next where that leads to a page of ours, else the home page.
// Browsers take "//host" and "/\host" for other sites.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\x00\r\n\t") || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return next
}
