package web

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	themeCookie  = "errata_theme"
	themeKept    = 365 * 24 * time.Hour
	maxThemeBody = 16 << 10
)

// theme is what a browser was told about colours here; "" goes with its own setting.
type theme string

const (
	themeLight theme = "light"
	themeDark  theme = "dark"
)

// themes are the choices, in the order of the footer.
var themes = []choice{{"", "System", false}, {string(themeLight), "Light", false}, {string(themeDark), "Dark", false}}

// themeOf reads the cookie, which anything may have written.
func themeOf(c *gin.Context) theme {
	value, err := c.Cookie(themeCookie)
	if t := theme(value); err == nil && (t == themeLight || t == themeDark) {
		return t
	}
	return ""
}

// Scheme is what a browser paints with before it has read the style sheet.
func (t theme) Scheme() string {
	if t == "" {
		return "light dark"
	}
	return string(t)
}

// Choices are the buttons.
func (t theme) Choices() []choice {
	out := make([]choice, len(themes))
	for i, one := range themes {
		one.Chosen = one.Value == string(t)
		out[i] = one
	}
	return out
}

// setTheme keeps a choice in the browser that made it, and leads back to its page.
// It is no secret and asks for no session: the page of the sign-in has colours, too.
func (w *web) setTheme(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxThemeBody)
	value, sent := c.GetPostForm("theme")
	switch chosen := theme(value); {
	case chosen == themeLight, chosen == themeDark:
		setCookie(c, themeCookie, value, w.Now().Add(themeKept))
	case sent && chosen == "":
		setCookie(c, themeCookie, "", time.Unix(1, 0))
	default:
		return invalid("Choose the colours of the system, light or dark ones.")
	}
	c.Redirect(http.StatusSeeOther, localPath(c.PostForm("back")))
	return nil
}

// here is the page that is shown, as an address to come back to; "" where it answers
// a form, since to open it again would lose what was sent.
func here(c *gin.Context) string {
	if c.Request.Method != http.MethodGet {
		return ""
	}
	return localPath(c.Request.URL.RequestURI())
}
