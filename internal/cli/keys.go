package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type apiKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Prefix     string     `json:"prefix"`
	Scopes     []string   `json:"scopes"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	Secret     string     `json:"secret"`
}

// CreateKey makes a key and prints its secret, the only time that it is seen.
func CreateKey(ctx context.Context, opt Options, name string, scopes []string) error {
	in := map[string]any{"name": name, "scopes": scopes}
	var raw json.RawMessage
	c := newClient(opt.Server, opt.Key)
	if err := c.call(ctx, http.MethodPost, "/v1/keys", in, &raw); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	var key apiKey
	if err := c.decode(answer{body: raw}, &key); err != nil {
		return err
	}
	p.line("%s", safe(key.Secret))
	p.line("Key %q (%s), ID %s. Keep the line above: it cannot be shown again.", safe(key.Name), safe(strings.Join(key.Scopes, ", ")), safe(key.ID))
	return p.err
}

// ListKeys prints all keys, revoked ones too.
func ListKeys(ctx context.Context, opt Options) error {
	var raw json.RawMessage
	c := newClient(opt.Server, opt.Key)
	if err := c.call(ctx, http.MethodGet, "/v1/keys", nil, &raw); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	var list struct{ Keys []apiKey }
	if err := c.decode(answer{body: raw}, &list); err != nil {
		return err
	}
	rows := [][]string{{"ID", "NAME", "KEY", "SCOPES", "CREATED", "LAST USED", "STATE"}}
	for _, k := range list.Keys {
		state := "active"
		if k.RevokedAt != nil {
			state = "revoked " + day(k.RevokedAt)
		}
		rows = append(rows, []string{safe(k.ID), safe(k.Name), safe(k.Prefix), safe(strings.Join(k.Scopes, ",")), day(&k.CreatedAt), day(k.LastUsedAt), state})
	}
	p.table(rows)
	return p.err
}

func day(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// RevokeKey ends a key.
func RevokeKey(ctx context.Context, opt Options, id string) error {
	if err := newClient(opt.Server, opt.Key).call(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(id), nil, nil); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		line, err := json.Marshal(map[string]string{"revoked": id})
		if err != nil {
			return err
		}
		p.line("%s", line)
		return p.err
	}
	p.line("Key %s is revoked. Servers honour that within a few seconds.", safe(id))
	return p.err
}
