package api

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/store"
)

const (
	maxKeyBody = 1 << 20
	maxKeyName = 100 // characters
)

// keyView is a key as it is shown; its secret only ever in newKey.
type keyView struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Prefix     string       `json:"prefix"`
	Scopes     []auth.Scope `json:"scopes"`
	CreatedAt  event.Time   `json:"created_at"`
	LastUsedAt *event.Time  `json:"last_used_at"`
	RevokedAt  *event.Time  `json:"revoked_at"`
}

type newKey struct {
	keyView
	Secret string `json:"secret"`
}

func viewKey(k auth.Key) keyView {
	return keyView{
		ID: k.ID, Name: k.Name, Prefix: k.Prefix, Scopes: orEmpty(k.Scopes), CreatedAt: event.Time{Time: k.CreatedAt},
		LastUsedAt: maybe(k.LastUsedAt), RevokedAt: maybe(k.RevokedAt),
	}
}

func maybe(t *time.Time) *event.Time {
	if t == nil {
		return nil
	}
	return &event.Time{Time: *t}
}

func (a *api) keys(c *gin.Context) error {
	keys, err := a.Store.Keys(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	views := make([]keyView, 0, len(keys))
	for _, k := range keys {
		views = append(views, viewKey(k))
	}
	return reply(c, http.StatusOK, struct {
		Keys []keyView `json:"keys"`
	}{views})
}

// createKey answers with the secret, the only time that it is seen.
func (a *api) createKey(c *gin.Context) error {
	var in struct {
		Name   string       `json:"name"`
		Scopes []auth.Scope `json:"scopes"`
	}
	if err := readJSON(c, maxKeyBody, &in); err != nil {
		return err
	}
	in.Name = strings.TrimSpace(in.Name)
	if err := checkKey(in.Name, in.Scopes); err != nil {
		return err
	}
	slices.Sort(in.Scopes)
	secret := auth.NewSecret()
	key, err := a.Store.CreateKey(c.Request.Context(), actor(c), workspace(c), in.Name, slices.Compact(in.Scopes), secret)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, newKey{viewKey(key), secret})
}

func checkKey(name string, scopes []auth.Scope) error {
	if name == "" || utf8.RuneCountInString(name) > maxKeyName || strings.ContainsFunc(name, unicode.IsControl) {
		return invalid("name", "must have 1 to %d characters, without control characters", maxKeyName)
	}
	if len(scopes) == 0 {
		return invalid("scopes", "must name at least one of: %s", scopeNames())
	}
	for _, s := range scopes {
		if !s.Valid() {
			return invalid("scopes", "must hold only: %s", scopeNames())
		}
	}
	return nil
}

func scopeNames() string {
	names := make([]string, len(auth.Scopes))
	for i, s := range auth.Scopes {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

func (a *api) revokeKey(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := a.Store.RevokeKey(c.Request.Context(), actor(c), workspace(c), id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// actor is who the audit log names.
func actor(c *gin.Context) store.Actor {
	key := edge.Key(c)
	return store.Actor{Kind: "key", ID: key.ID, Label: key.Name}
}
